"""A study of thresholds.

settings -> a curated set each -> a training for each seed -> all models on the same faces -> tables and a figure
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gfpipe.models import store
from gfpipe.stages.models import evaluate
from gfpipe.studies.runner import Report, Training
from gfpipe.studies.thresholds import figure, measures, preparation, tables
from gfpipe.studies.thresholds.config import MEASURED, Config, Setting
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row
from gfpipe.studies.thresholds.preparation import Curated, Prepared
from gfpipe.training.data import material
from gfpipe.training.data.splits import Faces
from gfpipe.training.run.folder import data_paths


@dataclass(frozen=True)
class Thresholds(Config):
    """Curate, train and measure each setting."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Source model, recipe, data and shares; thresholds, settings and seeds may be added."""
        return {
            "model": store.card(self.model).sha256,
            "recipe": replace(self.recipe, initial="", network="").digest,
            "data": data_paths(self.data),
            "archive": str(self.group or self.lake),
            "test": data_paths(self.test),
            "held out": [self.held_out, self.reported],
            "detector": self.detector,
        }

    @cached_property
    def prepared(self) -> Prepared:
        """Faces and pseudo-labels of the archive."""
        return preparation.prepare(self)

    @cached_property
    def curated(self) -> dict[Setting, Curated]:
        """Faces that each setting learns from."""
        return {setting: preparation.curate(self, self.prepared, setting) for setting in self.settings}

    @property
    def faces(self) -> Faces:
        """All labelled faces and all of the archive."""
        return self.prepared.faces

    @cached_property
    def trainings(self) -> list[Training]:
        """Seed by seed, so that an interrupted study has complete tables."""
        return [
            self.training(
                setting.name,
                f"{setting.name}, seed {seed}: {_words(self.curated[setting], setting.kind)}",
                self.recipe_of(setting, seed),
                self.data_of(setting),
                setting.model_id(seed),
                self.chip,
            )
            for seed in range(self.seeds)
            for setting in self.settings
            if self._trained(setting)
        ]

    def measure(self) -> Outcome:
        """Evaluate the source and all models on the same faces."""
        paths = [self.table(name) for name in MEASURED]
        choosing, reporting, elsewhere = self.answers(
            (self.model, *(str(training.config.model_folder) for training in self.trainings)),
            [f"{name}:parquet={path}" for name, path in zip(MEASURED, paths, strict=True)],
            material.digest([np.frombuffer(path.read_bytes(), np.uint8).tolist() for path in paths]),
            part=evaluate.ALL,  # no model learned from any face of these tables
        )
        rows = (Row("none, as it is", Kind.SOURCE, (store.card(self.model).id,)), *map(self._row, self.settings))
        everyone = measures.joined("everyone", reporting, elsewhere)
        group = str(self.group) if self.group else "like the archive's"
        return Outcome(group, *(Measures(rows, trial) for trial in (choosing, reporting, everyone)))

    def report(self, outcome: Outcome) -> Report:
        """All tables, the verdict and one figure."""
        figures = {"thresholds": figure.picture(outcome)}
        return Report.of("study", tables.all_tables(outcome), tables.verdict(outcome), figures=figures)

    def plan(self) -> str:
        """List what each setting learns from; the source model labels the archive, but nothing is trained."""
        self.claim()
        prepared = self.prepared
        lines = [f"{len(prepared.candidates):,} of the archive's {prepared.archive:,} faces were detected and labelled"]
        lines += [f"{setting.name:24}{_words(curated, setting.kind)}" for setting, curated in self.curated.items()]
        return "\n".join([*lines, super().plan().splitlines()[-1]])

    def _trained(self, setting: Setting) -> bool:
        return setting.kind is Kind.CONTROL or self.curated[setting].enough

    def _row(self, setting: Setting) -> Row:
        control, curated = setting.kind is Kind.CONTROL, self.curated[setting]
        return Row(
            name=setting.name,
            kind=setting.kind,
            models=tuple(setting.model_id(seed) for seed in range(self.seeds) if self._trained(setting)),
            threshold=setting.female if setting.female == setting.male else None,
            female=None if control else curated.female,
            male=None if control else curated.male,
            wrong=None if setting.kind is Kind.ORACLE else curated.wrong,
        )


def _words(curated: Curated, kind: Kind) -> str:
    if kind is Kind.CONTROL:
        return "labelled faces alone"
    words = f"{curated.female:,} women and {curated.male:,} men of the archive"
    return words if curated.enough else f"{words}: too few to learn from"

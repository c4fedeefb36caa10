"""A study of thresholds: declaration for :func:`gfpipe.studies.runner.run`.

settings -> a curated set each -> a training for each seed -> all models on the same faces -> tables and a figure
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.models import store
from gfpipe.stages.models import evaluate
from gfpipe.studies import runner
from gfpipe.studies.runner import Report, Study, Training
from gfpipe.studies.thresholds import figure, measures, tables
from gfpipe.studies.thresholds import prepare as preparation
from gfpipe.studies.thresholds.config import MEASURED, Config, Setting
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row
from gfpipe.studies.thresholds.prepare import Curated, Prepared
from gfpipe.training.data import material
from gfpipe.training.data.splits import Faces


class Thresholds(Study[Outcome]):
    """Curate, train and measure each setting."""

    def __init__(self, config: Config, *callbacks: Any) -> None:
        super().__init__(config.out, *callbacks)
        self.config = config

    @property
    def about(self) -> Mapping[str, Any]:
        """Source model, recipe, data and shares; thresholds, settings and seeds may be added."""
        config = self.config
        return {
            "model": store.card(config.model).sha256,
            "recipe": replace(config.recipe, initial="", network="").digest,
            "data": runner.data_paths(config.data),
            "archive": str(config.group or config.lake),
            "test": runner.data_paths(config.test),
            "held out": [config.held_out, config.reported],
            "detector": config.detector,
        }

    @cached_property
    def prepared(self) -> Prepared:
        """Faces and pseudo-labels of the archive."""
        return preparation.prepare(self.config, self.on_progress)

    @cached_property
    def curated(self) -> dict[Setting, Curated]:
        """Faces that each setting learns from."""
        return {setting: preparation.curate(self.config, self.prepared, setting) for setting in self.config.settings}

    @property
    def faces(self) -> Faces:
        """All labelled faces and all of the archive."""
        return self.prepared.faces

    @property
    def trainings(self) -> list[Training]:
        """Seed by seed, so that an interrupted study has complete tables."""
        config = self.config
        return [
            config.training(
                setting.name,
                f"{setting.name}, seed {seed}: {_words(curated, setting.kind)}",
                config.recipe_of(setting, seed),
                config.data_of(setting),
                setting.model_id(seed),
                config.chip,
            )
            for seed in range(config.seeds)
            for setting, curated in self._trained()
        ]

    def measure(self) -> Outcome:
        """Evaluate the source and all models on the same faces."""
        config = self.config
        choosing, reporting, elsewhere = self._trials()
        rows = [Row("none, as it is", Kind.SOURCE, (store.card(config.model).id,))]
        trained = dict(self._trained())
        for setting, curated in self.curated.items():
            control = setting.kind is Kind.CONTROL
            rows.append(
                Row(
                    name=setting.name,
                    kind=setting.kind,
                    models=tuple(setting.model_id(seed) for seed in range(config.seeds) if setting in trained),
                    threshold=setting.female if setting.female == setting.male else None,
                    female=None if control else curated.female,
                    male=None if control else curated.male,
                    wrong=None if setting.kind is Kind.ORACLE else curated.wrong,
                )
            )
        everyone = measures.joined("everyone", reporting, elsewhere)
        group = str(config.group) if config.group else "like the archive's"
        return Outcome(group, *(Measures(tuple(rows), trial) for trial in (choosing, reporting, everyone)))

    def report(self, outcome: Outcome) -> Report:
        """All tables, the verdict and one figure."""
        pictures = {"thresholds": figure.picture(outcome)}
        return Report.of("study", list(tables.all_tables(outcome)), tables.verdict(outcome), figures=pictures)

    def _trained(self) -> Iterator[tuple[Setting, Curated]]:
        """Settings with enough faces to train on."""
        return ((s, curated) for s, curated in self.curated.items() if s.kind is Kind.CONTROL or curated.enough)

    def _trials(self) -> Sequence[Trial]:
        """Answers about the faces of :data:`MEASURED`."""
        config = self.config
        paths = [config.table(name) for name in MEASURED]
        evaluation = evaluate.Config(
            models=(config.model, *(str(training.config.model_folder) for training in self.trainings)),
            data=tuple(f"{name}:parquet={path}" for name, path in zip(MEASURED, paths, strict=True)),
            detector=config.detector,
            device=config.device,
            part=evaluate.ALL,  # no model learned from any face of these tables
        )
        faces = material.digest([np.frombuffer(path.read_bytes(), np.uint8).tolist() for path in paths])
        return runner.stored_answers(config.out, evaluation, faces, self.on_progress)


def plan(study: Thresholds) -> str:
    """List what each setting learns from; the source model labels the archive, but nothing is trained."""
    runner.claim(study)
    prepared = study.prepared
    lines = [f"{len(prepared.candidates):,} of the archive's {prepared.archive:,} faces were detected and labelled"]
    lines += [f"{setting.name:24}{_words(curated, setting.kind)}" for setting, curated in study.curated.items()]
    return "\n".join([*lines, runner.summary(study.trainings)])


def _words(curated: Curated, kind: Kind) -> str:
    if kind is Kind.CONTROL:
        return "labelled faces alone"
    words = f"{curated.female:,} women and {curated.male:,} men of the archive"
    return words if curated.enough else f"{words}: too few to learn from"

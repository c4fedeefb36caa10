"""Options, settings and file layout of a study of thresholds; other files as in :mod:`gfpipe.studies.runner`.

OUT/data/labelled.parquet …   faces to learn from, and faces to measure on: choosing, reporting, elsewhere
OUT/sets/SETTING/             pseudo-labelled faces of a setting
"""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import UsageError
from gfpipe.models import store
from gfpipe.studies.runner import Study
from gfpipe.studies.thresholds.hiding import CHOOSING, REPORTING, Group
from gfpipe.studies.thresholds.measures import Kind, Outcome
from gfpipe.training.data import mixtures
from gfpipe.training.recipe import Recipe

LABELLED, CURATED, ELSEWHERE = "labelled", "curated", "elsewhere"
MEASURED: Final = (CHOOSING, REPORTING, ELSEWHERE)


@dataclass(frozen=True)
class Setting:
    """One row of the study to train.

    Attributes:
        id: name of its folders, prefix of its models' ids.
        name: in tables.
        female, male: lowest confidence of pseudo-labels; None if it learns none.
        soft: learn probabilities instead of labels.
    """

    id: str
    name: str
    kind: Kind
    female: float | None = None
    male: float | None = None
    soft: bool = False

    def model_id(self, seed: int) -> str:
        """Id of a trained model."""
        return f"{self.id}-seed-{seed}"


@dataclass(frozen=True)
class Config(Study[Outcome]):
    """Options of a study; see :class:`gfpipe.studies.thresholds.run.Thresholds`.

    Attributes:
        model: source model, id or folder; its predictions become labels, and training starts from its weights.
        recipe: of fine-tuning, on `labelled + curated`; network and initial model are replaced.
        data: labelled source faces, ``NAME=PATH`` or ``NAME:FORM=PATH`` each.
        group: faces whose labels are hidden, in place of an archive; None with a lake.
        lake: lake with crops of a real archive; None with a group.
        test: with a lake: labelled faces similar to the archive's, to choose and to report on.
        thresholds: lowest confidence, |2p - 1|, of both classes.
        per_class: further settings: lowest confidence of women and of men.
        soft: thresholds to train with soft labels as well.
        oracle: also train on the true labels.
        seeds: trainings of each setting.
        held_out: share of the group to measure on.
        reported: share of the held-out faces to report on; settings are chosen on the others.
    """

    model: str
    recipe: Recipe
    data: tuple[str, ...]
    group: Group | None = None
    lake: Path | None = None
    test: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = (0.0, 0.3, 0.6, 0.9)
    per_class: tuple[tuple[float, float], ...] = ()
    soft: tuple[float, ...] = ()
    oracle: bool = False
    seeds: int = 1
    held_out: float = 0.5
    reported: float = 0.5

    def __post_init__(self) -> None:
        if (self.group is None) == (self.lake is None):
            raise UsageError("name the archive: --unlabelled ethnicity=asian (of the data set), or --lake LAKE")
        if bool(self.test) != bool(self.lake):
            raise UsageError("--lake and --test belong together: a model labelled the lake; --test names human labels")
        if self.lake and self.oracle:
            raise UsageError("--oracle needs true labels, which a lake does not have")
        for threshold in itertools.chain(self.thresholds, self.soft, *self.per_class):
            if not 0 <= threshold < 1:
                raise UsageError(f"a threshold is a confidence from 0 to below 1, not {threshold:g}")
        for name in ("held_out", "reported"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name.replace('_', ' ')} is {getattr(self, name):g}: choose a share between 0 and 1")
        _check_recipe(self.recipe)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every row to train, the control first."""
        rows = [Setting("control", "fine-tuned without", Kind.CONTROL)]
        rows += [Setting(f"t{at:g}", f"≥ {at:g}", Kind.THRESHOLD, at, at) for at in self.thresholds]
        for f, m in self.per_class:
            rows.append(Setting(f"f{f:g}-m{m:g}", f"women ≥ {f:g}, men ≥ {m:g}", Kind.PER_CLASS, f, m))
        rows += [Setting(f"soft{at:g}", f"≥ {at:g}, soft", Kind.SOFT, at, at, soft=True) for at in self.soft]
        rows += [Setting("oracle", "true labels", Kind.ORACLE, 0.0, 0.0)] if self.oracle else []
        return tuple({row.id: row for row in rows}.values())

    def recipe_of(self, setting: Setting, seed: int) -> Recipe:
        """The recipe that trains a setting."""
        stages = self.recipe.stages
        if setting.kind is Kind.CONTROL:
            stages = tuple(replace(stage, data=_without_curated(stage.data)) for stage in stages)
        name, network = f"{self.recipe.name}-{setting.id}", store.card(self.model).network
        return replace(self.recipe, name=name, initial=self.model, network=network, seed=seed, stages=stages)

    def data_of(self, setting: Setting) -> tuple[str, ...]:
        """The data sets of a setting."""
        labelled = f"{LABELLED}:parquet={self.table(LABELLED)}"
        return (labelled,) if setting.kind is Kind.CONTROL else (labelled, f"{CURATED}={self.set_of(setting)}")

    def set_of(self, setting: Setting) -> Path:
        """Folder of its pseudo-labelled faces."""
        return self.folder / "sets" / setting.id

    def table(self, name: str) -> Path:
        """Table of faces: ``labelled``, or one of :data:`MEASURED`."""
        return self.folder / "data" / f"{name}.parquet"

    @property
    def chip(self) -> InputSpec:
        """Input of the networks: the recipe's, or the source model's."""
        return self.recipe.input.spec if self.recipe.input else store.card(self.model).input


def _check_recipe(recipe: Recipe) -> None:
    if set(recipe.datasets) != {LABELLED, CURATED}:
        learned = " + ".join(recipe.datasets)
        raise UsageError(f"the recipe {recipe.name} learns from {learned}: a study needs labelled + curated")
    for stage in recipe.stages:
        if not stage.epoch_faces:
            raise UsageError(
                f"the recipe {recipe.name}, stage {stage.name!r}, sets no epoch_faces: settings with more faces would "
                "train for longer and could not be compared"
            )
        if LABELLED not in {share.dataset for share in mixtures.parse(stage.data)}:
            raise UsageError(f"the recipe {recipe.name}, stage {stage.name!r}, uses no labelled faces")
    if recipe.heads.ethnicity:
        raise UsageError(f"the recipe {recipe.name} learns ethnicity, which pseudo-labelled faces do not have")


def _without_curated(data: str) -> str:
    shares = [share for share in mixtures.parse(data) if share.dataset != CURATED]
    return " + ".join(f"{share.weight:g} {share.dataset}" if share.weight < 1 else share.dataset for share in shares)

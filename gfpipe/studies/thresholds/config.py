"""What a study of thresholds is asked, what it trains, and where in its folder everything lies.

OUT/study.json                    what it is about: the folder of one study is no other's
OUT/data/labelled.parquet …       faces to learn from, and those measured on: choosing, reporting, elsewhere
OUT/sets/<setting>/               pseudo-labelled faces of a setting
OUT/chips/                        every face, cut once
OUT/runs/<setting>/seed-<n>/      a training, which goes on where it was stopped
OUT/models/<setting>-seed-<n>/    what came of it
"""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final

from gfpipe.attributes.spec import InputSpec
from gfpipe.choices import Device
from gfpipe.errors import UsageError
from gfpipe.models import store
from gfpipe.settings import Analysis
from gfpipe.studies.thresholds.hiding import CHOOSING, REPORTING, Group
from gfpipe.studies.thresholds.measures import Kind
from gfpipe.training.data import mixtures
from gfpipe.training.recipe import Recipe
from gfpipe.training.run.folder import claim_study

LABELLED, CURATED, ELSEWHERE = "labelled", "curated", "elsewhere"
MEASURED: Final = (CHOOSING, REPORTING, ELSEWHERE)
_DETECTOR: Final = Analysis().detector


@dataclass(frozen=True)
class Setting:
    """A row that is still to be trained.

    Attributes:
        id: of its folders, and part of its models' ids.
        name: in tables.
        female, male: least confidence of pseudo-labels; None where none are learned.
        soft: whether probabilities are learned in the place of labels.
    """

    id: str
    name: str
    kind: Kind
    female: float | None = None
    male: float | None = None
    soft: bool = False


@dataclass(frozen=True)
class Config:
    """What is studied.

    Attributes:
        model: the source: its answers become labels, and training begins with it. An id or a folder.
        recipe: how to fine-tune; its data are `labelled + curated`, and its network and initial model are replaced.
        data: labelled source faces, ``NAME=PATH`` or ``NAME:FORM=PATH`` each.
        out: folder of the study; one that was stopped goes on there.
        group: whose labels are hidden, so that it plays the archive; None where there is a lake.
        lake: a real archive's, with crops; None where a group plays it.
        test: with a lake: labelled faces like the archive's, to choose and report on.
        thresholds: least confidence, |2p - 1|, for both classes.
        per_class: further settings: least confidence of women and of men.
        soft: thresholds that are tried with soft labels as well.
        oracle: whether the true labels are tried too.
        seeds: trainings of each setting.
        held_out: share of the group that is no archive.
        reported: share of what is held out that is reported on; the rest is chosen on.
    """

    model: str
    recipe: Recipe
    data: tuple[str, ...]
    out: Path
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
    detector: str = _DETECTOR
    device: str = Device.AUTO

    def __post_init__(self) -> None:
        if (self.group is None) == (self.lake is None):
            raise UsageError("say what the archive is: --unlabelled ethnicity=asian (of the data set), or --lake LAKE")
        if bool(self.test) != bool(self.lake):
            raise UsageError(
                "--lake and --test belong together: a lake's own labels are a model's; name faces of people"
            )
        if self.lake and self.oracle:
            raise UsageError("nobody knows the true labels of a lake's faces, so there is no oracle")
        for least in (*self.thresholds, *self.soft, *(each for both in self.per_class for each in both)):
            if not 0 <= least < 1:
                raise UsageError(f"a threshold is a confidence from 0 to below 1, not {least:g}")
        for name in ("held_out", "reported"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"{name.replace('_', ' ')} is {getattr(self, name):g}: choose a share between 0 and 1")
        _check_recipe(self.recipe)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every row to be trained, the control first."""
        rows = [Setting("control", "fine-tuned without", Kind.CONTROL)]
        rows += [Setting(f"t{at:g}", f"≥ {at:g}", Kind.THRESHOLD, at, at) for at in self.thresholds]
        rows += [
            Setting(f"f{f:g}-m{m:g}", f"women ≥ {f:g}, men ≥ {m:g}", Kind.PER_CLASS, f, m) for f, m in self.per_class
        ]
        rows += [Setting(f"soft{at:g}", f"≥ {at:g}, soft", Kind.SOFT, at, at, soft=True) for at in self.soft]
        rows += [Setting("oracle", "true labels", Kind.ORACLE, 0.0, 0.0)] if self.oracle else []
        return tuple({row.id: row for row in rows}.values())

    def recipe_of(self, setting: Setting, seed: int) -> Recipe:
        """What a setting is trained by."""
        card = store.card(self.model)
        stages = self.recipe.stages
        if setting.kind is Kind.CONTROL:
            stages = tuple(replace(stage, data=_without_curated(stage.data)) for stage in stages)
        name = f"{self.recipe.name}-{setting.id}"
        return replace(self.recipe, name=name, initial=self.model, network=card.network, seed=seed, stages=stages)

    def data_of(self, setting: Setting) -> tuple[str, ...]:
        """What a setting is trained on."""
        labelled = f"{LABELLED}:parquet={self.table(LABELLED)}"
        return (labelled,) if setting.kind is Kind.CONTROL else (labelled, f"{CURATED}={self.set_of(setting)}")

    def set_of(self, setting: Setting) -> Path:
        """Where its pseudo-labelled faces are listed."""
        return self.out / "sets" / setting.id

    def run_of(self, setting: Setting, seed: int) -> Path:
        """The folder of a training."""
        return self.out / "runs" / setting.id / f"seed-{seed}"

    def model_id(self, setting: Setting, seed: int) -> str:
        """Of what a training makes."""
        return f"{setting.id}-seed-{seed}"

    @property
    def models(self) -> Path:
        """The study's own folder of models: they are of no use beyond it."""
        return self.out / "models"

    @property
    def bank(self) -> Path:
        """Where chips lie that all trainings share."""
        return self.out / "chips"

    def table(self, name: str) -> Path:
        """Where some of the faces are listed: ``labelled``, or one of :data:`MEASURED`."""
        return self.out / "data" / f"{name}.parquet"

    @property
    def chip(self) -> InputSpec:
        """What the networks will see: the recipe's word, or the source model's."""
        return self.recipe.input.spec if self.recipe.input else store.card(self.model).input

    def claim(self) -> None:
        """Make the folder this study's own; more thresholds, settings and seeds may be added later.

        Raises:
            UsageError: it holds another study, or cannot be written.
        """
        about = {
            "model": store.card(self.model).sha256,
            "recipe": replace(self.recipe, initial="", network="").digest,
            "data": sorted(self.data),
            "archive": str(self.group or self.lake),
            "test": sorted(self.test),
            "held out": [self.held_out, self.reported],
            "detector": self.detector,
        }
        claim_study(self.out, about)


def _check_recipe(recipe: Recipe) -> None:
    if set(recipe.datasets) != {LABELLED, CURATED}:
        learned = " + ".join(recipe.datasets)
        raise UsageError(f"the recipe {recipe.name} learns from {learned}: a study needs labelled + curated")
    for stage in recipe.stages:
        if not stage.epoch_faces:
            raise UsageError(
                f"the recipe {recipe.name}, stage {stage.name!r}, sets no epoch_faces: settings that leave more faces "
                "would learn for longer, and so would not be compared by their labels"
            )
        if LABELLED not in {share.dataset for share in mixtures.parse(stage.data)}:
            raise UsageError(f"the recipe {recipe.name}, stage {stage.name!r}, learns from no labelled face")
    if recipe.heads.ethnicity:
        raise UsageError(f"the recipe {recipe.name} learns ethnicity, which pseudo-labelled faces do not have")


def _without_curated(data: str) -> str:
    shares = [share for share in mixtures.parse(data) if share.dataset != CURATED]
    return " + ".join(f"{share.weight:g} {share.dataset}" if share.weight < 1 else share.dataset for share in shares)

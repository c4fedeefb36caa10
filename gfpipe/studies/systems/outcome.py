"""Records of a study of systems: declarations, runs and the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gfpipe.base.arrays import array_dataclass
from gfpipe.evaluation.answers import Answers, Floats, Trial

RECIPE, HEAD, MODEL, FOREIGN = "recipe", "head", "model", "foreign"  # kinds of systems
FULL, REDUCED, STORED, OTHERS = "full", "reduced", "stored", "own tool"  # settings


@dataclass(frozen=True)
class Published:
    """A published figure.

    Attributes:
        value: share in [0, 1], or years.
        measure: ``accuracy``, ``balanced_accuracy``, ``roc_auc`` or ``age_error``, to compare with ours; or empty.
        what: description of any other measure.
    """

    value: float
    measure: str = ""
    what: str = ""

    def __post_init__(self) -> None:
        if self.measure not in ("", "accuracy", "balanced_accuracy", "roc_auc", "age_error"):
            raise ValueError(f"there is no measure {self.measure!r}")
        if bool(self.measure) == bool(self.what):
            raise ValueError("a figure needs either a measure or a description")


@dataclass(frozen=True)
class System:
    """One row of ``systems.toml``.

    Attributes:
        group: of the systems of one publication.
        differs: why the published figure is not ours, in a sentence or two.
        recipe: trains it.
        model: stored model; with ``recipe``, it may be trained if it is missing.
        head: classical head, on features of ``embedder``; no embedder for the user's choice.
        predictions: another tool's, ``--predictions NAME=FILE.csv``.
        women, men: recipes of networks for the ages of faces predicted to be women, and men.
        on: data of the published figures.
    """

    name: str
    group: str
    differs: str
    recipe: str = ""
    model: str = ""
    head: str = ""
    embedder: str = ""
    predictions: str = ""
    women: str = ""
    men: str = ""
    on: str = ""
    published: tuple[Published, ...] = ()

    def __post_init__(self) -> None:
        if sum(map(bool, (self.recipe or self.model, self.head, self.predictions))) != 1:
            raise ValueError(f"{self.name} needs a recipe or a model, or a head, or predictions")
        if bool(self.women) != bool(self.men) or (self.women and not self.recipe):
            raise ValueError(f"{self.name}: women and men need each other, and a recipe")

    @property
    def kind(self) -> str:
        """One of :data:`RECIPE`, :data:`HEAD`, :data:`MODEL` and :data:`FOREIGN`."""
        if self.model:
            return MODEL
        return RECIPE if self.recipe else HEAD if self.head else FOREIGN

    @property
    def recipes(self) -> tuple[str, ...]:
        """All recipes that train it."""
        return tuple(filter(None, (self.recipe, self.women, self.men)))


@array_dataclass
class Run:
    """A system's predictions for the N test faces, and its costs.

    Attributes:
        setting: :data:`FULL`, :data:`REDUCED`, :data:`STORED` or :data:`OTHERS`.
        p_female, age_years: (N,) as in :class:`gfpipe.evaluation.answers.Answers`.
        made_smaller: what a reduced setting changes, in words.
        parameters: of the networks, frozen ones included; None if unknown.
        train_seconds: of training alone; None if it was not trained here.
        images_per_second: from chips to predictions; None for other tools.
        threads: at this speed; 0 for a GPU.
    """

    setting: str
    p_female: Floats
    age_years: Floats | None = None
    made_smaller: str = ""
    parameters: int | None = None
    train_seconds: float | None = None
    images_per_second: float | None = None
    threads: int = 0


@dataclass(frozen=True, eq=False)
class Row:
    """A system with its run, or with the reason why there is none."""

    system: System
    run: Run | None = None
    reason: str = ""

    @property
    def answers(self) -> Answers:
        """Predictions under the system's name."""
        if self.run is None:
            raise ValueError(f"{self.system.name} was not run: {self.reason}")
        return Answers(self.system.name, self.run.p_female, {}, self.run.age_years)


@dataclass(frozen=True)
class Outcome:
    """Systems on the same faces: predictions of all runs, rows of all systems, and titles of groups."""

    trial: Trial
    rows: tuple[Row, ...]
    groups: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(row.system.name for row in self.rows if row.run) != self.trial.models:
            raise ValueError(f"rows of {[row.system.name for row in self.rows]} for answers of {self.trial.models}")

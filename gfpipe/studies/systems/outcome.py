"""The published systems of the field beside our own: what each is, what became of it here, and on which faces."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gfpipe.evaluation.answers import Answers, Floats, Trial

RECIPE, HEAD, MODEL, FOREIGN = "recipe", "head", "model", "foreign"
FULL, REDUCED, STORED, OTHERS = "full", "reduced", "stored", "own tool"  # settings


@dataclass(frozen=True)
class Published:
    """One figure that its authors report.

    Attributes:
        value: shares from 0 to 1, years for ages.
        measure: ``accuracy``, ``balanced_accuracy``, ``roc_auc`` or ``age_error``, which have a figure of ours beside
            them; or empty.
        what: in words, where it is none of these.
    """

    value: float
    measure: str = ""
    what: str = ""

    def __post_init__(self) -> None:
        if self.measure not in ("", "accuracy", "balanced_accuracy", "roc_auc", "age_error"):
            raise ValueError(f"there is no measure {self.measure!r}")
        if bool(self.measure) == bool(self.what):
            raise ValueError("a figure has a measure of ours, or says in words what it is")


@dataclass(frozen=True)
class System:
    """One row, as ``systems.toml`` declares it; what it is made of says of which kind it is.

    Attributes:
        group: of rows that belong to one publication.
        recipe: that it is trained by.
        model: a stored model, which is asked as it is; with ``recipe``, that may be trained where it is missing.
        head: a classical head, on the features of ``embedder``; empty for the one that the user names.
        predictions: the name of another tool's answers, ``--predictions NAME=FILE.csv``.
        women, men: recipes of networks that tell the age of those whom the first one calls women, and men.
        on: what its authors measured on.
        differs: why their figure is not ours, in a sentence or two.
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
            raise ValueError(f"{self.name}: women and men belong together, beside a recipe")

    @property
    def kind(self) -> str:
        """One of :data:`RECIPE`, :data:`HEAD`, :data:`MODEL` and :data:`FOREIGN`."""
        if self.model:
            return MODEL
        return RECIPE if self.recipe else HEAD if self.head else FOREIGN

    @property
    def recipes(self) -> tuple[str, ...]:
        """All that are trained for it."""
        return tuple(filter(None, (self.recipe, self.women, self.men)))


@dataclass(frozen=True, eq=False)
class Run:
    """What a system said of the N test faces, and what that cost.

    Attributes:
        setting: :data:`FULL`, :data:`REDUCED`, :data:`STORED` or :data:`OTHERS`.
        p_female, age_years: as :class:`gfpipe.evaluation.answers.Answers`.
        made_smaller: in words, what a reduced setting leaves out.
        parameters: numbers that the network holds, a frozen one's too; None where nobody counted.
        train_seconds: of learning alone; None where it was not trained here.
        images_per_second: from chips to answers; None for other tools.
        threads: that this was measured with; 0 for a GPU.
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
    """A system, and either what it said or why it was not run."""

    system: System
    run: Run | None = None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """Systems side by side on the same faces.

    Attributes:
        trial: the answers of those that were run, under the systems' names.
        rows: all that were asked for.
        groups: what each group is called.
    """

    trial: Trial
    rows: tuple[Row, ...]
    groups: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if tuple(row.system.name for row in self.rows if row.run) != self.trial.models:
            raise ValueError(f"rows of {[row.system.name for row in self.rows]} for answers of {self.trial.models}")


def answers_of(row: Row) -> Answers:
    """What a system that was run said, under its name."""
    if row.run is None:
        raise ValueError(f"{row.system.name} was not run: {row.reason}")
    return Answers(row.system.name, row.run.p_female, {}, row.run.age_years)

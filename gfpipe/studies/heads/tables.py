"""Classical heads side by side on one embedding: one table, ROC curves and confusion matrices."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures import trials as figures
from gfpipe.evaluation.figures.plotting import save
from gfpipe.evaluation.measures import comparison, metrics, subgroups
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.formats import COUNT, NUMBER, POINTS, RATE, Value
from gfpipe.tables import Column, Table

OWN: Final = "own head"  # the row of the network's own answers
_COLUMNS: Final = (
    Column("head", "head"),
    Column("accuracy", "accuracy, %", RATE),
    Column("against_own", "against own head, points", POINTS),
    Column("gap", "gap, points", POINTS),
    Column("worst", "worst cell"),
    Column("worst_accuracy", "its accuracy, %", RATE),
    Column("balanced_accuracy", "balanced accuracy, %", RATE),
    Column("roc_auc", "ROC AUC", NUMBER),
    Column("fit_seconds", "fit, CPU s", NUMBER),
    Column("ask_microseconds", "answer, CPU µs a face", COUNT),
    Column("published", "published accuracy, %", RATE),
)


@dataclass(frozen=True)
class Row:
    """One head.

    Attributes:
        head: its name, as the trial has it.
        family: of heads that are drawn in one picture.
        fit_seconds: of processor time, to fit it; None for the network's own head.
        ask_seconds: to answer about one face, its features at hand; None for the same.
        published: the accuracy that its paper states, from 0 to 1.
    """

    head: str
    family: str
    fit_seconds: float | None = None
    ask_seconds: float | None = None
    published: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Heads on one embedding of one data set.

    Attributes:
        embedder: what made the features, with their number.
        learned: faces that the heads were fitted on.
        picture_seconds: for one picture, to find, cut and embed the face.
        network_seconds: of it, in the embedder.
        rows: for each of the trial's answers, in their order.
    """

    embedder: str
    dimensions: int
    learned: int
    picture_seconds: float
    network_seconds: float
    rows: tuple[Row, ...]
    trial: Trial

    def __post_init__(self) -> None:
        if tuple(row.head for row in self.rows) != self.trial.models:
            raise ValueError(f"rows of {[row.head for row in self.rows]} for answers of {self.trial.models}")


def table(outcome: Outcome) -> Table:
    """One row a head; what is compared with the network's own head is so on the same resampled faces."""
    trial = outcome.trial
    own = trial.of(OWN) if OWN in trial.models else None
    rows = tuple(_row(trial, row, answers, own) for row, answers in zip(outcome.rows, trial.answers, strict=True))
    title = (
        f"Heads on {outcome.dimensions:,} features of {outcome.embedder}, {len(trial.labels):,} faces of {trial.data}"
    )
    columns = [place for place, _ in enumerate(_COLUMNS) if any(row[place] is not None for row in rows)]
    return Table(
        "heads",
        title,
        tuple(_COLUMNS[place] for place in columns),
        tuple(tuple(row[place] for place in columns) for row in rows),
        _note(outcome),
    )


def write(outcome: Outcome, folder: Path) -> tuple[Path, ...]:
    """Write the table as ``heads.txt``, ``.csv`` and ``.md``, ``answers.parquet``, and two pictures a family of heads.

    A picture holds the heads of one family beside the network's own, as more lines could not be told apart.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = table(outcome)
    texts = {"heads.txt": found.text() + "\n", "heads.csv": found.csv(), "heads.md": found.markdown()}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    outcome.trial.write(folder / "answers.parquet")
    files = [folder / name for name in (*texts, "answers.parquet")]
    for family in dict.fromkeys(row.family for row in outcome.rows if row.head != OWN):
        shown = _of_family(outcome, family)
        plans = {"roc": figures.roc_curves(shown), "confusion": figures.confusion_matrices(shown)}
        for name, plan in plans.items():
            files += save(plan, folder, f"{name}-{family}") if plan else ()
    return tuple(files)


def _row(trial: Trial, row: Row, answers: Answers, own: Answers | None) -> tuple[Value, ...]:
    found = comparison.estimates(trial.labels, answers, ("accuracy", "gap"))
    against = None
    if own is not None and answers is not own:
        against = comparison.difference(trial.labels, answers, own, comparison.MEASURES["accuracy"])
    cells = subgroups.measure(trial.labels, answers, subgroups.cells(trial.labels).attributes)
    worst = cells.worst
    counts = Tally(trial.labels.female, answers.p_female).counts
    curve = metrics.roc(trial.labels.female, answers.p_female)
    return (
        row.head,
        found["accuracy"],
        against,
        found["gap"],
        None if worst is None else cells.grouping.names[worst],
        None if worst is None else cells.accuracy[worst].value,
        float(metrics.balanced_accuracy(counts)[0]),
        curve.area if curve else None,
        row.fit_seconds,
        None if row.ask_seconds is None else 1e6 * row.ask_seconds,
        row.published,
    )


def _of_family(outcome: Outcome, family: str) -> Trial:
    trial = outcome.trial
    names: Sequence[str] = [row.head for row in outcome.rows if row.family == family or row.head == OWN]
    return Trial(trial.data, trial.detector_id, trial.labels, tuple(map(trial.of, names)))


def _note(outcome: Outcome) -> str:
    trial = outcome.trial
    undetected = int(np.sum(~trial.answers[0].answered))
    seen = f" {trial.seen:,} more were left out, as the network has learned from them." if trial.seen else ""
    return (
        f"Fitted on {outcome.learned:,} faces of the parts train and validation, asked about those of the part test."
        f"{seen} {undetected:,} faces were not found and count as errors. A picture takes "
        f"{1e3 * outcome.picture_seconds:.1f} ms to find, cut and embed its face, {1e3 * outcome.network_seconds:.1f} "
        "of them in the embedder. The worst cell is of ethnicity × perceived gender, of 20 faces or more. In brackets "
        f"95 % bootstrap intervals ({DRAWS:,} draws)."
    )

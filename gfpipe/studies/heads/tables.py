"""Table, ROC curves and confusion matrices of classical heads on one embedding."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from gfpipe.drawing import Plan
from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures import curves, matrices
from gfpipe.evaluation.measures import comparison, metrics, subgroups
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables.columns import ACCURACY, BALANCED_ACCURACY, GAP, ROC_AUC, WORST, WORST_ACCURACY
from gfpipe.formats import COUNT, NUMBER, POINTS, RATE, Value
from gfpipe.tables import Column, Table

OWN: Final = "own head"  # the network's own predictions
_COLUMNS: Final = (
    Column("head", "head"),
    ACCURACY,
    Column("against_own", "against own head, points", POINTS),
    *(GAP, WORST, WORST_ACCURACY, BALANCED_ACCURACY, ROC_AUC),
    Column("fit_seconds", "fit, CPU s", NUMBER),
    Column("ask_microseconds", "answer, CPU µs a face", COUNT),
    Column("published", "published accuracy, %", RATE),
)


@dataclass(frozen=True)
class Row:
    """One head.

    Attributes:
        head: its name in the trial.
        family: heads of one family share a figure.
        fit_seconds: processor time of fitting; None for the network's own head.
        predict_seconds: processor time per face, without embedding; None for the same.
        published: accuracy in its paper, in [0, 1].
    """

    head: str
    family: str
    fit_seconds: float | None = None
    predict_seconds: float | None = None
    published: float | None = None


@dataclass(frozen=True)
class Outcome:
    """Heads on one embedding of one data set.

    Attributes:
        embedder, dimensions: name of the embedder, number of its features.
        learned: faces that the heads were fitted on.
        picture_seconds: per picture, to detect, cut and embed the face.
        network_seconds: of these, in the embedder.
        rows: one for each of the trial's answers, in order.
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
    """One row per head; differences from the network's own head are paired."""
    trial = outcome.trial
    own = trial.of(OWN) if OWN in trial.models else None
    rows = tuple(_row(trial, row, answers, own) for row, answers in zip(outcome.rows, trial.answers, strict=True))
    title = (
        f"Heads on {outcome.dimensions:,} features of {outcome.embedder}, {len(trial.labels):,} faces of {trial.data}"
    )
    columns = [index for index, _ in enumerate(_COLUMNS) if any(row[index] is not None for row in rows)]
    return Table(
        "heads",
        title,
        tuple(_COLUMNS[index] for index in columns),
        tuple(tuple(row[index] for index in columns) for row in rows),
        _note(outcome),
    )


def figures(outcome: Outcome) -> dict[str, Plan | None]:
    """Two figures for each family of heads, beside the network's own head: more lines would be hard to tell apart."""
    plans: dict[str, Plan | None] = {}
    for family in dict.fromkeys(row.family for row in outcome.rows if row.head != OWN):
        names = [row.head for row in outcome.rows if row.family == family or row.head == OWN]
        trial = replace(outcome.trial, answers=tuple(map(outcome.trial.of, names)), skipped=(), seen=0)
        plans[f"roc-{family}"] = curves.roc_curves(trial)
        plans[f"confusion-{family}"] = matrices.confusion_matrices(trial)
    return plans


def _row(trial: Trial, row: Row, answers: Answers, own: Answers | None) -> tuple[Value, ...]:
    estimates = comparison.estimates(trial.labels, answers, ("accuracy", "gap"))
    against = None
    if own is not None and answers is not own:
        against = comparison.difference(trial.labels, answers, own, comparison.MEASURES["accuracy"])
    cells = subgroups.measure(trial.labels, answers, subgroups.cells(trial.labels).attributes)
    worst = cells.worst
    counts = Tally(trial.labels.female, answers.p_female).counts
    curve = metrics.roc(trial.labels.female, answers.p_female)
    return (
        row.head,
        estimates["accuracy"],
        against,
        estimates["gap"],
        None if worst is None else cells.grouping.names[worst],
        None if worst is None else cells.accuracy[worst].value,
        float(metrics.balanced_accuracy(counts)[0]),
        curve.area if curve else None,
        row.fit_seconds,
        None if row.predict_seconds is None else 1e6 * row.predict_seconds,
        row.published,
    )


def _note(outcome: Outcome) -> str:
    trial = outcome.trial
    undetected = int(np.sum(~trial.answers[0].answered))
    seen = f" {trial.seen:,} more were left out: the network has learned from them." if trial.seen else ""
    return (
        f"Fitted on {outcome.learned:,} faces of the splits train and validation, evaluated on the split test."
        f"{seen} {undetected:,} faces were not found and count as errors. A picture takes "
        f"{1e3 * outcome.picture_seconds:.1f} ms to detect, cut and embed its face, "
        f"{1e3 * outcome.network_seconds:.1f} of them in the embedder. The worst cell is of ethnicity × perceived "
        "gender, of 20 faces or more. In brackets "
        f"95 % bootstrap intervals ({DRAWS:,} draws)."
    )

"""Table, ROC curves and confusion matrices of classical heads on one embedding."""

import math
from dataclasses import dataclass, replace
from typing import Final

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures import curves, matrices
from gfpipe.evaluation.measures import comparison, subgroups
from gfpipe.evaluation.tables import columns
from gfpipe.output.drawing import Plan
from gfpipe.output.formats import COUNT, NUMBER, POINTS, RATE, Value
from gfpipe.output.tables import Column, Table
from gfpipe.studies.measures import measure

OWN: Final = "own head"  # the network's own predictions
_COLUMNS: Final = (
    Column("head", "head"),
    columns.ACCURACY,
    Column("against_own", "against own head, points", POINTS),
    *(columns.GAP, columns.WORST, columns.WORST_ACCURACY, columns.BALANCED_ACCURACY, columns.ROC_AUC),
    Column("fit_seconds", "fit, CPU s", NUMBER),
    Column("ask_microseconds", "answer, CPU µs a face", COUNT),
    Column("published", "published accuracy, %", RATE),
)


@dataclass(frozen=True)
class Row:
    """One head.

    Attributes:
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
        dimensions: number of features.
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
    rows = tuple(_row(trial, row, answers) for row, answers in zip(outcome.rows, trial.answers, strict=True))
    title = (
        f"Heads on {outcome.dimensions:,} features of {outcome.embedder}, {len(trial.labels):,} faces of {trial.data}"
    )
    shown = [index for index, _ in enumerate(_COLUMNS) if any(row[index] is not None for row in rows)]
    values = tuple(tuple(row[index] for index in shown) for row in rows)
    return Table("heads", title, tuple(_COLUMNS[index] for index in shown), values, _note(outcome))


def figures(outcome: Outcome) -> dict[str, Plan | None]:
    """Two figures for each family of heads, beside the network's own head: more lines would be hard to tell apart."""
    plans: dict[str, Plan | None] = {}
    for family in dict.fromkeys(row.family for row in outcome.rows if row.head != OWN):
        names = [row.head for row in outcome.rows if row.family == family or row.head == OWN]
        trial = replace(outcome.trial, answers=tuple(map(outcome.trial.of, names)), skipped=(), seen=0)
        plans[f"roc-{family}"] = curves.roc_curves(trial)
        plans[f"confusion-{family}"] = matrices.confusion_matrices(trial)
    return plans


def _row(trial: Trial, row: Row, answers: Answers) -> tuple[Value, ...]:
    values = {name: value for name, value in measure(trial.labels, answers).items() if value not in ("", math.nan)}
    against = None
    if OWN in trial.models and row.head != OWN:
        against = comparison.difference(trial.labels, answers, trial.of(OWN), comparison.MEASURES["accuracy"])
    values |= {"head": row.head, "against_own": against, "fit_seconds": row.fit_seconds, "published": row.published}
    values["ask_microseconds"] = None if row.predict_seconds is None else 1e6 * row.predict_seconds
    return tuple(values.get(column.name) for column in _COLUMNS)


def _note(outcome: Outcome) -> str:
    trial = outcome.trial
    undetected = int((~trial.answers[0].answered).sum())
    seen = f" {trial.seen:,} more were left out: the network has learned from them." if trial.seen else ""
    return (
        f"Fitted on {outcome.learned:,} faces of the splits train and validation, evaluated on the split test."
        f"{seen} {undetected:,} faces were not found and count as errors. A picture takes "
        f"{1e3 * outcome.picture_seconds:.1f} ms to detect, cut and embed its face, "
        f"{1e3 * outcome.network_seconds:.1f} of them in the embedder. The worst cell is of ethnicity × perceived "
        f"gender, of {subgroups.MIN_GROUP_FACES} faces or more. {columns.INTERVALS}"
    )

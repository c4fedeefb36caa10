"""Measures of a study of thresholds, on faces labelled by people.

rows and their models' predictions for the same faces -> figures and paired differences -> the chosen row

A figure of a row with several seeds is the mean over its models, also in each bootstrap sample of faces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import metrics, resampling
from gfpipe.evaluation.measures.metrics import Counts, Metric, Tally
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, Measured, percentile_interval
from gfpipe.output.formats import Interval


def worse(counts: Counts) -> Floats:
    """The lower of women's and men's accuracy."""
    return np.minimum(metrics.accuracy_female(counts), metrics.accuracy_male(counts))


FIGURES: Final[Mapping[str, Metric]] = {
    **{name: metrics.METRICS[name] for name in ("accuracy", "accuracy_female", "accuracy_male", "gap", "absolute_gap")},
    "worse": worse,
}


class Kind(StrEnum):
    """Kinds of rows."""

    SOURCE = "source"  # the source model
    CONTROL = "control"  # fine-tuned on labelled faces alone
    THRESHOLD = "threshold"
    PER_CLASS = "per-class"
    SOFT = "soft"
    ORACLE = "oracle"  # true labels: the upper bound

    @property
    def eligible(self) -> bool:
        """Whether such a row may be chosen: it needs no labels of the archive."""
        return self in {Kind.THRESHOLD, Kind.PER_CLASS, Kind.SOFT}


@dataclass(frozen=True)
class Row:
    """One setting with its models.

    Attributes:
        models: ids in the trials, one per seed; empty if too few faces were left to train on.
        threshold: of both classes; None for rows without a common one.
        female, male: pseudo-labelled faces in training; None for rows without any.
        wrong: share of wrong pseudo-labels; None if unknown.
    """

    name: str
    kind: Kind
    models: tuple[str, ...]
    threshold: float | None = None
    female: int | None = None
    male: int | None = None
    wrong: float | None = None


@dataclass(frozen=True)
class Measures:
    """Figures of every row on the faces of one trial, on the same bootstrap samples (`draws`)."""

    rows: tuple[Row, ...]
    trial: Trial
    draws: int = DRAWS

    def figure(self, row: Row, name: str) -> Interval:
        """One of :data:`FIGURES`; NaN for a row without models."""
        if not row.models:
            return Interval(np.nan, np.nan, np.nan)
        value, drawn = self._measured[f"{row.name}: {name}"]
        female = self.trial.labels.female
        faces = {"accuracy": len(female), "accuracy_female": female.sum(), "accuracy_male": (~female).sum()}.get(name)
        return percentile_interval(float(value), drawn, None if faces is None else float(faces))

    def spread(self, row: Row, name: str) -> float:
        """Standard deviation over seeds; NaN for one seed."""
        if len(row.models) < 2:
            return float("nan")
        once = np.ones((1, len(self.trial.labels)))
        return float(np.std([self._of(model, name)(once)[0] for model in row.models], ddof=1))

    def difference(self, row: Row, base: Row, name: str) -> Interval:
        """Paired difference from another row."""
        if not row.models or not base.models or row is base:
            return Interval(np.nan, np.nan, np.nan)
        (one, drawn), (other, of_base) = (self._measured[f"{side.name}: {name}"] for side in (row, base))
        return percentile_interval(float(one - other), drawn - of_base)

    @cached_property
    def _measured(self) -> dict[str, tuple[Floats, Floats]]:
        figures = {
            f"{row.name}: {name}": _mean([self._of(model, name) for model in row.models])
            for row in self.rows
            if row.models
            for name in FIGURES
        }
        return resampling.measure(figures, len(self.trial.labels), self.draws)

    def _of(self, model: str, name: str) -> Measured:
        tally = Tally(self.trial.labels.female, self.trial.of(model).p_female)
        return lambda weights: FIGURES[name](tally.weighted(weights))[:, 0]


@dataclass(frozen=True)
class Outcome:
    """Measures of a study.

    Attributes:
        group: faces with hidden labels, such as ``ethnicity asian``.
        choosing: on the half of them for choosing a setting.
        reporting: on the other half.
        everyone: on the reporting half and all other test faces.
    """

    group: str
    choosing: Measures
    reporting: Measures
    everyone: Measures

    @property
    def rows(self) -> tuple[Row, ...]:
        """Rows of all tables."""
        return self.reporting.rows

    @property
    def source(self) -> Row:
        """The source model."""
        return next(row for row in self.rows if row.kind is Kind.SOURCE)

    @property
    def control(self) -> Row:
        """The model fine-tuned without pseudo-labels."""
        return next(row for row in self.rows if row.kind is Kind.CONTROL)

    @cached_property
    def chosen(self) -> Row | None:
        """The first setting with the highest worse accuracy on the choosing faces; None if none was trained.

        The lower of women's and men's accuracy combines accuracy and gap without a weight.
        """
        trained = [row for row in self.rows if row.kind.eligible and row.models]
        return max(trained, key=lambda row: self.choosing.figure(row, "worse").value, default=None)

    def label(self, row: Row) -> str:
        """A row's name, with a star if it is chosen."""
        return f"{row.name} *" if row is self.chosen else row.name


def joined(name: str, *trials: Trial) -> Trial:
    """Concatenate trials of the same models."""
    columns = ("names", "female", "age_years", "ethnicity")
    labels = Labels(*(np.concatenate([getattr(trial.labels, column) for trial in trials]) for column in columns))
    answers = (
        Answers(model, np.concatenate([trial.of(model).p_female for trial in trials])) for model in trials[0].models
    )
    return Trial(name, trials[0].detector_id, labels, tuple(answers))


def _mean(figures: Sequence[Measured]) -> Measured:
    return lambda weights: np.mean([figure(weights) for figure in figures], axis=0)

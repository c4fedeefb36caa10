"""The study of thresholds: what pseudo-labels of each confidence do to a model, measured on faces people labelled.

rows and their models' answers on the same faces -> figures and differences on the same draws -> the chosen row

Where a row was trained with several seeds, a figure is the mean over its models, in each draw of faces too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import resampling
from gfpipe.evaluation.measures.metrics import (
    Counts,
    Metric,
    Tally,
    absolute_gap,
    accuracy,
    accuracy_female,
    accuracy_male,
    gap,
)
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, Measured, percentile_interval
from gfpipe.formats import Interval


def worse(counts: Counts) -> Floats:
    """The accuracy of the perceived gender that is served worse."""
    return np.minimum(accuracy_female(counts), accuracy_male(counts))


FIGURES: Final[Mapping[str, Metric]] = {
    "accuracy": accuracy,
    "accuracy_female": accuracy_female,
    "accuracy_male": accuracy_male,
    "gap": gap,
    "absolute_gap": absolute_gap,
    "worse": worse,
}


class Kind(StrEnum):
    """What a row is."""

    SOURCE = "source"  # the model as it is
    CONTROL = "control"  # fine-tuned alike, on labelled faces alone
    THRESHOLD = "threshold"
    PER_CLASS = "per-class"
    SOFT = "soft"
    ORACLE = "oracle"  # true labels in the place of pseudo-labels: the ceiling

    @property
    def eligible(self) -> bool:
        """Whether such a row may be chosen: it learns from what a real archive has."""
        return self in {Kind.THRESHOLD, Kind.PER_CLASS, Kind.SOFT}


@dataclass(frozen=True)
class Row:
    """One setting, and what was trained by it.

    Attributes:
        models: ids, as the trials have them: one a seed. None where too few faces were left to train on.
        threshold: of a row with one for both classes; None for others.
        female, male: pseudo-labelled faces learned from; None where there are none.
        wrong: the share of them whose label is not what people said; None where that is not known.
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
    """The figures of every row on the faces of one trial, all on the same draws.

    Attributes:
        draws: of faces, behind the intervals.
    """

    rows: tuple[Row, ...]
    trial: Trial
    draws: int = DRAWS

    def figure(self, row: Row, name: str) -> Interval:
        """One of :data:`FIGURES`; NaN for a row without models."""
        if not row.models:
            return Interval(np.nan, np.nan, np.nan)
        value, drawn = self._measured[f"{row.name}: {name}"]
        denominators = {"accuracy": np.ones(len(self.trial.labels), np.bool_), "accuracy_female": self._female}
        faces = denominators.get(name, ~self._female if name == "accuracy_male" else None)
        return percentile_interval(float(value), drawn, None if faces is None else float(faces.sum()))

    def spread(self, row: Row, name: str) -> float:
        """The standard deviation over seeds; NaN where there is one only."""
        if len(row.models) < 2:
            return float("nan")
        once = np.ones((1, len(self.trial.labels)))
        return float(np.std([self._of(model, name)(once)[0] for model in row.models], ddof=1))

    def difference(self, row: Row, base: Row, name: str) -> Interval:
        """How much higher a figure is than another row's, on the very same draws."""
        if not row.models or not base.models or row is base:
            return Interval(np.nan, np.nan, np.nan)
        (one, drawn), (other, of_base) = (self._measured[f"{each.name}: {name}"] for each in (row, base))
        return percentile_interval(float(one - other), drawn - of_base)

    @property
    def _female(self) -> NDArray[np.bool_]:
        return self.trial.labels.female

    @cached_property
    def _measured(self) -> dict[str, tuple[Floats, Floats]]:
        asked = {
            f"{row.name}: {name}": _mean([self._of(model, name) for model in row.models])
            for row in self.rows
            if row.models
            for name in FIGURES
        }
        return resampling.measure(asked, len(self.trial.labels), self.draws)

    def _of(self, model: str, name: str) -> Measured:
        tally = Tally(self.trial.labels.female, self.trial.of(model).p_female)
        return lambda weights: FIGURES[name](tally.weighted(weights))[:, 0]


@dataclass(frozen=True)
class Outcome:
    """A whole study.

    Attributes:
        group: the faces whose labels were hidden, in words such as ``ethnicity asian``.
        choosing: of them, those on which the setting is chosen.
        reporting: of them, those on which it is reported; none of the choosing ones.
        everyone: the reporting ones, and the test faces of everybody else.
    """

    group: str
    choosing: Measures
    reporting: Measures
    everyone: Measures

    @property
    def rows(self) -> tuple[Row, ...]:
        """Of all tables."""
        return self.reporting.rows

    @property
    def source(self) -> Row:
        """The model as it is."""
        return next(row for row in self.rows if row.kind is Kind.SOURCE)

    @property
    def control(self) -> Row:
        """The model fine-tuned without pseudo-labels."""
        return next(row for row in self.rows if row.kind is Kind.CONTROL)

    @cached_property
    def chosen(self) -> Row | None:
        """The setting whose worse-served gender is served best among the choosing faces; None where none was trained.

        The lower of women's and men's accuracy rises with accuracy and with a smaller gap, so that no weight between
        the two has to be made up. Of equal ones the first is taken.
        """
        known = [row for row in self.rows if row.kind.eligible and row.models]
        return max(known, key=lambda row: self.choosing.figure(row, "worse").value, default=None)


def joined(name: str, *trials: Trial) -> Trial:
    """The faces of several trials as one; each must have the same models."""
    models = trials[0].models
    labels = [trial.labels for trial in trials]
    return Trial(
        data=name,
        detector_id=trials[0].detector_id,
        labels=Labels(
            *(
                np.concatenate([getattr(each, column) for each in labels])
                for column in ("names", "female", "age_years", "ethnicity")
            )
        ),
        answers=tuple(
            Answers(model, np.concatenate([trial.of(model).p_female for trial in trials])) for model in models
        ),
    )


def _mean(figures: Sequence[Measured]) -> Measured:
    return lambda weights: np.mean([figure(weights) for figure in figures], axis=0)

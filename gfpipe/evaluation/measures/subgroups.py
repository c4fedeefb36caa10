"""Figures by group of people: ethnicity, age, perceived gender and their combinations, and how far groups lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import metrics
from gfpipe.evaluation.measures.ages import age_band
from gfpipe.evaluation.measures.metrics import Counts, Metric, Tally
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, Measured, percentile_interval
from gfpipe.formats import Interval

ATTRIBUTES: Final = ("ethnicity", "age", "gender")  # gender: as perceived
MIN_GROUP_FACES: Final = 20  # smaller groups are shown, but left out of statistics over groups and of the worst group


@dataclass(frozen=True)
class Grouping:
    """N faces in G groups.

    Attributes:
        attributes: of :data:`ATTRIBUTES`, what the groups have in common.
        names: (G,) such as ``asian, female``.
        index: (N,) the group of each face; -1 where an attribute is not known.
    """

    attributes: tuple[str, ...]
    names: tuple[str, ...]
    index: NDArray[np.int64]

    @property
    def faces(self) -> NDArray[np.int64]:
        """(G,) how many."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.names))

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(G,) whether a group has faces enough to count in statistics over groups."""
        return self.faces >= MIN_GROUP_FACES


@dataclass(frozen=True)
class Groups:
    """What one model achieves in each group; the statistics are over groups of 20 faces or more, each counting once.

    Attributes:
        undetected: (G,) faces without an answer.
        accuracy: (G,) such faces counting as errors.
        false_positive_rate: (G,) men called women, of the men with an answer.
        false_negative_rate: (G,) women called men, of the women with an answer.
    """

    grouping: Grouping
    undetected: NDArray[np.int64]
    accuracy: tuple[Interval, ...]
    false_positive_rate: tuple[Interval, ...]
    false_negative_rate: tuple[Interval, ...]

    @property
    def mean(self) -> float:
        """Of the groups' accuracies."""
        return float(np.mean(self._counted)) if len(self._counted) else np.nan

    @property
    def standard_deviation(self) -> float:
        """Of the groups' accuracies; of these groups, not of a population that they were drawn from."""
        return float(np.std(self._counted)) if len(self._counted) else np.nan

    @property
    def spread(self) -> float:
        """The best group's accuracy minus the worst's."""
        return float(np.ptp(self._counted)) if len(self._counted) else np.nan

    @property
    def variation(self) -> float:
        """The standard deviation divided by the mean; NaN where the mean is 0."""
        return self.standard_deviation / self.mean if self.mean else np.nan

    @property
    def worst(self) -> int | None:
        """The place of the group with the lowest accuracy; None where all groups are too small."""
        values = np.array([interval.value for interval in self.accuracy])
        values[~self.grouping.counted] = np.inf
        return int(np.argmin(values)) if self.grouping.counted.any() else None

    @property
    def _counted(self) -> Floats:
        return np.array([interval.value for interval in self.accuracy])[self.grouping.counted]


@dataclass(frozen=True)
class Grid:
    """Accuracy by two attributes.

    Attributes:
        rows, columns: the groups' names.
        accuracy: (R, C) NaN where there are no faces.
        faces: (R, C).
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    accuracy: Floats
    faces: NDArray[np.int64]


def known(labels: Labels) -> tuple[str, ...]:
    """Those of :data:`ATTRIBUTES` that are known of at least one face."""
    return tuple(name for name in ATTRIBUTES if np.any(_values(labels, name) != ""))


def check(data: str, labels: Labels, attributes: Sequence[str]) -> None:
    """Refuse attributes that do not exist, or that a data set does not know.

    Raises:
        UsageError: with the reason.
    """
    for name in attributes:
        if name not in ATTRIBUTES:
            raise UsageError(f"there are no groups by {name!r}: choose from {', '.join(ATTRIBUTES)}")
        if name not in known(labels):
            raise UsageError(f"{data} does not say the {name} of any face; it has {', '.join(known(labels))}")


def group(labels: Labels, attributes: Sequence[str]) -> Grouping:
    """Sort faces into the groups that occur, by name, ages ascending."""
    values = [_values(labels, name) for name in attributes]
    complete = np.all([value != "" for value in values], axis=0)
    index = np.full(len(labels), -1)
    places = [np.unique(value[complete], return_inverse=True) for value in values]
    if not complete.any():
        return Grouping(tuple(attributes), (), index)
    flat = np.ravel_multi_index([place for _, place in places], [len(names) for names, _ in places])
    occurring, index[complete] = np.unique(flat, return_inverse=True)
    parts = np.unravel_index(occurring, [len(names) for names, _ in places])
    words = [[str(name) for name in names[part]] for (names, _), part in zip(places, parts, strict=True)]
    return Grouping(tuple(attributes), tuple(map(", ".join, zip(*words, strict=True))), index)


def measure(labels: Labels, answers: Answers, attributes: Sequence[str], draws: int = DRAWS, seed: int = 0) -> Groups:
    """Accuracy and error rates of each group, with 95 % bootstrap intervals over all faces."""
    grouping = group(labels, attributes)
    if not grouping.names:
        return Groups(grouping, np.zeros(0, np.int64), (), (), ())
    tally = Tally(labels.female, answers.p_female, grouping.index, len(grouping.names))
    counts, drawn = tally.counts, tally.resampled(draws, seed)
    return Groups(
        grouping=grouping,
        undetected=counts.undetected.astype(np.int64),
        accuracy=_intervals(metrics.accuracy, counts, drawn, counts.faces),
        false_positive_rate=_intervals(metrics.false_positive_rate, counts, drawn, counts.fp + counts.tn),
        false_negative_rate=_intervals(metrics.false_negative_rate, counts, drawn, counts.fn + counts.tp),
    )


def grid(labels: Labels, answers: Answers, rows: str = "age", columns: str = "ethnicity") -> Grid:
    """Accuracy by two attributes, without intervals: what a heat map shows."""
    down, across = group(labels, (rows,)), group(labels, (columns,))
    shape = len(down.names), len(across.names)
    cell = np.where((down.index < 0) | (across.index < 0), -1, down.index * shape[1] + across.index)
    counts = Tally(labels.female, answers.p_female, cell, shape[0] * shape[1]).counts
    accuracy = metrics.accuracy(counts).reshape(shape)
    return Grid(down.names, across.names, accuracy, counts.faces.astype(np.int64).reshape(shape))


def cells(labels: Labels) -> Grouping:
    """The cells of which the worst counts: ethnicity × perceived gender, or the latter where no ethnicity is known."""
    return group(labels, ("ethnicity", "gender") if "ethnicity" in known(labels) else ("gender",))


class WorstCell(NamedTuple):
    """The cell with the lowest accuracy, of those with at least :data:`MIN_GROUP_FACES` faces."""

    name: str
    accuracy: float
    faces: int


def worst_cell(labels: Labels, answers: Answers) -> WorstCell | None:
    """The cell of :func:`cells` with the lowest accuracy; None if all cells are too small."""
    grouping = cells(labels)
    if not grouping.counted.any():
        return None
    accuracy = metrics.accuracy(Tally(labels.female, answers.p_female, grouping.index, len(grouping.names)).counts)
    index = int(np.argmin(np.where(grouping.counted, accuracy, np.inf)))
    return WorstCell(grouping.names[index], float(accuracy[index]), int(grouping.faces[index]))


def worst_accuracy(labels: Labels, answers: Answers) -> Measured:
    """The lowest accuracy over :func:`cells`, for resampling.

    The worst cell is determined anew in each draw, among the cells with at least :data:`MIN_GROUP_FACES` faces.
    """
    grouping = cells(labels)
    tally = Tally(labels.female, answers.p_female, grouping.index, len(grouping.names))
    counted = grouping.counted

    def lowest(weights: Floats) -> Floats:
        values = metrics.accuracy(tally.weighted(weights))[:, counted]
        return np.nanmin(values, axis=1) if counted.any() else np.full(len(weights), np.nan)

    return lowest


def aged(trial: Trial, minimum_age: float) -> Trial:
    """The trial on the faces known to be of ``minimum_age`` years or older; what was left out, the whole one tells.

    Raises:
        UsageError: there are none.
    """
    old_enough = trial.labels.age_years >= minimum_age  # false for NaN
    if not old_enough.any():
        raise UsageError(f"{trial.data} has no face that is known to be aged {minimum_age:g} and over")
    name = f"{trial.data}, aged {minimum_age:g} and over"
    return replace(trial[old_enough], data=name, skipped=(), seen=0)


def _intervals(metric: Metric, counts: Counts, drawn: Counts, faces: Floats) -> tuple[Interval, ...]:
    """A proportion of each group, of so many faces each."""
    values, of_draws = metric(counts), metric(drawn)
    return tuple(
        percentile_interval(float(value), of_draws[:, place], faces[place]) for place, value in enumerate(values)
    )


def _values(labels: Labels, attribute: str) -> NDArray[np.str_]:
    """(N,) the value of each face, such that they sort as they are to be read; empty where unknown."""
    match attribute:
        case "ethnicity":
            return labels.ethnicity
        case "age":
            return np.array([age_band(years) for years in labels.age_years], dtype=np.str_)
        case _:
            return np.where(labels.female, "female", "male")

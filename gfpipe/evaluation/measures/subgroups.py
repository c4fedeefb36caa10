"""Accuracy and error rates by ethnicity, age and perceived gender, and disparities between groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import metrics
from gfpipe.evaluation.measures.ages import age_band
from gfpipe.evaluation.measures.metrics import Counts, Metric, Tally
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, Measured, percentile_interval
from gfpipe.output.formats import Interval

ATTRIBUTES: Final = ("ethnicity", "age", "gender")  # gender: perceived gender
MIN_GROUP_FACES: Final = 20  # smaller groups are shown, but left out of statistics over groups and of the worst group


@array_dataclass
class Grouping:
    """N faces in G groups.

    Attributes:
        attributes: those of :data:`ATTRIBUTES` that define the groups.
        names: (G,) such as ``asian, female``.
        index: (N,) group of each face; -1 if an attribute is unknown.
    """

    attributes: tuple[str, ...]
    names: tuple[str, ...]
    index: NDArray[np.int64]

    @property
    def faces(self) -> NDArray[np.int64]:
        """(G,) number of faces."""
        return np.bincount(self.index[self.index >= 0], minlength=len(self.names))

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(G,) whether a group has at least :data:`MIN_GROUP_FACES` faces."""
        return self.faces >= MIN_GROUP_FACES


@dataclass(frozen=True)
class Dispersion:
    """Unweighted statistics of values such as the accuracies of groups; NaN without values.

    Attributes:
        standard_deviation: of the values themselves, not estimated for a population.
        spread: maximum minus minimum.
    """

    mean: float
    standard_deviation: float
    spread: float

    @classmethod
    def of(cls, values: ArrayLike) -> "Dispersion":
        """The dispersion of the finite values."""
        array = np.asarray(values, np.float64)
        array = array[np.isfinite(array)]
        if not len(array):
            return cls(np.nan, np.nan, np.nan)
        return cls(float(array.mean()), float(array.std()), float(np.ptp(array)))

    @property
    def variation(self) -> float:
        """Standard deviation / mean; NaN if the mean is 0."""
        return self.standard_deviation / self.mean if self.mean else np.nan


@array_dataclass
class Groups:
    """Results of one model in each group.

    Attributes:
        undetected: (G,) faces without a prediction.
        accuracy: (G,) undetected faces count as errors.
        false_positive_rate: (G,) men predicted as women / men with a prediction.
        false_negative_rate: (G,) women predicted as men / women with a prediction.
    """

    grouping: Grouping
    undetected: NDArray[np.int64]
    accuracy: tuple[Interval, ...]
    false_positive_rate: tuple[Interval, ...]
    false_negative_rate: tuple[Interval, ...]

    @property
    def dispersion(self) -> Dispersion:
        """Dispersion of the accuracies of groups with at least :data:`MIN_GROUP_FACES` faces."""
        return Dispersion.of(self._accuracies[self.grouping.counted])

    @property
    def worst(self) -> int | None:
        """Index of the group with the lowest accuracy; None if all groups are too small."""
        return _worst(self.grouping, self._accuracies)

    @property
    def _accuracies(self) -> Floats:
        return np.array([interval.value for interval in self.accuracy])


@array_dataclass
class Grid:
    """Accuracy by two attributes.

    Attributes:
        rows, columns: names of the groups.
        accuracy: (R, C) NaN without faces.
        faces: (R, C).
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    accuracy: Floats
    faces: NDArray[np.int64]


def known(labels: Labels) -> tuple[str, ...]:
    """Those of :data:`ATTRIBUTES` that are known for at least one face."""
    return tuple(name for name in ATTRIBUTES if np.any(_values(labels, name) != ""))


def check(data: str, labels: Labels, attributes: Sequence[str]) -> None:
    """Check that attributes exist and that the data set has them.

    Raises:
        UsageError: an attribute does not exist, or is unknown for all faces.
    """
    for name in attributes:
        if name not in ATTRIBUTES:
            raise UsageError(f"groups by {name!r} are not supported: choose from {', '.join(ATTRIBUTES)}")
        if name not in known(labels):
            raise UsageError(f"{data} has no {name} for any face; it has {', '.join(known(labels))}")


def group(labels: Labels, attributes: Sequence[str]) -> Grouping:
    """Assign faces to the groups that occur, sorted by name."""
    values = [_values(labels, name) for name in attributes]
    complete = np.all([value != "" for value in values], axis=0)
    index = np.full(len(labels), -1)
    levels = [np.unique(value[complete], return_inverse=True) for value in values]
    if not complete.any():
        return Grouping(tuple(attributes), (), index)
    shape = [len(names) for names, _ in levels]
    cells, index[complete] = np.unique(np.ravel_multi_index([codes for _, codes in levels], shape), return_inverse=True)
    codes_of_cells = np.unravel_index(cells, shape)
    parts = [names[codes].tolist() for (names, _), codes in zip(levels, codes_of_cells, strict=True)]
    return Grouping(tuple(attributes), tuple(map(", ".join, zip(*parts, strict=True))), index)


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
    """Accuracy by two attributes, without intervals."""
    down, across = group(labels, (rows,)), group(labels, (columns,))
    shape = len(down.names), len(across.names)
    cell = np.where((down.index < 0) | (across.index < 0), -1, down.index * shape[1] + across.index)
    counts = Tally(labels.female, answers.p_female, cell, shape[0] * shape[1]).counts
    accuracy = metrics.accuracy(counts).reshape(shape)
    return Grid(down.names, across.names, accuracy, counts.faces.astype(np.int64).reshape(shape))


def cells(labels: Labels) -> Grouping:
    """The cells for the worst cell: ethnicity × perceived gender, or perceived gender if no ethnicity is known."""
    return group(labels, ("ethnicity", "gender") if "ethnicity" in known(labels) else ("gender",))


class WorstCell(NamedTuple):
    """The cell with the lowest accuracy, of those with at least :data:`MIN_GROUP_FACES` faces."""

    name: str
    accuracy: float
    faces: int


def worst_cell(labels: Labels, answers: Answers) -> WorstCell | None:
    """The cell of :func:`cells` with the lowest accuracy; None if all cells are too small."""
    grouping = cells(labels)
    accuracy = metrics.accuracy(Tally(labels.female, answers.p_female, grouping.index, len(grouping.names)).counts)
    index = _worst(grouping, accuracy)
    if index is None:
        return None
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
    """The trial restricted to faces known to be at least ``minimum_age`` years old.

    Raises:
        UsageError: there are no such faces.
    """
    mask = trial.labels.age_years >= minimum_age  # false for NaN
    if not mask.any():
        raise UsageError(f"{trial.data} has no face that is known to be aged {minimum_age:g} and over")
    name = f"{trial.data}, aged {minimum_age:g} and over"
    return replace(trial[mask], data=name, skipped=(), seen=0)


def _worst(grouping: Grouping, accuracy: Floats) -> int | None:
    return int(np.argmin(np.where(grouping.counted, accuracy, np.inf))) if grouping.counted.any() else None


def _intervals(metric: Metric, counts: Counts, drawn: Counts, faces: Floats) -> tuple[Interval, ...]:
    """A proportion in each group, with `faces` as its denominators."""
    estimates = zip(metric(counts), metric(drawn).T, faces, strict=True)
    return tuple(percentile_interval(float(value), draws, count) for value, draws, count in estimates)


def _values(labels: Labels, attribute: str) -> NDArray[np.str_]:
    """(N,) value of each face, in sortable form; empty if unknown."""
    match attribute:
        case "ethnicity":
            return labels.ethnicity
        case "age":
            return np.array([age_band(years) for years in labels.age_years], dtype=np.str_)
        case _:
            return np.where(labels.female, "female", "male")

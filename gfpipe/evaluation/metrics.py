"""Metrics of perceived gender: each is a function of (y_true, y_pred), and one frame holds it overall and by group."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Metric = Callable[[NDArray[np.str_], NDArray[np.str_]], float]


@dataclass(frozen=True)
class Estimate:
    """A metric on some samples.

    Attributes:
        value: the metric; NaN where there are no samples.
        count: how many samples.
        low, high: the 95 % interval of Wilson (1927), for metrics that are proportions of ``count``.
    """

    value: float
    count: int
    low: float
    high: float


@dataclass(frozen=True)
class MetricFrame:
    """One metric, overall and by group (the pattern of fairlearn's class of the same name).

    Attributes:
        by_group: the group's name to its estimate, in alphabetical order.
    """

    overall: Estimate
    by_group: Mapping[str, Estimate]

    @property
    def gap(self) -> float:
        """The best group's value minus the worst's; 0 for a single group, NaN for none."""
        values = [estimate.value for estimate in self.by_group.values()]
        return max(values) - min(values) if values else math.nan

    @classmethod
    def of(cls, metric: Metric, y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike) -> "MetricFrame":
        """Measure ``metric`` on all samples and on those of each group.

        Raises:
            ValueError: the three are not of one length.
        """
        true, predicted, group = np.asarray(y_true), np.asarray(y_pred), np.asarray(groups)
        if not true.shape == predicted.shape == group.shape:
            raise ValueError(f"lengths differ: {true.shape} true, {predicted.shape} predicted, {group.shape} groups")
        names = np.unique(group)
        parts = {str(name): _estimate(metric, true[group == name], predicted[group == name]) for name in names}
        return cls(_estimate(metric, true, predicted), parts)


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> float:
    """The share of samples whose prediction is the truth; anything else, an undecided face too, is an error."""
    equal = np.asarray(y_true) == np.asarray(y_pred)
    return float(np.mean(equal)) if equal.size else math.nan


def accuracy_by(y_true: ArrayLike, y_pred: ArrayLike, groups: ArrayLike) -> MetricFrame:
    """Accuracy overall and by group."""
    return MetricFrame.of(accuracy, y_true, y_pred, groups)


def wilson_interval(share: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval of a binomial proportion (Wilson 1927): 95 % for the default ``z``.

    Unlike the normal approximation it stays inside [0, 1] and is honest near its ends. No samples: (0, 1).
    """
    if count == 0:
        return 0.0, 1.0
    centre = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    scale = 1 + z**2 / count
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def _estimate(metric: Metric, y_true: NDArray[np.str_], y_pred: NDArray[np.str_]) -> Estimate:
    value = metric(y_true, y_pred)
    return Estimate(value, len(y_true), *wilson_interval(value, len(y_true)))

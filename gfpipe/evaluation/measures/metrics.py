"""Metrics of perceived gender, computed from counts of any shape: overall, by group, or by bootstrap draw.

Women are the positive class. Undetected faces and faces without a prediction are errors in accuracy and recall; ROC
curve, false-positive rate and false-negative rate cover faces with a prediction only. All metrics are in [0, 1].
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score, roc_curve

from gfpipe.base.arrays import array_dataclass

Floats = NDArray[np.float64]

THRESHOLD: Final = 0.5  # p_female from which the prediction is female
_OUTCOMES: Final = 6


@array_dataclass
class Counts:
    """Faces by label and prediction: arrays of one shape, weighted or not; the positive class is female.

    Attributes:
        tp, fn, fp, tn: true positives, false negatives, false positives, true negatives.
        undetected_female, undetected_male: faces without a prediction.
    """

    tp: Floats
    fn: Floats
    fp: Floats
    tn: Floats
    undetected_female: Floats
    undetected_male: Floats

    @property
    def women(self) -> Floats:
        """Faces labelled female."""
        return self.tp + self.fn + self.undetected_female

    @property
    def men(self) -> Floats:
        """Faces labelled male."""
        return self.fp + self.tn + self.undetected_male

    @property
    def faces(self) -> Floats:
        """All faces."""
        return self.women + self.men

    @property
    def undetected(self) -> Floats:
        """Faces without a prediction."""
        return self.undetected_female + self.undetected_male


Metric = Callable[[Counts], Floats]


class Tally:
    """Counts N faces by outcome in G cells."""

    def __init__(
        self, female: NDArray[np.bool_], p_female: Floats, cell: NDArray[np.int64] | None = None, cells: int = 1
    ) -> None:
        """Assign faces to outcomes by (N,) labels and predictions (NaN for none), and to G `cells`.

        `cell` is the (N,) cell of each face, -1 for none; by default all faces are in cell 0.
        """
        cell = np.zeros(len(female), np.int64) if cell is None else cell
        self._cells = cells
        # Faces without a cell are counted in one extra last column.
        self._column = np.where(cell < 0, _OUTCOMES * cells, outcomes(female, p_female) * cells + cell)

    @property
    def counts(self) -> Counts:
        """Unweighted counts, (G,)."""
        return self._counts(np.bincount(self._column, minlength=self._columns)[None], squeeze=True)

    def resampled(self, draws: int, seed: int = 0) -> Counts:
        """Counts in D bootstrap draws, (D, G).

        The counts by cell and outcome are multinomial, which is equivalent to drawing single faces.
        """
        counts = np.bincount(self._column, minlength=self._columns)
        return self._counts(np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), draws))

    def weighted(self, weights: Floats) -> Counts:
        """Counts under (D, N) weights, (D, G); models given the same weights are paired."""
        rows = np.arange(len(self._column))
        matrix: Any = csr_array((np.ones(len(rows)), (rows, self._column)), shape=(len(rows), self._columns))
        return self._counts(weights @ matrix)

    @property
    def _columns(self) -> int:
        return _OUTCOMES * self._cells + 1

    def _counts(self, columns: NDArray[Any], squeeze: bool = False) -> Counts:
        by_outcome = columns[:, :-1].reshape(len(columns), _OUTCOMES, self._cells).swapaxes(0, 1).astype(np.float64)
        return Counts(*(by_outcome[:, 0] if squeeze else by_outcome))


def outcomes(female: NDArray[np.bool_], p_female: Floats) -> NDArray[np.int64]:
    """(N,) index of each face's outcome among the fields of :class:`Counts`."""
    predicted_female = p_female >= THRESHOLD  # false for NaN
    detected = np.where(female, ~predicted_female, 3 - predicted_female.astype(np.int64))
    return np.where(np.isnan(p_female), np.where(female, 4, 5), detected).astype(np.int64)


def correct(female: NDArray[np.bool_], p_female: Floats) -> NDArray[np.bool_]:
    """(N,) whether the prediction equals the label; false without a prediction."""
    right: NDArray[np.bool_] = np.isfinite(p_female) & ((p_female >= THRESHOLD) == female)
    return right


def accuracy(counts: Counts) -> Floats:
    """Correct predictions / all faces."""
    return _share(counts.tp + counts.tn, counts.faces)


def accuracy_female(counts: Counts) -> Floats:
    """Women predicted as women / all women: the recall."""
    return _share(counts.tp, counts.women)


def accuracy_male(counts: Counts) -> Floats:
    """Men predicted as men / all men."""
    return _share(counts.tn, counts.men)


def gap(counts: Counts) -> Floats:
    """Women's accuracy minus men's; 0.015 is 1.5 points in favour of women."""
    return accuracy_female(counts) - accuracy_male(counts)


def absolute_gap(counts: Counts) -> Floats:
    """Absolute difference between women's and men's accuracy."""
    return np.abs(gap(counts))


def balanced_accuracy(counts: Counts) -> Floats:
    """Mean of women's and men's accuracy."""
    return (accuracy_female(counts) + accuracy_male(counts)) / 2


def precision(counts: Counts) -> Floats:
    """Women / faces predicted as women."""
    return _share(counts.tp, counts.tp + counts.fp)


def f1(counts: Counts) -> Floats:
    """Harmonic mean of precision and recall; women without a prediction are false negatives."""
    return _share(2 * counts.tp, counts.tp + counts.fp + counts.women)


def false_positive_rate(counts: Counts) -> Floats:
    """Men predicted as women / men with a prediction."""
    return _share(counts.fp, counts.fp + counts.tn)


def false_negative_rate(counts: Counts) -> Floats:
    """Women predicted as men / women with a prediction."""
    return _share(counts.fn, counts.fn + counts.tp)


METRICS: Final[Mapping[str, Metric]] = {
    "accuracy": accuracy,
    "accuracy_female": accuracy_female,
    "accuracy_male": accuracy_male,
    "gap": gap,
    "absolute_gap": absolute_gap,
    "balanced_accuracy": balanced_accuracy,
    "precision": precision,
    "recall": accuracy_female,
    "f1": f1,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
}
# Denominators of the metrics that are plain proportions.
DENOMINATORS: Final[Mapping[str, Metric]] = {
    "accuracy": lambda counts: counts.faces,
    "accuracy_female": lambda counts: counts.women,
    "accuracy_male": lambda counts: counts.men,
    "precision": lambda counts: counts.tp + counts.fp,
    "recall": lambda counts: counts.women,
    "false_positive_rate": lambda counts: counts.fp + counts.tn,
    "false_negative_rate": lambda counts: counts.fn + counts.tp,
}


@array_dataclass
class Roc:
    """Receiver operating characteristic of the faces with a prediction.

    Attributes:
        false_positive_rate: (K,) ascending from 0 to 1.
        true_positive_rate: (K,).
        thresholds: (K,) of p_female, descending from infinity.
        area: area under the curve.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats
    area: float


def roc(female: NDArray[np.bool_], p_female: Floats) -> Roc | None:
    """The ROC curve; None without graded scores, or without both women and men."""
    scored = np.isfinite(p_female)
    if not graded(p_female) or len(np.unique(female[scored])) < 2:
        return None
    false_positives, true_positives, thresholds = roc_curve(female[scored], p_female[scored])
    return Roc(false_positives, true_positives, thresholds, float(roc_auc_score(female[scored], p_female[scored])))


def graded(p_female: Floats) -> bool:
    """Whether the predictions are probabilities; tools that output labels only are stored as 0 and 1."""
    return bool(np.any(np.isfinite(p_female) & (p_female > 0) & (p_female < 1)))


def roc_auc(female: NDArray[np.bool_], p_female: Floats) -> Callable[[Floats], Floats]:
    """A function from (D, N) weights to (D,) areas under the ROC curve; NaN where there is no curve.

    The area is the probability that a woman's face scores higher than a man's, ties counting half (Hanley and McNeil
    1982).
    """
    scored = np.flatnonzero(np.isfinite(p_female))
    if roc(female, p_female) is None:
        return lambda weights: np.full(len(weights), np.nan)
    order = scored[np.argsort(p_female[scored])]
    _, starts = np.unique(p_female[order], return_index=True)
    is_female = female[order]

    def area(weights: Floats) -> Floats:
        sorted_weights = weights[:, order]
        women = np.add.reduceat(sorted_weights * is_female, starts, axis=1)
        men = np.add.reduceat(sorted_weights * ~is_female, starts, axis=1)
        beaten = np.cumsum(men, axis=1) - men / 2
        return _share((women * beaten).sum(axis=1), women.sum(axis=1) * men.sum(axis=1))

    return area


def wilson_interval(share: float, count: float, z: float = 1.959964) -> tuple[float, float]:
    """Score interval of a binomial proportion (Wilson 1927), 95 % by default; (0, 1) without samples.

    Unlike the normal approximation it stays inside [0, 1] and keeps its coverage near the ends.
    """
    if count == 0:
        return 0.0, 1.0
    centre = share + z**2 / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    scale = 1 + z**2 / count
    return max((centre - half) / scale, 0.0), min((centre + half) / scale, 1.0)


def _share(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return part / whole

"""Metrics of perceived gender, from counts: one formula serves a point, many groups and 2,000 bootstrap draws.

Women are the positive class. A face that was not found, or to which there is no answer, is an error in accuracy and in
recall; it has no score, so that ROC, false-positive and false-negative rates are of the faces with an answer.
All metrics are shares, from 0 to 1: tables print them as percent and points.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.metrics import roc_auc_score, roc_curve

Floats = NDArray[np.float64]

THRESHOLD: Final = 0.5  # of p_female, from which on a face is called a woman's
_OUTCOMES: Final = 6


@dataclass(frozen=True)
class Counts:
    """Faces by label and answer; arrays of one shape, whole numbers or weighted.

    Attributes:
        tp: women called women.
        fn: women called men.
        fp: men called women.
        tn: men called men.
        undetected_female: women without an answer.
        undetected_male: men without an answer.
    """

    tp: Floats
    fn: Floats
    fp: Floats
    tn: Floats
    undetected_female: Floats
    undetected_male: Floats

    @property
    def women(self) -> Floats:
        """Faces labelled as women's."""
        return self.tp + self.fn + self.undetected_female

    @property
    def men(self) -> Floats:
        """Faces labelled as men's."""
        return self.fp + self.tn + self.undetected_male

    @property
    def faces(self) -> Floats:
        """All faces."""
        return self.women + self.men

    @property
    def undetected(self) -> Floats:
        """Faces without an answer."""
        return self.undetected_female + self.undetected_male


Metric = Callable[[Counts], Floats]


class Tally:
    """N faces, each with one of six outcomes in one of G cells: counts them as they are, resampled, or weighted."""

    def __init__(
        self,
        female: NDArray[np.bool_],
        p_female: Floats,
        cell: NDArray[np.int64] | None = None,
        cells: int = 1,
    ) -> None:
        """Sort faces into outcomes and cells.

        Args:
            female: (N,) the labels.
            p_female: (N,) the answers; NaN for none.
            cell: (N,) which cell a face is in, -1 for none; without it all are in the one cell.
            cells: G.
        """
        cell = np.zeros(len(female), np.int64) if cell is None else cell
        self._cells = cells
        # Faces of no cell come last, in a column of their own.
        self._column = np.where(cell < 0, _OUTCOMES * cells, outcomes(female, p_female) * cells + cell)

    @property
    def counts(self) -> Counts:
        """The faces as they are: (G,)."""
        return self._counts(np.bincount(self._column, minlength=self._columns)[None], squeeze=True)

    def resampled(self, draws: int, seed: int = 0) -> Counts:
        """As many faces drawn with replacement, time and again: (D, G).

        How many fall on each cell and outcome is multinomial: the same as drawing faces one by one, without doing so.
        """
        counts = np.bincount(self._column, minlength=self._columns)
        return self._counts(np.random.default_rng(seed).multinomial(counts.sum(), counts / counts.sum(), draws))

    def weighted(self, weights: Floats) -> Counts:
        """Under (D, N) weights, which several models can share: (D, G)."""
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
    """What became of each face: (N,) the place of its outcome among the attributes of :class:`Counts`."""
    called_female = p_female >= THRESHOLD  # false for NaN
    answered = np.where(female, ~called_female, 3 - called_female.astype(np.int64))
    return np.where(np.isnan(p_female), np.where(female, 4, 5), answered).astype(np.int64)


def correct(female: NDArray[np.bool_], p_female: Floats) -> NDArray[np.bool_]:
    """(N,) whether the answer is the label; no answer is not."""
    right: NDArray[np.bool_] = np.isfinite(p_female) & ((p_female >= THRESHOLD) == female)
    return right


def accuracy(counts: Counts) -> Floats:
    """The share of all faces whose answer is the label."""
    return _share(counts.tp + counts.tn, counts.faces)


def accuracy_female(counts: Counts) -> Floats:
    """The share of women called women, which is also the recall."""
    return _share(counts.tp, counts.women)


def accuracy_male(counts: Counts) -> Floats:
    """The share of men called men."""
    return _share(counts.tn, counts.men)


def gap(counts: Counts) -> Floats:
    """Women's accuracy minus men's: 0.015 is 1.5 points in favour of women."""
    return accuracy_female(counts) - accuracy_male(counts)


def absolute_gap(counts: Counts) -> Floats:
    """How far women's and men's accuracy lie apart, whomever that favours."""
    return np.abs(gap(counts))


def balanced_accuracy(counts: Counts) -> Floats:
    """The mean of women's and men's accuracy."""
    return (accuracy_female(counts) + accuracy_male(counts)) / 2


def precision(counts: Counts) -> Floats:
    """The share of women among the faces called women's."""
    return _share(counts.tp, counts.tp + counts.fp)


def f1(counts: Counts) -> Floats:
    """The harmonic mean of precision and recall; a woman without an answer is a miss."""
    return _share(2 * counts.tp, counts.tp + counts.fp + counts.women)


def false_positive_rate(counts: Counts) -> Floats:
    """The share of men called women, of the men with an answer."""
    return _share(counts.fp, counts.fp + counts.tn)


def false_negative_rate(counts: Counts) -> Floats:
    """The share of women called men, of the women with an answer."""
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
# Of which faces those metrics are the share that are plain proportions.
DENOMINATORS: Final[Mapping[str, Metric]] = {
    "accuracy": lambda counts: counts.faces,
    "accuracy_female": lambda counts: counts.women,
    "accuracy_male": lambda counts: counts.men,
    "precision": lambda counts: counts.tp + counts.fp,
    "recall": lambda counts: counts.women,
    "false_positive_rate": lambda counts: counts.fp + counts.tn,
    "false_negative_rate": lambda counts: counts.fn + counts.tp,
}


@dataclass(frozen=True)
class Roc:
    """The receiver operating characteristic of the faces with an answer.

    Attributes:
        false_positive_rate: (K,) of men, rising from 0 to 1.
        true_positive_rate: (K,) of women.
        thresholds: (K,) of p_female, falling from infinity.
        area: under the curve.
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats
    area: float


def roc(female: NDArray[np.bool_], p_female: Floats) -> Roc | None:
    """The curve; None where there are no scores but only labels, or not both women and men."""
    scored = np.isfinite(p_female)
    if not graded(p_female) or len(np.unique(female[scored])) < 2:
        return None
    false_positives, true_positives, thresholds = roc_curve(female[scored], p_female[scored])
    return Roc(false_positives, true_positives, thresholds, float(roc_auc_score(female[scored], p_female[scored])))


def graded(p_female: Floats) -> bool:
    """Whether these are probabilities; some tools give labels alone, which are 0 and 1 here."""
    return bool(np.any(np.isfinite(p_female) & (p_female > 0) & (p_female < 1)))


def roc_auc(female: NDArray[np.bool_], p_female: Floats) -> Callable[[Floats], Floats]:
    """The area under the ROC curve for any weights: a function from (D, N) to (D,); NaN where there is no curve.

    The probability that a woman's face scores higher than a man's, ties counting half (Hanley and McNeil 1982).
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
    """The score interval of a binomial proportion (Wilson 1927): 95 % for the default ``z``.

    Unlike the normal approximation it stays inside [0, 1] and is honest near its ends. No samples: (0, 1).
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

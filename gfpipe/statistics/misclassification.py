"""Correction of misclassification, from labelled faces.

Rogan and Gladen (1978, equation 1): if a share `p` of faces are women's, the classifier's apparent share is
``apparent = p * sensitivity + (1 - p) * (1 - specificity)``, so
``p = (apparent + specificity - 1) / (sensitivity + specificity - 1)``; in quantification this is adjusted
classify-and-count (Forman 2008). Undecided predictions count as half a woman in the apparent share and in the labels,
which treats women and men symmetrically. False detections are removed by the share of real faces among labels with the
same prediction.

For a single face, with ``x = (score - 1 + specificity) / (sensitivity + specificity - 1)`` and a score of 1, 0 or 1/2,
the mean of x is 1 over women's faces and 0 over men's. If the errors of two faces in one picture are independent, the
expectation of a product of such terms is the product of the true values; presence time uses this
(`gfpipe.statistics.screen_time`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gfpipe.base.arrays import array_dataclass

SIZES: Final = ("small", "medium", "large")
ANSWERS: Final = ("female", "male", "undecided")  # predictions of the classifier
TRUTHS: Final = ("female", "male", "no_face")  # of the annotator; undecided labels are not used

MIN_LABELS: Final = 20  # of women, and of men
MIN_LABELLED_RECORDINGS: Final = 5
_MIN_YOUDEN: Final = 0.5  # a lower sensitivity + specificity - 1 more than doubles errors
_SCORE: Final = np.array([1.0, 0.0, 0.5])[:, None]
_MIN_DRAW: Final = 0.1  # of sensitivity + specificity - 1 in a single draw


@array_dataclass
class Labels:
    """L labelled faces with the classifier's predictions.

    Attributes:
        unit: (L,) int, row of the recording's resampling weights.
        recording: (L,) int, index of the recording.
        at_hand: (L,) bool, whether the face is from the channels to be corrected.
        size: (L,) int, index into `SIZES`.
        truth: (L,) int, index into `TRUTHS`.
        answer: (L,) int, index into `ANSWERS`.
        weight: (L,) float, face time that the label represents.
    """

    unit: NDArray[np.int64]
    recording: NDArray[np.int64]
    at_hand: NDArray[np.bool_]
    size: NDArray[np.int64]
    truth: NDArray[np.int64]
    answer: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.unit)


@array_dataclass
class Correction:
    """Expected number of women and men for a face of each size and prediction, in D draws; draw 0 is the estimate.

    Attributes:
        women, men: (3 sizes, 3 predictions, D) expected number for one face; may be outside [0, 1].
        sensitivity, specificity: (3 sizes, D); an undecided prediction is half an error.
        labels: number of women and men labelled in the smallest stratum.
        problem: why no correction is possible; None if it is.
    """

    women: NDArray[np.float64]
    men: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    labels: tuple[int, int]
    problem: str | None = None


def correction(labels: Labels, weights: NDArray[np.float64]) -> Correction:
    """Estimate sensitivity and specificity, and the correction, by face size.

    A size with fewer than 20 labelled women or men at hand, or labels from fewer than 5 recordings, uses its labels of
    all channels, and if these are too few, all labels. The labels are for one classifier; the resampling weights are
    (U, D).
    """
    draws = weights.shape[1]
    sizes = []
    for size in range(len(SIZES)):
        chosen = _finest(labels, size)
        counts = _counts(labels, chosen)
        if problem := _too_few(labels, chosen):
            unknown = np.full((len(SIZES), len(ANSWERS), draws), np.nan)
            return Correction(unknown, unknown, unknown[:, 0], unknown[:, 0], counts, problem)
        sizes.append((_expected(labels, chosen, weights), counts))
    women, men, sensitivity, specificity = map(np.stack, zip(*(values for values, _ in sizes), strict=True))
    youden = sensitivity[:, 0] + specificity[:, 0] - 1
    problem = None
    if youden.min() < _MIN_YOUDEN:
        weakest = SIZES[int(youden.argmin())]
        problem = (
            f"the classifier is too inaccurate on {weakest} faces: sensitivity + specificity - 1 is "
            f"{youden.min():.2f}, the minimum is {_MIN_YOUDEN}"
        )
    return Correction(women, men, sensitivity, specificity, min(counts for _, counts in sizes), problem)


def lang_reiczigel(
    apparent: float, faces: float, sensitivity: float, women: float, specificity: float, men: float
) -> tuple[float, float]:
    """The analytic 95 % interval of a corrected share (Lang and Reiczigel 2014, Prev. Vet. Med. 113, section 2.2).

    `apparent` is the share of `faces` classified as women; `sensitivity` and `specificity` are the shares of labelled
    `women` and `men` that are classified correctly. The three numbers of faces are effective numbers; the ends of the
    interval are within [0, 1].
    """
    z = float(ndtri(0.975))
    n, n_women, n_men = faces + z**2, women + 2, men + 2
    p = (faces * apparent + z**2 / 2) / n
    se = (women * sensitivity + 1) / n_women
    sp = (men * specificity + 1) / n_men
    youden = se + sp - 1
    share = (p + sp - 1) / youden
    by_women, by_men = se * (1 - se) / n_women, sp * (1 - sp) / n_men
    variance = (p * (1 - p) / n + share**2 * by_women + (1 - share) ** 2 * by_men) / youden**2
    middle = share + 2 * z**2 * (share * by_women - (1 - share) * by_men)
    half = z * np.sqrt(variance)
    return float(np.clip(middle - half, 0, 1)), float(np.clip(middle + half, 0, 1))


def _finest(labels: Labels, size: int) -> NDArray[np.bool_]:
    of_size: NDArray[np.bool_] = labels.size == size
    for chosen in (of_size & labels.at_hand, of_size):
        if not _too_few(labels, chosen):
            return chosen
    return np.ones(len(labels), bool)


def _too_few(labels: Labels, chosen: NDArray[np.bool_]) -> str | None:
    if not len(labels):
        return "no labels: gfpipe label import"
    women, men = _counts(labels, chosen)
    recordings = len(np.unique(labels.recording[chosen]))
    if min(women, men) < MIN_LABELS or recordings < MIN_LABELLED_RECORDINGS:
        return (
            f"too few labels: {women} women and {men} men from {recordings} recordings; "
            f"{MIN_LABELS} of each from {MIN_LABELLED_RECORDINGS} recordings are needed"
        )
    return None


def _counts(labels: Labels, chosen: NDArray[np.bool_]) -> tuple[int, int]:
    women, men, _ = np.bincount(labels.truth[chosen], minlength=len(TRUTHS))
    return int(women), int(men)


def _expected(
    labels: Labels, chosen: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """Expected women and men for a face of each prediction, (3, D); sensitivity and specificity, (D,)."""
    cell = (labels.truth * len(ANSWERS) + labels.answer)[chosen]
    by_unit = np.zeros((len(TRUTHS) * len(ANSWERS), len(weights)))
    np.add.at(by_unit, (cell, labels.unit[chosen]), labels.weight[chosen])
    seen = (by_unit @ weights).reshape(len(TRUTHS), len(ANSWERS), -1)
    with np.errstate(invalid="ignore", divide="ignore"):
        predicted_women = (seen[:2] * _SCORE).sum(1) / seen[:2].sum(1)
        predictions = seen.sum(0)
        real = np.where(predictions > 0, 1 - seen[2] / predictions, 1)
    sensitivity, false_women = predicted_women
    expected = (_SCORE - false_women) / np.maximum(sensitivity - false_women, _MIN_DRAW)
    return real * expected, real * (1 - expected), sensitivity, 1 - false_women

"""What a classifier's answers are worth, by what people said of the same faces.

Rogan and Gladen (1978, equation 1): of faces whose share `p` is women, a classifier calls
``apparent = p * sensitivity + (1 - p) * (1 - specificity)`` women, so
``p = (apparent + specificity - 1) / (sensitivity + specificity - 1)``; in quantification this is adjusted
classify-and-count (Forman 2008). An undecided answer counts half a woman, in the apparent share as in the labels,
so that nothing is dropped and women and men are treated alike. Answers on what is no face at all are
first thinned by the share of real faces among labels with the same answer.

The same correction, face by face: with ``x = (score - 1 + specificity) / (sensitivity + specificity - 1)`` and a
score of 1, 0 or 1/2, the mean of x over women's faces is 1 and over men's 0. Where the errors of two faces in one
picture are independent, the mean of a product of such terms is the product of the truths; presence time rests on
that (`gfpipe.statistics.screen_time`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

SIZES: Final = ("small", "medium", "large")
ANSWERS: Final = ("female", "male", "undecided")  # of the classifier
TRUTHS: Final = ("female", "male", "no_face")  # of a person; one who cannot tell says nothing of the errors

FEWEST_LABELS: Final = 20  # of women, and of men
FEWEST_LABELLED_RECORDINGS: Final = 5
WEAKEST: Final = 0.5  # sensitivity + specificity - 1 below this multiplies errors more than twice
_SCORE: Final = np.array([1.0, 0.0, 0.5])[:, None]
_FLOOR: Final = 0.1  # of a single draw, where a few labels weigh much


@dataclass(frozen=True)
class Labels:
    """Labelled faces, with what the classifier said of them.

    Attributes:
        unit: (L,) int, row of the resampling weights of the label's recording.
        recording: (L,) int, which recording.
        at_hand: (L,) bool, of the channels that are to be corrected; the others help out.
        size: (L,) int, place in `SIZES`.
        truth: (L,) int, place in `TRUTHS`.
        answer: (L,) int, place in `ANSWERS`.
        weight: (L,) float, how much face time each stands for.
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


@dataclass(frozen=True)
class Correction:
    """What a face of each size and answer counts for, in every draw; column 0 of D is the estimate itself.

    Attributes:
        women, men: (3 sizes, 3 answers, D) expected women (men) for one face; may leave [0, 1].
        sensitivity, specificity: (3 sizes, D); an undecided answer is half an error.
        labels: how many women and men the worst stratum rests on.
        problem: why nothing can be corrected; None where it can.
    """

    women: NDArray[np.float64]
    men: NDArray[np.float64]
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    labels: tuple[int, int]
    problem: str | None = None


def correction(labels: Labels, weights: NDArray[np.float64]) -> Correction:
    """Measure the classifier on labels, by size of face.

    Where a size has fewer than 20 labelled women or men at hand, or labels from fewer than 5 recordings, that
    size's labels of all channels are taken, and if they are too few as well, all labels.

    Args:
        labels: of one classifier.
        weights: (U, D) of the resampling.
    """
    draws = weights.shape[1]
    sizes = []
    for size in range(len(SIZES)):
        chosen = _finest(labels, size)
        counts = _counts(labels, chosen)
        if problem := _too_few(labels, chosen):
            nothing = np.full((len(SIZES), len(ANSWERS), draws), np.nan)
            return Correction(nothing, nothing, nothing[:, 0], nothing[:, 0], counts, problem)
        sizes.append((_worth(labels, chosen, weights), counts))
    worth = [found for found, _ in sizes]
    women, men, sensitivity, specificity = (np.stack([part[i] for part in worth]) for i in range(4))
    youden = sensitivity[:, 0] + specificity[:, 0] - 1
    problem = None
    if youden.min() < WEAKEST:
        weakest = SIZES[int(youden.argmin())]
        problem = (
            f"on {weakest} faces the classifier is right too seldom: sensitivity + specificity - 1 is "
            f"{youden.min():.2f}, and at least {WEAKEST} is needed"
        )
    return Correction(women, men, sensitivity, specificity, min(counts for _, counts in sizes), problem)


def lang_reiczigel(
    apparent: float, faces: float, sensitivity: float, women: float, specificity: float, men: float
) -> tuple[float, float]:
    """The analytic 95 % interval of a corrected share (Lang and Reiczigel 2014, Prev. Vet. Med. 113, section 2.2).

    Args:
        apparent: share of faces called women.
        faces: how many faces that rests on; an effective number where they are not independent.
        sensitivity: share of women called women.
        women: how many labels that rests on; an effective number.
        specificity: share of men called men.
        men: how many labels that rests on.

    Returns:
        Low and high, within [0, 1].
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
    if min(women, men) < FEWEST_LABELS or recordings < FEWEST_LABELLED_RECORDINGS:
        return (
            f"too few labels: {women} women and {men} men from {recordings} recordings, where "
            f"{FEWEST_LABELS} of each from {FEWEST_LABELLED_RECORDINGS} are needed"
        )
    return None


def _counts(labels: Labels, chosen: NDArray[np.bool_]) -> tuple[int, int]:
    women, men, _ = np.bincount(labels.truth[chosen], minlength=len(TRUTHS))
    return int(women), int(men)


def _worth(labels: Labels, chosen: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Women and men for a face of each answer, (3, D); sensitivity and specificity, (D,)."""
    seen = np.zeros((len(TRUTHS), len(ANSWERS), weights.shape[1]))
    for truth in range(len(TRUTHS)):
        for answer in range(len(ANSWERS)):
            these = chosen & (labels.truth == truth) & (labels.answer == answer)
            seen[truth, answer] = labels.weight[these] @ weights[labels.unit[these]]
    with np.errstate(invalid="ignore", divide="ignore"):
        called_women = (seen[:2] * _SCORE).sum(1) / seen[:2].sum(1)
        said = seen.sum(0)
        real = np.where(said > 0, 1 - seen[2] / said, 1)
    sensitivity, false_women = called_women
    worth = (_SCORE - false_women) / np.maximum(sensitivity - false_women, _FLOOR)
    return real * worth, real * (1 - worth), sensitivity, 1 - false_women

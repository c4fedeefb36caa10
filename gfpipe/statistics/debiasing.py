"""Shares from all predictions, debiased by labels that were drawn with known probabilities.

Nothing is assumed about the classifier's errors, which may differ within a stratum. With weights of 1 / inclusion
probability, labels alone estimate the share (Hájek 1971), and the mean prediction of the labelled faces estimates that
of all faces, which is known. The difference between the latter two, the control, is 0 in expectation, and as far as
predictions are right it has the sampling error of the labels. Predict-then-debias (Kluger et al. 2025, after
prediction-powered inference, Angelopoulos et al. 2023) subtracts a multiple of it. The multiple of least variance (the
power tuning of PPI++) is the slope of the share on the control over bootstrap draws of whole recordings, each with its
predictions and labels.

Presence time adds to the predicted one, for each labelled face, its error times the probability that it alone decides
whether a woman (man) is on screen. This neglects products of the errors of two faces in one picture.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.statistics.misclassification import MIN_LABELLED_RECORDINGS, MIN_LABELS

SUMS: Final = 9  # columns of `of_labels`
TUNED: Final = 1  # degrees of freedom that a regression on the control takes
_CERTAIN: Final = 1e-6  # as in the macro bounded_probability

Floats = NDArray[np.float64]


@array_dataclass
class Predicted:
    """Seconds of a group by `p_female`, in D draws; draw 0 is the estimate.

    Attributes:
        analysed: (D,) time analysed.
        faces: (D,) face time.
        women: (D,) expected face time of women.
        female_presence, male_presence: (D,) expected presence time.
    """

    analysed: Floats
    faces: Floats
    women: Floats
    female_presence: Floats
    male_presence: Floats


@array_dataclass
class Debiased:
    """Debiased shares, (D,) each; draw 0 is the estimate."""

    female_face: Floats
    female_presence: Floats
    male_presence: Floats


def of_labels(truth: NDArray[np.int64], weight: Floats, p_female: Floats, no_female: Floats, no_male: Floats) -> Floats:
    """What each of L labels adds to the sums of `debiased`, (L, SUMS).

    Args:
        truth: (L,) index into `gfpipe.statistics.misclassification.TRUTHS`; others are neither women nor men.
        weight: (L,) face time that the label represents.
        p_female: (L,) prediction.
        no_female: (L,) probability that no counted face of the picture is a woman's.
        no_male: (L,) that none is a man's.
    """
    p = np.clip(p_female, _CERTAIN, 1 - _CERTAIN)
    women, men = truth == 0, truth == 1
    return np.column_stack(
        [
            np.ones(len(truth)),
            women,
            men,
            weight,
            weight * p_female,
            weight * women,
            weight * men,
            weight * (women - p_female) * no_female / (1 - p),
            weight * (men - (1 - p_female)) * no_male / p,
        ]
    ).astype(float)


def too_few(labels: Floats) -> str | None:
    """Why (U, SUMS) sums of labels by resampling unit are too few; None if they are enough."""
    number, women, men = labels[:, :3].sum(0).astype(int)
    recordings = int((labels[:, 0] > 0).sum())
    if not number:
        return "no labels drawn at random: gfpipe label sample"
    if min(women, men) < MIN_LABELS or recordings < MIN_LABELLED_RECORDINGS:
        return (
            f"too few labels drawn at random: {women} women and {men} men from {recordings} recordings; "
            f"{MIN_LABELS} of each from {MIN_LABELLED_RECORDINGS} recordings are needed"
        )
    return None


def debiased(predicted: Predicted, labels: Floats) -> Debiased:
    """Debias the predicted shares by (SUMS, D) sums of labels in the same draws."""
    seconds, expected, women, men, absent_women, absent_men = labels[3:]
    control = expected / seconds - predicted.women / predicted.faces
    missed = ((predicted.faces * absent / seconds) for absent in (absent_women, absent_men))
    presences = (predicted.female_presence, predicted.male_presence)
    shares = [
        women / (women + men),
        *((presence + time) / predicted.analysed for presence, time in zip(presences, missed, strict=True)),
    ]
    return Debiased(*(np.clip(_tuned(share, control), 0, 1) for share in shares))


def _tuned(share: Floats, control: Floats) -> Floats:
    """The share minus the multiple of the control that minimises the variance over the draws."""
    known = np.isfinite(share) & np.isfinite(control)
    known[0] = False
    if known.sum() < 2 or not (spread := float(control[known].var())):
        return share
    slope = float(np.mean((control[known] - control[known].mean()) * share[known])) / spread
    tuned: Floats = share - slope * control
    return tuned

"""Whether a probability can be taken at its word: reliability, expected calibration error, temperature scaling.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017. Of faces with an answer.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from gfpipe.evaluation.measures.metrics import THRESHOLD, graded

Floats = NDArray[np.float64]

BINS: Final = 15  # as in the paper
_SMALLEST: Final = 1e-7  # about half of float32's step below 1: a network's softmax cannot come closer to certainty
_COLDEST, _HOTTEST = 1e-2, 1e2  # temperatures beyond are no scaling of a classifier, but its end


@dataclass(frozen=True)
class Reliability:
    """What a classifier promises and what it keeps, by bins of its confidence.

    Attributes:
        edges: (BINS + 1,) of confidence, the probability of the answer given; for two classes never under a half.
        faces: (BINS,) how many.
        confidence: (BINS,) the mean; NaN in empty bins.
        accuracy: (BINS,) the share that is right; NaN in empty bins.
    """

    edges: Floats
    faces: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """The expected calibration error, equation 3: the mean distance between the two, weighted by faces."""
        if not self.faces.any():
            return np.nan
        return float(np.nansum(self.faces * np.abs(self.accuracy - self.confidence)) / self.faces.sum())


@dataclass(frozen=True)
class Calibration:
    """How well one model is calibrated, and what one number could mend.

    Attributes:
        error: the expected calibration error as it answers; NaN where there are only labels.
        temperature: that by which its logits would have to be divided.
        error_after: the expected calibration error then; the temperature of one half is tried on the other.
    """

    error: float
    temperature: float
    error_after: float


def reliability(p_female: Floats, female: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Sort (N,) answers by their confidence into equal bins, as (0, 1/15], (1/15, 2/15] and so on."""
    answered = np.isfinite(p_female)
    p, truth = p_female[answered], female[answered]
    confidence = np.maximum(p, 1 - p)
    right = (p >= THRESHOLD) == truth
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    faces = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(place, values, minlength=bins) / faces for values in (confidence, right)]
    return Reliability(edges, faces, *means)


def temperature(logit_margin: Floats, female: NDArray[np.bool_]) -> float:
    """The temperature that makes the labels likeliest (Guo et al., section 4.2): p = sigmoid(margin / temperature).

    In 1 / temperature the negative log-likelihood is convex, so its derivative has one zero.

    Args:
        logit_margin: (N,) the logit of female minus that of male.
        female: (N,) the labels.

    Returns:
        Above 1 where the classifier is too sure of itself. At most 100, and at least 0.01, where no error or nothing
        but errors would ask for infinity or zero; 1 for no faces at all.
    """
    towards_truth = np.where(female, logit_margin, -logit_margin)
    if not len(towards_truth):
        return 1.0

    def slope(log_temperature: float) -> float:
        return float(np.mean(towards_truth * expit(-towards_truth * np.exp(-log_temperature))))

    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    if slope(low) >= 0:  # colder is always better
        return _COLDEST
    if slope(high) <= 0:
        return _HOTTEST
    return float(np.exp(brentq(slope, low, high, xtol=1e-9)))


def margins(p_female: Floats) -> Floats:
    """The difference of two logits that a probability came from; those that were rounded to 0 or 1 are brought back."""
    return np.asarray(logit(np.clip(p_female, _SMALLEST, 1 - _SMALLEST)))


def scaled(p_female: Floats, by: float) -> Floats:
    """Probabilities after their logits were divided by a temperature; NaN stays."""
    return np.asarray(expit(margins(p_female) / by))


def calibrate(p_female: Floats, female: NDArray[np.bool_], seed: int = 0) -> Calibration:
    """Measure calibration, and what temperature scaling would do to it on faces that it was not chosen on."""
    answered = np.isfinite(p_female)
    p, truth = p_female[answered], female[answered]
    if not graded(p):
        return Calibration(np.nan, np.nan, np.nan)
    after = np.empty_like(p)
    half = np.random.default_rng(seed).permutation(len(p)) % 2 == 0
    for fold in (half, ~half):
        after[fold] = scaled(p[fold], temperature(margins(p[~fold]), truth[~fold]))
    return Calibration(
        error=reliability(p, truth).error,
        temperature=temperature(margins(p), truth),
        error_after=reliability(after, truth).error,
    )

"""Calibration of faces with a prediction: reliability, expected calibration error, temperature scaling.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

from gfpipe.base.arrays import array_dataclass
from gfpipe.evaluation.measures.metrics import THRESHOLD, graded

Floats = NDArray[np.float64]

BINS: Final = 15  # as in the paper
_SMALLEST: Final = 1e-7  # about half of float32's step below 1, the resolution of a network's softmax
_COLDEST, _HOTTEST = 1e-2, 1e2  # range of temperatures


@array_dataclass
class Reliability:
    """Confidence and accuracy by bins of confidence, the probability of the predicted class.

    Attributes:
        edges: (BINS + 1,) edges of the bins.
        faces: (BINS,) number of faces.
        confidence: (BINS,) mean confidence; NaN in empty bins.
        accuracy: (BINS,) NaN in empty bins.
    """

    edges: Floats
    faces: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """Expected calibration error (equation 3): mean of |accuracy - confidence|, weighted by faces."""
        if not self.faces.any():
            return np.nan
        return float(np.nansum(self.faces * np.abs(self.accuracy - self.confidence)) / self.faces.sum())


@dataclass(frozen=True)
class Calibration:
    """Calibration of one model before and after temperature scaling; NaN if the model outputs labels only.

    Attributes:
        error: expected calibration error.
        temperature: divisor of the logits that minimises the negative log-likelihood.
        error_after: expected calibration error after scaling, by twofold cross-validation.
    """

    error: float
    temperature: float
    error_after: float


def reliability(p_female: Floats, female: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Sort (N,) predictions by confidence into equal bins (0, 1/15], (1/15, 2/15] and so on."""
    predicted = np.isfinite(p_female)
    p, truth = p_female[predicted], female[predicted]
    confidence = np.maximum(p, 1 - p)
    correct = (p >= THRESHOLD) == truth
    edges = np.linspace(0, 1, bins + 1)
    index = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    faces = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(index, values, minlength=bins) / faces for values in (confidence, correct)]
    return Reliability(edges, faces, *means)


def temperature(logit_margin: Floats, female: NDArray[np.bool_]) -> float:
    """Maximum-likelihood temperature (Guo et al., section 4.2), with p = sigmoid(margin / temperature).

    The negative log-likelihood is convex in 1 / temperature, so its derivative has one zero.

    Args:
        logit_margin: (N,) logit of female minus logit of male.
        female: (N,) labels.

    Returns:
        Above 1 if the classifier is overconfident; clipped to [0.01, 100]; 1 without faces.
    """
    towards_truth = np.where(female, logit_margin, -logit_margin)
    if not len(towards_truth):
        return 1.0

    def slope(log_temperature: float) -> float:
        return float(np.mean(towards_truth * expit(-towards_truth * np.exp(-log_temperature))))

    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    if slope(low) >= 0:
        return _COLDEST
    if slope(high) <= 0:
        return _HOTTEST
    return float(np.exp(brentq(slope, low, high, xtol=1e-9)))


def margins(p_female: Floats) -> Floats:
    """Logit of female minus logit of male; probabilities are clipped to stay finite."""
    return np.asarray(logit(np.clip(p_female, _SMALLEST, 1 - _SMALLEST)))


def scaled(p_female: Floats, by: float) -> Floats:
    """Probabilities with their logits divided by a temperature; NaN stays NaN."""
    return np.asarray(expit(margins(p_female) / by))


def calibrate(p_female: Floats, female: NDArray[np.bool_], seed: int = 0) -> Calibration:
    """Measure calibration before and after temperature scaling."""
    predicted = np.isfinite(p_female)
    p, truth = p_female[predicted], female[predicted]
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

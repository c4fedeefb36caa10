"""Resampling whole recordings: what might have been on air instead, 2,000 times."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit

# Fewer recordings cannot hold the truth between them 95 times in 100: all n lie on one side of the median with
# probability 2 / 2^n.
FEWEST_RECORDINGS: Final = 5
# More recordings than this are resampled in random groups (Wolter 2007, chapter 2): a standard error from 200 of them
# is itself known to 1 / sqrt(2 * 199) = 5 %, and the work no longer grows with the archive.
ENOUGH_UNITS: Final = 200


@dataclass(frozen=True)
class Resampling:
    """Bootstrap weights of recordings; column 0 is the archive as it is.

    Attributes:
        unit: (R,) int, which row of `weights` each recording has; many recordings share one.
        weights: (U, 1 + draws) float64, of mean 1; column 0 is all ones.
        stratum: (R,) int, within which each recording was resampled.
    """

    unit: NDArray[np.int64]
    weights: NDArray[np.float64]
    stratum: NDArray[np.int64]

    @classmethod
    def within(cls, strata: ArrayLike, draws: int, seed: int = 0, most_units: int = ENOUGH_UNITS) -> "Resampling":
        """Resample recordings within strata, with Rao and Wu's (1988) weights.

        Of n recordings n - 1 are drawn with replacement, and weigh n / (n - 1) each time: the variance of a total
        is then unbiased, where the plain bootstrap's is too small by (n - 1) / n. A stratum of one recording says
        nothing of its variance, and keeps its weight.

        Args:
            strata: (R,) int, the stratum of each recording.
            draws: how many times.
            seed: the same seed gives the same intervals.
            most_units: of one stratum, which more recordings share.
        """
        rng = np.random.default_rng(seed)
        _, stratum, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
        units = np.minimum(sizes, most_units)
        first = np.cumsum(units) - units
        unit = first[stratum] + _place_within(stratum, rng) % units[stratum]
        weights = np.ones((int(units.sum()), 1 + draws))
        for size in np.unique(units[units > 1]):
            for start in first[units == size]:
                weights[start : start + size, 1:] = _rao_wu(size, draws, rng)
        return cls(unit, weights, stratum)


def _place_within(stratum: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """The place of each recording among those of its stratum, in random order; (R,) int from 0."""
    order = np.lexsort((rng.random(len(stratum)), stratum))
    ordered = stratum[order]
    place = np.empty(len(stratum), np.int64)
    place[order] = np.arange(len(stratum)) - np.searchsorted(ordered, ordered)
    return place


def _rao_wu(size: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    drawn = rng.integers(0, size, (size - 1, draws)) * draws + np.arange(draws)
    times: NDArray[np.float64] = np.bincount(drawn.ravel(), minlength=size * draws).reshape(size, draws).astype(float)
    return times * (size / (size - 1))


def interval(draws: NDArray[np.float64], freedom: int, most: float = 1.0) -> tuple[float, float]:
    """The 95 % interval of an estimate in [0, most]: Student's t times the bootstrap's standard error.

    On the logit scale, the standard error by the delta method (Korn and Graubard 1998; ``svyciprop(method =
    "logit")`` in R's survey package), or on the log scale where nothing bounds the estimate above. Where the plain
    interval would cross a bound, the plain one, cut there. Percentiles and BCa cover less often where a share is
    small: their skew points the wrong way.

    Args:
        draws: (1 + D,) the estimate, then that of each resampling; NaN where it was not defined.
        freedom: recordings minus strata.
        most: 1 for a share, infinity for a mean or a ratio.

    Returns:
        Low and high; NaN where there is no estimate, where one draw in twenty was not defined, or where all
        recordings are alike, which says nothing of how much they may differ.
    """
    value, known = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if freedom < 1 or not np.isfinite(value) or len(known) < 0.95 * (len(draws) - 1):
        return np.nan, np.nan
    half = half_width(float(known.var()), freedom)
    return around(value, half, most) if half else (np.nan, np.nan)


def half_width(variance: float, freedom: int) -> float:
    """Student's t times the standard error: half of a plain 95 % interval."""
    return float(stdtrit(freedom, 0.975) * np.sqrt(variance))


def around(value: float, half: float, most: float = 1.0) -> tuple[float, float]:
    """The interval of `interval` around an estimate, by half the width of the plain one."""
    if value - half <= 0 or value + half >= most:
        return max(value - half, 0.0), min(value + half, most)
    if np.isinf(most):
        factor = np.exp(half / value)
        return value / factor, value * factor
    low, high = expit(logit(value / most) + np.array([-1, 1]) * half / (value * (1 - value / most))) * most
    return float(low), float(high)

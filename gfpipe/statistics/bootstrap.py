"""Bootstrap over whole recordings."""

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit, stdtrit

from gfpipe.base.arrays import array_dataclass

# With fewer recordings 95 % coverage is impossible: all n are on one side of the median with probability 2 / 2^n.
MIN_RECORDINGS: Final = 5
# Larger strata are resampled in random groups (Wolter 2007, chapter 2), so that the cost does not grow with the
# archive: the relative error of a standard error from 200 units is 1 / sqrt(2 * 199) = 5 %.
MAX_UNITS: Final = 200


@array_dataclass
class Resampling:
    """Bootstrap weights of recordings.

    Attributes:
        unit: (R,) int, row of `weights` for each recording; recordings may share a row.
        weights: (U, 1 + draws) float64 with mean 1; column 0, the archive itself, is all ones.
        stratum: (R,) int, stratum of each recording.
    """

    unit: NDArray[np.int64]
    weights: NDArray[np.float64]
    stratum: NDArray[np.int64]

    @classmethod
    def within(cls, strata: ArrayLike, draws: int, seed: int = 0, most_units: int = MAX_UNITS) -> "Resampling":
        """Resample recordings within strata, with Rao and Wu's (1988) weights.

        Of n recordings n - 1 are drawn with replacement, each with a weight of n / (n - 1), so the variance of a total
        is unbiased; the plain bootstrap's is too small by (n - 1) / n. A stratum of one recording keeps its weight.
        `strata` are (R,) int; in a stratum of more than `most_units` recordings, recordings share units.
        """
        rng = np.random.default_rng(seed)
        _, stratum, sizes = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
        units = np.minimum(sizes, most_units)
        first = np.cumsum(units) - units
        unit = first[stratum] + _random_position(stratum, rng) % units[stratum]
        weights = np.ones((int(units.sum()), 1 + draws))
        for size in np.unique(units[units > 1]):
            for start in first[units == size]:
                weights[start : start + size, 1:] = _rao_wu(size, draws, rng)
        return cls(unit, weights, stratum)


def _random_position(stratum: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(R,) position of each recording in a random order of its stratum, from 0."""
    order = np.lexsort((rng.random(len(stratum)), stratum))
    ordered = stratum[order]
    position = np.empty(len(stratum), np.int64)
    position[order] = np.arange(len(stratum)) - np.searchsorted(ordered, ordered)
    return position


def _rao_wu(size: int, draws: int, rng: np.random.Generator) -> NDArray[np.float64]:
    draw = rng.integers(0, size, (size - 1, draws)) * draws + np.arange(draws)
    times: NDArray[np.float64] = np.bincount(draw.ravel(), minlength=size * draws).reshape(size, draws).astype(float)
    return times * (size / (size - 1))


def interval(draws: NDArray[np.float64], freedom: int, most: float = 1.0) -> tuple[float, float]:
    """The 95 % interval of an estimate in [0, most]: Student's t times the bootstrap standard error.

    It is computed on the logit scale with the delta method (Korn and Graubard 1998; ``svyciprop(method = "logit")`` in
    R's survey package), or on the log scale without an upper bound. If the linear interval crosses a bound, it is
    used, clipped, instead. Percentile and BCa intervals have a lower coverage for small shares, as their skew has the
    wrong sign.

    Args:
        draws: (1 + D,) the estimate and its value in each draw; NaN where it is not defined.
        freedom: degrees of freedom: recordings minus strata.
        most: upper bound: 1 for a share, infinity for a mean or a ratio.

    Returns:
        Low and high; NaN without an estimate, if more than 5 % of the draws are not defined, or if the variance is 0.
    """
    value, known = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if freedom < 1 or not np.isfinite(value) or len(known) < 0.95 * (len(draws) - 1):
        return np.nan, np.nan
    half = half_width(float(known.var()), freedom)
    return around(value, half, most) if half else (np.nan, np.nan)


def half_width(variance: float, freedom: int) -> float:
    """Half the width of a linear 95 % interval: Student's t times the standard error."""
    return float(stdtrit(freedom, 0.975) * np.sqrt(variance))


def around(value: float, half: float, most: float = 1.0) -> tuple[float, float]:
    """The interval of :func:`interval`, from half the width of the linear interval."""
    if value - half <= 0 or value + half >= most:
        return max(value - half, 0.0), min(value + half, most)
    if np.isinf(most):
        factor = np.exp(half / value)
        return value / factor, value * factor
    low, high = expit(logit(value / most) + np.array([-1, 1]) * half / (value * (1 - value / most))) * most
    return float(low), float(high)

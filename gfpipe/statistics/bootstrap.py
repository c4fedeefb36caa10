"""Bootstrap over whole recordings."""

from functools import lru_cache
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
    """A bootstrap of R recordings in S strata; the draws of a stratum depend on its recordings only.

    Attributes:
        unit: (R,) int, the unit of each recording, which is drawn as a whole; recordings may share one.
        stratum: (R,) int, index of the stratum of each recording.
        first: (S,) int, the first unit of each stratum.
        size: (S,) int, its number of units.
        key: (S,) int, the name of its first recording, which seeds its draws.
        draws: their number.
        seed: of all strata.
    """

    unit: NDArray[np.int64]
    stratum: NDArray[np.int64]
    first: NDArray[np.int64]
    size: NDArray[np.int64]
    key: NDArray[np.int64]
    draws: int
    seed: int

    @classmethod
    def within(
        cls,
        strata: ArrayLike,
        draws: int,
        seed: int = 0,
        most_units: ArrayLike = MAX_UNITS,
        names: ArrayLike | None = None,
    ) -> "Resampling":
        """Resample recordings within strata.

        Args:
            strata: (R,) int.
            draws: their number.
            seed: of all strata.
            most_units: for all strata, or (R,) that of each recording's stratum; in a stratum of more recordings,
                recordings share units.
            names: (R,) int, the recordings' names, ascending; their indices by default.
        """
        _, index, stratum, sizes = np.unique(
            np.asarray(strata), return_index=True, return_inverse=True, return_counts=True
        )
        size = np.minimum(sizes, np.broadcast_to(most_units, len(stratum))[index])
        key = (np.arange(len(stratum)) if names is None else np.asarray(names))[index]
        order, begin = np.argsort(stratum, kind="stable"), np.cumsum(sizes) - sizes
        position = np.empty(len(stratum), np.int64)
        position[order] = np.arange(len(stratum)) - begin[stratum[order]]
        for large in np.flatnonzero(sizes > size):
            members = order[begin[large] : begin[large] + sizes[large]]
            position[members] = np.random.default_rng([seed, key[large], 1]).permutation(len(members))
        first = np.cumsum(size) - size
        return cls(first[stratum] + position % size[stratum], stratum, first, size, key, draws, seed)

    def weights(self, units: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(U, 1 + draws) weights of ascending units, by default all; column 0, the archive itself, is all ones.

        They are Rao and Wu's (1988): of n recordings n - 1 are drawn with replacement, each with a weight of
        n / (n - 1), so the variance of a total is unbiased; the plain bootstrap's is too small by (n - 1) / n. A
        stratum of one recording keeps its weight.
        """
        units = np.arange(int(self.size.sum())) if units is None else units
        weights = np.ones((len(units), 1 + self.draws))
        strata, start = np.unique(np.searchsorted(self.first, units, "right") - 1, return_index=True)
        for stratum, begin, end in zip(strata, start, np.append(start, len(units))[1:], strict=True):
            if self.size[stratum] > 1:
                # Strata of one size share their draws, each in an order of its own.
                drawn = _rao_wu(int(self.size[stratum]), self.draws, self.seed)
                order = np.random.default_rng([self.seed, self.key[stratum]]).permutation(self.draws)
                weights[begin:end, 1:] = drawn[units[begin:end] - self.first[stratum]][:, order]
        return weights


@lru_cache(maxsize=8)
def _rao_wu(size: int, draws: int, seed: int) -> NDArray[np.float64]:
    rng = np.random.default_rng([seed, size])
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

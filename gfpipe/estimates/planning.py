"""Sample sizes: labels needed for a confidence interval of a given width."""

from typing import Final

import numpy as np

from gfpipe.base.arrays import array_dataclass
from gfpipe.estimates.precision import Precision
from gfpipe.labelling.design import sampling
from gfpipe.labelling.design.sampling import Floats
from gfpipe.statistics.bootstrap import around, half_width

_MAX_FACES: Final = 10_000_000
_MIN_OF_EACH: Final = 90  # women, and men: 1.5 times what corrections by three sizes need


@array_dataclass
class Plan:
    """A sample size, and the interval that it leads to."""

    target: float  # requested width of the interval
    width: float | None  # of the published interval; None if none is published
    floor: float  # width if all errors were known: the variance between recordings alone
    faces: int | None  # to label, allocated by need; None if no number is sufficient
    proportional: int | None  # the same, allocated in proportion to the population
    promised: float | None  # expected width after labelling `faces`
    allocation: Floats  # (H,) expected faces by stratum


def plan(precision: Precision, target: float) -> Plan:
    """Compute the smallest sample for an interval of at most the target width."""
    published = None if precision.published is None else width(precision, precision.published)
    floor = width(precision, precision.archive)
    faces = _faces(precision, target, active=True)
    proportional = _faces(precision, target, active=False)
    allocation = _expected(precision, faces or 0, active=True)
    promised = None if faces is None else published if not faces else promise(precision, faces)
    return Plan(target, published, floor, faces, proportional, promised, allocation)


def width(precision: Precision, variance: float) -> float:
    """Return the width of the 95 % interval for a variance."""
    half = half_width(variance, precision.freedom)
    if not np.isfinite(half):
        return 1.0
    low, high = around(precision.share, half)
    return high - low


def promise(precision: Precision, faces: int, active: bool = True) -> float:
    """Return the expected width after labelling this many more faces."""
    return width(precision, precision.archive + _by_labels(precision, faces, active))


def _faces(precision: Precision, target: float, active: bool) -> int | None:
    if precision.published is not None and width(precision, precision.published) <= target:
        return 0
    if width(precision, precision.archive) >= target:
        return None
    most = min(int(precision.needs.population.sum()), _MAX_FACES)
    low = high = 0 if precision.published is not None else _fewest(precision, active)
    while promise(precision, high, active) > target:
        if high >= most:
            return None
        low, high = high, min(max(2 * high, 16), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if promise(precision, middle, active) <= target else (middle, high)
    return high


def _by_labels(precision: Precision, faces: int, active: bool) -> float:
    """Return the variance due to labels after labelling this many more faces.

    Draws are combined in proportion to their numbers of labels (SQL macro ``part_of_draws``).
    """
    if not faces:
        return precision.labels
    expected = _expected(precision, faces, active)
    drawn = expected > 0
    fresh = precision.clustering * float((precision.needs.need[drawn] ** 2 / expected[drawn]).sum())
    if not np.isfinite(precision.labels):
        return fresh
    return (precision.answers**2 * precision.labels + faces**2 * fresh) / (precision.answers + faces) ** 2


def _expected(precision: Precision, faces: int, active: bool) -> Floats:
    if not faces:
        return np.zeros(len(precision.needs.population))
    if active:
        return sampling.by_need(precision.needs.population, precision.needs.need, faces)
    return sampling.proportional(precision.needs.population, faces, 0)


def _fewest(precision: Precision, active: bool) -> int:
    """Return a sample size with enough women and men for a correction."""
    shares = _expected(precision, 1000, active) / min(1000, precision.needs.population.sum())
    rarer = min(float(shares @ precision.needs.women), float(shares @ precision.needs.men))
    return min(int(np.ceil(_MIN_OF_EACH / max(rarer, 1e-3))), int(precision.needs.population.sum()))

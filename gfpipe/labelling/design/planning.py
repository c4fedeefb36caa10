"""Sample sizes: labels needed for a confidence interval of a given width."""

from typing import Final

import numpy as np

from gfpipe.arrays import array_dataclass
from gfpipe.labelling.design import sampling
from gfpipe.labelling.design.sampling import Floats, Integers
from gfpipe.statistics.bootstrap import around, half_width

_MAX_FACES: Final = 10_000_000
_MIN_OF_EACH: Final = 90  # women, and men: 1.5 times what corrections by three sizes need


@array_dataclass
class Estimate:
    """The current estimate of a share: its variance, and the precision of H strata.

    Attributes:
        share: the corrected share.
        published: variance of the published share; None if none is published.
        archive: variance between recordings, which labels do not reduce.
        labels: variance due to existing labels; infinite if there are too few.
        answers: number of existing labels.
        clustering: variance of new labels relative to labels of independent recordings.
        freedom: degrees of freedom of the interval.
        population: (H,) int, faces by stratum.
        need: (H,) N_h times the root mean square contribution of a face to the share.
        women, men: (H,) expected shares of the faces.
    """

    share: float
    published: float | None
    archive: float
    labels: float
    answers: int
    clustering: float
    freedom: int
    population: Integers
    need: Floats
    women: Floats
    men: Floats

    def width(self, variance: float) -> float:
        """Return the width of the 95 % interval for a variance."""
        half = half_width(variance, self.freedom)
        if not np.isfinite(half):
            return 1.0
        low, high = around(self.share, half)
        return high - low


@array_dataclass
class Plan:
    """A sample size, and the interval that it leads to.

    Attributes:
        target: requested width of the interval.
        width: width of the published interval; None if none is published.
        floor: width if all errors were known: the variance between recordings alone.
        faces: faces to label, allocated by need; None if no number is sufficient.
        proportional: the same, allocated in proportion to the population.
        promised: expected width after labelling `faces`.
        allocation: (H,) float, expected `faces` by stratum.
    """

    target: float
    width: float | None
    floor: float
    faces: int | None
    proportional: int | None
    promised: float | None
    allocation: Floats


def plan(estimate: Estimate, target: float) -> Plan:
    """Compute the smallest sample for an interval of at most the target width."""
    width = None if estimate.published is None else estimate.width(estimate.published)
    floor = estimate.width(estimate.archive)
    faces = _faces(estimate, target, active=True)
    proportional = _faces(estimate, target, active=False)
    allocation = _expected(estimate, faces or 0, active=True)
    promised = None if faces is None else width if not faces else promise(estimate, faces)
    return Plan(target, width, floor, faces, proportional, promised, allocation)


def promise(estimate: Estimate, faces: int, active: bool = True) -> float:
    """Return the expected width after labelling this many more faces."""
    return estimate.width(estimate.archive + _by_labels(estimate, faces, active))


def _faces(estimate: Estimate, target: float, active: bool) -> int | None:
    if estimate.published is not None and estimate.width(estimate.published) <= target:
        return 0
    if estimate.width(estimate.archive) >= target:
        return None
    most = min(int(estimate.population.sum()), _MAX_FACES)
    low = high = 0 if estimate.published is not None else _fewest(estimate, active)
    while promise(estimate, high, active) > target:
        if high >= most:
            return None
        low, high = high, min(max(2 * high, 16), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if promise(estimate, middle, active) <= target else (middle, high)
    return high


def _by_labels(estimate: Estimate, faces: int, active: bool) -> float:
    """Return the variance due to labels after labelling this many more faces.

    Draws are combined in proportion to their numbers of labels (SQL macro ``part_of_draws``).
    """
    if not faces:
        return estimate.labels
    expected = _expected(estimate, faces, active)
    drawn = expected > 0
    fresh = estimate.clustering * float((estimate.need[drawn] ** 2 / expected[drawn]).sum())
    if not np.isfinite(estimate.labels):
        return fresh
    return (estimate.answers**2 * estimate.labels + faces**2 * fresh) / (estimate.answers + faces) ** 2


def _expected(estimate: Estimate, faces: int, active: bool) -> Floats:
    if not faces:
        return np.zeros(len(estimate.population))
    if active:
        return sampling.by_need(estimate.population, estimate.need, faces)
    return sampling.proportional(estimate.population, faces, 0)


def _fewest(estimate: Estimate, active: bool) -> int:
    """Return a sample size with enough women and men for a correction."""
    shares = _expected(estimate, 1000, active) / min(1000, estimate.population.sum())
    rarer = min(float(shares @ estimate.women), float(shares @ estimate.men))
    return min(int(np.ceil(_MIN_OF_EACH / max(rarer, 1e-3))), int(estimate.population.sum()))

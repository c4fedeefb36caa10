"""How many faces must still be labelled for an interval of a wanted width, and of which strata."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gfpipe.labelling.design import sampling
from gfpipe.labelling.design.sampling import Floats, Integers
from gfpipe.statistics.bootstrap import around, half_width

_MOST: Final = 10_000_000  # faces that anybody would label
_FEWEST_OF_EACH: Final = 90  # women, and men: what corrections need of three sizes, and half as much again


@dataclass(frozen=True)
class Known:
    """What is known of a share's precision before more is labelled.

    Attributes:
        share: the corrected share.
        published: variance of what is published today; None where nothing is.
        archive: variance that no label can lower.
        labels: variance by the labels there are; infinite where there are too few.
        answers: how many these are.
        clustering: how much more new labels vary than if each were of a recording of its own.
        freedom: degrees of freedom of the interval.
        population: (H,) faces of each stratum.
        need: (H,) N_h times the root mean square of what a face contributes to the share.
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
        """Of the 95 % interval under this variance, as it is published."""
        half = half_width(variance, self.freedom)
        if not np.isfinite(half):
            return 1.0
        low, high = around(self.share, half)
        return high - low


@dataclass(frozen=True)
class Plan:
    """What to label.

    Attributes:
        wanted: the width that is wished for.
        width: of the interval that is published today; None where there is none.
        floor: width if every error were known: the archive's own variation.
        faces: how many faces must still be labelled, by need; None where no number is enough.
        proportional: the same, if they are drawn in proportion to the faces of the archive; None as well.
        promised: the width after `faces` are labelled.
        allocation: (H,) float, of which strata the faces are drawn.
    """

    wanted: float
    width: float | None
    floor: float
    faces: int | None
    proportional: int | None
    promised: float | None
    allocation: Floats


def plan(known: Known, wanted: float) -> Plan:
    """Plan for an interval that is at most so wide."""
    width = None if known.published is None else known.width(known.published)
    floor = known.width(known.archive)
    faces = _faces(known, wanted, active=True)
    proportional = _faces(known, wanted, active=False)
    allocation = _expected(known, faces or 0, active=True)
    promised = None if faces is None else width if not faces else promise(known, faces)
    return Plan(wanted, width, floor, faces, proportional, promised, allocation)


def promise(known: Known, faces: int, active: bool = True) -> float:
    """How wide the interval will be once so many faces more are labelled."""
    return known.width(known.archive + _by_labels(known, faces, active))


def _faces(known: Known, wanted: float, active: bool) -> int | None:
    if known.published is not None and known.width(known.published) <= wanted:
        return 0
    if known.width(known.archive) >= wanted:
        return None
    most = min(int(known.population.sum()), _MOST)
    low = high = 0 if known.published is not None else _fewest(known, active)
    while promise(known, high, active) > wanted:
        if high >= most:
            return None
        low, high = high, min(max(2 * high, 16), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if promise(known, middle, active) <= wanted else (middle, high)
    return high


def _by_labels(known: Known, faces: int, active: bool) -> float:
    """The labels' part of the variance once so many faces more are labelled.

    The labels of several draws are joined in proportion to how many they are (the SQL macro ``part_of_draws``).
    """
    if not faces:
        return known.labels
    expected = _expected(known, faces, active)
    drawn = expected > 0
    fresh = known.clustering * float((known.need[drawn] ** 2 / expected[drawn]).sum())
    if not np.isfinite(known.labels):
        return fresh
    return (known.answers**2 * known.labels + faces**2 * fresh) / (known.answers + faces) ** 2


def _expected(known: Known, faces: int, active: bool) -> Floats:
    if not faces:
        return np.zeros(len(known.population))
    if active:
        return sampling.by_need(known.population, known.need, faces)
    return sampling.proportional(known.population, faces, 0)


def _fewest(known: Known, active: bool) -> int:
    """Faces among which there will be enough women and men for a correction."""
    shares = _expected(known, 1000, active) / min(1000, known.population.sum())
    rarer = min(float(shares @ known.women), float(shares @ known.men))
    return min(int(np.ceil(_FEWEST_OF_EACH / max(rarer, 1e-3))), int(known.population.sum()))

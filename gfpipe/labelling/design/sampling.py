"""Allocation of a sample to strata, and the order of a label queue.

Stratified simple random sampling without replacement (Cochran 1977, chapter 5). Every stratum gets a share of the
sample, a fraction of a face where there are more strata than faces, so that no inclusion probability is 0 and totals
weighted by 1 / inclusion probability (Horvitz and Thompson 1952) are unbiased. Faces that are labelled or in another
queue may be drawn again: excluding them would bias the probabilities, and each queue represents the whole archive.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError
from gfpipe.labelling.design.queues import FACE, FRAME, Item

BY: Final = ("channel", "month", "size", "confidence")
BY_FRAMES: Final = ("channel", "month")
ANSWER: Final = "answer"  # of the classifier; for active sampling only
_LARGEST_MINIMA: Final = 0.5  # share of the sample that minima may take

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Row = Mapping[str, Any]


@array_dataclass
class Allocation:
    """Names, populations and sample sizes of H strata, (H,) each; `taken` is `expected` rounded up or down."""

    strata: tuple[str, ...]
    population: Integers
    expected: Floats
    taken: Integers

    @property
    def inclusion_probability(self) -> Floats:
        """(H,) inclusion probability of each face or frame of a stratum."""
        # A stratum with an expected size below 1 is drawn from at random; its expected size counts.
        drawn = np.where(self.expected >= 1, self.taken, self.expected)
        return np.minimum(drawn / self.population, 1.0)


def checked_by(by: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Split a comma-separated list of stratification variables; raises UsageError for unknown or repeated names."""
    names = tuple(filter(None, map(str.strip, by.split(","))))
    for name in names:
        if name not in allowed:
            raise UsageError(f"--by {name}: choose from {', '.join(allowed)}")
    if len(set(names)) < len(names):
        raise UsageError(f"--by {by}: a name is repeated")
    return names


def proportional(population: Integers, size: int, least: float) -> Floats:
    """Allocate a sample of `size` in proportion to the population, (H,), with a minimum per stratum.

    Minima that would take more than half of the sample are reduced to half of it.

    Returns:
        (H,) float, at most `population`, adding up to `size` or to the population if that is smaller.
    """
    size = min(size, int(population.sum()))
    minima = np.minimum(population, least)
    if minima.sum() > _LARGEST_MINIMA * size:
        minima = minima * (_LARGEST_MINIMA * size / minima.sum())
    return _distribute(population.astype(float), population, size, minima)


def by_need(population: Integers, need: Floats, size: int, mixed: float = 0.1) -> Floats:
    """Allocate as :func:`proportional`, but to need, (H,): population times standard deviation (Neyman 1934).

    A share `mixed` of the sample is allocated in proportion to the population, so that a stratum whose need is
    underestimated does not get extreme weights (Hesterberg 1995).
    """
    size = min(size, int(population.sum()))
    needed = need / need.sum() if need.sum() else population / population.sum()
    shares = (1 - mixed) * needed + mixed * population / population.sum()
    return _distribute(shares, population, size, np.zeros(len(population)))


def allocate(strata: Sequence[str], population: Integers, expected: Floats, seed: int) -> Allocation:
    """Round expected sizes at random, preserving their sum and expectations.

    Systematic sampling (Madow 1949): an expected size of 0.3 becomes 1 in 3 of 10 draws.
    """
    start = float(np.random.default_rng(seed).random())
    # rounded, so that a whole sum does not lose a face to floating-point error
    ends = np.floor(np.round(np.cumsum(expected), 9) + start)
    taken = np.diff(np.concatenate([[np.floor(start)], ends])).astype(np.int64)
    return Allocation(tuple(strata), population, expected, np.minimum(taken, population))


def queue_items(faces: Sequence[Row], frames: Sequence[Row], repeats: float, seed: int) -> tuple[Item, ...]:
    """Shuffle drawn faces and frames, and repeat some faces.

    The first half of a queue is a random half. Repeats, a share of the faces from 0 to 0.5, follow half a queue after
    their first appearance. Rows are those of the query ``drawn``.
    """
    rows: list[tuple[str, Row]] = [*((FACE, row) for row in faces), *((FRAME, row) for row in frames)]
    rng = np.random.default_rng(seed)
    shuffled = [rows[index] for index in rng.permutation(len(rows))]
    half = -(-len(shuffled) // 2)
    early = [index for index, (kind, _) in enumerate(shuffled[:half]) if kind == FACE]
    count = min(round(repeats * len(faces)), len(early))
    repeated = rng.choice(early, count, replace=False) if count else np.empty(0, np.int64)
    order = [(float(index), kind, row, False) for index, (kind, row) in enumerate(shuffled)]
    order += [(index + half - 0.5, *shuffled[index], True) for index in repeated]
    order.sort(key=lambda item: item[0])
    return tuple(_item(position, kind, row, repeat) for position, (_, kind, row, repeat) in enumerate(order))


def opaque_name(stratum: str) -> str:
    """Return a stratum name that does not reveal the classifier's answer."""
    return hashlib.blake2b(stratum.encode(), digest_size=4).hexdigest()


def _distribute(shares: Floats, population: Integers, size: int, minima: Floats) -> Floats:
    """Distribute `size` in proportion to `shares`, between `minima` and `population`."""
    low, high = 0.0, size / max(float(shares[shares > 0].min(initial=1.0)), 1e-300)
    for _ in range(200):  # bisection for the factor at which the bounded shares add up to size
        factor = (low + high) / 2
        if _bounded(shares * factor, population, minima).sum() < size:
            low = factor
        else:
            high = factor
    sizes = _bounded(shares * high, population, minima)
    return sizes * (size / sizes.sum()) if sizes.sum() else sizes


def _bounded(numbers: Floats, population: Integers, minima: Floats) -> Floats:
    return np.minimum(np.maximum(numbers, minima), population)


def _item(position: int, kind: str, row: Row, is_repeat: bool) -> Item:
    weight = 1 / row["inclusion_probability"]
    own = {"position": position, "kind": kind, "weight": weight, "is_repeat": is_repeat}
    values: dict[str, Any] = {field.name: row.get(field.name) for field in fields(Item)} | own
    return Item(**values)

"""What to label: how many faces of each stratum, in which order, and how likely each was to be asked.

Stratified simple random sampling without replacement (Cochran 1977, chapter 5). Every stratum that has a face gets a
share of the faces, a fraction of one where there are more strata than faces, so that no face of the archive has an
inclusion probability of 0 and totals by 1 / inclusion probability (Horvitz and Thompson 1952) are unbiased. Faces that
somebody labelled before, or that wait in another queue, may be drawn again: leaving them out would bend the
probabilities, and each queue stands for the whole archive by itself.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.labelling.design.queues import FACE, FRAME, Item

BY: Final = ("channel", "month", "size", "confidence")
BY_FRAMES: Final = ("channel", "month")
ANSWER: Final = "answer"  # of the classifier; only what is planned is stratified by it
_MOST_FOR_MINIMA: Final = 0.5  # of what is drawn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Allocation:
    """How much is drawn of each of H strata.

    Attributes:
        strata: (H,) names.
        population: (H,) how many there are.
        expected: (H,) float, how many are drawn on average.
        taken: (H,) int, how many are drawn: `expected` rounded up or down.
    """

    strata: tuple[str, ...]
    population: Integers
    expected: Floats
    taken: Integers

    @property
    def inclusion_probability(self) -> Floats:
        """(H,) of each face or frame of a stratum.

        Where at least one is drawn in any case: those taken of those that there are; else those expected.
        """
        drawn = np.where(self.expected >= 1, self.taken, self.expected)
        return np.minimum(drawn / self.population, 1.0)


def checked_by(by: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """The names of ``--by channel,size``.

    Raises:
        UsageError: one of them is unknown, or stands there twice.
    """
    names = tuple(filter(None, map(str.strip, by.split(","))))
    for name in names:
        if name not in allowed:
            raise UsageError(f"--by {name}: choose from {', '.join(allowed)}")
    if len(set(names)) < len(names):
        raise UsageError(f"--by {by}: a name stands there twice")
    return names


def proportional(population: Integers, wanted: int, least: float) -> Floats:
    """So many of each stratum as its part of the population, but at least `least`, and never more than there are.

    Where the least of all strata would take more than half of what is drawn, it is lowered so that it takes half.

    Returns:
        (H,) float, adding up to `wanted`, or to the population where that is smaller.
    """
    wanted = min(wanted, int(population.sum()))
    minima = np.minimum(population, least)
    if minima.sum() > _MOST_FOR_MINIMA * wanted:
        minima = minima * (_MOST_FOR_MINIMA * wanted / minima.sum())
    return _share_out(population.astype(float), population, wanted, minima)


def by_need(population: Integers, need: Floats, wanted: int, mixed: float = 0.1) -> Floats:
    """So many of each stratum as it is needed, but never more than there are.

    Args:
        population: (H,) how many there are.
        need: (H,) population times standard deviation, as Neyman (1934) allocates.
        wanted: how many are drawn.
        mixed: the part that is shared out proportionally, so that a stratum whose need was judged too low does not
            weigh too much (Hesterberg 1995).

    Returns:
        (H,) float, as `proportional`.
    """
    wanted = min(wanted, int(population.sum()))
    needed = need / need.sum() if need.sum() else population / population.sum()
    shares = (1 - mixed) * needed + mixed * population / population.sum()
    return _share_out(shares, population, wanted, np.zeros(len(population)))


def allocate(strata: Sequence[str], population: Integers, expected: Floats, seed: int) -> Allocation:
    """Round the expected numbers so that they add up, each up or down with the right chance.

    Systematic rounding (Madow 1949): a stratum of which 0.3 faces are expected gets one in 3 of 10 draws.
    """
    start = float(np.random.default_rng(seed).random())
    # what adds up to a whole number must not lose a face to the last binary digit
    ends = np.floor(np.round(np.cumsum(expected), 9) + start)
    taken = np.diff(np.concatenate([[np.floor(start)], ends])).astype(np.int64)
    return Allocation(tuple(strata), population, expected, np.minimum(taken, population))


def queue_items(faces: Sequence[Row], frames: Sequence[Row], repeats: float, seed: int) -> tuple[Item, ...]:
    """Shuffle what was drawn, and ask a share of the faces twice.

    Whoever stops half-way has labelled a random half. A repeated face comes half a queue after its first showing.

    Args:
        faces: rows of the question ``drawn_faces``.
        frames: rows of ``drawn_frames``.
        repeats: share of the faces that is asked again, 0 to 0.5.
        seed: the same seed gives the same order.
    """
    rows: list[tuple[str, Row]] = [*((FACE, row) for row in faces), *((FRAME, row) for row in frames)]
    rng = np.random.default_rng(seed)
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    half = -(-len(shuffled) // 2)
    early = [place for place, (kind, _) in enumerate(shuffled[:half]) if kind == FACE]
    count = min(round(repeats * len(faces)), len(early))
    again = rng.choice(early, count, replace=False) if count else np.empty(0, np.int64)
    order = [(float(place), kind, row, False) for place, (kind, row) in enumerate(shuffled)]
    order += [(place + half - 0.5, *shuffled[place], True) for place in again]
    order.sort(key=lambda each: each[0])
    return tuple(_item(position, kind, row, repeat) for position, (_, kind, row, repeat) in enumerate(order))


def secret(stratum: str) -> str:
    """A name for a stratum that does not say what the classifier answered."""
    return hashlib.blake2b(stratum.encode(), digest_size=4).hexdigest()


def _share_out(shares: Floats, population: Integers, wanted: int, minima: Floats) -> Floats:
    """`wanted` by `shares`, within the bounds; what a full stratum cannot take goes to the others."""
    low, high = 0.0, wanted / max(float(shares[shares > 0].min(initial=1.0)), 1e-300)
    for _ in range(200):  # the factor at which the bounded shares add up, halving the interval
        factor = (low + high) / 2
        if _bounded(shares * factor, population, minima).sum() < wanted:
            low = factor
        else:
            high = factor
    found = _bounded(shares * high, population, minima)
    return found * (wanted / found.sum()) if found.sum() else found


def _bounded(numbers: Floats, population: Integers, minima: Floats) -> Floats:
    return np.minimum(np.maximum(numbers, minima), population)


def _item(position: int, kind: str, row: Row, is_repeat: bool) -> Item:
    probability = float(row["inclusion_probability"])
    return Item(
        position=position,
        kind=kind,
        recording_id=row["recording_id"],
        path=row["path"],
        channel=row["channel"],
        programme=row["programme"],
        started_at=row["started_at"],
        sample_index=row["sample_index"],
        seconds=row["seconds"],
        face_index=row.get("face_index"),
        x1=row.get("x1"),
        y1=row.get("y1"),
        x2=row.get("x2"),
        y2=row.get("y2"),
        config_digest=row["config_digest"],
        stratum=row["stratum"],
        inclusion_probability=probability,
        weight=1 / probability,
        is_repeat=is_repeat,
    )

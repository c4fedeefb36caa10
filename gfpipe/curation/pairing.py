"""Women and men matched one to one within nested strata, and in which order pairs are taken under a limit.

strata, the outermost first -> pairs in the innermost stratum that has both -> rounds: each stratum gives one a round

Matching is coarsened exact matching, one to one and without replacement (Iacus, King and Porro 2012, Causal Inference
without Balance Checking), coarsened level by level for those that the finer strata left over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of a woman and a man.

    Attributes:
        female, male: (P,) their places among the faces.
        depth: (P,) in how many levels of strata they agree, from 0 to L.
        stratum: (L + 1, P) number of the stratum at each depth; of the woman where it is deeper than they agree.
    """

    female: Codes
    male: Codes
    depth: Codes
    stratum: NDArray[np.int64]


def pairs(female: NDArray[np.bool_], levels: Sequence[NDArray[Any]]) -> Pairs:
    """Match as many as there are of the rarer of the two, each in the innermost stratum that has both to spare.

    In every stratum of every level, as many pairs lie wholly inside as the lesser of its women and its men.

    Args:
        female: (N,) the faces, in the order in which they are to be taken.
        levels: L arrays of (N,) words or numbers, the outermost level first; a stratum is a combination of those of
            the levels down to its own.
    """
    strata = _nested(len(female), levels)
    women, men = np.flatnonzero(female), np.flatnonzero(~female)
    found: list[tuple[Codes, Codes, int]] = []
    for depth in reversed(range(len(strata))):
        waiting, counterparts = (
            strata[depth][some] * len(female) + _turns(strata[depth][some]) for some in (women, men)
        )  # the first woman of a stratum and its first man have one number, and so on
        _, these, those = np.intersect1d(waiting, counterparts, assume_unique=True, return_indices=True)
        found.append((women[these], men[those], depth))
        women, men = np.delete(women, these), np.delete(men, those)
    matched = np.concatenate([some for some, _, _ in found])
    return Pairs(
        matched,
        np.concatenate([some for _, some, _ in found]),
        np.concatenate([np.full(len(some), depth) for some, _, depth in found]),
        np.array([stratum[matched] for stratum in strata]),
    )


def in_rounds(found: Pairs) -> Codes:
    """(P,) the pairs in the order in which they are taken; the first n are as even over strata as the supply allows.

    In each stratum, the strata inside it take turns, one pair each a round, until they have no more; the pairs that
    only it holds together come last. So of the first n pairs, strata that lie in one stratum get equally many, to
    within one, except those that have no more to give.
    """
    turn = np.zeros(len(found.depth), np.int64)
    for depth in reversed(range(len(found.stratum))):
        inside = np.flatnonzero(found.depth >= depth)
        stratum, across = found.stratum[depth][inside], found.depth[inside] == depth
        order = np.lexsort((found.female[inside], turn[inside], across, stratum))
        turn[inside[order]] = _turns(stratum[order])
    return np.argsort(turn)


def _nested(count: int, levels: Sequence[NDArray[Any]]) -> list[Codes]:
    """At each depth (N,) the number of the stratum; at depth 0 there is but one."""
    strata = [np.zeros(count, np.int64)]
    for words in levels:
        _, within = np.unique(words, return_inverse=True)
        _, joint = np.unique(strata[-1] * (within.max(initial=0) + 1) + within, return_inverse=True)
        strata.append(joint.astype(np.int64))
    return strata


def _turns(groups: Codes) -> Codes:
    """(N,) how many of its group stand before each."""
    order = np.argsort(groups, kind="stable")
    _, sizes = np.unique(groups, return_counts=True)
    turns = np.empty(len(groups), np.int64)
    turns[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return turns

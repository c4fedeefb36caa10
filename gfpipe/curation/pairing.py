"""Matches women and men one to one within nested strata, and orders the pairs for sampling under a limit.

Coarsened exact matching, one to one and without replacement (Iacus, King and Porro 2012, Causal Inference without
Balance Checking), coarsened level by level for faces that finer strata left unmatched.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass

Codes = NDArray[np.int64]


@array_dataclass
class Pairs:
    """P pairs of a woman and a man.

    Attributes:
        female, male: (P,) their indices.
        depth: (P,) number of levels of strata that they share, 0 to L.
        stratum: (L + 1, P) stratum of the woman at each depth.
    """

    female: Codes
    male: Codes
    depth: Codes
    stratum: NDArray[np.int64]


def match(female: NDArray[np.bool_], levels: Sequence[NDArray[Any]]) -> Pairs:
    """Match all of the rarer gender, each pair in the innermost stratum with both genders left.

    In every stratum of every level, as many pairs are wholly inside as the lesser of its women and its men.

    Args:
        female: (N,) the faces, in order of preference.
        levels: L arrays of (N,) names or numbers, the outermost level first; a stratum is a combination of the values
            of the levels down to its own.
    """
    strata = _nested(len(female), levels)
    women, men = np.flatnonzero(female), np.flatnonzero(~female)
    matches: list[tuple[Codes, Codes, int]] = []
    for depth in reversed(range(len(strata))):
        female_keys, male_keys = (  # equal for the n-th woman and the n-th man of a stratum
            strata[depth][faces] * len(female) + _ranks(strata[depth][faces]) for faces in (women, men)
        )
        _, first, second = np.intersect1d(female_keys, male_keys, assume_unique=True, return_indices=True)
        matches.append((women[first], men[second], depth))
        women, men = np.delete(women, first), np.delete(men, second)
    matched = np.concatenate([female for female, _, _ in matches])
    return Pairs(
        matched,
        np.concatenate([male for _, male, _ in matches]),
        np.concatenate([np.full(len(female), depth) for female, _, depth in matches]),
        np.array([stratum[matched] for stratum in strata]),
    )


def in_rounds(pairs: Pairs) -> Codes:
    """(P,) the order in which pairs are taken; the first n are as even over strata as the supply allows.

    In each stratum, its inner strata contribute one pair per round until they are exhausted; pairs across inner strata
    come last. So of the first n pairs, strata within one stratum get equally many, to within one, unless exhausted.
    """
    rank = np.zeros(len(pairs.depth), np.int64)
    for depth in reversed(range(len(pairs.stratum))):
        inside = np.flatnonzero(pairs.depth >= depth)
        stratum, across = pairs.stratum[depth][inside], pairs.depth[inside] == depth
        order = np.lexsort((pairs.female[inside], rank[inside], across, stratum))
        rank[inside[order]] = _ranks(stratum[order])
    return np.argsort(rank)


def _nested(count: int, levels: Sequence[NDArray[Any]]) -> list[Codes]:
    """(N,) stratum numbers at each depth; at depth 0 there is one stratum."""
    strata = [np.zeros(count, np.int64)]
    for names in levels:
        _, within = np.unique(names, return_inverse=True)
        _, joint = np.unique(strata[-1] * (within.max(initial=0) + 1) + within, return_inverse=True)
        strata.append(joint.astype(np.int64))
    return strata


def _ranks(groups: Codes) -> Codes:
    """(N,) rank of each within its group, from 0."""
    order = np.argsort(groups, kind="stable")
    _, sizes = np.unique(groups, return_counts=True)
    ranks = np.empty(len(groups), np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks

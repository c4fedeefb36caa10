"""Selects a balanced training set from candidates, and counts why others were dropped.

confident -> one per track -> no near-duplicates -> splits by programme -> pairs of a woman and a man -> limit

Random choices are hashes of each face's identity: the same candidates give the same set everywhere, and a larger limit
only adds faces.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.pairing import in_rounds, match
from gfpipe.curation.strata import STRATA, held_back, identities
from gfpipe.errors import UsageError
from gfpipe.training.data.splits import shuffled

UNSURE: Final = "the model is not confident enough"
SAME_TRACK: Final = "another face of its track was selected"
SAME_PICTURE: Final = "near-duplicate of a selected face"
NO_COUNTERPART: Final = "no face of the other perceived gender left to match"
OVER_LIMIT: Final = "above the limit"

TRAIN: Final = "train"
VALIDATION: Final = "validation"

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """Rules of selection.

    Attributes:
        threshold_female, threshold_male: minimum confidence, |2p - 1|, 0 to 1.
        balance: strata in which women and men are matched and over which faces are spread, most important first.
        limit: maximum number of faces; 0 for no limit.
        validation: share of programmes that is held back for early stopping.
        same_bits: images whose fingerprints differ in at most this many bits are near-duplicates.

    Raises:
        UsageError: a value is out of range.
    """

    threshold_female: float
    threshold_male: float
    balance: tuple[str, ...] = ("confidence", "channel", "programme", "face_size", "hour")
    limit: int = 0
    validation: float = 0.1
    same_bits: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("threshold_female", "threshold_male"):
            if not 0 <= (value := getattr(self, name)) < 1:
                raise UsageError(f"{name} is {value}; choose a confidence from 0 to below 1, such as 0.9")
        for name in self.balance:
            if name not in STRATA:
                raise UsageError(f"cannot balance by {name!r}; choose from {', '.join(STRATA)}")
        if self.limit < 0 or self.limit == 1:
            raise UsageError(f"a limit of {self.limit} allows no pair; choose 2 or more, or 0 for all")
        if not 0 <= self.validation < 1:
            raise UsageError(f"validation is {self.validation}; choose a share from 0 to below 1")
        if not 0 <= self.same_bits <= duplicates.MAX_SAME_BITS:
            raise UsageError(f"same_bits is {self.same_bits}; choose 0 to {duplicates.MAX_SAME_BITS}")


@dataclass(frozen=True)
class Dropped:
    """Faces dropped for one reason, by perceived gender."""

    reason: str
    female: int
    male: int


@array_dataclass
class Selection:
    """The selected candidates.

    Attributes:
        chosen: (M,) indices of candidates, ascending; as many women as men, in each split too.
        part: (M,) split: ``train`` or ``validation``.
        dropped: all reasons in order of the steps; with the chosen, they add up to N.
    """

    chosen: NDArray[np.int64]
    part: NDArray[np.str_]
    dropped: tuple[Dropped, ...]


def select(candidates: Candidates, rules: Rules) -> Selection:
    """Select as many confident women as men, spread over strata.

    Guarantees, with strata nested in the order of ``rules.balance`` (confidence, within it channels, …):

    - One face per track, chosen at random; no two fingerprints differ in ``same_bits`` bits or fewer.
    - No programme is in both splits; where it is unknown, no recording.
    - In each split, women and men are matched one to one, in the innermost stratum with both genders left; in every
      stratum of every level, as many pairs are wholly inside as the lesser of its women and its men.
    - Under a limit, strata within one stratum get equally many pairs, to within one, unless exhausted; pairs across
      strata come last. Splits share the limit as they share the pairs.
    """
    dropped = _Dropping(candidates.female)
    pool = np.argsort(shuffled(identities(candidates), "curation", rules.seed), kind="stable")
    pool = dropped.all_but(pool, confident(candidates, rules)[pool], UNSURE)
    pool = dropped.all_but(pool, one_per_track(candidates.track[pool]), SAME_TRACK)
    pool = dropped.all_but(pool, duplicates.distinct(candidates.fingerprint[pool], rules.same_bits), SAME_PICTURE)

    pairs_by_split = _matched(candidates.take(pool), rules)
    matched = np.concatenate([pool[pairs.reshape(-1)] for pairs in pairs_by_split])
    dropped.all_but(pool, np.isin(pool, matched), NO_COUNTERPART)
    quotas = _quotas([len(pairs) for pairs in pairs_by_split], rules.limit)
    taken = [pairs[:quota] for pairs, quota in zip(pairs_by_split, quotas, strict=True)]
    chosen = np.concatenate([pool[pairs.reshape(-1)] for pairs in taken])
    dropped.all_but(matched, np.isin(matched, chosen), OVER_LIMIT)
    part = np.repeat([TRAIN, VALIDATION], [pairs.size for pairs in taken])
    order = np.argsort(chosen)
    return Selection(chosen[order], part[order], tuple(dropped.counts))


def confident(candidates: Candidates, rules: Rules) -> NDArray[np.bool_]:
    """(N,) mask of faces whose confidence reaches the threshold."""
    return candidates.confidence >= np.where(candidates.female, rules.threshold_female, rules.threshold_male)


class _Dropping:
    """Counts dropped faces by step."""

    def __init__(self, female: NDArray[np.bool_]) -> None:
        self._female = female
        self.counts: list[Dropped] = []

    def all_but(self, pool: Indices, mask: NDArray[np.bool_], reason: str) -> Indices:
        gone = pool[~mask]
        women = int(np.count_nonzero(self._female[gone]))
        self.counts.append(Dropped(reason, women, len(gone) - women))
        return pool[mask]


def one_per_track(track: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) mask of the first face of each track, and all faces without a track."""
    first = np.zeros(len(track), np.bool_)
    first[np.unique(track, return_index=True)[1]] = True
    return first | (track < 0)


def _matched(candidates: Candidates, rules: Rules) -> list[NDArray[np.int64]]:
    """(P, 2) indices of matched women and men for each split, in order of preference."""
    strata = [STRATA[name](candidates) for name in rules.balance]
    validation = held_back(candidates, rules.validation, rules.seed)
    matched = []
    for split in (np.flatnonzero(~validation), np.flatnonzero(validation)):
        pairs = match(candidates.female[split], [names[split] for names in strata])
        order = in_rounds(pairs)
        matched.append(np.stack([split[pairs.female[order]], split[pairs.male[order]]], axis=1))
    return matched


def _quotas(supply: list[int], limit: int) -> list[int]:
    """Number of pairs per split under the limit, in proportion to the supply."""
    if not limit or limit // 2 >= sum(supply):
        return supply
    validation = round(limit // 2 * supply[1] / sum(supply))
    return [limit // 2 - validation, validation]

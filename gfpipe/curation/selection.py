"""Which of many faces a training set is made of, and why the others are not.

sure enough -> one a track -> no near-duplicates -> parts by programme -> pairs of a woman and a man -> the limit

Nothing is drawn by anything but a hash of what each face is known by: the same faces give the same set everywhere,
and a larger limit only adds to it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.curation import duplicates
from gfpipe.curation.candidates import Candidates
from gfpipe.curation.pairing import in_rounds, pairs
from gfpipe.curation.strata import STRATA, held_back, identities
from gfpipe.errors import UsageError
from gfpipe.training.data.splits import shuffled

UNSURE: Final = "the model is not confident enough"
SAME_TRACK: Final = "another face of its track was taken"
SAME_PICTURE: Final = "looks like a face that was taken"
NO_COUNTERPART: Final = "no face of the other perceived gender is left to match it"
OVER_LIMIT: Final = "more than the limit"

TRAIN: Final = "train"
VALIDATION: Final = "validation"

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Rules:
    """What a set is to be.

    Attributes:
        threshold_female, threshold_male: how confident the model must at least be, |2p - 1|, 0 to 1.
        balance: by which strata women and men are matched and faces are spread, the most important first.
        limit: faces in all, at most; 0: as many as there are.
        validation: share of programmes that is held back to say when training is to stop.
        same_bits: pictures whose fingerprints differ in at most so many bits are the same.
        seed: of every lot.

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
                raise UsageError(f"faces cannot be balanced by {name!r}; choose from {', '.join(STRATA)}")
        if self.limit < 0 or self.limit == 1:
            raise UsageError(f"a limit of {self.limit} leaves no pair; choose 2 or more, or 0 for all")
        if not 0 <= self.validation < 1:
            raise UsageError(f"validation is {self.validation}; choose a share from 0 to below 1")
        if not 0 <= self.same_bits <= duplicates.MOST_SAME_BITS:
            raise UsageError(f"same_bits is {self.same_bits}; choose 0 to {duplicates.MOST_SAME_BITS}")


@dataclass(frozen=True)
class Dropped:
    """How many faces went for one reason, by what the model perceives."""

    reason: str
    female: int
    male: int


@dataclass(frozen=True, eq=False)
class Selection:
    """What was chosen, and what was not.

    Attributes:
        chosen: (M,) places among the candidates, ascending: as many women as men, in each part too.
        part: (M,) ``train`` or ``validation``.
        dropped: every reason in the order of the steps, also where it met nobody; with the chosen, they add up to N.
    """

    chosen: NDArray[np.int64]
    part: NDArray[np.str_]
    dropped: tuple[Dropped, ...]


def select(candidates: Candidates, rules: Rules) -> Selection:
    """Choose as many women as men of whom the model is sure, spread over strata.

    What is guaranteed, with strata nested in the order of ``rules.balance`` (confidence, within it channels, …):

    - Of each track one face, drawn by lot; no two faces whose fingerprints differ in ``same_bits`` bits or fewer.
    - No programme is in both parts; where it is unknown, no recording.
    - In each part, women and men are matched one to one, in the innermost stratum that has both to spare; in every
      stratum of every level, as many pairs lie wholly inside as the lesser of its women and its men.
    - Under a limit, strata that lie within one stratum get equally many pairs, to within one, except those that have
      no more to give; pairs across strata only fill what matched ones leave. Parts share it as they share the pairs.
    """
    dropped = _Dropping(candidates.female)
    pool = np.argsort(shuffled(identities(candidates), "curation", rules.seed), kind="stable")
    pool = dropped.all_but(pool, confident(candidates, rules)[pool], UNSURE)
    pool = dropped.all_but(pool, one_a_track(candidates.track[pool]), SAME_TRACK)
    pool = dropped.all_but(pool, duplicates.firsts(candidates.fingerprint[pool], rules.same_bits), SAME_PICTURE)

    found = _matched(candidates.take(pool), rules)
    matched = np.concatenate([pool[faces.reshape(-1)] for faces in found])
    dropped.all_but(pool, np.isin(pool, matched), NO_COUNTERPART)
    taken = [
        faces[:quota] for faces, quota in zip(found, _quotas([len(faces) for faces in found], rules.limit), strict=True)
    ]
    chosen = np.concatenate([pool[faces.reshape(-1)] for faces in taken])
    dropped.all_but(matched, np.isin(matched, chosen), OVER_LIMIT)
    part = np.repeat([TRAIN, VALIDATION], [faces.size for faces in taken])
    order = np.argsort(chosen)
    return Selection(chosen[order], part[order], tuple(dropped.counts))


def confident(candidates: Candidates, rules: Rules) -> NDArray[np.bool_]:
    """(N,) whether the model is sure enough of each face."""
    return candidates.confidence >= np.where(candidates.female, rules.threshold_female, rules.threshold_male)


class _Dropping:
    """Counts who goes at each step."""

    def __init__(self, female: NDArray[np.bool_]) -> None:
        self._female = female
        self.counts: list[Dropped] = []

    def all_but(self, pool: Places, kept: NDArray[np.bool_], reason: str) -> Places:
        gone = pool[~kept]
        women = int(np.count_nonzero(self._female[gone]))
        self.counts.append(Dropped(reason, women, len(gone) - women))
        return pool[kept]


def one_a_track(track: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(N,) the first of each track, and every face whose track is unknown."""
    first = np.zeros(len(track), np.bool_)
    first[np.unique(track, return_index=True)[1]] = True
    return first | (track < 0)


def _matched(candidates: Candidates, rules: Rules) -> list[NDArray[np.int64]]:
    """For each part, (P, 2) women and men matched, in the order in which they are taken."""
    strata = [STRATA[name](candidates) for name in rules.balance]
    behind = held_back(candidates, rules.validation, rules.seed)
    matched = []
    for here in (np.flatnonzero(~behind), np.flatnonzero(behind)):
        found = pairs(candidates.female[here], [words[here] for words in strata])
        first = in_rounds(found)
        matched.append(np.stack([here[found.female[first]], here[found.male[first]]], axis=1))
    return matched


def _quotas(supply: list[int], limit: int) -> list[int]:
    """How many pairs are taken of each part: their shares of the supply."""
    if not limit or limit // 2 >= sum(supply):
        return supply
    behind = round(limit // 2 * supply[1] / sum(supply))
    return [limit // 2 - behind, behind]

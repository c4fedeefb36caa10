"""Mixtures of data sets and the faces of an epoch: shares, filters, balance, and an order drawn by hash.

"aaf + 20 % kaggle" -> faces of the split -> filters -> a fixed share of each data set -> balanced cells -> one epoch

The result does not depend on file names, the order of files or the machine.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE, MALE
from gfpipe.errors import UsageError
from gfpipe.evaluation.measures.ages import AGE_BANDS
from gfpipe.models.lineage import filters_text
from gfpipe.training.data.splits import Faces, joined, shuffled

Attribute = Literal["gender", "perceived_gender", "ethnicity", "age", "dataset"]
Filter = Mapping[Attribute, Sequence[str]]  # accepted values

_SHARE: Final = re.compile(
    r"(?:(?P<weight>\d+(?:\.\d+)?|\.\d+)\s*(?P<percent>%)?\s*(?:of\s+)?)?(?P<name>[A-Za-z][\w.-]*)"
)
_ALIASES: Final = {"gender": "perceived_gender"}  # in recipes
# Values of filters that are valid without such faces; ethnicities of UTKFace and FairFace.
_ETHNICITIES: Final = ("white", "black", "asian", "indian", "other", "east asian", "southeast asian", "middle eastern")
_VALUES: Final[Mapping[str, Sequence[str]]] = {
    "perceived_gender": (FEMALE, MALE),
    "age": AGE_BANDS,
    "ethnicity": (*_ETHNICITIES, "latino"),
    "dataset": (),
}


@dataclass(frozen=True)
class Share:
    """The share of a data set's faces to take: above 0, and 1 for all."""

    dataset: str
    weight: float = 1.0


def parse(text: str) -> tuple[Share, ...]:
    """Parse ``utkface``, ``aaf + 20 % kaggle`` or ``aaf + 0.2 kaggle``.

    Raises:
        UsageError: the text or a share is not valid, or a data set is named twice.
    """
    shares: dict[str, Share] = {}
    for term in text.split("+"):
        match = _SHARE.fullmatch(term.strip())
        if not match:
            raise UsageError(f"mixture {text!r}: {term.strip()!r} is not a share: write aaf, 20 % kaggle or 0.2 kaggle")
        weight = float(match["weight"] or 1) / (100 if match["percent"] else 1)
        if not 0 < weight <= 1:
            raise UsageError(f"mixture {text!r}: {term.strip()!r} is not above 0 and at most all of a data set")
        if match["name"] in shares:
            raise UsageError(f"mixture {text!r}: {match['name']} is named twice")
        shares[match["name"]] = Share(match["name"], weight)
    return tuple(shares.values())


def select(
    faces: Faces,
    part_mask: NDArray[np.bool_],
    mixture: Sequence[Share],
    only: Filter | None = None,
    without: Filter | None = None,
    *,
    both: bool = True,
) -> NDArray[np.int64]:
    """Select the faces of a mixture, each once; the same ones in every epoch.

    Filters apply first; of the remaining faces, a share takes those that a hash ranks first. ``only`` keeps faces with
    one of the values of every attribute, ``without`` drops those with a value of any; an unknown value is in no list.

    Args:
        faces: N distinct faces.
        part_mask: (N,) whether a face is in the split.
        mixture: shares of data sets.
        only: values by attribute: ``perceived_gender``, ``ethnicity``, ``age`` (bands such as ``0-9``), ``dataset``.
        without: likewise.
        both: whether both perceived genders are needed.

    Returns:
        Indices of faces, ascending.

    Raises:
        UsageError: an unknown data set, attribute or value, no face left of a data set, or one perceived gender only.
    """
    eligible = part_mask & _passes(faces, only or {}, without or {})
    filters = filters_text(only or {}, without or {})
    filters = filters and f", {filters}"
    rank = shuffled(faces.digests, "share")
    chosen: list[NDArray[np.int64]] = []
    for share in mixture:
        mine = np.flatnonzero(eligible & (faces.dataset == share.dataset))
        if not np.any(faces.dataset == share.dataset):
            names = ", ".join(np.unique(faces.dataset)) or "none"
            raise UsageError(f"the mixture names {share.dataset}, but the data sets are: {names}")
        taken = round(len(mine) * share.weight)
        if not taken:
            some = f" in {share.weight:.3g} of {len(mine)}" if len(mine) else ""
            raise UsageError(f"{share.dataset}: no face is left{some}{filters}")
        chosen.append(mine[np.argsort(rank[mine])[:taken]])
    together = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
    genders = np.unique(faces.perceived_gender[together])
    if both and len(genders) < 2:
        names = " + ".join(share.dataset for share in mixture)
        kind = f"{names}: all {len(together):,} faces are {''.join(genders)}{filters}"
        raise UsageError(f"{kind}; a classifier needs both female and male")
    return together


def draw(
    faces: Faces,
    part_mask: NDArray[np.bool_],
    mixture: Sequence[Share],
    balance: Sequence[str] = (),
    only: Filter | None = None,
    without: Filter | None = None,
    *,
    seed: int = 0,
    epoch: int = 0,
    size: int = 0,
    both: bool = True,
) -> NDArray[np.int64]:
    """Draw one epoch, in random order: the faces of :func:`select`, each once, or ``size`` of them.

    With ``balance``, every combination of the attributes' values, unknown values included, gets the same number of
    faces, to within one. Epochs (from 0) take successive pieces of a cell's faces, and restart when it is exhausted.
    Attributes are those of filters.

    Raises:
        UsageError: as in :func:`select`, or an unknown attribute to balance.
    """
    chosen = select(faces, part_mask, mixture, only, without, both=both)
    chosen = chosen[np.argsort(faces.digests[chosen])]  # independent of the order of files
    if balance or size:
        cell = np.zeros(len(chosen), np.int64)
        if balance:
            cell = np.unique(joined(*(_values(faces, name) for name in balance))[chosen], return_inverse=True)[1]
        chosen = _balanced(chosen, cell, faces.digests, seed, epoch, size or len(chosen))
    return chosen[np.argsort(shuffled(np.arange(len(chosen), dtype=np.uint64), "epoch", seed, epoch))]


def _balanced(
    chosen: NDArray[np.int64], cell: NDArray[np.int64], digests: NDArray[np.uint64], seed: int, epoch: int, size: int
) -> NDArray[np.int64]:
    """Take the same number of faces of each cell; the first cells get the remainder."""
    count = int(cell.max()) + 1
    quota, surplus = divmod(size, count)
    return np.concatenate(
        [
            _piece(chosen[cell == number], digests, quota + (number < surplus), (seed, number), epoch)
            for number in range(count)
        ]
    )


def _piece(
    members: NDArray[np.int64], digests: NDArray[np.uint64], quota: int, key: tuple[int, int], epoch: int
) -> NDArray[np.int64]:
    """An epoch's piece of an endless sequence of rounds, each with every member once, in another order."""
    size, start = len(members), epoch * quota
    first, last = start // size, (start + quota - 1) // size
    rounds = [members[np.argsort(shuffled(digests[members], "round", *key, turn))] for turn in range(first, last + 1)]
    begin = start - first * size
    return np.concatenate(rounds)[begin : begin + quota]


def _passes(faces: Faces, only: Filter, without: Filter) -> NDArray[np.bool_]:
    passes = np.ones(len(faces.images), np.bool_)
    for filters, keep in ((only, True), (without, False)):
        for attribute, values in filters.items():
            column = _values(faces, attribute)
            _check(attribute, values, column)
            passes &= np.isin(column, list(values)) == keep
    return passes


def _values(faces: Faces, attribute: str) -> NDArray[np.str_]:
    columns = {
        "perceived_gender": faces.perceived_gender,
        "ethnicity": faces.ethnicity,
        "age": faces.age_band,
        "dataset": faces.dataset,
    }
    name = _ALIASES.get(attribute, attribute)
    if name not in columns:
        raise UsageError(f"{attribute!r} is not an attribute of faces: use one of {', '.join(columns)}")
    return columns[name]


def _check(attribute: str, values: Sequence[str], column: NDArray[np.str_]) -> None:
    """Refuse values that no face can have, which are typing errors."""
    known = {*np.unique(column).tolist(), *_VALUES[_ALIASES.get(attribute, attribute)]}
    if unknown := [value for value in values if value not in known]:
        listed = ", ".join(sorted(known - {""}))
        raise UsageError(f"no face has {attribute} {', '.join(map(repr, unknown))}; there are {listed}")

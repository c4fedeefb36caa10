"""Which faces an epoch sees: shares of data sets, filtered and balanced, in an order drawn by hash.

"aaf + 20 % kaggle" -> faces of the part -> filters -> a fixed share of each set -> cells of equal weight -> one epoch

Nothing depends on file names, on the order of files, or on the machine.
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
_CALLED: Final = {"gender": "perceived_gender"}  # the short word of recipes
# UTKFace's five words and FairFace's seven: a filter may name them whether or not such faces are there.
_ETHNICITIES: Final = ("white", "black", "asian", "indian", "other", "east asian", "southeast asian", "middle eastern")
_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "perceived_gender": (FEMALE, MALE),
    "age": AGE_BANDS,
    "ethnicity": (*_ETHNICITIES, "latino"),
    "dataset": (),
}


@dataclass(frozen=True)
class Share:
    """How much of a data set's faces to take.

    Attributes:
        weight: above 0, to 1 for all of them.
    """

    dataset: str
    weight: float = 1.0


def parse(text: str) -> tuple[Share, ...]:
    """Read ``utkface``, ``aaf + 20 % kaggle`` or ``aaf + 0.2 kaggle``.

    Raises:
        UsageError: another form, a share that is none, or a data set named twice.
    """
    shares: dict[str, Share] = {}
    for term in text.split("+"):
        match = _SHARE.fullmatch(term.strip())
        if not match:
            raise UsageError(f"mixture {text!r}: {term.strip()!r} is no share: write aaf, 20 % kaggle or 0.2 kaggle")
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
    """Find the faces of a mixture, each once; the same ones in every epoch.

    Filters come first; of what they leave, a share takes the faces that a hash ranks first. ``only`` keeps the faces
    that have one of the values of every attribute; ``without`` drops those that have one of any. Where an attribute is
    not known, ``only`` drops a face and ``without`` keeps it.

    Args:
        faces: N distinct faces.
        part_mask: (N,) whether a face belongs to the part that is drawn from.
        mixture: which data sets, and how much of each.
        only: values by attribute: ``perceived_gender``, ``ethnicity``, ``age`` (bands such as ``0-9``), ``dataset``.
        without: likewise.
        both: whether both perceived genders are needed.

    Returns:
        Indices of faces, rising.

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
            raise UsageError(f"the mixture names {share.dataset}, but the data sets given are: {names}")
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
    """Draw one epoch: as many faces as :func:`select` finds, or ``size``, in an order of its own.

    Without ``balance`` and ``size``, each of them once. With ``balance``, every combination of the attributes' values
    (faces of which one is not known are a value too) counts the same, to within one face: of a large cell each epoch
    sees another piece, and goes on where the epoch before stopped; a small cell is begun again when all its faces were
    seen.

    Args:
        faces: N distinct faces.
        part_mask: (N,) whether a face belongs to the part that is drawn from.
        mixture: which data sets, and how much of each.
        balance: attributes, such as ``("gender", "ethnicity")``.
        only: as in :func:`select`.
        without: as in :func:`select`.
        seed: the same seed draws the same epochs.
        epoch: from 0.
        size: how many faces; 0 for as many as are found. Of more, each epoch sees another piece; fewer come again.
        both: as in :func:`select`.

    Raises:
        UsageError: as in :func:`select`, or an unknown attribute to balance.
    """
    chosen = select(faces, part_mask, mixture, only, without, both=both)
    chosen = chosen[np.argsort(faces.digests[chosen])]  # whatever the order of files
    if balance or size:
        cell = np.zeros(len(chosen), np.int64)
        if balance:
            cell = np.unique(joined(*(_values(faces, name) for name in balance))[chosen], return_inverse=True)[1]
        chosen = _balanced(chosen, cell, faces.digests, seed, epoch, size or len(chosen))
    places = np.arange(len(chosen), dtype=np.uint64)
    return chosen[np.argsort(shuffled(places, "epoch", seed, epoch))]


def _balanced(
    chosen: NDArray[np.int64], cell: NDArray[np.int64], digests: NDArray[np.uint64], seed: int, epoch: int, size: int
) -> NDArray[np.int64]:
    """So many of the chosen faces, the same number of each cell; what does not divide goes to the first cells."""
    count = int(cell.max()) + 1
    quota, surplus = divmod(size, count)
    return np.concatenate(
        [
            _piece(chosen[cell == number], digests, quota + (number < surplus), (seed, number), epoch)
            for number in range(count)
        ]
    )


def _piece(
    members: NDArray[np.int64], digests: NDArray[np.uint64], quota: int, lot: tuple[int, int], epoch: int
) -> NDArray[np.int64]:
    """The piece of an epoch in an endless row of rounds, each of which has every member once in another order."""
    size, start = len(members), epoch * quota
    first, last = start // size, (start + quota - 1) // size
    rounds = [members[np.argsort(shuffled(digests[members], "round", *lot, turn))] for turn in range(first, last + 1)]
    begin = start - first * size
    return np.concatenate(rounds)[begin : begin + quota]


def _passes(faces: Faces, only: Filter, without: Filter) -> NDArray[np.bool_]:
    passes = np.ones(len(faces.images), np.bool_)
    for filters, keep in ((only, True), (without, False)):
        for attribute, values in filters.items():
            there = _values(faces, attribute)
            _check(attribute, values, there)
            passes &= np.isin(there, list(values)) == keep
    return passes


def _values(faces: Faces, attribute: str) -> NDArray[np.str_]:
    """(N,) what is known of each face."""
    columns = {
        "perceived_gender": faces.perceived_gender,
        "ethnicity": faces.ethnicity,
        "age": faces.age_band,
        "dataset": faces.dataset,
    }
    name = _CALLED.get(attribute, attribute)
    if name not in columns:
        raise UsageError(f"{attribute!r} is nothing that is known of faces: write one of {', '.join(columns)}")
    return columns[name]


def _check(attribute: str, values: Sequence[str], there: NDArray[np.str_]) -> None:
    """A value that no face can have is a slip, and would filter nothing."""
    name = _CALLED.get(attribute, attribute)
    known = {str(value) for value in np.unique(there)} | set(_WORDS[name])
    if unknown := [value for value in values if value not in known]:
        words = ", ".join(sorted(known - {""}))
        raise UsageError(f"no face has {attribute} {', '.join(map(repr, unknown))}; there are {words}")

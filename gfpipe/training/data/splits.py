"""Deduplicates faces and splits them by content, independent of file names and machines.

data sets -> every file's sha256 -> each picture once, with consistent labels -> strata -> train, validation, test
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import UsageError
from gfpipe.evaluation.measures.ages import age_band
from gfpipe.training.data.datasets import Dataset, LabelledImage, Skipped

PARTS: Final = ("train", "validation", "test")
_THREADS: Final = 8  # reading small files is bound by the disk
_CHUNK: Final = 2048  # files read at once
_BYTES: Final = 8  # of the sha256 that identify a picture

_T = TypeVar("_T")
Picture = tuple[str, LabelledImage]  # with the name of its data set


@array_dataclass
class Faces:
    """Distinct pictures.

    Attributes:
        digests: (N,) first 8 bytes of the sha256 of each file, big-endian.
        dataset: (N,) names of their data sets.
        skipped: duplicates, conflicting labels and unreadable files.
    """

    images: tuple[LabelledImage, ...]
    digests: NDArray[np.uint64]
    dataset: NDArray[np.str_]
    skipped: tuple[Skipped, ...] = ()

    @cached_property
    def perceived_gender(self) -> NDArray[np.str_]:
        """(N,) female or male."""
        return np.array([image.perceived_gender for image in self.images], np.str_)

    @cached_property
    def ethnicity(self) -> NDArray[np.str_]:
        """(N,) empty if unknown."""
        return np.array([image.ethnicity or "" for image in self.images], np.str_)

    @cached_property
    def pseudo(self) -> NDArray[np.bool_]:
        """(N,) whether the label is a model's prediction."""
        return np.array([image.pseudo for image in self.images], np.bool_)

    @cached_property
    def age_band(self) -> NDArray[np.str_]:
        """(N,) decades; empty if the age is unknown."""
        return np.array([age_band(image.age_years) for image in self.images], np.str_)


def distinct(datasets: Sequence[Dataset], on_progress: OnProgress = no_progress) -> Faces:
    """Read every file and keep every picture once; `on_progress` receives the files done and in all.

    Of copies, within a data set or across them, the one of the data set whose name comes first is kept. Copies that
    disagree on perceived gender are all dropped; on age or ethnicity, that label is dropped. A picture with a copy in a
    test split is a test picture. People's labels take precedence over a model's.

    Raises:
        UsageError: two data sets have the same name, or not one file can be read.
    """
    ordered = sorted(datasets, key=lambda dataset: dataset.name)
    for one, other in pairwise(ordered):
        if one.name == other.name:
            raise UsageError(f"two data sets are called {one.name}: write NAME:ADAPTER=PATH with another NAME for one")
    skipped: list[Skipped] = []
    pictures: list[Picture] = []
    digests: list[int] = []
    candidates = [(dataset.name, image) for dataset in ordered for image in dataset.images]
    for picture, digest in zip(candidates, _digests([image for _, image in candidates], on_progress), strict=True):
        if isinstance(digest, int):
            pictures.append(picture)
            digests.append(digest)
        else:
            skipped.append(Skipped(str(picture[1]), digest))
    if candidates and not pictures:
        raise UsageError(f"no file can be read; the first of {len(skipped)}: {skipped[0].name}: {skipped[0].reason}")
    merged, numbers = _merged(pictures, np.array(digests, np.uint64), skipped)
    return Faces(
        images=tuple(image for _, image in merged),
        digests=numbers,
        dataset=np.array([name for name, _ in merged], np.str_),
        skipped=tuple(skipped),
    )


def parts(faces: Faces, validation: float = 0.05, test: float = 0.15) -> NDArray[np.str_]:
    """(N,) the split of each face: ``train``, ``validation`` or ``test``.

    Drawn by hash, stratified by data set × perceived gender × ethnicity × decade, so that every stratum and every data
    set has its shares to within one face. A data set's own splits are used as they are.

    Raises:
        UsageError: the shares are not valid, or leave no training faces.
    """
    if validation < 0 or test < 0 or validation + test >= 1:
        raise UsageError(f"validation {validation} and test {test} are shares that must leave some faces to train")
    result = np.array([image.part or "" for image in faces.images], dtype="<U10")
    strata = joined(faces.perceived_gender, faces.ethnicity, faces.age_band)
    rank = shuffled(faces.digests, "parts")
    for name in np.unique(faces.dataset):
        mine = np.flatnonzero(faces.dataset == name)
        named = set(result[mine])
        free = mine[result[mine] == ""]
        for part, share in (("test", test), ("validation", validation)):
            if part not in named and len(free):
                _hold_back(result, free, strata, rank, part, share)
    result[result == ""] = "train"
    return result


def shuffled(digests: NDArray[np.uint64], *purpose: object) -> NDArray[np.uint64]:
    """(N,) a pseudorandom number for each face and purpose, the same on every machine.

    SplitMix64's mixing (Steele, Lea and Flood 2014, figure 17), which is a bijection.
    """
    salt = hashlib.sha256("/".join(map(str, purpose)).encode()).digest()
    mixed = digests + np.uint64(int.from_bytes(salt[:_BYTES], "big"))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def joined(*columns: NDArray[np.str_]) -> NDArray[np.str_]:
    """(N,) one word for each combination of values."""
    words = columns[0]
    for column in columns[1:]:
        words = np.strings.add(np.strings.add(words, "|"), column)
    return words


def _hold_back(
    result: NDArray[np.str_],
    free: NDArray[np.int64],
    strata: NDArray[np.str_],
    rank: NDArray[np.uint64],
    part: str,
    share: float,
) -> None:
    """Assign a split its share of each stratum, by rank; rounding errors carry over, so that the sum is right too."""
    _, stratum, sizes = np.unique(strata[free], return_inverse=True, return_counts=True)
    ordered = free[np.lexsort((rank[free], stratum))]
    ends = np.cumsum(sizes)
    quotas = np.diff(np.floor(ends * share + 0.5), prepend=0).astype(int)
    for members, quota in zip(np.split(ordered, ends[:-1]), quotas, strict=True):
        result[members[result[members] == ""][:quota]] = part


def _digests(images: Sequence[LabelledImage], on_progress: OnProgress) -> Iterator[int | str]:
    """The digest of each picture, or the reason that it cannot be read; a few files at a time are in memory."""
    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(images), _CHUNK):
            yield from threads.map(_digest, images[start : start + _CHUNK])
            on_progress(Progress("reading pictures", min(start + _CHUNK, len(images)), len(images)))


def _digest(image: LabelledImage) -> int | str:
    try:
        content = image.read()
    except OSError as exc:
        return f"cannot be read: {exc.strerror or exc}"
    return int.from_bytes(hashlib.sha256(content).digest()[:_BYTES], "big") if content else "is empty"


def _merged(
    pictures: Sequence[Picture], digests: NDArray[np.uint64], skipped: list[Skipped]
) -> tuple[list[Picture], NDArray[np.uint64]]:
    """Each picture once, in order of first occurrence."""
    _, first, inverse, copies = np.unique(digests, return_index=True, return_inverse=True, return_counts=True)
    groups: dict[int, list[Picture]] = {int(number): [] for number in np.flatnonzero(copies > 1)}
    for picture, number in zip(pictures, inverse.tolist(), strict=True):
        if number in groups:
            groups[number].append(picture)
    merged: list[Picture] = []
    numbers: list[int] = []
    for index in np.sort(first).tolist():
        group = groups.get(int(inverse[index]), [pictures[index]])
        if agreed := _agreed(group, skipped):
            merged.append(agreed)
            numbers.append(int(digests[index]))
    return merged, np.array(numbers, np.uint64)


def _agreed(copies: Sequence[Picture], skipped: list[Skipped]) -> Picture | None:
    """One picture for all copies, with the labels on which they agree; None if they disagree on perceived gender."""
    copies = _of_people(copies, skipped)
    (name, image), *others = copies
    if not others:
        return copies[0]
    images = [copy for _, copy in copies]
    if len({copy.perceived_gender for copy in images}) > 1:
        for copy in images:
            other = next(image for image in images if image.perceived_gender != copy.perceived_gender)
            reason = f"perceived gender is {copy.perceived_gender}, but {other.perceived_gender} in its copy {other}"
            skipped.append(Skipped(str(copy), reason))
        return None
    skipped.extend(Skipped(str(copy), f"the same picture as {image}") for _, copy in others)
    agreed = replace(
        image,
        age_years=_only({copy.age_years for copy in images}),
        ethnicity=_only({copy.ethnicity for copy in images}),
        part=max((copy.part for copy in images), key=lambda part: PARTS.index(part) if part else -1),
    )
    return name, agreed


def _of_people(copies: Sequence[Picture], skipped: list[Skipped]) -> Sequence[Picture]:
    """The copies labelled by people; all of them, if a model labelled all."""
    human = [copy for copy in copies if not copy[1].pseudo]
    if human and len(human) < len(copies):
        skipped.extend(
            Skipped(str(image), f"people labelled the same picture, {human[0][1]}")
            for _, image in copies
            if image.pseudo
        )
    return human or copies


def _only(values: set[_T | None]) -> _T | None:
    """The only value; None for no value or several."""
    known = values - {None}
    return known.pop() if len(known) == 1 else None

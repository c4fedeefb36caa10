"""Seconds on screen, corrected for misclassification in every draw of the bootstrap.

A composition is what one picture shows: how many faces of each size and answer. Seconds by composition and
recording are all that is needed of an archive: years of television are a few million numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from gfpipe.statistics.misclassification import ANSWERS, SIZES, Correction

CELLS: Final = len(SIZES) * len(ANSWERS)
# Compositions that fill the least time are read with the estimate in every draw, instead of anew in each.
_OFTEN: Final = 200
_BATCH: Final = 1000  # pairs of group and unit that are worked on together


@dataclass(frozen=True)
class Seconds:
    """How long each composition was on screen; a row is a unit of resampling and a composition.

    Attributes:
        unit: (N,) int, row of the resampling weights.
        composition: (N,) uint64, read by `counts`.
        seconds: (N,) float.
    """

    unit: NDArray[np.int64]
    composition: NDArray[np.uint64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Corrected:
    """Seconds corrected for misclassification in every draw; column 0 is the estimate itself.

    Attributes:
        female_face, male_face: (D,) face time.
        female_presence, male_presence: (D,) time with at least one.
        apparent: (D,) face time that the classifier gives to women, an undecided face counting half.
        faces: (D,) face time of all.
        hits, rejections: (D,) sensitivity times women, specificity times men: what the classifier makes of them.
    """

    female_face: NDArray[np.float64]
    male_face: NDArray[np.float64]
    female_presence: NDArray[np.float64]
    male_presence: NDArray[np.float64]
    apparent: NDArray[np.float64]
    faces: NDArray[np.float64]
    hits: NDArray[np.float64]
    rejections: NDArray[np.float64]

    def __add__(self, other: "Corrected") -> "Corrected":
        return Corrected(*(mine + theirs for mine, theirs in zip(_fields(self), _fields(other), strict=True)))

    @property
    def share(self) -> NDArray[np.float64]:
        """(D,) women's share of face time, within [0, 1]."""
        women, men = np.maximum(self.female_face, 0), np.maximum(self.male_face, 0)
        with np.errstate(invalid="ignore"):
            share: NDArray[np.float64] = women / (women + men)
        return share


class Corrector:
    """Corrects the seconds of one channel group.

    Face time is Rogan and Gladen's. Presence time is the sum of ``1 - prod(1 - x)`` over the faces of each picture, x
    being what a face counts for: unbiased where the errors of two faces in one picture are independent, whatever the
    genders of those who appear together.
    """

    def __init__(self, correction: Correction, whole: Seconds) -> None:
        """Prepare for parts of `whole`.

        Args:
            correction: what a face counts for, in every draw.
            whole: all seconds that will be asked for.
        """
        self._correction = correction
        self._compositions, place = np.unique(whole.composition, return_inverse=True)
        shown = counts(self._compositions)
        self._shown = shown.reshape(-1, CELLS).astype(float)
        self._often = np.argsort(-np.bincount(place, whole.seconds))[:_OFTEN]
        self._present = [1 - _nobody(shown[self._often], worth) for worth in (correction.women, correction.men)]
        self._presumed = []
        for worth in (correction.women, correction.men):
            presumed = 1 - _nobody(shown, worth[..., :1])[:, 0]
            presumed[self._often] = 0
            self._presumed.append(presumed)

    def __call__(
        self, parts: Seconds, group: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Iterator[tuple[int, Corrected]]:
        """Correct the seconds of each group.

        Args:
            parts: seconds of which `whole` consists.
            group: (N,) int, the group of each.
            weights: (U, D) of the resampling.

        Yields:
            Each group and its seconds.
        """
        pairs, column = np.unique(group * len(weights) + parts.unit, return_inverse=True)
        groups, units = np.divmod(pairs, len(weights))
        row = np.searchsorted(self._compositions, parts.composition)
        seconds = csc_array((parts.seconds, (row, column)), shape=(len(self._compositions), len(pairs)))
        for some in _batches(groups):
            yield from self._correct(groups[some], seconds[:, some].tocsr(), weights[units[some]])

    def _correct(
        self, group: NDArray[np.int64], seconds: csr_array, weights: NDArray[np.float64]
    ) -> Iterator[tuple[int, Corrected]]:
        """Correct some groups: M pairs of group and unit in order, seconds (K, M), weights (M, D)."""
        faces = self._shown.T @ seconds
        often = seconds[self._often].toarray()
        groups, first = np.unique(group, return_index=True)
        presence = [
            _weighted(present, often, presumed @ seconds, weights, first)
            for present, presumed in zip(self._present, self._presumed, strict=True)
        ]
        ends = np.append(first, len(group))[1:]
        for place, (name, start, end) in enumerate(zip(groups, first, ends, strict=True)):
            in_group = (faces[:, start:end] @ weights[start:end]).reshape(len(SIZES), len(ANSWERS), -1)
            women, men = (in_group * self._correction.women).sum(1), (in_group * self._correction.men).sum(1)
            yield (
                int(name),
                Corrected(
                    women.sum(0),
                    men.sum(0),
                    presence[0][place],
                    presence[1][place],
                    (in_group[:, 0] + in_group[:, 2] / 2).sum(0),
                    in_group.sum((0, 1)),
                    (women * self._correction.sensitivity).sum(0),
                    (men * self._correction.specificity).sum(0),
                ),
            )


def _batches(group: NDArray[np.int64]) -> Iterator[slice]:
    """Whole groups, as many together as keep the arrays small."""
    starts = [*np.unique(group, return_index=True)[1], len(group)]
    begin = 0
    for end, following in pairwise([*starts[1:], starts[-1] + _BATCH + 1]):
        if following - begin > _BATCH:
            yield slice(begin, end)
            begin = end


def _weighted(
    present: NDArray[np.float64],
    often: NDArray[np.float64],
    rest: NDArray[np.float64],
    weights: NDArray[np.float64],
    first: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Seconds with somebody present, by group: (G, D).

    The sum over compositions k and units u of present[k, d] * often[k, u] * weights[u, d], the longer side first.
    """
    if len(first) == 1 and len(weights) > len(present):
        whole: NDArray[np.float64] = np.einsum("kd,kd->d", present, often @ weights) + rest @ weights
        return whole[None]
    in_groups: NDArray[np.float64] = np.add.reduceat((often.T @ present + rest[:, None]) * weights, first)
    return in_groups


def counts(compositions: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Faces of each composition, (K, 3 sizes, 3 answers): its decimal digits in pairs, the last pair first."""
    digits = np.uint64(100) ** np.arange(CELLS, dtype=np.uint64)
    return (compositions[:, None] // digits % np.uint64(100)).astype(np.int64).reshape(-1, len(SIZES), len(ANSWERS))


def _nobody(shown: NDArray[np.int64], worth: NDArray[np.float64]) -> NDArray[np.float64]:
    """The product of ``1 - worth`` over the faces of each composition, (K, D)."""
    product = np.ones((len(shown), worth.shape[-1]))
    for size, answer in np.ndindex(len(SIZES), len(ANSWERS)):
        faces = shown[:, size, answer]
        for number in np.unique(faces[faces > 0]):
            product[faces == number] *= (1 - worth[size, answer]) ** number
    return product


def _fields(corrected: Corrected) -> tuple[NDArray[np.float64], ...]:
    return tuple(vars(corrected).values())

"""Screen time, corrected for misclassification in every draw of the bootstrap.

A composition is the number of faces of each size and prediction in one picture. The input is the time of each
composition in each recording: a few million numbers for years of television.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from gfpipe.base.arrays import array_dataclass
from gfpipe.statistics.misclassification import ANSWERS, SIZES, Correction

CELLS: Final = len(SIZES) * len(ANSWERS)
# The compositions with the most time are corrected in every draw; the others use the estimate in all draws.
_OFTEN: Final = 200
_BATCH: Final = 1000  # pairs of group and unit


@array_dataclass
class Seconds:
    """Time on screen by resampling unit and composition.

    Attributes:
        unit: (N,) int, row of the resampling weights.
        composition: (N,) uint64, decoded by `counts`.
        seconds: (N,) float.
    """

    unit: NDArray[np.int64]
    composition: NDArray[np.uint64]
    seconds: NDArray[np.float64]


@array_dataclass
class Corrected:
    """Seconds corrected for misclassification, in D draws; draw 0 is the estimate.

    Attributes:
        female_face, male_face: (D,) face time.
        female_presence, male_presence: (D,) presence time.
        apparent: (D,) face time classified as women's; undecided faces count half.
        faces: (D,) face time of all faces.
        hits, rejections: (D,) sensitivity times women, specificity times men.
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
        return Corrected(**{name: values + getattr(other, name) for name, values in vars(self).items()})

    @property
    def share(self) -> NDArray[np.float64]:
        """(D,) women's share of face time, within [0, 1]."""
        women, men = np.maximum(self.female_face, 0), np.maximum(self.male_face, 0)
        with np.errstate(invalid="ignore"):
            share: NDArray[np.float64] = women / (women + men)
        return share


class Corrector:
    """Corrects the seconds of one group of channels.

    Face time uses Rogan and Gladen's estimator. Presence time sums ``1 - prod(1 - x)`` over the faces of each picture,
    with x the expected number of women (men) for a face; this is unbiased if the errors of faces in one picture are
    independent.
    """

    def __init__(self, correction: Correction, whole: Seconds) -> None:
        """Precompute the compositions of `whole`, a superset of the seconds to correct."""
        self._correction = correction
        self._compositions, index = np.unique(whole.composition, return_inverse=True)
        shown = counts(self._compositions)
        self._shown = shown.reshape(-1, CELLS).astype(float)
        self._often = np.argsort(-np.bincount(index, whole.seconds))[:_OFTEN]
        self._present = [1 - _absent(shown[self._often], expected) for expected in (correction.women, correction.men)]
        self._rest = []
        for expected in (correction.women, correction.men):
            rest_present = 1 - _absent(shown, expected[..., :1])[:, 0]
            rest_present[self._often] = 0
            self._rest.append(rest_present)

    def __call__(
        self, parts: Seconds, group: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> Iterator[tuple[int, Corrected]]:
        """Yield each group with its corrected seconds.

        `group` is the (N,) int group of each row of `parts`, a subset of `whole`; the resampling weights are (U, D).
        """
        pairs, column = np.unique(group * len(weights) + parts.unit, return_inverse=True)
        groups, units = np.divmod(pairs, len(weights))
        row = np.searchsorted(self._compositions, parts.composition)
        seconds = csc_array((parts.seconds, (row, column)), shape=(len(self._compositions), len(pairs)))
        for batch in _batches(groups):
            yield from self._correct(groups[batch], seconds[:, batch].tocsr(), weights[units[batch]])

    def _correct(
        self, group: NDArray[np.int64], seconds: csr_array, weights: NDArray[np.float64]
    ) -> Iterator[tuple[int, Corrected]]:
        """Correct a batch of M sorted pairs of group and unit; seconds are (K, M), weights (M, D)."""
        faces = self._shown.T @ seconds
        often = seconds[self._often].toarray()
        groups, first = np.unique(group, return_index=True)
        presence = [
            _weighted(present, often, rest_present @ seconds, weights, first)
            for present, rest_present in zip(self._present, self._rest, strict=True)
        ]
        ends = np.append(first, len(group))[1:]
        for index, (name, start, end) in enumerate(zip(groups, first, ends, strict=True)):
            in_group = (faces[:, start:end] @ weights[start:end]).reshape(len(SIZES), len(ANSWERS), -1)
            women, men = (in_group * self._correction.women).sum(1), (in_group * self._correction.men).sum(1)
            yield (
                int(name),
                Corrected(
                    women.sum(0),
                    men.sum(0),
                    presence[0][index],
                    presence[1][index],
                    (in_group[:, 0] + in_group[:, 2] / 2).sum(0),
                    in_group.sum((0, 1)),
                    (women * self._correction.sensitivity).sum(0),
                    (men * self._correction.specificity).sum(0),
                ),
            )


def _batches(group: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of whole groups, of about `_BATCH` pairs."""
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
    """(G, D) presence time: the sum over k and u of present[k, d] * often[k, u] * weights[u, d], and the rest."""
    if len(first) == 1 and len(weights) > len(present):
        whole: NDArray[np.float64] = np.einsum("kd,kd->d", present, often @ weights) + rest @ weights
        return whole[None]
    in_groups: NDArray[np.float64] = np.add.reduceat((often.T @ present + rest[:, None]) * weights, first)
    return in_groups


def counts(compositions: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(K, 3 sizes, 3 predictions) faces of each composition: its pairs of decimal digits, from the last."""
    digits = np.uint64(100) ** np.arange(CELLS, dtype=np.uint64)
    return (compositions[:, None] // digits % np.uint64(100)).astype(np.int64).reshape(-1, len(SIZES), len(ANSWERS))


def _absent(shown: NDArray[np.int64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, D) product of ``1 - expected`` over the faces of each composition."""
    product = np.ones((len(shown), expected.shape[-1]))
    for size, answer in np.ndindex(len(SIZES), len(ANSWERS)):
        faces = shown[:, size, answer]
        for number in np.unique(faces[faces > 0]):
            product[faces == number] *= (1 - expected[size, answer]) ** number
    return product

"""Screen time, corrected for misclassification in every draw of the bootstrap.

A composition is the number of faces of each size and prediction in one picture. Face time is corrected by Rogan and
Gladen's estimator. Presence time sums ``1 - prod(1 - x)`` over the faces of each picture, with x the expected number of
women (men) for a face; this is unbiased if the errors of faces in one picture are independent. In the draws, presence
time is linear in x (the delta method), so that everything is computed from sums over the pictures of a recording.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.statistics.misclassification import ANSWERS, SIZES, Correction

CELLS: Final = len(SIZES) * len(ANSWERS)
_PRESENT: Final = CELLS + 2
SUMS: Final = _PRESENT + 2 * CELLS  # columns of `of_a_second`


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


def of_a_second(compositions: NDArray[np.uint64], correction: Correction) -> NDArray[np.float64]:
    """What one second of each composition adds to the sums of `corrected`, (K, SUMS).

    The columns are faces by size and prediction, expected presence of women and of men by the estimate, and the
    derivatives of both with respect to the expected women (men) for a face of each size and prediction. The latter are
    zero without a correction.
    """
    faces = counts(compositions).reshape(-1, CELLS)
    presences, slopes = [], []
    for expected in (correction.women, correction.men):
        absent = 1 - expected[..., 0].reshape(CELLS)
        powers = absent**faces
        presences.append(1 - powers.prod(1))
        others = np.stack([np.delete(powers, cell, 1).prod(1) for cell in range(CELLS)], axis=1)
        slopes.append(faces * absent ** np.maximum(faces - 1, 0) * others)
    columns: NDArray[np.float64] = np.column_stack([faces, *presences, *slopes]).astype(float)
    return np.nan_to_num(columns)


def corrected(sums: NDArray[np.float64], weights: NDArray[np.float64], correction: Correction) -> Corrected:
    """Correct the (U, SUMS) sums of U resampling units with weights (U, D)."""
    draws = sums[:, :_PRESENT].T @ weights
    faces = draws[:CELLS].reshape(len(SIZES), len(ANSWERS), -1)
    women, men = ((faces * expected).sum(1) for expected in (correction.women, correction.men))
    slopes = sums[:, _PRESENT:].sum(0).reshape(2, CELLS)
    female_presence, male_presence = (
        present + slope @ (expected - expected[..., :1]).reshape(CELLS, -1)
        for present, slope, expected in zip(draws[CELLS:], slopes, (correction.women, correction.men), strict=True)
    )
    return Corrected(
        women.sum(0),
        men.sum(0),
        female_presence,
        male_presence,
        (faces[:, 0] + faces[:, 2] / 2).sum(0),
        faces.sum((0, 1)),
        (women * correction.sensitivity).sum(0),
        (men * correction.specificity).sum(0),
    )


def counts(compositions: NDArray[np.uint64]) -> NDArray[np.int64]:
    """(K, 3 sizes, 3 predictions) faces of each composition: its pairs of decimal digits, from the last."""
    digits = np.uint64(100) ** np.arange(CELLS, dtype=np.uint64)
    return (compositions[:, None] // digits % np.uint64(100)).astype(np.int64).reshape(-1, len(SIZES), len(ANSWERS))

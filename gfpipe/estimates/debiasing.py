"""Figures of a group debiased by the labels that were drawn at random from it."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.estimates.rows import Rows
from gfpipe.estimates.sample import Sample
from gfpipe.statistics import debiasing
from gfpipe.statistics.debiasing import Debiased, Predicted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EXPECTED: Final = ("expected_female_face_seconds", "expected_female_presence_seconds", "expected_male_presence_seconds")
_SURE: Final = 5.0  # exp(-5) = 0.7 %: a share of the faces of 5 / n is without any of n labels drawn from all faces


@array_dataclass
class DebiasedGroup:
    """Debiased shares of a group with the degrees of freedom of their variance, or why there are none."""

    shares: Debiased | None
    freedom: int = 0
    problem: str | None = None


def debias(drawn: Floats, unreachable: float, units: Ints, sample: Sample, sums: Mapping[str, Floats]) -> DebiasedGroup:
    """Debias the sums of a group, in every draw, by its labels.

    Args:
        drawn: (U, debiasing.SUMS) sums of labels by resampling unit.
        unreachable: see :func:`unreachable`.
        units: (U,) ascending.
        sample: of the units.
        sums: (D,) seconds by column of the rollup.
    """
    labelled = drawn[:, 0] > 0
    if problem := debiasing.too_few(drawn):
        return DebiasedGroup(None, problem=problem)
    if unreachable > _SURE / labelled.sum():
        return DebiasedGroup(
            None,
            problem=f"{unreachable:.0%} of the face time is of days or channels without labels drawn at random: "
            "gfpipe label sample",
        )
    predicted = Predicted(
        sums["analysed_seconds"],
        sum((sums[f"{kind}_face_seconds"] for kind in ("female", "male", "undecided")), np.zeros(1)),
        *(sums[name] for name in EXPECTED),
    )
    labels = drawn[labelled].T @ sample.weights(units[labelled])
    return DebiasedGroup(debiasing.debiased(predicted, labels), int(labelled.sum()) - 1 - debiasing.TUNED)


def unreachable(rows: Rows, group: Ints, faces: Floats) -> Floats:
    """Share of each group's face time from which no label can have been drawn, (G,).

    That of channels without labels, and of the days before the first and after the last label.

    Args:
        rows: (N,) rows.
        group: (N,) index of the group.
        faces: (N,) face time.
    """
    groups, labelled = int(group.max(initial=-1)) + 1, rows.drawn[:, 0] > 0
    first, last = np.full(groups, np.iinfo(np.int64).max), np.full(groups, -1)
    np.minimum.at(first, group[labelled], rows.day[labelled])
    np.maximum.at(last, group[labelled], rows.day[labelled])
    pair = group * max(len(rows.parts), 1) + rows.part
    without = np.bincount(pair, rows.drawn[:, 0])[pair] == 0
    beyond = without | ((rows.day >= 0) & ((rows.day < first[group]) | (rows.day > last[group])))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.bincount(group, faces * beyond) / np.bincount(group, faces))

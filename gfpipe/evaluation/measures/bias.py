"""Bias in points, as inaFaceAnalyzer reports it (Doukhan and Petit 2022, ``paper.md`` of its repository).

"Gender (male vs female), racial (white vs non white) and age biases (adults from 20 to 50 vs adults over 50 years old)
[…] were obtained by calculating evaluation metric for each of the 8 (2*2*2) categories separately […] and reporting
their averaged difference": a positive bias favours men, white people, and those of 20 to 50 years.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import metrics
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, percentile_interval
from gfpipe.formats import Interval

_WHITE: Final = "white"
_ADULT, _MIDDLE = 20, 50  # years: the younger are in no category


@dataclass(frozen=True)
class Bias:
    """Averaged differences of accuracy: 0.015 is 1.5 points; NaN where the data set does not know the attribute.

    Attributes:
        gender: men minus women.
        ethnicity: white people minus all others.
        age: from 20 to 50 years, minus over 50.
        faces: on which this rests.
    """

    gender: Interval
    ethnicity: Interval
    age: Interval
    faces: int


def measure(labels: Labels, answers: Answers, draws: int = DRAWS, seed: int = 0) -> Bias:
    """Measure bias, with 95 % bootstrap intervals.

    Where ethnicity or age is not known of any face the categories are fewer (as for MAFA in that paper); a category
    without faces leaves out its pair.
    """
    cell, used = _cells(_sides(labels), len(labels))
    tally = Tally(labels.female, answers.p_female, cell, 8)
    (value,) = _differences(metrics.accuracy(tally.counts)[None], used)
    drawn = _differences(metrics.accuracy(tally.resampled(draws, seed)), used)
    gender, ethnicity, age = (percentile_interval(float(each), of) for each, of in zip(value, drawn.T, strict=True))
    return Bias(gender, ethnicity, age, int(np.sum(cell >= 0)))


def _sides(labels: Labels) -> list[NDArray[np.int64]]:
    """For each attribute (N,) 0 for the side that is counted positive, 1 for the other, -1 for neither."""
    ethnicity = np.where(labels.ethnicity == "", -1, labels.ethnicity != _WHITE)
    age = np.where(labels.age_years > _MIDDLE, 1, np.where(labels.age_years >= _ADULT, 0, -1))
    return [labels.female.astype(np.int64), ethnicity.astype(np.int64), age.astype(np.int64)]


def _cells(sides: list[NDArray[np.int64]], faces: int) -> tuple[NDArray[np.int64], tuple[bool, ...]]:
    """(N,) the category of each face, -1 for none; and which attributes are known at all."""
    used = tuple(bool(np.any(side >= 0)) for side in sides)
    inside = np.all([side >= 0 for side, known in zip(sides, used, strict=True) if known], axis=0)
    cell = np.zeros(faces, np.int64)
    for side in sides:
        cell = 2 * cell + np.maximum(side, 0)
    return np.where(inside, cell, -1), used


def _differences(accuracy: Floats, used: tuple[bool, ...]) -> Floats:
    """(D, 3) from the accuracy in the 8 categories, (D, 8)."""
    categories = accuracy.reshape(len(accuracy), 2, 2, 2)
    found = np.full((len(accuracy), 3), np.nan)
    for axis in np.flatnonzero(used):
        pairs = (np.take(categories, 0, axis + 1) - np.take(categories, 1, axis + 1)).reshape(len(accuracy), 4)
        there = np.isfinite(pairs)
        with np.errstate(invalid="ignore"):
            found[:, axis] = np.where(there, pairs, 0).sum(axis=1) / there.sum(axis=1)
    return found

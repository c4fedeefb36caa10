"""Bias as defined by inaFaceAnalyzer (Doukhan and Petit 2022, ``paper.md`` of its repository).

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
from gfpipe.output.formats import Interval

_WHITE: Final = "white"
_ADULT, _MIDDLE = 20, 50  # years; younger faces are in no category


@dataclass(frozen=True)
class Bias:
    """Mean differences of accuracy; 0.015 is 1.5 points, NaN if the data set lacks the attribute.

    Attributes:
        gender: men minus women.
        ethnicity: white people minus all others.
        age: 20 to 50 years minus over 50.
        faces: number of faces in a category.
    """

    gender: Interval
    ethnicity: Interval
    age: Interval
    faces: int


def measure(labels: Labels, answers: Answers, draws: int = DRAWS, seed: int = 0) -> Bias:
    """Measure bias, with 95 % bootstrap intervals.

    If ethnicity or age is unknown for all faces there are fewer categories (as for MAFA in the paper); a pair with an
    empty category is skipped.
    """
    cell, used = _cells(_sides(labels), len(labels))
    tally = Tally(labels.female, answers.p_female, cell, 8)
    (value,) = _differences(metrics.accuracy(tally.counts)[None], used)
    drawn = _differences(metrics.accuracy(tally.resampled(draws, seed)), used)
    gender, ethnicity, age = map(percentile_interval, value.tolist(), drawn.T)
    return Bias(gender, ethnicity, age, int(np.sum(cell >= 0)))


def _sides(labels: Labels) -> list[NDArray[np.int64]]:
    """For each attribute (N,) 0 for the minuend, 1 for the subtrahend, -1 for neither."""
    ethnicity = np.where(labels.ethnicity == "", -1, labels.ethnicity != _WHITE)
    age = np.where(labels.age_years > _MIDDLE, 1, np.where(labels.age_years >= _ADULT, 0, -1))
    return [labels.female.astype(np.int64), ethnicity.astype(np.int64), age.astype(np.int64)]


def _cells(sides: list[NDArray[np.int64]], faces: int) -> tuple[NDArray[np.int64], tuple[bool, ...]]:
    """(N,) category of each face, -1 for none; and whether each attribute is known for any face."""
    used = tuple(bool(np.any(side >= 0)) for side in sides)
    inside = np.all([side >= 0 for side, known in zip(sides, used, strict=True) if known], axis=0)
    cell = np.zeros(faces, np.int64)
    for side in sides:
        cell = 2 * cell + np.maximum(side, 0)
    return np.where(inside, cell, -1), used


def _differences(accuracy: Floats, used: tuple[bool, ...]) -> Floats:
    """(D, 3) mean differences from the (D, 8) accuracies of the categories."""
    categories = accuracy.reshape(len(accuracy), 2, 2, 2)
    differences = np.full((len(accuracy), 3), np.nan)
    for axis in np.flatnonzero(used):
        pairs = (np.take(categories, 0, axis + 1) - np.take(categories, 1, axis + 1)).reshape(len(accuracy), 4)
        valid = np.isfinite(pairs)
        with np.errstate(invalid="ignore"):
            differences[:, axis] = np.where(valid, pairs, 0).sum(axis=1) / valid.sum(axis=1)
    return differences

"""Accuracy of perceived gender and of age classes by ethnicity, and its dispersion.

The measures of "Fairness by self-supervision", table 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import metrics, subgroups
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.subgroups import Dispersion
from gfpipe.output.formats import NUMBER, POINTS, RATE, Format

Floats = NDArray[np.float64]

AGE_STARTS: Final = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)  # first years of the seven age classes
GENDER, AGE = "perceived gender", "age in seven classes"


@dataclass(frozen=True)
class Figure:
    """One number about one model; `name` is its column in CSV."""

    name: str
    heading: str
    form: Format
    value: float


def correct(labels: Labels, answers: Answers) -> dict[str, Floats]:
    """For each predicted attribute, (N,) 1 if correct, 0 if wrong or undetected, NaN without a label."""
    result = {}
    if answers.reads_gender:
        result[GENDER] = metrics.correct(labels.female, answers.p_female).astype(np.float64)
    if answers.age_years is not None:
        true, predicted = (np.digitize(years, AGE_STARTS[1:]) for years in (labels.age_years, answers.age_years))
        known = np.isfinite(labels.age_years)
        result[AGE] = np.where(known, (true == predicted) & np.isfinite(answers.age_years), np.nan)
    return result


def by_group(labels: Labels, answers: Answers, attribute: str = "ethnicity") -> dict[str, Floats]:
    """(G,) accuracy of every predicted attribute in each group; NaN in groups that are too small."""
    grouping = subgroups.group(labels, (attribute,))
    masks = [(grouping.index == index) & counted for index, counted in enumerate(grouping.counted)]
    return {
        name: np.array([_mean(values[mask]) for mask in masks]) for name, values in correct(labels, answers).items()
    }


def figures(labels: Labels, answers: Answers) -> tuple[Figure, ...]:
    """The figures by which seeds are compared; shares from 0 to 1."""
    counts = Tally(labels.female, answers.p_female).counts
    result = [
        Figure("accuracy", "perceived gender, accuracy, %", RATE, float(metrics.accuracy(counts)[0])),
        Figure("gap", "gap between women and men, points", POINTS, float(metrics.gap(counts)[0])),
    ]
    if answers.age_years is not None:
        error = _mean(np.abs(answers.age_years - labels.age_years))
        result += [
            Figure("age_accuracy", f"{AGE}, accuracy, %", RATE, _mean(correct(labels, answers)[AGE])),
            Figure("age_error", "age, mean absolute error, years", NUMBER, error),
        ]
    if "ethnicity" in subgroups.known(labels):
        for attribute, values in by_group(labels, answers).items():
            name, dispersion = "age" if attribute == AGE else "gender", Dispersion.of(values)
            over = f"{attribute}, over ethnicities"
            result += [
                Figure(f"{name}_mean", f"{over}: mean, %", RATE, dispersion.mean),
                Figure(f"{name}_standard_deviation", f"{over}: SD, points", RATE, dispersion.standard_deviation),
                Figure(f"{name}_standard_deviation_by_mean", f"{over}: SD/mean", NUMBER, dispersion.variation),
            ]
    return tuple(result)


def _mean(values: Floats) -> float:
    return Dispersion.of(values).mean

"""Measures that the tables of several studies show."""

import math

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import comparison, metrics, subgroups
from gfpipe.evaluation.measures.age_errors import mean_absolute_error
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.output.formats import Value


def measure(labels: Labels, answers: Answers) -> dict[str, Value]:
    """Accuracy, gap, worst cell, balanced accuracy, area under the ROC curve and age error, by column name.

    A face without a prediction is an error, except for the ROC curve and age. NaN or empty where not defined.
    """
    worst = subgroups.worst_cell(labels, answers)
    curve = metrics.roc(labels.female, answers.p_female)
    ages = None if answers.age_years is None else mean_absolute_error(labels, answers.age_years, 1)
    return {
        **comparison.estimates(labels, answers, ("accuracy", "gap")),
        "worst_accuracy": worst.accuracy if worst else math.nan,
        "worst": worst.name if worst else "",
        "balanced_accuracy": float(metrics.balanced_accuracy(Tally(labels.female, answers.p_female).counts)[0]),
        "roc_auc": curve.area if curve else math.nan,
        "age_error": ages.overall.value if ages else math.nan,
    }

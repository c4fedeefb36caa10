"""Errors of predicted ages, and ages predicted by separate models for women and men."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Floats, Labels
from gfpipe.evaluation.measures import resampling
from gfpipe.evaluation.measures.metrics import THRESHOLD
from gfpipe.evaluation.measures.resampling import DRAWS, percentile_interval
from gfpipe.output.formats import Interval


@dataclass(frozen=True)
class AgeErrors:
    """Mean absolute error in years, with 95 % intervals.

    Attributes:
        overall, women, men: by labelled perceived gender; NaN without faces.
        faces: number of faces with a known and a predicted age.
    """

    overall: Interval
    women: Interval
    men: Interval
    faces: int


def mean_absolute_error(labels: Labels, age_years: Floats, draws: int = DRAWS) -> AgeErrors:
    """Mean absolute error of (N,) predicted ages; faces without a prediction (NaN) are left out."""
    known = np.isfinite(labels.age_years) & np.isfinite(age_years)
    errors, female = np.abs(age_years - labels.age_years)[known], labels.female[known]
    if not len(errors):
        unknown = Interval(np.nan, np.nan, np.nan)
        return AgeErrors(unknown, unknown, unknown, 0)
    groups = np.stack((np.ones_like(female), female, ~female)).astype(np.float64)

    def means(weights: Floats) -> Floats:
        """(D, N) weights of faces -> (D, 3)."""
        counts = weights @ groups.T
        with np.errstate(invalid="ignore"):
            result: Floats = (weights @ (groups * errors).T) / np.where(counts, counts, np.nan)
        return result

    values, drawn = resampling.measure({"errors": means}, len(errors), draws)["errors"]
    overall, women, men = (percentile_interval(float(v), drawn[:, index]) for index, v in enumerate(values))
    return AgeErrors(overall, women, men, len(errors))


def by_perceived_gender(reader: Answers, women: Floats, men: Floats, model_id: str = "") -> Answers:
    """The reader's predictions of perceived gender, with the (N,) ages of models trained on women and on men only.

    The age is that of the model for the predicted perceived gender; NaN where the reader has no prediction.
    """
    chosen = np.where(reader.p_female >= THRESHOLD, women, men)
    ages: NDArray[np.float64] = np.where(np.isfinite(reader.p_female), chosen, np.nan)
    return Answers(model_id or reader.model_id, reader.p_female, {}, ages)

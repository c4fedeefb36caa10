"""How far ages that models tell are off, in years; and the age by two models, one for women and one for men."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Floats, Labels
from gfpipe.evaluation.measures import resampling
from gfpipe.evaluation.measures.metrics import THRESHOLD
from gfpipe.evaluation.measures.resampling import DRAWS, percentile_interval
from gfpipe.formats import Interval


@dataclass(frozen=True)
class AgeErrors:
    """The mean absolute error in years, with 95 % intervals.

    Attributes:
        overall, women, men: by perceived gender as labelled; NaN where nobody is left.
        faces: how many it is of: those of a known age that there is an answer about.
    """

    overall: Interval
    women: Interval
    men: Interval
    faces: int


def mean_absolute_error(labels: Labels, age_years: Floats, draws: int = DRAWS) -> AgeErrors:
    """Hold ages, (N,) and NaN where there is no answer, against labels.

    A face without an answer is left out: no answer is off by no number of years. How many there are stands beside.
    """
    known = np.isfinite(labels.age_years) & np.isfinite(age_years)
    errors, female = np.abs(age_years - labels.age_years)[known], labels.female[known]
    if not len(errors):
        nothing = Interval(np.nan, np.nan, np.nan)
        return AgeErrors(nothing, nothing, nothing, 0)
    groups = np.stack((np.ones_like(female), female, ~female)).astype(np.float64)

    def means(weights: Floats) -> Floats:
        """(D, N) weights of faces -> (D, 3)."""
        counts = weights @ groups.T
        with np.errstate(invalid="ignore"):
            found: Floats = (weights @ (groups * errors).T) / np.where(counts, counts, np.nan)
        return found

    values, drawn = resampling.measure({"errors": means}, len(errors), draws)["errors"]
    overall, women, men = (percentile_interval(float(value), drawn[:, at]) for at, value in enumerate(values))
    return AgeErrors(overall, women, men, len(errors))


def by_perceived_gender(reader: Answers, women: Floats, men: Floats, model_id: str = "") -> Answers:
    """The two-model variant as answers of its own, to stand beside those of one model.

    Args:
        reader: says of each face whether it is a woman's or a man's.
        women: (N,) ages by the model that learned from women alone.
        men: (N,) ages by that for men.
        model_id: of the answers; empty for the reader's.

    Returns:
        The reader's perceived gender, with the age of the model chosen by it; NaN where the reader gave no answer.
    """
    chosen = np.where(reader.p_female >= THRESHOLD, women, men)
    ages: NDArray[np.float64] = np.where(np.isfinite(reader.p_female), chosen, np.nan)
    return Answers(model_id or reader.model_id, reader.p_female, {}, ages)

"""Two models on the same faces: is one better, or did it meet with easier ones?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import binom, chi2

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import metrics, resampling, subgroups
from gfpipe.evaluation.measures.metrics import Metric, Tally, correct
from gfpipe.evaluation.measures.resampling import DRAWS, Floats, Measured, percentile_interval
from gfpipe.formats import Interval

Measure = Callable[[Labels, Answers], Measured]

_FEW: Final = 25  # discordant faces, under which the chi-squared approximation is not used (McNemar's rule of thumb)


@dataclass(frozen=True)
class McNemar:
    """McNemar's (1947) test of the same share of right answers.

    Attributes:
        only_first: faces that only the first model has right.
        only_second: faces that only the second has right.
        p_value: two-sided.
        exact: by the binomial distribution, or by chi-squared with the correction for continuity (Edwards 1948).
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def mcnemar(labels: Labels, first: Answers, second: Answers) -> McNemar:
    """Test whether two models are right equally often; a face without an answer is an error."""
    one, other = (correct(labels.female, answers.p_female) for answers in (first, second))
    only_first, only_second = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    discordant = only_first + only_second
    if discordant < _FEW:
        tail = float(binom.cdf(min(only_first, only_second), discordant, 0.5)) if discordant else 1.0
        return McNemar(only_first, only_second, min(2 * tail, 1.0), exact=True)
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / discordant
    return McNemar(only_first, only_second, float(chi2.sf(statistic, 1)), exact=False)


def of_counts(metric: Metric) -> Measure:
    """Any metric of :mod:`gfpipe.evaluation.measures.metrics` over all faces."""

    def measure(labels: Labels, answers: Answers) -> Measured:
        tally = Tally(labels.female, answers.p_female)
        return lambda weights: metric(tally.weighted(weights))[:, 0]

    return measure


MEASURES: Final[Mapping[str, Measure]] = {
    **{name: of_counts(metric) for name, metric in metrics.METRICS.items()},
    "roc_auc": lambda labels, answers: metrics.roc_auc(labels.female, answers.p_female),
    "worst_cell": subgroups.worst_accuracy,
}


def difference(
    labels: Labels, first: Answers, second: Answers, measure: Measure, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """How much higher a measure is for the first model than for the second, both on the same resampled faces."""
    of_first, of_second = measure(labels, first), measure(labels, second)

    def subtracted(weights: Floats) -> Floats:
        return of_first(weights) - of_second(weights)

    value, drawn = resampling.measure({"difference": subtracted}, len(labels), draws, seed)["difference"]
    return percentile_interval(float(value), drawn)


def estimates(
    labels: Labels, answers: Answers, names: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Some of :data:`MEASURES` of one model, each with its 95 % bootstrap interval."""
    tally = Tally(labels.female, answers.p_female)
    counts, drawn = tally.counts, tally.resampled(draws, seed)
    others = {name: MEASURES[name](labels, answers) for name in names if name not in metrics.METRICS}
    resampled = resampling.measure(others, len(labels), draws, seed) if others else {}
    found = {}
    for name in names:
        if name in others:
            value, of_draws = resampled[name]
            found[name] = percentile_interval(float(value), of_draws)
        else:
            metric = metrics.METRICS[name]
            faces = metrics.DENOMINATORS[name](counts)[0] if name in metrics.DENOMINATORS else None
            found[name] = percentile_interval(float(metric(counts)[0]), metric(drawn)[:, 0], faces)
    return found

"""Paired comparison of two models on the same faces."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import binom, chi2

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import metrics, resampling, subgroups
from gfpipe.evaluation.measures.metrics import Metric, Tally, correct
from gfpipe.evaluation.measures.resampling import DRAWS, Measured, percentile_interval
from gfpipe.output.formats import Interval

Measure = Callable[[Labels, Answers], Measured]

_MIN_DISCORDANT: Final = 25  # faces; with fewer the exact test replaces the chi-squared approximation


@dataclass(frozen=True)
class McNemar:
    """Result of McNemar's (1947) test of equal accuracy.

    Attributes:
        only_first, only_second: faces that only the first (second) model classifies correctly.
        p_value: two-sided.
        exact: whether the binomial distribution was used instead of chi-squared with Edwards' (1948) continuity
            correction.
    """

    only_first: int
    only_second: int
    p_value: float
    exact: bool


def mcnemar(labels: Labels, first: Answers, second: Answers) -> McNemar:
    """Test whether two models have the same accuracy; faces without a prediction are errors."""
    one, other = (correct(labels.female, answers.p_female) for answers in (first, second))
    only_first, only_second = int(np.sum(one & ~other)), int(np.sum(other & ~one))
    discordant = only_first + only_second
    if discordant < _MIN_DISCORDANT:
        tail = float(binom.cdf(min(only_first, only_second), discordant, 0.5)) if discordant else 1.0
        return McNemar(only_first, only_second, min(2 * tail, 1.0), exact=True)
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / discordant
    return McNemar(only_first, only_second, float(chi2.sf(statistic, 1)), exact=False)


def of_counts(metric: Metric) -> Measure:
    """The measure of a metric over all faces."""

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
    """Difference of a measure, first minus second model, with its paired bootstrap interval."""
    minuend, subtrahend = measure(labels, first), measure(labels, second)
    differences = {"difference": lambda weights: minuend(weights) - subtrahend(weights)}
    value, value_draws = resampling.measure(differences, len(labels), draws, seed)["difference"]
    return percentile_interval(float(value), value_draws)


def estimates(
    labels: Labels, answers: Answers, names: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """Measures of :data:`MEASURES` for one model, with 95 % bootstrap intervals."""
    tally = Tally(labels.female, answers.p_female)
    counts, drawn = tally.counts, tally.resampled(draws, seed)
    others = {name: MEASURES[name](labels, answers) for name in names if name not in metrics.METRICS}
    resampled = resampling.measure(others, len(labels), draws, seed) if others else {}
    intervals = {}
    for name in names:
        if name in others:
            value, value_draws = resampled[name]
            intervals[name] = percentile_interval(float(value), value_draws)
        else:
            metric = metrics.METRICS[name]
            faces = metrics.DENOMINATORS[name](counts)[0] if name in metrics.DENOMINATORS else None
            intervals[name] = percentile_interval(float(metric(counts)[0]), metric(drawn)[:, 0], faces)
    return intervals

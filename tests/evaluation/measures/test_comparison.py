"""Two models on the same faces."""

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import comparison
from tests.evaluation import simulated


def discordant(only_first: int, only_second: int, both: int = 10) -> tuple[Labels, Answers, Answers]:
    """Women; each model misses some: by calling them men, or by not finding them."""
    count = both + only_first + only_second
    labels = Labels(np.arange(count).astype(str), np.ones(count, bool), np.full(count, np.nan), np.full(count, ""))
    first, second = np.ones(count), np.ones(count)
    second[both : both + only_first] = 0.2
    first[both + only_first :] = np.nan
    return labels, Answers("first", first), Answers("second", second)


@pytest.mark.parametrize(("only_first", "only_second"), [(3, 12), (12, 3), (5, 5), (0, 1), (24, 0)])
def test_few_discordant_faces_are_tested_exactly(only_first: int, only_second: int) -> None:
    found = comparison.mcnemar(*discordant(only_first, only_second))
    assert (found.only_first, found.only_second, found.exact) == (only_first, only_second, True)
    assert found.p_value == pytest.approx(binomtest(only_first, only_first + only_second).pvalue)


def test_many_discordant_faces_are_tested_by_chi_squared() -> None:
    """By hand: (|40 - 20| - 1)² / 60."""
    found = comparison.mcnemar(*discordant(40, 20))
    assert not found.exact
    assert found.p_value == pytest.approx(chi2.sf(19**2 / 60, 1))
    assert comparison.mcnemar(*discordant(30, 30)).p_value == pytest.approx(1)


def test_models_that_never_differ_cannot_be_told_apart() -> None:
    labels, first, second = discordant(0, 0)
    assert comparison.mcnemar(labels, first, second).p_value == 1
    assert comparison.difference(labels, first, second, comparison.MEASURES["accuracy"]).value == 0


@pytest.mark.parametrize("name", sorted(comparison.MEASURES))
def test_every_measure_is_the_same_alone_and_as_a_difference(name: str) -> None:
    labels = simulated.labels(500)
    one, other = (simulated.answers(labels, undetected=5, noise=noise) for noise in (1.0, 2.0))
    apart = comparison.difference(labels, one, other, comparison.MEASURES[name], draws=50)
    alone = [comparison.estimates(labels, each, [name], draws=50)[name].value for each in (one, other)]
    assert apart.value == pytest.approx(alone[0] - alone[1])
    assert apart.low <= apart.value <= apart.high

"""Resampling recordings, and the intervals that come of it."""

import numpy as np
import pytest
from scipy.stats import t

from gfpipe.statistics.bootstrap import Resampling, interval


def test_the_archive_as_it_is_comes_first() -> None:
    found = Resampling.within([0, 0, 0, 1, 1], draws=10)
    assert (found.weights()[:, 0] == 1).all()
    assert found.weights().shape == (5, 11)


def test_every_draw_holds_as_many_recordings_of_each_stratum() -> None:
    strata = np.array([0] * 4 + [1] * 7)
    found = Resampling.within(strata, draws=50)
    for stratum, size in ((0, 4), (1, 7)):
        assert found.weights()[found.unit[strata == stratum]].sum(0) == pytest.approx(size)


def test_the_variance_of_a_mean_is_unbiased_even_for_few_recordings() -> None:
    """Rao and Wu: s² / n, where the plain bootstrap gives (n - 1) / n of it."""
    values = np.array([1.0, 4.0, 2.0, 9.0])
    found = Resampling.within(np.zeros(4), draws=40_000)
    means = values @ found.weights()[found.unit][:, 1:] / 4
    assert means.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.03)


def test_a_recording_alone_in_its_stratum_keeps_its_weight() -> None:
    found = Resampling.within([0, 0, 1], draws=20)
    assert (found.weights()[found.unit[2]] == 1).all()


def test_many_recordings_are_resampled_in_groups_with_the_same_variance() -> None:
    rng = np.random.default_rng(0)
    values = rng.gamma(2, size=4000)
    found = Resampling.within(np.zeros(4000), draws=4000)
    assert len(found.weights()) == 200
    sums = np.bincount(found.unit, values, minlength=200)
    means = sums @ found.weights()[:, 1:] / 4000
    assert means.std() == pytest.approx(values.std() / np.sqrt(4000), rel=0.15)


def test_the_same_archive_gives_the_same_intervals() -> None:
    first, second = (Resampling.within([0] * 9, draws=30).weights() for _ in range(2))
    assert (first == second).all()


def test_the_draws_of_a_stratum_depend_on_its_own_recordings_only() -> None:
    """So that a night on one channel leaves the intervals of the others as they are."""
    before = Resampling.within([0, 0, 0, 1, 1, 1, 1], draws=30, names=[11, 12, 13, 21, 22, 23, 24])
    after = Resampling.within([7, 0, 0, 0, 1, 1, 1, 1], draws=30, names=[5, 11, 12, 13, 21, 22, 23, 24])
    assert (after.weights()[after.unit[1:]] == before.weights()[before.unit]).all()
    assert (after.weights(after.unit[4:]) == before.weights()[before.unit[3:]]).all()


def test_strata_of_the_same_size_are_drawn_independently() -> None:
    values = np.random.default_rng(0).gamma(2, size=60)
    found = Resampling.within(np.repeat([0, 1, 2], 20), draws=10_000)
    sums = [values[rows] @ found.weights()[rows, 1:] for rows in (slice(0, 20), slice(20, 40), slice(40, 60))]
    assert np.corrcoef(sums) == pytest.approx(np.eye(3), abs=0.04)
    assert np.sum(sums, 0).var() == pytest.approx(sum(each.var() for each in sums), rel=0.05)


def test_an_interval_stays_within_its_bounds() -> None:
    rng = np.random.default_rng(0)
    for value in (0.001, 0.03, 0.5, 0.97, 0.999):
        low, high = interval(np.append(value, np.clip(rng.normal(value, 0.05, 2000), 0, 1)), 20)
        assert 0 <= low <= value <= high <= 1
    low, high = interval(np.append(1.5, rng.normal(1.5, 0.2, 2000)), 20, most=np.inf)
    assert low == pytest.approx(1.5 / np.exp(t.ppf(0.975, 20) * 0.2 / 1.5), rel=0.05)
    assert high > 1.5


@pytest.mark.parametrize("draws", [[0.5, *[np.nan] * 10, *[0.5] * 90], [np.nan, *[0.5] * 100]])
def test_what_is_often_undefined_has_no_interval(draws: list[float]) -> None:
    assert np.isnan(interval(np.array(draws), 20)).all()
    assert np.isnan(interval(np.full(100, 0.5), 0)).all()

"""Intervals: they hold the truth as often as they say, and paired ones know that models are paired."""

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import comparison, metrics, resampling
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import percentile_interval

FEMALE_SHARE, ACCURACY_FEMALE, ACCURACY_MALE = 0.5, 0.92, 0.88


def faces(rng: np.random.Generator, count: int) -> Labels:
    female = rng.random(count) < FEMALE_SHARE
    return Labels(np.arange(count).astype(str), female, np.full(count, np.nan), np.full(count, ""))


def right(labels: Labels, is_right: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Answers:
    return Answers("model", np.where(labels.female == is_right, 0.9, 0.1))


@pytest.mark.parametrize(("name", "truth"), [("accuracy", 0.9), ("gap", 0.04), ("balanced_accuracy", 0.9)])
def test_intervals_hold_the_truth_95_times_in_100(name: str, truth: float) -> None:
    """Of 600 samples of 300 faces; the standard error of the share that hold it is 0.9 %."""
    rng = np.random.default_rng(7)
    held, width = 0, 0.0
    for sample in range(600):
        labels = faces(rng, 300)
        said = right(labels, rng.random(300) < np.where(labels.female, ACCURACY_FEMALE, ACCURACY_MALE))
        interval = comparison.estimates(labels, said, [name], draws=400, seed=sample)[name]
        held += interval.low <= truth <= interval.high
        width += interval.high - interval.low
    assert 0.92 <= held / 600 <= 0.975
    assert width / 600 < (0.15 if name == "gap" else 0.075)


def test_the_interval_of_a_difference_knows_that_models_share_their_faces() -> None:
    """Both err on the same hard faces: an unpaired interval would be three times too wide and hold the truth always."""
    rng = np.random.default_rng(3)
    held = 0
    for sample in range(400):
        labels = faces(rng, 300)
        hard, first_only, second_only = rng.random(300) < 0.2, rng.random(300) < 0.02, rng.random(300) < 0.04
        one, other = right(labels, ~hard & ~first_only), right(labels, ~hard & ~second_only)
        apart = comparison.difference(labels, one, other, comparison.MEASURES["accuracy"], draws=400, seed=sample)
        held += apart.low <= 0.8 * (0.98 - 0.96) <= apart.high
    assert 0.915 <= held / 400 <= 0.98


def test_a_proportion_without_a_single_error_is_not_certain() -> None:
    tally = Tally(np.ones(29, bool), np.ones(29))
    drawn = metrics.accuracy(tally.resampled(100))[:, 0]
    interval = percentile_interval(1.0, drawn, 29)
    assert (interval.value, interval.low, interval.high) == pytest.approx((1, 0.8830, 1), abs=1e-4)


def test_what_is_no_proportion_has_no_interval_where_all_faces_are_alike() -> None:
    interval = percentile_interval(0.0, np.zeros(100))
    assert interval.value == 0
    assert np.isnan([interval.low, interval.high]).all()


def test_what_is_often_undefined_has_no_interval() -> None:
    draws = np.where(np.arange(100) < 10, np.nan, np.linspace(0, 1, 100))
    assert np.isnan(percentile_interval(0.5, draws).low)
    assert percentile_interval(0.5, np.where(np.arange(100) < 4, np.nan, np.linspace(0, 1, 100))).high == pytest.approx(
        0.976, abs=0.002
    )


def test_every_draw_holds_as_many_faces_and_the_same_seed_the_same_ones() -> None:
    blocks = list(resampling.weights(5_000, draws=1_000, seed=5))
    assert len(blocks) > 1
    assert sum(map(len, blocks)) == 1_000
    assert all((block.sum(axis=1) == 5_000).all() for block in blocks)
    assert (blocks[0] == next(resampling.weights(5_000, draws=1_000, seed=5))).all()


def test_no_faces_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match="no faces"):
        resampling.measure({"anything": lambda weights: weights.sum(axis=1)}, 0)

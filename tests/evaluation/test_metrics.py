"""Metrics: right on cases worked out by hand, and honest about small samples."""

import math

import numpy as np
import pytest

from gfpipe.evaluation.metrics import MetricFrame, accuracy, accuracy_by, wilson_interval


def test_accuracy_counts_whatever_is_not_the_truth_as_an_error() -> None:
    assert accuracy(["female", "male", "male", "female"], ["female", "female", "undetected", "female"]) == 0.5


def test_accuracy_by_group_adds_up_to_the_whole() -> None:
    true = np.array(["female"] * 6 + ["male"] * 4)
    predicted = np.array(["female"] * 5 + ["male"] * 4 + ["female"])
    frame = accuracy_by(true, predicted, true)
    assert list(frame.by_group) == ["female", "male"]
    assert frame.by_group["female"].value == pytest.approx(5 / 6)
    assert frame.by_group["female"].count == 6
    assert (frame.by_group["male"].value, frame.by_group["male"].count) == (0.75, 4)
    assert frame.overall.value * frame.overall.count == pytest.approx(
        sum(estimate.value * estimate.count for estimate in frame.by_group.values())
    )
    assert frame.gap == pytest.approx(5 / 6 - 0.75)


def test_any_metric_of_truth_and_prediction_can_be_measured_by_group() -> None:
    def share_called_female(true: object, predicted: np.ndarray[tuple[int], np.dtype[np.str_]]) -> float:
        return float((predicted == "female").mean())

    frame = MetricFrame.of(share_called_female, ["male"] * 4, ["female", "male", "male", "male"], ["a", "a", "b", "b"])
    assert (frame.overall.value, frame.by_group["a"].value, frame.by_group["b"].value) == (0.25, 0.5, 0.0)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_the_interval_is_that_of_newcombes_published_examples(
    successes: int, count: int, low: float, high: float
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, the score method without continuity correction."""
    assert wilson_interval(successes / count, count) == pytest.approx((low, high), abs=6e-5)


def test_nothing_measured_is_not_a_number() -> None:
    frame = accuracy_by([], [], [])
    assert math.isnan(frame.overall.value)
    assert math.isnan(frame.gap)
    assert (frame.overall.low, frame.overall.high) == (0.0, 1.0)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="lengths differ"):
        accuracy_by(["male"], ["male", "male"], ["male"])

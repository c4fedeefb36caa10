"""Tests of allocation to strata and of the order of a queue."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.labelling.design import sampling

POPULATION = np.array([10_000, 500, 20, 3, 1])


def row(number: int, face: bool = True) -> dict[str, Any]:
    values: dict[str, Any] = {
        "recording_id": f"r{number}",
        "path": "/archive/x.ts",
        "channel": "One",
        "programme": "News",
        "started_at": datetime(2024, 1, 1, tzinfo=UTC),
        "sample_index": number,
        "seconds": float(number),
        "config_digest": "d1",
        "stratum": f"s{number % 5}",
        "inclusion_probability": 0.5,
    }
    return values | ({"face_index": 0, "x1": 0.0, "y1": 0.0, "x2": 9.0, "y2": 9.0} if face else {})


@pytest.mark.parametrize("size", [1, 7, 100, 5000, 10_524, 99_999])
@pytest.mark.parametrize("least", [0, 1, 30])
def test_an_allocation_adds_up_within_the_population(size: int, least: float) -> None:
    expected = sampling.proportional(POPULATION, size, least)
    allocation = sampling.allocate(list("abcde"), POPULATION, expected, seed=1)
    assert allocation.taken.sum() == min(size, POPULATION.sum())
    assert (allocation.taken <= POPULATION).all()
    assert (allocation.expected > 0).all()
    assert ((allocation.inclusion_probability > 0) & (allocation.inclusion_probability <= 1)).all()


def test_small_strata_get_the_minimum_and_large_ones_the_rest() -> None:
    expected = sampling.proportional(np.array([9000, 900, 30]), 103, 3)
    assert expected == pytest.approx([100 * 9000 / 9900, 100 * 900 / 9900, 3])


def test_minima_take_half_of_the_sample_at_most() -> None:
    population = np.full(100, 10)
    population[0] = 10_000
    expected = sampling.proportional(population, 50, least=5)
    assert expected.sum() == pytest.approx(50)
    assert 20 < expected[0] < 26
    assert expected[1:].min() > 0.24


def test_by_need_leaves_no_stratum_out() -> None:
    population = np.array([1000, 1000, 1000])
    expected = sampling.by_need(population, np.array([8.0, 2.0, 0.0]), 100)
    assert expected == pytest.approx([0.9 * 80 + 10 / 3, 0.9 * 20 + 10 / 3, 10 / 3])


def test_rounding_preserves_expected_sizes() -> None:
    expected = sampling.proportional(POPULATION, 60, 0.3)
    taken = np.array([sampling.allocate(list("abcde"), POPULATION, expected, seed).taken for seed in range(2000)])
    assert (np.abs(taken - expected) < 1).all()
    assert taken.mean(0) == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(2000))


def test_inclusion_probability_of_strata_below_one_face() -> None:
    allocation = sampling.Allocation(("a", "b"), np.array([10, 10]), np.array([2.5, 0.4]), np.array([3, 0]))
    assert allocation.inclusion_probability == pytest.approx([0.3, 0.04])


def test_items_are_shuffled_and_repeats_follow_half_a_queue_later() -> None:
    faces, frames = [row(number) for number in range(200)], [row(1000 + number, face=False) for number in range(20)]
    items = sampling.queue_items(faces, frames, 0.1, seed=3)
    assert [item.position for item in items] == list(range(240))
    first = {(item.recording_id, item.face_index): item.position for item in items if not item.is_repeat}
    repeats = [item for item in items if item.is_repeat]
    assert len(repeats) == 20
    assert {item.kind for item in repeats} == {"face"}
    assert all(item.position - first[item.recording_id, item.face_index] >= 110 for item in repeats)
    in_first_half = {item.stratum for item in items[:60]}
    assert in_first_half == {"s0", "s1", "s2", "s3", "s4"}
    assert items == sampling.queue_items(faces, frames, 0.1, seed=3)
    assert items != sampling.queue_items(faces, frames, 0.1, seed=4)


def test_a_queue_may_contain_only_frames_or_nothing() -> None:
    assert [item.kind for item in sampling.queue_items([], [row(1, face=False)], 0.5, seed=0)] == ["frame"]
    assert sampling.queue_items([], [], 0.5, seed=0) == ()
    assert len(sampling.queue_items([row(1)], [], 0.5, seed=0)) in (1, 2)


def test_stratification_variables_are_checked() -> None:
    assert sampling.checked_by(" channel, size", sampling.BY) == ("channel", "size")
    assert sampling.checked_by("", sampling.BY) == ()
    for by in ("channel,colour", "size,size"):
        with pytest.raises(UsageError, match="--by"):
            sampling.checked_by(by, sampling.BY)

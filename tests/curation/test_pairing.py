"""Tests of matching women and men in nested strata."""

import numpy as np

from gfpipe.curation.pairing import in_rounds, match


def test_pairs_are_in_the_innermost_common_stratum() -> None:
    female = np.array([True, True, True, False, False, False])
    channel = np.array(["a", "a", "b", "a", "a", "b"])
    hour = np.array([1, 2, 1, 1, 3, 2])
    pairs = match(female, [channel, hour])
    matched = dict(zip(pairs.female.tolist(), zip(pairs.male.tolist(), pairs.depth.tolist(), strict=True), strict=True))
    assert matched == {0: (3, 2), 1: (4, 1), 2: (5, 1)}


def test_the_rarer_gender_is_matched_completely() -> None:
    pairs = match(np.array([True, False, False]), [np.array(["a", "b", "b"])])
    assert pairs.depth.tolist() == [0]


def test_pairs_across_strata_are_taken_last() -> None:
    female = np.array([True, False, True, False])
    pairs = match(female, [np.array(["a", "b", "c", "c"])])
    assert pairs.depth[in_rounds(pairs)].tolist() == [1, 0]


def test_strata_contribute_in_turn_at_every_level() -> None:
    channel = np.repeat(["a", "b"], [12, 4])
    hour = np.repeat([1, 2, 1], [8, 4, 4])
    pairs = match(np.tile([True, False], 8), [channel, hour])
    order = in_rounds(pairs)
    channels = channel[pairs.female[order]]
    assert channels[:4].tolist().count("a") == 2
    of_a = hour[pairs.female[order]][channels == "a"]
    assert sorted(of_a[:4].tolist()) == [1, 1, 2, 2]


def test_no_faces() -> None:
    none = match(np.zeros(0, np.bool_), [np.zeros(0, np.str_)])
    assert in_rounds(none).tolist() == []

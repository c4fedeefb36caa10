"""Pairs of a woman and a man: in the innermost stratum that has both, and strata take turns."""

import numpy as np

from gfpipe.curation.pairing import in_rounds, pairs


def test_pairs_lie_in_the_innermost_stratum_that_has_both() -> None:
    female = np.array([True, True, True, False, False, False])
    channel = np.array(["a", "a", "b", "a", "a", "b"])
    hour = np.array([1, 2, 1, 1, 3, 2])
    found = pairs(female, [channel, hour])
    matched = dict(zip(found.female.tolist(), zip(found.male.tolist(), found.depth.tolist(), strict=True), strict=True))
    assert matched == {0: (3, 2), 1: (4, 1), 2: (5, 1)}


def test_everybody_of_the_rarer_gender_is_matched_even_across_strata() -> None:
    found = pairs(np.array([True, False, False]), [np.array(["a", "b", "b"])])
    assert found.depth.tolist() == [0]


def test_pairs_across_strata_are_taken_last() -> None:
    female = np.array([True, False, True, False])
    found = pairs(female, [np.array(["a", "b", "c", "c"])])
    assert found.depth[in_rounds(found)].tolist() == [1, 0]


def test_strata_take_turns_at_every_level() -> None:
    channel = np.repeat(["a", "b"], [12, 4])
    hour = np.repeat([1, 2, 1], [8, 4, 4])
    found = pairs(np.tile([True, False], 8), [channel, hour])
    taken = in_rounds(found)
    channels = channel[found.female[taken]]
    assert channels[:4].tolist().count("a") == 2
    of_a = hour[found.female[taken]][channels == "a"]
    assert sorted(of_a[:4].tolist()) == [1, 1, 2, 2]


def test_nobody_gives_no_pairs() -> None:
    none = pairs(np.zeros(0, np.bool_), [np.zeros(0, np.str_)])
    assert in_rounds(none).tolist() == []

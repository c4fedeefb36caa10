"""Rogan and Gladen's correction, by hand and against a library of the field."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe.statistics import screen_time
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Correction, Labels, correction
from gfpipe.statistics.screen_time import Corrected, counts, of_a_second

ONE = np.ones((1, 1))
Counts = dict[tuple[str, str], int]


def labels(of: Counts, size: str = "medium", at_hand: bool = True, recordings: int = 10, weight: float = 1) -> Labels:
    """So many labels of each truth and answer, spread over recordings."""
    pairs = [pair for pair, number in of.items() for _ in range(number)]
    return Labels(
        unit=np.zeros(len(pairs), np.int64),
        recording=np.arange(len(pairs)) % recordings,
        at_hand=np.full(len(pairs), at_hand),
        size=np.full(len(pairs), SIZES.index(size)),
        truth=np.array([TRUTHS.index(truth) for truth, _ in pairs], np.int64),
        answer=np.array([ANSWERS.index(answer) for _, answer in pairs], np.int64),
        weight=np.full(len(pairs), weight),
    )


def joined(parts: Sequence[Labels]) -> Labels:
    return Labels(*(np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])))


Seconds = dict[int, float]  # by composition


def seconds(**faces: float) -> Seconds:
    """Seconds of pictures by what they show: ``f`` a woman, ``fm`` a woman and a man, …, all of medium size."""
    digit = {"f": 100**3, "m": 100**4, "u": 100**5}
    return {sum(digit[face] for face in shown): time for shown, time in faces.items()}


def sums(by: Correction, whole: Seconds) -> NDArray[np.float64]:
    added: NDArray[np.float64] = np.array(list(whole.values())) @ of_a_second(np.array(list(whole), np.uint64), by)
    return added[None]


def corrected(by: Correction, whole: Seconds) -> Corrected:
    return screen_time.corrected(sums(by, whole), ONE, by)


KNOWN: Counts = {("female", "female"): 90, ("female", "male"): 10, ("male", "male"): 95, ("male", "female"): 5}


def test_a_share_is_corrected_as_rogan_and_gladen_do() -> None:
    whole = seconds(f=30, m=70)
    found = corrected(correction(labels(KNOWN), ONE), whole)
    assert found.share[0] == pytest.approx((0.30 + 0.95 - 1) / (0.90 + 0.95 - 1))
    assert found.female_face[0] + found.male_face[0] == pytest.approx(100)


def test_the_correction_is_that_of_a_quantification_library() -> None:
    # Imported here because it takes seconds, in every process that collects the tests.
    from quapy.functional import solve_adjustment_binary
    from quapy.method.aggregative import ACC

    rng = np.random.default_rng(0)
    truth, answer = rng.integers(0, 2, 500), rng.integers(0, 2, 500)
    answer = np.where(rng.random(500) < 0.85, truth, answer)
    pairs = [(TRUTHS[true], ANSWERS[said]) for true, said in zip(truth, answer, strict=True)]
    of = {pair: pairs.count(pair) for pair in set(pairs)}
    whole = seconds(f=37, m=63)
    found = corrected(correction(labels(of), ONE), whole)
    rates = ACC.getPteCondEstim(np.array([0, 1]), truth, answer)  # P(answer | truth), by column
    theirs = solve_adjustment_binary(np.array([0.63, 0.37]), tpr=rates[0, 0], fpr=rates[0, 1])
    assert found.share[0] == pytest.approx(theirs[1], abs=1e-9)


def test_an_undecided_face_counts_half_and_is_corrected_too() -> None:
    of: Counts = {("female", "female"): 80, ("female", "undecided"): 20, ("male", "male"): 100}
    whole = seconds(f=40, u=10, m=50)  # what 50 women and 50 men look like to this classifier
    found = corrected(correction(labels(of), ONE), whole)
    assert found.female_face[0] == pytest.approx(50)


def test_what_people_say_is_no_face_is_taken_off() -> None:
    of = KNOWN | {("no_face", "male"): 105}  # half of those called men
    whole = seconds(f=50, m=50)
    found = corrected(correction(labels(of), ONE), whole)
    assert found.female_face[0] + found.male_face[0] == pytest.approx(50 + 50 * 0.5)


def test_presence_is_corrected_within_each_picture() -> None:
    """Two women, both seen rightly with 0.9: the expected pictures come out as one picture of two women."""
    never_a_man = KNOWN | {("male", "male"): 100, ("male", "female"): 0}
    whole = seconds(ff=81, fm=18, mm=1)
    found = corrected(correction(labels(never_a_man), ONE), whole)
    assert found.female_presence[0] == pytest.approx(100)
    assert found.male_presence[0] == pytest.approx(0, abs=1e-9)


def test_faces_of_one_size_are_corrected_by_labels_of_that_size() -> None:
    worse = KNOWN | {("female", "female"): 70, ("female", "male"): 30}
    found = correction(joined([labels(KNOWN, "large"), labels(worse, "small")]), ONE)
    assert found.sensitivity[:, 0] == pytest.approx([0.7, 0.8, 0.9])  # none of medium size: all together


def test_few_labels_at_hand_are_replaced_by_those_of_all_channels() -> None:
    few: Counts = {("female", "female"): 19, ("male", "male"): 30}
    found = correction(joined([labels(few), labels(KNOWN, at_hand=False)]), ONE)
    assert found.sensitivity[1, 0] == pytest.approx(109 / 119)
    enough = few | {("female", "female"): 20}
    assert correction(joined([labels(enough), labels(KNOWN, at_hand=False)]), ONE).sensitivity[1, 0] == 1


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (labels({}), "no labels"),
        (labels({("female", "female"): 19, ("male", "male"): 99}), "too few labels: 19 women and 99 men"),
        (labels(KNOWN, recordings=4), "from 4 recordings"),
        (
            labels(KNOWN | {("female", "female"): 50, ("female", "male"): 50}),
            "sensitivity \\+ specificity - 1 is 0.45",
        ),
    ],
)
def test_where_nothing_can_be_corrected_the_reason_is_given(given: Labels, problem: str) -> None:
    found = correction(given, ONE)
    assert found.problem is not None
    assert re.search(problem, found.problem)


def test_heavier_labels_count_for_more() -> None:
    of_two_kinds = joined([labels({("female", "female"): 30}, weight=3), labels({("female", "male"): 30})])
    found = correction(joined([of_two_kinds, labels({("male", "male"): 30})]), ONE)
    assert found.sensitivity[1, 0] == pytest.approx(0.75)


def test_a_composition_is_read_as_it_was_written() -> None:
    shown = counts(np.array([0, 7, 3 * 100**4 + 99 * 100**8], np.uint64))
    assert shown.shape == (3, 3, 3)
    assert not shown[0].any()
    assert shown[1, 0, 0] == 7
    assert (shown[2, 1, 1], shown[2, 2, 2], shown[2].sum()) == (3, 99, 102)


def test_presence_in_the_draws_is_that_of_their_own_correction_up_to_the_second_order() -> None:
    """Two corrections that differ by little: the first is the estimate, the second a draw."""
    rng = np.random.default_rng(1)
    whole = dict(zip(rng.integers(0, 4, (50, 9)) @ 100 ** np.arange(9), rng.uniform(1, 2, 50), strict=True))
    first = correction(labels(KNOWN), ONE)
    differences = []
    for step in (0.01, 0.005):
        women = np.concatenate([first.women, first.women * (1 + step)], axis=-1)
        both = replace(first, women=women, men=np.concatenate([first.men, first.men], axis=-1))
        drawn = screen_time.corrected(sums(both, whole), np.ones((1, 2)), both)
        exact = corrected(replace(first, women=women[..., 1:]), whole)
        assert drawn.male_presence[1] == drawn.male_presence[0]
        differences.append(abs(drawn.female_presence[1] - exact.female_presence[0]))
        assert differences[-1] < 0.1 * abs(drawn.female_presence[1] - drawn.female_presence[0])
    assert differences[1] == pytest.approx(differences[0] / 4, rel=0.1)

"""The promotion gate: non-inferiority tests of a candidate."""

from dataclasses import replace

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.gate.decision import Check, Decision
from gfpipe.evaluation.gate.non_inferiority import Margins, decide

NOBODY = np.zeros(0, np.int64)


def trial(faces: int, wrong: dict[str, np.ndarray], groups: tuple[str, ...] = ("",), name: str = "set") -> Trial:
    """Women and men in turn, of each group in turn; each model is wrong about the faces named, or sure and right."""
    female = np.arange(faces) % 2 == 0
    ethnicity = np.array(groups)[np.arange(faces) // 2 % len(groups)]
    labels = Labels(np.arange(faces).astype(str), female, np.full(faces, np.nan), ethnicity)
    answers = []
    for model, which in wrong.items():
        p_female = np.where(female, 0.9, 0.1)
        p_female[which] = 1 - p_female[which]
        answers.append(Answers(model, p_female))
    return Trial(name, "detector", labels, tuple(answers))


def check(decision: Decision, measure: str) -> Check:
    (found,) = (check for check in decision.checks if check.measure == measure)
    return found


def test_a_model_passes_against_its_equal() -> None:
    decision = decide([trial(400, {"new": np.arange(40), "old": np.arange(40)})], "new", "old")
    assert decision.passed
    assert decision.promoted
    assert [each.measure for each in decision.checks] == ["accuracy", "gap", "worst cell"]
    assert all((each.difference, each.bound) == (0, 0) for each in decision.checks)


def test_the_better_model_passes_and_the_worse_one_does_not() -> None:
    some = trial(2000, {"good": np.arange(60), "bad": np.arange(200)})
    assert decide([some], "good", "bad", Margins(gap=3)).passed
    refused = decide([some], "bad", "good")
    assert not refused.passed
    assert check(refused, "accuracy").verdict == "worse"
    assert check(refused, "accuracy").difference == pytest.approx(-7)
    assert (check(refused, "accuracy").candidate, check(refused, "accuracy").champion) == (90, 97)


def test_more_faces_show_what_few_cannot() -> None:
    """Each model errs on faces of its own, as many as the other: equals, but only many faces can show that."""
    for faces, verdict in ((200, "too few faces to tell"), (20_000, "passed")):
        errors = faces // 20
        some = trial(faces, {"new": np.arange(errors), "old": np.arange(errors, 2 * errors)})
        found = check(decide([some], "new", "old", Margins(accuracy=1.0)), "accuracy")
        assert found.difference == 0
        assert found.verdict == verdict
        assert found.bound < 0


def test_the_bound_is_that_of_a_paired_difference() -> None:
    """Against the normal approximation of McNemar's difference; an unpaired bound would be far lower."""
    faces, ours, theirs, both = 10_000, 200, 300, 1_000
    wrong = {"new": np.arange(both + ours), "old": np.r_[np.arange(both), np.arange(both + ours, both + ours + theirs)]}
    found = check(decide([trial(faces, wrong)], "new", "old"), "accuracy")
    spread = np.sqrt(ours + theirs - (theirs - ours) ** 2 / faces) / faces
    assert found.difference == pytest.approx(1.0)
    assert found.bound == pytest.approx(100 * (0.01 - 1.645 * spread), abs=0.03)


def test_a_candidate_that_gains_by_one_gender_alone_is_refused() -> None:
    """More accurate overall, but all its errors are women's."""
    wrong = {"new": np.arange(0, 320, 2), "old": np.arange(200)}
    decision = decide([trial(4000, wrong)], "new", "old")
    assert check(decision, "accuracy").passed
    assert not check(decision, "gap").passed
    assert check(decision, "gap").candidate == pytest.approx(8)
    assert check(decision, "gap").champion == 0
    assert not decision.passed


def test_a_gap_the_other_way_round_is_as_good() -> None:
    decision = decide([trial(4000, {"new": np.arange(0, 400, 2), "old": np.arange(1, 401, 2)})], "new", "old")
    assert check(decision, "gap").difference == 0
    assert check(decision, "gap").candidate == check(decision, "gap").champion


def test_the_worst_group_counts_even_where_the_mean_gains() -> None:
    groups = ("asian", "white", "white", "white")
    asian_women = np.arange(0, 8000, 8)
    wrong = {"new": asian_women[:150], "old": np.arange(1, 800)}
    decision = decide([trial(8000, wrong, groups)], "new", "old", Margins(gap=100))
    worst = check(decision, "worst cell")
    assert check(decision, "accuracy").passed
    assert not worst.passed
    assert worst.candidate == 85
    assert worst.faces == 1000
    assert worst.note.startswith("asian, female / ")


def test_the_worst_cell_has_at_least_twenty_faces() -> None:
    some = trial(2000, {"new": np.arange(19), "old": NOBODY})
    rare = replace(some.labels, ethnicity=np.where(np.arange(2000) < 30, "rare", "common"))
    worst = check(decide([replace(some, labels=rare)], "new", "old"), "worst cell")
    assert worst.candidate > 99
    assert "rare" not in worst.note


def test_faces_of_unknown_group_are_grouped_by_perceived_gender() -> None:
    some = trial(400, {"new": np.arange(0, 40, 2), "old": NOBODY})
    assert check(decide([some], "new", "old"), "worst cell").note.startswith("female / ")


def test_a_face_without_an_answer_is_an_error() -> None:
    some = trial(400, {"new": NOBODY, "old": NOBODY})
    some.answers[0].p_female[:100] = np.nan
    assert check(decide([some], "new", "old"), "accuracy").candidate == 75


def test_every_data_set_must_pass() -> None:
    good = trial(400, {"new": NOBODY, "old": np.arange(40)}, name="good")
    bad = trial(400, {"new": np.arange(100), "old": np.arange(40)}, name="bad")
    assert decide([good], "new", "old").passed
    decision = decide([good, bad], "new", "old")
    assert not decision.passed
    assert {each.data for each in decision.checks if not each.passed} == {"bad"}


def test_a_forced_candidate_is_promoted_though_it_did_not_pass() -> None:
    refused = Decision("new", "old", passed=False, checks=())
    assert not refused.promoted
    assert replace(refused, forced="the old one is withdrawn").promoted


def test_the_same_faces_give_the_same_decision() -> None:
    some = trial(400, {"new": np.arange(30), "old": np.arange(20, 60)})
    assert decide([some], "new", "old") == decide([some], "new", "old")


def test_too_few_faces_and_missing_answers_are_rejected() -> None:
    both = {"new": NOBODY, "old": NOBODY}
    with pytest.raises(UsageError, match="at least one data set"):
        decide([], "new", "old")
    with pytest.raises(UsageError, match="99 faces are too few to decide on"):
        decide([trial(99, both)], "new", "old")
    with pytest.raises(UsageError, match="no answers of other on set"):
        decide([trial(400, both)], "other", "old")
    some = trial(400, both)
    women = replace(some, labels=replace(some.labels, female=np.arange(400) < 390))
    with pytest.raises(UsageError, match="10 men"):
        decide([women], "new", "old")


@pytest.mark.parametrize("margin", [-1, float("nan"), 101])
def test_a_margin_is_a_number_of_points(margin: float) -> None:
    with pytest.raises(UsageError, match="margin of gap"):
        Margins(gap=margin)

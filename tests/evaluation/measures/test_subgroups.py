"""Accuracy by group, and the exclusion of small groups."""

from dataclasses import replace

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
import sklearn.metrics as sklearn

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import comparison, subgroups
from tests.evaluation import simulated

FACES = simulated.labels(2_000)
ANSWERS = simulated.answers(FACES, undetected=40)
RIGHT = ANSWERS.answered & ((ANSWERS.p_female >= 0.5) == FACES.female)


def of_errors(groups: dict[tuple[str, bool], tuple[int, int]]) -> tuple[Labels, Answers]:
    """Faces and errors by ethnicity and whether female."""
    ethnicity, female, right = [], [], []
    for (name, of_women), (count, errors) in groups.items():
        ethnicity += [name] * count
        female += [of_women] * count
        right += [place >= errors for place in range(count)]
    is_female = np.array(female)
    labels = Labels(
        np.arange(len(female)).astype(str), is_female, np.full(len(female), np.nan), np.array(ethnicity, np.str_)
    )
    return labels, Answers("model", np.where(is_female == np.array(right), 0.8, 0.2))


def test_groups_are_named_in_the_order_they_are_read() -> None:
    assert subgroups.group(FACES, ["gender"]).names == ("female", "male")
    assert subgroups.group(FACES, ["age"]).names == (
        *("0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69"),
        "70+",
    )
    both = subgroups.group(FACES, ["ethnicity", "gender"])
    assert both.names[:3] == ("asian, female", "asian, male", "black, female")
    asian_women = (FACES.ethnicity == "asian") & FACES.female
    assert both.faces[0] == asian_women.sum()
    assert (both.index[asian_women] == 0).all()


def test_faces_whose_attribute_is_not_known_are_in_no_group() -> None:
    some = replace(FACES, ethnicity=np.where(np.arange(2_000) < 500, "", FACES.ethnicity))
    grouping = subgroups.group(some, ["ethnicity", "gender"])
    assert (grouping.index[:500] == -1).all()
    assert grouping.faces.sum() == 1_500
    assert subgroups.group(replace(FACES, ethnicity=np.full(2_000, "")), ["ethnicity"]).names == ()


def test_groups_are_measured_as_fairlearn_measures_them() -> None:
    found = subgroups.measure(FACES, ANSWERS, ["ethnicity", "age"], draws=50)
    truth = np.where(FACES.female, "female", "male")
    said = np.where(RIGHT, truth, "wrong")
    frame = fairlearn.MetricFrame(
        metrics=sklearn.accuracy_score,
        y_true=truth,
        y_pred=said,
        sensitive_features={"ethnicity": FACES.ethnicity, "age": np.minimum(FACES.age_years // 10, 7)},
    )
    expected = frame.by_group.to_numpy()
    values = np.array([interval.value for interval in found.accuracy])
    assert values == pytest.approx(expected)
    assert found.dispersion.spread == pytest.approx(frame.difference())
    assert found.dispersion.mean == pytest.approx(expected.mean())
    assert found.dispersion.standard_deviation == pytest.approx(expected.std())
    assert found.dispersion.variation == pytest.approx(expected.std() / expected.mean())
    assert found.worst == int(expected.argmin())
    assert found.undetected.sum() == 40


def test_intervals_by_group_widen_as_groups_shrink() -> None:
    labels, answers = of_errors({("asian", True): (1_000, 100), ("white", True): (40, 4)})
    large, small = subgroups.measure(labels, answers, ["ethnicity"]).accuracy
    assert (large.value, small.value) == (0.9, 0.9)
    assert large.high - large.low == pytest.approx(2 * 1.96 * (0.09 / 1_000) ** 0.5, rel=0.1)
    assert small.high - small.low == pytest.approx(2 * 1.96 * (0.09 / 40) ** 0.5, rel=0.2)


def test_small_groups_are_shown_but_decide_nothing() -> None:
    labels, answers = of_errors({("asian", True): (19, 19), ("black", True): (20, 4), ("white", True): (100, 10)})
    found = subgroups.measure(labels, answers, ["ethnicity"], draws=50)
    assert [interval.value for interval in found.accuracy] == pytest.approx([0, 0.8, 0.9])
    assert found.worst == 1
    assert found.dispersion.spread == pytest.approx(0.1)
    assert found.dispersion.mean == pytest.approx(0.85)
    alone = subgroups.measure(*of_errors({("asian", True): (5, 1)}), ["ethnicity"], draws=50)
    assert alone.worst is None
    assert np.isnan(alone.dispersion.mean)


def test_the_worst_cell_is_of_ethnicity_and_perceived_gender_where_known() -> None:
    groups = {("asian", True): (50, 10), ("asian", False): (50, 2), ("white", True): (50, 0), ("white", False): (9, 9)}
    labels, answers = of_errors(groups)
    worst = subgroups.worst_accuracy(labels, answers)
    assert worst(np.ones((1, len(labels))))[0] == pytest.approx(0.8)
    without = replace(labels, ethnicity=np.full(len(labels), ""))
    assert subgroups.worst_accuracy(without, answers)(np.ones((1, len(labels))))[0] == pytest.approx(48 / 59)


def test_the_worst_cell_is_sought_anew_in_each_draw() -> None:
    """Of two groups that are equally bad the worse in a draw counts: less, on average, than each of them alone."""
    labels, answers = of_errors({("asian", True): (100, 20), ("white", True): (100, 20)})
    (found,) = comparison.estimates(labels, answers, ["worst_cell"]).values()
    assert found.value == pytest.approx(0.8)
    one = subgroups.measure(labels, answers, ["ethnicity"]).accuracy[0]
    assert found.high < one.high - 0.02


def test_a_grid_holds_accuracy_by_two_attributes() -> None:
    grid = subgroups.grid(FACES, ANSWERS)
    assert (grid.rows[-1], grid.columns) == ("70+", simulated.ETHNICITIES)
    old_indian = (FACES.age_years >= 70) & (FACES.ethnicity == "indian")
    assert grid.accuracy[-1, 2] == pytest.approx(RIGHT[old_indian].mean())
    assert grid.faces[-1, 2] == old_indian.sum()
    few = FACES[np.isin(np.arange(2_000), [np.flatnonzero(old_indian)[0], np.flatnonzero(~old_indian)[0]])]
    assert np.isnan(subgroups.grid(few, Answers("model", np.ones(2))).accuracy).any()


def test_a_trial_can_be_restricted_to_those_known_to_be_older() -> None:
    ages = np.where(np.arange(2_000) < 100, np.nan, FACES.age_years)
    trial = Trial("set", "detector", replace(FACES, age_years=ages), (ANSWERS,), (("a.jpg", "broken"),), seen=7)
    older = subgroups.aged(trial, 10)
    assert older.data == "set, aged 10 and over"
    assert len(older.labels) == int(np.sum(ages >= 10))
    assert (older.skipped, older.seen) == ((), 0)
    with pytest.raises(UsageError, match="no face that is known to be aged 95 and over"):
        subgroups.aged(trial, 95)


def test_groups_that_cannot_be_are_refused() -> None:
    unknown = replace(FACES, ethnicity=np.full(2_000, ""))
    subgroups.check("set", FACES, ["ethnicity", "age", "gender"])
    with pytest.raises(UsageError, match="set has no ethnicity for any face; it has age, gender"):
        subgroups.check("set", unknown, ["age", "ethnicity"])
    with pytest.raises(UsageError, match="groups by 'height' are not supported: choose from ethnicity, age, gender"):
        subgroups.check("set", FACES, ["height"])

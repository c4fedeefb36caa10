"""Dispersion over ethnicities and over seeds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import spread
from gfpipe.evaluation.measures.spread import AGE, GENDER
from gfpipe.evaluation.measures.subgroups import Dispersion
from gfpipe.evaluation.tables import spread as spread_tables
from gfpipe.evaluation.tables import trials as tables

FACES = 60


def trial(*models: Answers) -> Trial:
    """Forty asian and twenty white faces, half of each women's; every second is 25 years old, the others 67."""
    female = np.arange(FACES) % 4 < 2
    ages = np.where(np.arange(FACES) % 2 == 0, 25.0, 67.0)
    ethnicity = np.repeat(["asian", "white"], [40, 20])
    return Trial("faces", "by-hand", Labels(np.arange(FACES).astype(str), female, ages, ethnicity), models)


def model(name: str, wrong: int, aged: float = 28.0) -> Answers:
    """Wrong about the first so many faces; says the same age of all."""
    female = trial().labels.female
    said = np.where(np.arange(FACES) < wrong, ~female, female).astype(float)
    return Answers(name, said, age_years=np.full(FACES, aged))


def test_mean_deviation_and_their_ratio_are_of_the_values_that_are_known() -> None:
    found = Dispersion.of([0.5, math.nan, 1.0])
    assert (found.mean, found.standard_deviation, found.variation) == (0.75, 0.25, 0.25 / 0.75)
    assert math.isnan(Dispersion.of([]).mean)
    assert math.isnan(Dispersion.of([0.0, 0.0]).variation)


def test_an_age_is_right_in_the_class_of_the_true_one() -> None:
    labels = trial().labels
    ages = np.array([20.0, 29.9, 30.0, 60.0, 99.0, math.nan])
    true = np.array([25.0, 25.0, 25.0, 67.0, 67.0, 67.0])
    answers = Answers("a", np.full(6, 0.5), age_years=ages)
    few = replace(labels[np.arange(FACES) < 6], age_years=true)
    assert spread.correct(few, answers)[AGE].tolist() == [1, 1, 0, 1, 1, 0]
    unknown = replace(few, age_years=np.full(6, math.nan))
    assert np.isnan(spread.correct(unknown, answers)[AGE]).all()


def test_faces_that_were_not_found_count_as_errors() -> None:
    answers = model("a", 0)
    lost = replace(answers, p_female=np.where(np.arange(FACES) < 10, np.nan, answers.p_female))
    assert spread.correct(trial().labels, lost)[GENDER].mean() == pytest.approx(50 / 60)


def test_the_table_shows_each_ethnicity_and_how_far_they_lie_apart() -> None:
    table = spread_tables.by_ethnicity(trial(model("a", 10)))
    gender, age = table.rows
    assert gender[:2] == ("a", GENDER)
    assert gender[2:] == pytest.approx((0.75, 1.0, 0.875, 0.125, 0.125 / 0.875))
    assert age[2:] == pytest.approx((0.5, 0.5, 0.5, 0.0, 0.0))
    assert [column.heading for column in table.columns][2:4] == ["asian, %", "white, %"]


def test_an_ethnicity_of_few_faces_is_left_out() -> None:
    few = trial(model("a", 10))[np.arange(FACES) < 59]
    assert math.isnan(spread.by_group(few.labels, few.answers[0])[GENDER][1])
    assert Dispersion.of(spread.by_group(few.labels, few.answers[0])[GENDER]).mean == 0.75


def test_a_figure_of_several_seeds_is_their_mean_and_deviation() -> None:
    both = trial(model("a-0", 6), model("a-1", 12), model("b-0", 0, 20.0))
    table = spread_tables.seeds(both, {"a": ["a-0", "a-1"], "b": ["b-0"]})
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["perceived gender, accuracy, %"] == ("85.00 ± 5.00", "100.00")
    assert cells["age, mean absolute error, years"] == ("21.000 ± 0.000", "26.000")
    assert cells["perceived gender, over ethnicities: SD/mean"][1] == "0.000"
    assert len(spread_tables.by_model(both).rows) == 3


def test_an_evaluation_shows_it_where_a_model_says_ages() -> None:
    with_ages = trial(model("a", 3))
    assert "Accuracy by ethnicity, and its spread, on faces" in tables.summary([with_ages], ["ethnicity"])
    assert "spread" in [table.name for table in tables.all_tables([with_ages])]
    without = trial(replace(model("a", 3), age_years=None))
    assert "spread" not in [table.name for table in tables.all_tables([without])]

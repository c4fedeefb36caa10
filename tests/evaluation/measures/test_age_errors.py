"""How far ages are off, against sums done by hand; two models for ages beside one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Floats, Labels, Trial
from gfpipe.evaluation.figures import trials as figures
from gfpipe.evaluation.measures.age_errors import by_perceived_gender, mean_absolute_error
from gfpipe.evaluation.tables import ages as age_tables
from gfpipe.evaluation.tables import trials as tables
from tests.evaluation import simulated

NAN = np.nan


def labels(female: list[bool], ages: list[float]) -> Labels:
    count = len(ages)
    return Labels(np.arange(count).astype(np.str_), np.array(female), np.array(ages), np.full(count, ""))


def told(*ages: float) -> Floats:
    return np.array(ages, np.float64)


def test_the_mean_error_is_overall_and_by_perceived_gender_of_those_with_an_answer() -> None:
    of = labels([True, True, True, False, False], [20, 30, NAN, 40, 50])
    found = mean_absolute_error(of, told(23, 29, 99, 30, NAN))
    assert found.overall.value == pytest.approx((3 + 1 + 10) / 3)
    assert found.women.value == pytest.approx(2)
    assert found.men.value == pytest.approx(10)
    assert found.faces == 3


def test_its_interval_is_that_of_the_mean() -> None:
    of = simulated.labels(500)
    off = np.random.default_rng(0).normal(0, 10, 500)
    found = mean_absolute_error(of, of.age_years + off)
    assert found.overall.low < found.overall.value < found.overall.high
    wide = 2 * 1.96 * np.abs(off).std() / np.sqrt(500)
    assert found.overall.high - found.overall.low == pytest.approx(wide, rel=0.1)


def test_where_nothing_is_known_there_is_no_error() -> None:
    nobody = mean_absolute_error(labels([True], [NAN]), told(20))
    assert nobody.faces == 0
    assert np.isnan(nobody.overall.value)
    women = mean_absolute_error(labels([True, True], [20, 30]), told(20, 31))
    assert np.isnan(women.men.value)


def test_of_two_models_that_of_the_perceived_gender_tells_the_age() -> None:
    reader = Answers("reader", told(0.9, 0.5, 0.49, NAN), {}, told(1, 1, 1, 1))
    both = by_perceived_gender(reader, women=told(20, 21, 22, 23), men=told(40, 41, 42, 43), model_id="two models")
    assert both.age_years is not None
    np.testing.assert_array_equal(both.age_years, [20, 21, 42, NAN])
    np.testing.assert_array_equal(both.p_female, reader.p_female)
    assert both.model_id == "two models"


@pytest.fixture
def trial() -> Trial:
    """A model that tells both, one of perceived gender alone, and one of ages alone."""
    plain = simulated.trial(60)
    first, second = plain.answers
    years = plain.labels.age_years
    alone = Answers("ages alone", np.full(60, NAN), {}, np.where(np.arange(60) < 2, NAN, years + 5))
    return replace(plain, answers=(replace(first, age_years=years - 2), second, alone))


def test_ages_are_a_table_of_the_models_that_tell_them(trial: Trial) -> None:
    table = age_tables.errors([trial])
    assert table is not None
    named = [dict(zip((column.name for column in table.columns), row, strict=True)) for row in table.rows]
    assert [(row["model"], row["faces"], row["unanswered"]) for row in named] == [
        ("first", 60, 0),
        ("ages alone", 58, 2),
    ]
    assert [row[who].value for row in named for who in ("overall", "women", "men")] == pytest.approx([2] * 3 + [5] * 3)  # type: ignore[union-attr]
    assert age_tables.errors([replace(trial, answers=trial.answers[1:2])]) is None


def test_a_model_of_ages_alone_is_in_no_table_of_perceived_gender(trial: Trial, tmp_path: Path) -> None:
    every = {table.name: table for table in tables.all_tables([trial])}
    assert "Age: mean absolute error, years" in every["ages"].title
    assert "ages alone" not in "".join(table.csv() for name, table in every.items() if name not in ("ages", "spread"))
    assert "ages alone,perceived gender" not in every["spread"].csv()
    assert [row[1] for row in every["accuracy"].rows] == ["first", "second"]

    alone = replace(trial, answers=trial.answers[2:])
    assert {table.name for table in tables.all_tables([alone])} == {"ages", "spread"}
    said = tables.summary([alone], ["ethnicity"])
    assert "Age: mean absolute error" in said
    assert "of 60 faces 2 were not detected" in said
    assert figures.write(alone, tmp_path) == ()


def test_a_model_of_ages_alone_is_read_back_as_such(trial: Trial, tmp_path: Path) -> None:
    trial.write(tmp_path / "answers.parquet")
    again = Trial.read(tmp_path / "answers.parquet")
    assert [each.reads_gender for each in again.answers] == [True, True, False]
    assert again.of("ages alone").answered.sum() == 58

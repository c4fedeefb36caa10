"""Tables of an evaluation, for one or several models and data sets."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import bias, calibration, comparison, subgroups
from gfpipe.evaluation.tables import groups, models
from gfpipe.evaluation.tables import trials as tables
from gfpipe.output.formats import Interval, Value
from gfpipe.output.tables import Table
from tests.evaluation import simulated

TRIAL = simulated.trial()
FIRST = TRIAL.answers[0]


def column(table: Table, name: str) -> list[Value]:
    place = [column.name for column in table.columns].index(name)
    return [row[place] for row in table.rows]


def value(of: Value) -> float:
    assert isinstance(of, Interval)
    return of.value


def test_accuracy_has_a_row_for_each_model_and_data_set() -> None:
    other = replace(simulated.trial(200), data="another")
    table = models.accuracy([TRIAL, other])
    assert column(table, "data") == ["benchmark"] * 2 + ["another"] * 2
    assert column(table, "model") == ["first", "second"] * 2
    assert column(table, "faces") == [400, 400, 200, 200]
    assert column(table, "undetected") == [3, 3, 3, 3]
    female = TRIAL.labels.female
    right = (FIRST.p_female >= 0.5) == female
    right[np.isnan(FIRST.p_female)] = False
    assert value(column(table, "accuracy")[0]) == pytest.approx(right.mean())
    assert value(column(table, "accuracy_female")[0]) == pytest.approx(right[female].mean())
    assert value(column(table, "gap")[0]) == pytest.approx(right[female].mean() - right[~female].mean())


def test_measures_are_all_there() -> None:
    found = comparison.estimates(TRIAL.labels, FIRST, ["roc_auc", "f1"])
    table = models.measures([TRIAL])
    assert column(table, "roc_auc")[0] == found["roc_auc"]
    assert column(table, "f1")[0] == found["f1"]
    assert [column.name for column in table.columns[4:]] == [
        *("balanced_accuracy", "precision", "recall", "f1", "roc_auc", "false_positive_rate", "false_negative_rate")
    ]


def test_groups_set_models_side_by_side() -> None:
    table = groups.groups(TRIAL, ["ethnicity"])
    found = subgroups.measure(TRIAL.labels, FIRST, ["ethnicity"])
    assert column(table, "group") == list(simulated.ETHNICITIES)
    assert tuple(column(table, "first")) == found.accuracy
    assert [column.name for column in table.columns] == ["group", "faces", "first", "second"]


def test_disparity_names_the_worst_group_of_every_grouping() -> None:
    table = groups.disparity([TRIAL], ["ethnicity", "gender"])
    found = subgroups.measure(TRIAL.labels, FIRST, ["ethnicity"])
    assert found.worst is not None
    assert column(table, "worst")[0] == simulated.ETHNICITIES[found.worst]
    assert column(table, "spread")[0] == found.dispersion.spread
    assert column(table, "groups_by") == [
        *["ethnicity"] * 2,
        *["perceived gender"] * 2,
        *["ethnicity × perceived gender"] * 2,
    ]
    assert column(table, "groups")[4] == 10


def test_groups_that_are_all_too_small_have_no_worst() -> None:
    table = groups.disparity([simulated.trial(30)], ["ethnicity"])
    assert column(table, "worst") == [None, None]


def test_rates_are_by_group_and_model() -> None:
    table = groups.rates([TRIAL], ["ethnicity", "gender"])
    found = subgroups.measure(TRIAL.labels, FIRST, ["ethnicity"])
    assert column(table, "group")[::2] == list(simulated.ETHNICITIES)
    assert tuple(column(table, "false_positive_rate")[::2]) == found.false_positive_rate
    assert tuple(column(table, "false_negative_rate")[::2]) == found.false_negative_rate


def test_bias_and_calibration_are_those_measured() -> None:
    found = bias.measure(TRIAL.labels, FIRST)
    table = models.bias([TRIAL])
    assert [column(table, f"{name}_bias")[0] for name in ("gender", "ethnicity", "age")] == [
        found.gender,
        found.ethnicity,
        found.age,
    ]
    calibrated = calibration.calibrate(FIRST.p_female, TRIAL.labels.female)
    assert column(models.calibration([TRIAL]), "calibration_error")[0] == calibrated.error
    assert column(models.calibration([TRIAL]), "faces") == [397, 397]


def test_sizes_leave_out_what_was_not_measured() -> None:
    small = replace(FIRST, by_size={20: np.full(400, 0.9), 10: np.full(400, 0.1)})
    table = models.sizes(replace(TRIAL, answers=(small, TRIAL.answers[1])))
    assert column(table, "face_pixels") == ["10", "20", "original"]
    women = TRIAL.labels.female.mean()
    assert [value(each) for each in column(table, "first")[:2]] == pytest.approx([1 - women, women])
    assert column(table, "second")[:2] == [None, None]


def test_every_two_models_are_compared() -> None:
    three = simulated.trial(models=("a", "b", "c"))
    table = models.pairs([three])
    assert list(zip(column(table, "first"), column(table, "second"), strict=True)) == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    test = comparison.mcnemar(three.labels, three.answers[0], three.answers[1])
    assert column(table, "p_value")[0] == test.p_value
    assert column(table, "only_first")[0] == test.only_first


def test_the_summary_is_short_and_says_what_became_of_every_picture() -> None:
    trial = replace(
        TRIAL, answers=(FIRST,), skipped=(("a.jpg", "broken"), ("b.jpg", "broken"), ("c.jpg", "no label")), seen=1200
    )
    lines = tables.summary([trial]).splitlines()
    assert len(lines) < 12
    assert "of 400 faces 3 were not detected and count as errors" in lines[-3]
    assert "1,200 were left out because a model was trained on them; 3 images or rows were skipped" in lines[-3]
    assert lines[-2:] == ["  a.jpg, b.jpg: broken", "  c.jpg: no label"]


def test_the_summary_shows_the_groups_asked_for_and_the_models_against_one_another() -> None:
    text = tables.summary([TRIAL], ["ethnicity", "gender"])
    for title in ("Accuracy by ethnicity,", "Accuracy by ethnicity × perceived gender", "McNemar", "FPR"):
        assert title in text
    assert "by age" not in text
    assert text.count("2,000 draws") == 2


def test_another_tools_undetected_faces_are_counted_apart() -> None:
    tool = Answers("tool", np.where(np.arange(400) < 50, np.nan, 1.0))
    text = tables.summary([replace(TRIAL, answers=(FIRST, tool))])
    assert "of 400 faces 3 for first, 50 for tool were not detected" in text


def test_a_tool_that_gives_only_labels_has_every_table(tmp_path: Path) -> None:
    tool = Answers("tool", np.where(np.isnan(FIRST.p_female), np.nan, (FIRST.p_female > 0.4).astype(float)))
    trial = replace(TRIAL, answers=(FIRST, tool))
    assert np.isnan(value(column(models.measures([trial]), "roc_auc")[1]))
    assert np.isfinite(value(column(models.measures([trial]), "precision")[1]))
    tables.write_all(trial, tmp_path)


def test_everything_is_written_in_every_form(tmp_path: Path) -> None:
    written = tables.write_all(TRIAL, tmp_path / "out")
    assert sorted(written) == sorted((tmp_path / "out").iterdir())
    names = {path.name for path in written}
    assert {"tables.txt", "tables.md", "accuracy.csv", "rates.tex", "groups_ethnicity_gender.csv"} <= names
    assert not any(name.startswith("sizes") for name in names)
    again = Trial.read(tmp_path / "out" / "answers.parquet")
    assert again.models == TRIAL.models
    first, _ = csv.DictReader(io.StringIO((tmp_path / "out" / "accuracy.csv").read_text()))
    assert float(first["accuracy_low"]) < float(first["accuracy"]) < float(first["accuracy_high"])


def test_two_data_sets_share_tables_but_not_files(tmp_path: Path) -> None:
    unknown = replace(TRIAL.labels, ethnicity=np.full(400, ""), age_years=np.full(400, np.nan))
    written = tables.write_all([TRIAL, replace(TRIAL, data="another", labels=unknown)], tmp_path, ["ethnicity"])
    names = [path.name for path in written]
    assert len(names) == len(set(names))
    assert {"groups_ethnicity.csv", "answers.parquet", "answers-2.parquet"} <= set(names)
    assert "groups_ethnicity_2.csv" not in names
    with (tmp_path / "accuracy.csv").open() as file:
        assert [row["data"] for row in csv.DictReader(file)] == ["benchmark"] * 2 + ["another"] * 2

"""Systems side by side: figures of the same faces, costs, and what was published beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.evaluation.answers import Trial
from gfpipe.output.formats import Interval, Value
from gfpipe.studies.measures import measure
from gfpipe.studies.runner import Report
from gfpipe.studies.systems import figure as system_figure
from gfpipe.studies.systems.outcome import Outcome, Published, Row, Run, System
from gfpipe.studies.systems.tables import Tables
from tests.evaluation import simulated

GROUPS = {"1": "Small networks", "5": "Another tool"}
SMALL = System(
    "small",
    "1",
    "Half as many faces.",
    recipe="small",
    on="all faces",
    published=(
        Published(0.85, "accuracy"),
        Published(0.961, "roc_auc"),
        Published(5.7, "age_error"),
        Published(0.925, what="accuracy on the faces it learned from"),
    ),
)
OTHER = System("other", "5", "Another tool's faces.", predictions="other")
ABSENT = System("absent", "5", "Never run.", predictions="absent")


@pytest.fixture
def outcome() -> Outcome:
    trial = simulated.trial(800, ("small", "other"))
    small, other = trial.answers
    ages = trial.labels.age_years + 3
    ages[~small.answered] = np.nan
    small = replace(small, age_years=ages)
    rows = (
        Row(SMALL, Run("reduced", small.p_female, ages, "2 epochs for 10", 728_194, 185.0, 1_234.0, 1)),
        Row(OTHER, Run("own tool", other.p_female)),
        Row(ABSENT, reason="give its answers: --predictions absent=FILE.csv"),
    )
    return Outcome(replace(trial, answers=(small, other)), rows, GROUPS)


def column(outcome: Outcome, name: str) -> list[Value]:
    table = Tables(outcome).whole()
    index = [column.name for column in table.columns].index(name)
    return [row[index] for row in table.rows]


def test_figures_are_those_of_the_answers_and_unanswered_faces_are_errors(outcome: Outcome) -> None:
    trial = outcome.trial
    right = (trial.of("small").p_female >= 0.5) == trial.labels.female
    right &= trial.of("small").answered
    first = column(outcome, "accuracy")[0]
    assert isinstance(first, Interval)
    assert first.value == pytest.approx(right.mean())
    assert first.low < first.value < first.high
    female = trial.labels.female
    assert column(outcome, "balanced_accuracy")[0] == pytest.approx((right[female].mean() + right[~female].mean()) / 2)
    assert column(outcome, "age_error")[0] == pytest.approx(3)
    assert np.isnan(column(outcome, "age_error")[1])  # type: ignore[arg-type]
    cells = {
        f"{ethnicity}, {word}": right[(trial.labels.ethnicity == ethnicity) & mask].mean()
        for ethnicity in simulated.ETHNICITIES
        for word, mask in (("female", female), ("male", ~female))
    }
    assert column(outcome, "worst")[0] == min(cells, key=lambda cell: cells[cell])
    assert column(outcome, "worst_accuracy")[0] == pytest.approx(min(cells.values()))


def test_a_cell_of_few_faces_is_never_the_worst() -> None:
    labels = simulated.labels(60)
    few = measure(labels, simulated.answers(labels))
    assert few["worst"] == ""
    assert np.isnan(few["worst_accuracy"])  # type: ignore[arg-type]


def test_the_table_says_which_setting_was_run_and_what_it_cost(outcome: Outcome) -> None:
    assert column(outcome, "setting") == ["reduced", "own tool", "not run"]
    assert column(outcome, "parameters") == [728_194, None, None]
    shown = Tables(outcome).text()
    for words in ("728,194", "3 min 05 s", "1,234", "on 1 thread", "3 of them have no answer"):
        assert words in shown


def test_each_published_figure_stands_beside_ours_with_why_they_differ(outcome: Outcome) -> None:
    said = dict(Tables(outcome).sentences())
    [small] = said["Small networks"]
    small = small.replace("\N{NO-BREAK SPACE}", " ")
    ours = column(outcome, "accuracy")[0]
    assert isinstance(ours, Interval)
    assert f"Published on all faces: accuracy 85.0 % (here {100 * ours.value:.1f} %), ROC AUC 0.961 (here 0." in small
    assert "mean error of age 5.7 (here 3.0), accuracy on the faces it learned from 92.5 %." in small
    assert small.endswith("Run at its reduced setting: 2 epochs for 10. Half as many faces.")
    other, absent = said["Another tool"]
    assert other == "other: Another tool's faces."
    assert absent == "absent: not run: give its answers: --predictions absent=FILE.csv."


def test_lines_fit_a_terminal_of_120_columns(outcome: Outcome) -> None:
    long = "age-gender-regression"
    rows = tuple(replace(row, system=replace(row.system, name=long)) for row in outcome.rows[:1])
    trial = replace(outcome.trial, answers=(replace(outcome.trial.answers[0], model_id=long),))
    table = Tables(Outcome(trial, rows, GROUPS)).accuracy()
    assert max(map(len, table.text().splitlines()[:-1])) <= 122


def test_everything_is_written_in_each_form_with_a_picture(outcome: Outcome, tmp_path: Path) -> None:
    tables = Tables(outcome)
    accuracy = {name: row["accuracy"] for name, row in tables.figures.items()}
    report = Report("", tables.files(), {"systems": system_figure.draw(outcome, accuracy)}, outcome.trial)
    names = {path.name for path in report.write(tmp_path)} - {"systems.svg", "systems.png"}
    assert names == {"systems.txt", "systems.md", "systems.csv", "systems.tex", "groups.txt", "answers.parquet"}
    assert Trial.read(tmp_path / "answers.parquet").models == ("small", "other")
    assert "absent" in (tmp_path / "systems.csv").read_text()
    assert "by ethnicity" in (tmp_path / "groups.txt").read_text()
    drawn = (tmp_path / "systems.svg").read_text()
    assert ">small<" in drawn
    assert ">absent<" not in drawn


def test_rows_and_answers_belong_together(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="rows of"):
        Outcome(outcome.trial, outcome.rows[1:])
    with pytest.raises(ValueError, match="was not run"):
        measure(outcome.trial.labels, outcome.rows[2].answers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipe": "a", "head": "b"},
        {},
        {"recipe": "a", "women": "b"},
    ],
)
def test_a_system_is_one_thing(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="odd"):
        System("odd", "1", "", **wrong)  # type: ignore[arg-type]

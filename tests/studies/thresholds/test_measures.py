"""The study's figures: those of the models' answers, several seeds averaged, chosen and reported on other faces."""

from pathlib import Path

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import comparison
from gfpipe.studies.runner import Report
from gfpipe.studies.thresholds import figure as threshold_figure
from gfpipe.studies.thresholds import measures as thresholds
from gfpipe.studies.thresholds import tables as threshold_tables
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row

ROWS = (
    Row("none, as it is", Kind.SOURCE, ("source",)),
    Row("fine-tuned without", Kind.CONTROL, ("c0", "c1")),
    Row("≥ 0", Kind.THRESHOLD, ("a0", "a1"), 0.0, 50, 50, 0.1),
    Row("≥ 0.6", Kind.THRESHOLD, ("b0", "b1"), 0.6, 20, 20, 0.02),
    Row("≥ 0.9", Kind.THRESHOLD, (), 0.9, 1, 1, 0.0),
    Row("true labels", Kind.ORACLE, ("o0", "o1"), 0.0, 60, 60),
)
WRONG = {"source": 60, "c0": 55, "c1": 57, "a0": 40, "a1": 44, "b0": 30, "b1": 30, "o0": 5, "o1": 5}


def trial(name: str, wrong: dict[str, int], faces: int = 300, seed: int = 0) -> Trial:
    """So many of each model's answers are wrong."""
    chance = np.random.default_rng(seed)
    female = np.arange(faces) % 2 == 0
    labels = Labels(np.arange(faces).astype(str), female, np.full(faces, np.nan), np.full(faces, "asian"))
    answers = []
    for model, count in wrong.items():
        off = np.isin(np.arange(faces), chance.permutation(faces)[:count])
        answers.append(Answers(model, np.where(female != off, 0.9, 0.1)))
    return Trial(name, "detector", labels, tuple(answers))


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    choosing, reporting, elsewhere = (trial(name, WRONG, seed=at) for at, name in enumerate(("one", "two", "three")))
    everyone = thresholds.joined("everyone", reporting, elsewhere)
    made = (Measures(ROWS, each, draws=300) for each in (choosing, reporting, everyone))
    return Outcome("ethnicity asian", *made)


def test_one_model_s_figures_are_those_of_an_evaluation(outcome: Outcome) -> None:
    found = outcome.reporting.trial
    names = ["accuracy", "accuracy_female", "gap"]
    expected = comparison.estimates(found.labels, found.of("source"), names, draws=300)
    for name in names:
        ours = outcome.reporting.figure(ROWS[0], name)
        assert ours.value == pytest.approx(expected[name].value)


def test_of_several_seeds_the_mean_and_the_spread_are_told(outcome: Outcome) -> None:
    measures = outcome.reporting
    assert measures.figure(ROWS[2], "accuracy").value == pytest.approx(1 - 42 / 300)
    assert measures.spread(ROWS[2], "accuracy") == pytest.approx(4 / 300 / np.sqrt(2))
    assert np.isnan(measures.spread(ROWS[0], "accuracy"))
    assert "SD of seeds" in threshold_tables.main(outcome).text()


def test_differences_are_paired(outcome: Outcome) -> None:
    measures = outcome.reporting
    one = measures.difference(ROWS[3], ROWS[0], "accuracy")
    assert one.value == pytest.approx(0.1)
    assert one.low < 0.1 < one.high
    assert np.isnan(measures.difference(ROWS[0], ROWS[0], "accuracy").value)
    same = Measures((ROWS[0], Row("again", Kind.CONTROL, ("source",))), measures.trial, draws=50)
    assert same.difference(same.rows[0], same.rows[1], "accuracy").value == 0


def test_the_setting_is_chosen_by_who_is_served_worse_and_never_the_ceiling(outcome: Outcome) -> None:
    assert outcome.chosen is ROWS[3]
    served = {row.name: outcome.choosing.figure(row, "worse").value for row in ROWS if row.models}
    assert served["true labels"] > served["≥ 0.6"] == max(served["≥ 0"], served["≥ 0.6"])
    assert outcome.choosing.figure(ROWS[3], "worse").value <= outcome.choosing.figure(ROWS[3], "accuracy").value


def test_a_setting_without_faces_stands_in_the_table_with_nothing_measured(outcome: Outcome) -> None:
    row = next(row for row in threshold_tables.main(outcome).rows if row[0] == "≥ 0.9")
    assert row[1:4] == (1, 1, 0.0)
    assert "–" in threshold_tables.main(outcome).text()


def test_the_verdict_claims_only_what_the_interval_shows(outcome: Outcome) -> None:
    said = threshold_tables.verdict(outcome)
    assert said.startswith("Chosen: ≥ 0.6. ")
    assert "accuracy +10.00" in said
    gains = [outcome.reporting.difference(ROWS[3], base, "accuracy").low > 0 for base in ROWS[:2]]
    shrinks = [outcome.reporting.difference(ROWS[3], base, "absolute_gap").high < 0 for base in ROWS[:2]]
    assert said.count("size of the gap") == 2
    assert said.count("(shown)") == sum(gains) + sum(shrinks)
    assert 0 < sum(gains) + sum(shrinks) < 4


def test_a_study_leaves_every_form_of_table_and_a_picture(outcome: Outcome, tmp_path: Path) -> None:
    figures = {"thresholds": threshold_figure.picture(outcome)}
    report = Report.of("study", list(threshold_tables.all_tables(outcome)), figures=figures)
    names = {path.name for path in report.write(tmp_path)}
    assert {"study.txt", "study.md", "thresholds.csv", "thresholds.tex", "threshold_everyone.csv"} <= names
    first, second = (tmp_path / "thresholds.csv").read_text().splitlines()[:2]
    assert first.startswith("setting,women_used,men_used,wrong,accuracy,accuracy_low,accuracy_high,accuracy_sd")
    assert second.startswith('"none, as it is",,,,0.8,')
    assert r"$\geq$ 0.6 *" in (tmp_path / "thresholds.tex").read_text()
    text = (tmp_path / "thresholds.svg").read_text()
    assert all(word in text for word in ("≥ 0.6 *", "none, as it is", "gap: women’s accuracy minus men’s"))
    assert "≥ 0.9" not in text, "nothing was trained, so there is nothing to draw"
    assert (tmp_path / "thresholds.png").stat().st_size > 10_000

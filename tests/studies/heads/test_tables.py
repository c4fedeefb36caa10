"""Heads side by side: each against the network's own, and each family in pictures of its own."""

from pathlib import Path

import numpy as np
import pytest

from gfpipe.evaluation.answers import Trial
from gfpipe.output.formats import Interval
from gfpipe.studies.heads import tables as heads
from gfpipe.studies.heads.tables import OWN, Outcome, Row
from gfpipe.studies.runner import Report
from tests.evaluation import simulated


@pytest.fixture
def outcome() -> Outcome:
    trial = simulated.trial(400, (OWN, "svm-linear", "tree-4"))
    own = trial.of(OWN)
    same = type(own)("svm-linear", own.p_female)
    trial = Trial(trial.data, trial.detector_id, trial.labels, (own, same, trial.of("tree-4")), seen=5)
    rows = (Row(OWN, ""), Row("svm-linear", "svm", 1.5, 2e-6, 0.964), Row("tree-4", "trees", 0.5, 1e-6))
    return Outcome("some-network", 512, 1_000, 0.02, 0.005, rows, trial)


def test_a_head_that_says_the_same_as_the_network_is_not_apart_from_it(outcome: Outcome) -> None:
    found = heads.table(outcome)
    own, same, other = (dict(zip([column.name for column in found.columns], row, strict=True)) for row in found.rows)
    assert own["against_own"] is None
    assert isinstance(same["against_own"], Interval)
    assert same["against_own"].value == 0
    assert isinstance(other["against_own"], Interval)
    assert isinstance(other["accuracy"], Interval)
    assert isinstance(own["accuracy"], Interval)
    assert other["against_own"].value == pytest.approx(other["accuracy"].value - own["accuracy"].value)
    assert same["published"] == 0.964
    assert same["ask_microseconds"] == pytest.approx(2)
    assert str(own["worst"]).endswith("male")
    assert "3 faces were not found and count as errors" in found.note
    assert "5 more were left out" in found.note


def test_each_family_has_pictures_with_the_networks_own_head(outcome: Outcome, tmp_path: Path) -> None:
    report = Report.of("heads", [heads.table(outcome)], figures=heads.figures(outcome), trial=outcome.trial)
    written = {path.name for path in report.write(tmp_path)}
    assert {"heads.txt", "heads.csv", "heads.md", "answers.parquet", "roc-svm.svg", "confusion-trees.png"} <= written
    assert "tree-4" not in (tmp_path / "roc-svm.svg").read_text()
    assert OWN in (tmp_path / "roc-svm.svg").read_text()
    assert Trial.read(tmp_path / "answers.parquet").models == (OWN, "svm-linear", "tree-4")


def test_rows_belong_to_answers(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="rows of"):
        Outcome("some-network", 512, 1, 0.0, 0.0, outcome.rows[:2], outcome.trial)
    assert np.isnan(outcome.trial.of(OWN).p_female).sum() == 3

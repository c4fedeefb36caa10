"""Figures on a terminal: few columns, nothing hidden."""

from typing import Any

import pytest

from gfpipe.cli import console
from gfpipe.formats import HOURS
from tests.exports.figures import figures as measured


def drawn(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any]) -> str:
    console.figures([measured(**changed).to_pylist()[0] for changed in rows], ("channel", "month"))
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.console, "width", 200)


def test_a_share_stands_with_its_interval_hours_and_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    said = drawn(capsys, {})
    assert "41.3 % (38.0–44.7)" in said
    assert "north" in said
    assert "9.50" in said
    assert "95.0 %" in said


def test_a_narrow_terminal_shows_less_and_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.console, "width", 80)
    said = drawn(capsys, {})
    assert "41.3 % (38.0–44.7)" in said
    assert "This terminal is narrow" in said
    assert max(map(len, said.splitlines()[:-1])) <= 80


def test_what_is_missing_is_explained_below_and_takes_no_column(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = {"share_female_face_time_corrected": None, "correction_note": "no labels"}
    said = drawn(capsys, nothing, nothing)
    assert "corrected  " not in said
    assert said.rstrip().endswith("Not corrected: no labels")


def test_an_explanation_of_some_rows_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    few = {"interval_note": "fewer than 5 recordings"} | dict.fromkeys(
        ("share_female_face_time_low", "share_female_face_time_high")
    )
    said = drawn(capsys, few, {})
    assert "No interval: fewer than 5 recordings (1 of 2 rows)" in said
    assert "41.3 %  " in said


def test_unknown_groups_and_coverage_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys, {"channel": None, "coverage": None}).count("unknown") == 2


@pytest.mark.parametrize(("hours", "text"), [(0.017, "0.017"), (9.5, "9.50"), (8760, "8,760"), (0, "0"), (None, "–")])
def test_hours_are_written_with_about_three_digits(hours: float | None, text: str) -> None:
    assert HOURS.text(hours) == text

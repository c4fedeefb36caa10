"""Tables of figures on a terminal."""

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


def test_a_share_has_its_interval_hours_and_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    text = drawn(capsys, {})
    assert "41.3 % (38.0–44.7)" in text
    assert "north" in text
    assert "9.50" in text
    assert "95.0 %" in text


def test_a_narrow_terminal_leaves_columns_out_with_a_note(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.console, "width", 80)
    text = drawn(capsys, {})
    assert "41.3 % (38.0–44.7)" in text
    assert "This terminal is narrow" in text
    assert max(map(len, text.splitlines()[:-1])) <= 80


def test_missing_figures_take_no_column_and_are_explained_below(capsys: pytest.CaptureFixture[str]) -> None:
    missing = {"share_female_face_time_corrected": None, "correction_note": "no labels"}
    text = drawn(capsys, missing, missing)
    assert "corrected  " not in text
    assert text.rstrip().endswith("Not corrected: no labels")


def test_an_explanation_of_some_rows_has_their_count(capsys: pytest.CaptureFixture[str]) -> None:
    few = {"interval_note": "fewer than 5 recordings"} | dict.fromkeys(
        ("share_female_face_time_low", "share_female_face_time_high")
    )
    text = drawn(capsys, few, {})
    assert "No interval: fewer than 5 recordings (1 of 2 rows)" in text
    assert "41.3 %  " in text


def test_unknown_groups_and_coverage_are_marked(capsys: pytest.CaptureFixture[str]) -> None:
    assert drawn(capsys, {"channel": None, "coverage": None}).count("unknown") == 2


@pytest.mark.parametrize(("hours", "text"), [(0.017, "0.017"), (9.5, "9.50"), (8760, "8,760"), (0, "0"), (None, "–")])
def test_hours_are_written_with_about_three_digits(hours: float | None, text: str) -> None:
    assert HOURS.text(hours) == text

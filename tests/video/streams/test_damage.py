"""Damaged files are decoded as far as possible; losses are reported, and no sample represents them."""

from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from tests.video.film import FPS, Seen, film, see

FRAME = 1 / FPS
TS_PACKET = 188


def cut(source: Path, path: Path, share: float) -> Path:
    """Truncate a file to a share of its size."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def scratch(source: Path, path: Path, begin: float, end: float, flips: int = 150) -> Path:
    """Change random bytes in a range of a file, given as shares of its size."""
    rng = np.random.default_rng(4)
    data = bytearray(source.read_bytes())
    for position in rng.integers(int(len(data) * begin), int(len(data) * end), flips):
        data[position] ^= int(rng.integers(1, 256))
    path.write_bytes(data)
    return path


def keyframe_offset(path: Path, index: int) -> float:
    """Position of a keyframe, as a share of the file's size: damage after it also affects keyframe sampling."""
    with av.open(str(path)) as container:
        offsets = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe]
    return (offsets[index] or 0) / path.stat().st_size


def without(source: Path, path: Path, begin: float, end: float) -> Path:
    """Remove a range of packets from a transport stream."""
    data = source.read_bytes()
    start, stop = (int(len(data) / TS_PACKET * share) * TS_PACKET for share in (begin, end))
    path.write_bytes(data[:start] + data[stop:])
    return path


def assert_complete(seen: Seen, sampling: Sampling, duration: float = 8.0) -> None:
    """Samples and lost ranges cover the recording without overlap, and every sample shows the right frame."""
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(duration, abs=FRAME)
    assert (np.diff(seen.seconds) > 0).all()
    assert seen.steps.max() <= 1 + FRAME
    for lost in seen.lost:
        overlap = np.minimum(seen.seconds + seen.steps, lost.end_seconds) - np.maximum(seen.seconds, lost.start_seconds)
        assert overlap.max() <= 1e-3
    if sampling is Sampling.KEYFRAMES:
        np.testing.assert_array_equal(seen.numbers, np.round(seen.seconds * FPS))
    else:
        begin, end = np.floor(seen.seconds * FPS + 1e-3), np.ceil((seen.seconds + seen.steps) * FPS - 1e-3)
        assert ((seen.numbers >= begin) & (seen.numbers < end)).all()


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", ["cut.mp4", "cut.mkv"])
def test_lost_end_of_truncated_file_is_reported(reel: Path, mp4: Path, name: str, sampling: Sampling) -> None:
    whole = mp4 if name.endswith("mp4") else film(reel / "whole.mkv")
    seen = see(cut(whole, reel / name, 0.6), sampling)
    (lost,) = seen.lost
    assert lost.start_seconds == pytest.approx(4.8, abs=1)
    assert lost.end_seconds == pytest.approx(8, abs=FRAME)
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
def test_lost_end_of_truncated_ts_follows_from_schedule(reel: Path, ts: Path, sampling: Sampling) -> None:
    short = cut(ts, reel / "cut.ts", 0.6)
    assert see(short, sampling).lost_seconds < 0.5
    seen = see(short, sampling, scheduled=8.0)
    assert seen.lost[-1].start_seconds == pytest.approx(4.8, abs=1)
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
def test_small_differences_from_schedule_are_tolerated(ts: Path, sampling: Sampling) -> None:
    assert see(ts, sampling, scheduled=9.9).lost == ()
    assert see(ts, sampling, scheduled=3.0).lost == ()
    (lost,) = see(ts, sampling, scheduled=10.1).lost
    assert lost.start_seconds == pytest.approx(8, abs=FRAME)
    assert lost.end_seconds == pytest.approx(10.1)


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_missing_packets_in_ts_are_lost(reel: Path, codec: str, sampling: Sampling) -> None:
    whole = film(reel / f"{codec}.ts", codec=codec, start_seconds=50)
    seen = see(without(whole, reel / f"{codec}-hole.ts", 0.3, 0.55), sampling)
    (lost,) = seen.lost
    assert 1.4 <= lost.start_seconds <= 3
    assert 4 <= lost.end_seconds <= 6
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", ["scratched.mp4", "scratched.mkv", "scratched.ts", "scratched-mpeg2.ts"])
def test_decoding_continues_after_damage(reel: Path, name: str, sampling: Sampling) -> None:
    codec = "mpeg2video" if "mpeg2" in name else "libx264"
    whole = film(reel / f"before-{name}", codec=codec, b_frames=0)  # so that each run damages the same bytes
    begin = keyframe_offset(whole, 4)
    seen = see(scratch(whole, reel / name, begin, begin + 0.15, flips=300), sampling)
    assert 0.5 <= seen.lost_seconds <= 4
    assert seen.numbers[-1] > 7 * FPS - 1
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
def test_damage_within_a_long_group_is_lost_to_its_end(reel: Path, sampling: Sampling) -> None:
    """Frames that refer to a damaged frame are damaged, though the decoder does not report it."""
    whole = film(reel / "two-groups.ts", gop=100, b_frames=0)  # nothing refers to B-frames
    seen = see(scratch(whole, reel / "two-groups-scratched.ts", 0.25, 0.3, flips=40), sampling)
    (lost,) = seen.lost
    assert lost.end_seconds == pytest.approx(4, abs=FRAME)
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("restart", [0, 100_000 / 90 * 3])
def test_clock_reset_is_not_a_loss(reel: Path, restart: float, sampling: Sampling) -> None:
    """Two concatenated recordings: the second one's clock starts earlier, or an hour later."""
    first, second = film(reel / "first.ts", seconds=4, start_seconds=500), reel / f"second{restart:.0f}.ts"
    film(second, seconds=4, start_seconds=restart + 100)
    joined = reel / f"joined{restart:.0f}.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    seen = see(joined, sampling)
    assert seen.lost_seconds <= 1
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(8, abs=2 * FRAME)
    assert 75 <= seen.numbers[-1] < 100


def test_time_before_first_intact_frame_is_lost(reel: Path, mp4: Path) -> None:
    data = bytearray(mp4.read_bytes())
    start = data.index(b"mdat") + 1500  # after the encoder's user data
    data[start : start + 400] = np.random.default_rng(0).bytes(400)
    path = reel / "bad-start.mp4"
    path.write_bytes(data)
    seen = see(path, Sampling.KEYFRAMES)
    assert seen.lost[0].start_seconds == 0
    assert seen.seconds[0] == pytest.approx(1)
    assert_complete(seen, Sampling.KEYFRAMES)


def test_single_damaged_timestamp_is_corrected(reel: Path, ts: Path) -> None:
    """A frame with a timestamp one hour ahead keeps its position, and the clock continues."""
    data = bytearray(ts.read_bytes())
    starts = [
        p for p in range(0, len(data), TS_PACKET) if data[p + 1] & 0x40 and b"\0\0\1\xe0" in data[p : p + TS_PACKET]
    ]
    position = data.index(b"\0\0\1\xe0", starts[90]) + 9  # the PTS of the 91st frame
    data[position] ^= 0b0000_0100
    path = reel / "stray.ts"
    path.write_bytes(data)
    for sampling in Sampling:
        seen = see(path, sampling)
        assert seen.lost == ()
        assert seen.steps.sum() == pytest.approx(8, abs=FRAME)


@pytest.mark.parametrize("sampling", Sampling)
def test_heavy_damage_in_mp4(reel: Path, mp4: Path, sampling: Sampling) -> None:
    """Every sample before and after it occurs once."""
    seen = see(scratch(mp4, reel / "heavy.mp4", 0.45, 0.55, flips=2000), sampling, 0.5)
    assert seen.lost_seconds > 0.5
    assert_complete(seen, sampling)


@pytest.mark.parametrize("sampling", Sampling)
def test_what_follows_the_last_frame_of_a_group_that_decodes_is_lost(reel: Path, sampling: Sampling) -> None:
    """A sample represents the time until the next keyframe only if the frames between them can be decoded."""
    source = film(reel / "two groups.mp4", gop=4 * FPS, b_frames=0)
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as container:
        for packet in container.demux(video=0):
            if packet.size and packet.pos and float((packet.pts or 0) * (packet.time_base or 1)) % 4 >= 2:
                data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    path = reel / "zeroed groups.mp4"
    path.write_bytes(data)
    seen = see(path, sampling)
    assert seen.lost_seconds == pytest.approx(4, abs=1)
    assert_complete(seen, sampling)

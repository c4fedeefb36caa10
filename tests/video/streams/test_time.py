"""Time is the stream's own: no claim of a header, gap or change of streams moves a frame or loses one."""

import struct
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.frames import MPEG_TS, Loss
from gfpipe.video.moment import Moment, still
from gfpipe.video.reader import open_video
from tests.video.film import FPS, Seen, film, number, remux, see
from tests.video.streams import transport

pytestmark = pytest.mark.slow

FRAME = 1 / FPS
BOTH = pytest.mark.parametrize("sampling", Sampling)


def assert_shown(seen: Seen, times: np.ndarray, sampling: Sampling) -> None:
    """Every sample shows the frame of its time; nothing is lost."""
    assert seen.lost == ()
    at = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    # MPEG streams have no duration, so the middle of a shorter last interval is unknown.
    known = slice(-1 if seen.info.container == MPEG_TS and sampling is Sampling.EXACT else None)
    np.testing.assert_array_equal(seen.numbers[known], np.searchsorted(times, at + 2e-3, side="right")[known] - 1)


@BOTH
@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_gradual_refresh_is_decoded_through(reel: Path, ending: str, sampling: Sampling) -> None:
    """Recovery points are marked as keyframes, but their pictures are complete only at the next one."""
    path = film(reel / f"refresh.{ending}", gop=50, b_frames=0, options={"x264-params": "intra-refresh=1"})
    assert_shown(see(path, sampling), np.arange(200) / FPS, sampling)


@BOTH
@pytest.mark.parametrize("missing", [1, 2, 3, 12])
def test_frames_that_the_encoder_left_out_are_no_loss(reel: Path, missing: int, sampling: Sampling) -> None:
    times = np.arange(200) / FPS
    times[50:] += missing / FPS
    path = film(reel / f"left-out-{missing}.ts", times=times, gop=250)
    assert_shown(see(path, sampling), times, sampling)


@BOTH
@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts", "flv"])
def test_picture_stands_still_until_the_next_frame(reel: Path, ending: str, sampling: Sampling) -> None:
    times = np.arange(100) / FPS
    times[50:] += 5
    times[98:] += 4  # the last two frames, too few to confirm a jump of the clock
    path = film(reel / f"still.{ending if ending != 'flv' else 'mp4'}", seconds=4, times=times)
    if ending == "flv":
        path = remux(path, reel / "still.flv")
    seen = see(path, sampling)
    assert_shown(seen, times, sampling)
    assert seen.steps.sum() == pytest.approx(times[-1] + FRAME, abs=FRAME)


@BOTH
@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov"])
def test_picture_that_stands_still_longer_than_what_follows_does_not_prolong_the_recording(
    reel: Path, ending: str, sampling: Sampling
) -> None:
    times = np.arange(100) / FPS
    times[75:] += 4
    seen = see(film(reel / f"still-late.{ending}", seconds=4, times=times), sampling)
    assert_shown(seen, times, sampling)
    assert seen.steps.sum() == pytest.approx(times[-1] + FRAME, abs=FRAME)


@BOTH
@pytest.mark.parametrize("ending", ["flv", "mkv", "mp4"])
def test_duration_in_a_header_is_a_claim(reel: Path, mp4: Path, ending: str, sampling: Sampling) -> None:
    path = remux(mp4, reel / f"claim.{ending}")
    data = bytearray(path.read_bytes())
    name, skipped, hour = {
        "flv": (b"duration\0", 9, struct.pack(">d", 3600)),
        "mkv": (b"\x44\x89\x88", 3, struct.pack(">d", 3.6e6)),
        "mp4": (b"mvhd", 16, struct.pack(">II", 1000, 3_600_000)),
    }[ending]
    at = data.index(name) + skipped
    data[at : at + len(hour)] = hour
    path.write_bytes(data)
    seen = see(path, sampling)
    assert seen.notes == ("its header says 3600.0 s, but its pictures end after 8.0 s; none are missing",)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(8, abs=FRAME)
    assert seen.info.duration_seconds == pytest.approx(8, abs=FRAME)


@BOTH
@pytest.mark.parametrize("change", ["codec and stream", "programme"])
def test_programme_is_followed_to_another_stream(reel: Path, ts: Path, change: str, sampling: Sampling) -> None:
    first = transport.packets_of(ts)
    second = transport.packets_of(film(reel / "second.ts", codec="mpeg2video", start_seconds=3608, seconds=4))
    if change == "programme":
        second = transport.numbered(second, 2)
    second = transport.renumbered(second, {transport.VIDEO: 0x200}, version=1)
    seen = see(transport.write(reel / f"{change}.ts", first + second), sampling)
    assert seen.lost_seconds <= 4 * FRAME
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(12, abs=2 * FRAME)
    assert (np.diff(seen.numbers) < 0).sum() == 1  # numbers start again once
    assert seen.seconds[np.diff(seen.numbers, prepend=0) < 0] == pytest.approx(8, abs=1)


PADDING = 30_000  # packets, more than FFmpeg reads to find the streams of a file


def there_and_back(path: Path, starts: tuple[float, float, float], middle: dict[int, int]) -> Path:
    """8 s of H.264, 4 s of MPEG-2 numbered from 1000, 6 s of H.264 numbered from 2000; far apart in the file."""
    parts = [
        film(path.parent / "there.ts", 8, start_seconds=starts[0]),
        film(path.parent / "away.ts", 4, first=1000, codec="mpeg2video", start_seconds=starts[1]),
        film(path.parent / "back.ts", 6, first=2000, start_seconds=starts[2]),
    ]
    first, second, third = map(transport.packets_of, parts)
    padding = [bytearray(b"\x47\x1f\xff\x10" + b"\xff" * 184)] * PADDING
    second = transport.renumbered(second, middle, version=1)
    return transport.write(path, [*first, *padding, *second, *padding, *transport.renumbered(third, {}, version=2)])


@BOTH
@pytest.mark.parametrize(
    "starts",
    [(3600, 3608, 3612), (3600, 9000, 3608), (3600, 50, 20), ((2**33) / 90_000 - 9, (2**33) / 90_000 - 1, 3)],
    ids=["one clock", "the first clock goes on", "three clocks", "the clock wraps"],
)
def test_stream_that_appears_late_is_read(reel: Path, starts: tuple[float, float, float], sampling: Sampling) -> None:
    path = there_and_back(reel / f"late{starts[1]:.0f}.ts", starts, {transport.VIDEO: 0x200})
    seen = see(path, sampling)
    assert seen.lost_seconds <= 2 * FRAME
    assert seen.steps.sum() == pytest.approx(18, abs=3 * FRAME)
    for begin, first, seconds in ((0, 0, 8), (8, 1000, 4), (12, 2000, 6)):
        shown = seen.numbers[(seen.seconds >= begin - 2.5 * FRAME) & (seen.seconds < begin + seconds - 2 * FRAME)]
        assert ((shown >= first) & (shown < first + seconds * FPS)).all()
        assert len(shown) == seconds
    length = float(seen.steps.sum())
    index = int(np.searchsorted(seen.numbers, 1000)) + 1
    moment = Moment(float(seen.seconds[index]), sampling, 1.0, length)
    assert number(still(path, moment).pixels) == seen.numbers[index]


@BOTH
def test_other_codec_under_the_same_identifier_is_lost(reel: Path, sampling: Sampling) -> None:
    seen = see(there_and_back(reel / "same.ts", (3600, 3608, 3612), {}), sampling)
    assert not ((seen.numbers >= 1000) & (seen.numbers < 2000)).any()
    assert 4 <= seen.lost_seconds <= 5 + FRAME
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(18, abs=2 * FRAME)


@BOTH
@pytest.mark.parametrize(("begin", "end"), [(0.0, 0.25), (0.4, 0.6), (0.75, 1.0)])
def test_scrambled_stretch_is_lost_where_it_is(
    reel: Path, ts: Path, begin: float, end: float, sampling: Sampling
) -> None:
    packets = transport.scrambled(transport.packets_of(ts), begin, end)
    seen = see(transport.write(reel / f"scrambled{begin}.ts", packets), sampling)
    (lost,) = seen.lost
    assert lost.reason is Loss.SCRAMBLED
    assert lost.start_seconds == pytest.approx(8 * begin, abs=1)
    assert lost.end_seconds == pytest.approx(8 * end, abs=1.2)
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(8, abs=0.2)
    at = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    np.testing.assert_allclose(seen.numbers, at * FPS, atol=3)


@BOTH
def test_wholly_scrambled_stream_is_called_so(reel: Path, ts: Path, sampling: Sampling) -> None:
    path = transport.write(reel / "secret.ts", transport.scrambled(transport.packets_of(ts), 0, 1))
    with pytest.raises(RecordingError, match=r"secret\.ts: its video is scrambled"):
        list(open_video(path, sampling, 1.0))


@BOTH
@pytest.mark.parametrize("delay", [0.4, 3])
@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_zero_is_where_the_sound_starts(reel: Path, mp4: Path, ending: str, delay: float, sampling: Sampling) -> None:
    path = remux(mp4, reel / f"sound-{delay}.{ending}", shift_seconds=delay, sound_seconds=11)
    seen = see(path, sampling)
    assert seen.lost == ()
    assert seen.seconds[0] == pytest.approx(delay, abs=0.1)
    shown = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    np.testing.assert_allclose(seen.numbers, (shown - seen.seconds[0]) * FPS, atol=1.1)
    assert seen.steps.sum() == pytest.approx(8, abs=FRAME)


def patched(source: bytes, box: bytes, offset: int, value: int) -> bytes:
    """Write a number into a box of an MP4."""
    at = source.index(box) + 4 + offset
    return source[:at] + struct.pack(">I", value) + source[at + 4 :]


@BOTH
@pytest.mark.parametrize(
    ("box", "offset", "value"),
    [
        *((b"mdhd", 12, scale) for scale in (0, 1, 100, 1000, 1 << 20, 1 << 31)),
        *((b"stts", 12, delta) for delta in (12_800 * 30, 2**31 - 1, 2**32 - 1)),
    ],
)
def test_absurd_clock_is_refused_at_once(
    tmp_path: Path, mp4: Path, box: bytes, offset: int, value: int, sampling: Sampling
) -> None:
    path = tmp_path / "absurd.mp4"
    path.write_bytes(patched(mp4.read_bytes(), box, offset, value))
    with pytest.raises(RecordingError, match=r"absurd\.mp4: .*impossible times"):
        list(open_video(path, sampling, 1.0))


@BOTH
@pytest.mark.parametrize(("box", "offset"), [(b"mdhd", 16), (b"mvhd", 16), (b"stts", 8)])
def test_absurd_duration_is_only_a_claim(
    tmp_path: Path, mp4: Path, box: bytes, offset: int, sampling: Sampling
) -> None:
    path = tmp_path / "claim.mp4"
    path.write_bytes(patched(mp4.read_bytes(), box, offset, 2**31 - 1))
    seen = see(path, sampling)
    assert (seen.lost, seen.steps.sum()) == ((), pytest.approx(8, abs=FRAME))


@BOTH
def test_one_absurd_delta_is_refused(reel: Path, sampling: Sampling) -> None:
    times = np.arange(200) / FPS
    times[100:] += 0.02
    data = bytearray(film(reel / "uneven.mp4", times=times).read_bytes())
    at = data.index(struct.pack(">II", 1, 5400), data.index(b"stts"))
    data[at + 4 : at + 8] = struct.pack(">I", 2**31 - 1)
    (reel / "uneven.mp4").write_bytes(data)
    with pytest.raises(RecordingError, match="impossible times"):
        list(open_video(reel / "uneven.mp4", sampling, 1.0))


@BOTH
@pytest.mark.parametrize("ending", ["mp4", "ts"])
def test_block_of_zeros_in_a_picture_is_lost(reel: Path, ending: str, sampling: Sampling) -> None:
    """Decoders conceal it without a word; no encoder writes three zero bytes within a picture."""
    path = film(reel / f"zeros.{ending}", b_frames=0)
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        position = [packet.pos for packet in container.demux(video=0) if packet.is_keyframe][3] or 0
    data[position + 600 : position + 700] = bytes(100)
    path.write_bytes(data)
    seen = see(path, sampling)
    (lost,) = seen.lost
    assert lost.start_seconds == pytest.approx(3, abs=1)
    assert lost.end_seconds == pytest.approx(4, abs=FRAME)
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(8, abs=FRAME)

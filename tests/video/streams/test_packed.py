"""MPEG-4 in AVI: packed B-frames are shown in order and at their times, and frames without content are no loss."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.video.moment import Moment, still
from tests.video.film import FPS, HEIGHT, WIDTH, number, numbered_frames, see

SECONDS = 6
BOTH = pytest.mark.parametrize("sampling", Sampling)
VOP, SEQUENCE = b"\0\0\1\xb6", b"\0\0\1\x20"
USER_DATA = b"\0\0\1\xb2DivX503b1393p"  # by which decoders know packed B-frames
NOT_CODED = VOP + b"\x50\x1f"  # as Xvid writes it
MARKS = {"Xvid": NOT_CODED, "DivX": b"\x7f"}  # packets that show the frame that waits


def coded(frames: Iterable[NDArray[np.uint8]], b_frames: int) -> list[bytes]:
    """The frames in decoding order, with a keyframe every two seconds."""
    codec = av.CodecContext.create("mpeg4", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.framerate, codec.time_base, codec.gop_size = Fraction(FPS), Fraction(1, FPS), 2 * FPS
    codec.max_b_frames, codec.bit_rate = b_frames, 1_000_000
    codec.options = {"b_strategy": "0", "sc_threshold": "1000000000"}
    packets = []
    for index, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = index, Fraction(1, FPS)
        packets += codec.encode(frame)
    return [bytes(packet) for packet in [*packets, *codec.encode(None)]]


def pack(frames: Iterable[bytes], mark: bytes) -> list[bytes]:
    """Packets that show one frame each: a B-frame that follows its reference is in the same packet."""
    packets: list[bytes] = []
    is_waiting = False
    for frame in frames:
        if kind(frame) == 2 and not is_waiting:
            packets[-1] += frame
            is_waiting = True
        else:
            packets += [mark] * (is_waiting and kind(frame) != 2)
            packets.append(frame.replace(VOP, USER_DATA + VOP, 1) if SEQUENCE in frame else frame)
            is_waiting = is_waiting and kind(frame) == 2
    return packets + [mark] * is_waiting


def kind(frame: bytes) -> int:
    """0 of a keyframe, 1 of a predicted frame, 2 of a B-frame."""
    return frame[frame.index(VOP) + 4] >> 6


def mux(path: Path, packets: Iterable[bytes], empty: int = 0) -> Path:
    """Write the packets at consecutive times, with some left empty after the first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index, data in enumerate(packets):
            packet = av.Packet(data)
            packet.pts = packet.dts = index + (empty if index else 0)
            packet.time_base, packet.stream = Fraction(1, FPS), stream
            packet.is_keyframe = VOP in data and kind(data) == 0
            container.mux(packet)
    return path


@BOTH
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(("b_frames", "empty"), [(1, 0), (2, 0), (2, 2), (3, 1)])
def test_packed_b_frames_are_shown_at_their_times(
    reel: Path, b_frames: int, empty: int, mark: str, sampling: Sampling
) -> None:
    path = reel / f"{b_frames}-{empty}-{mark}.avi"
    if not path.exists():
        mux(path, pack(coded(numbered_frames(SECONDS * FPS), b_frames), MARKS[mark]), empty)
    seen = see(path, sampling, 0.3)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(SECONDS, abs=3 / FPS)  # the last frames are not packed
    assert seen.seconds[0] == 0
    shown = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    np.testing.assert_array_equal(seen.numbers, np.floor(shown * FPS + 1e-3))
    for index in (0, 3, 7, -2):
        moment = Moment(float(seen.seconds[index]), sampling, 0.3, float(seen.steps.sum()))
        assert number(still(path, moment).pixels) == seen.numbers[index]


def test_keyframes_of_packed_files_are_used(reel: Path) -> None:
    path = mux(reel / "keyframes.avi", pack(coded(numbered_frames(SECONDS * FPS), 2), NOT_CODED))
    assert see(path, Sampling.KEYFRAMES, 2.1).numbers.tolist() == [0, 51, 99]


@BOTH
@pytest.mark.parametrize("lost", ["mark", "packed"])
def test_a_lost_packet_delays_nothing_that_follows(reel: Path, lost: str, sampling: Sampling) -> None:
    packets = pack(coded(numbered_frames(SECONDS * FPS), 2), NOT_CODED)
    is_lost = {"mark": NOT_CODED.__eq__, "packed": lambda data: data.count(VOP) > 1}[lost]
    packets[30 + list(map(is_lost, packets[30:])).index(True)] = b""
    seen = see(mux(reel / f"without-{lost}.avi", packets), sampling, 0.3)
    shown = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    after = shown > 3
    assert after.sum() >= 10
    np.testing.assert_array_equal(seen.numbers[after], np.floor(shown[after] * FPS + 1e-3))


@BOTH
def test_frames_without_content_stand_still(reel: Path, sampling: Sampling) -> None:
    (still_frame,) = numbered_frames(1)
    frames = coded([still_frame] * (SECONDS * FPS), 0)
    for index in (*range(10, 30), 70, *range(110, 150)):
        frames[index] = frames[index] if kind(frames[index]) == 0 else NOT_CODED
    seen = see(mux(reel / "not-coded.avi", frames), sampling, 0.3)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(SECONDS)

"""Old and odd containers: packed B-frames in AVI, cover art, and errors that libraries raise on damaged files."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.reader import open_video
from gfpipe.video.streams.decoder import Decoder
from tests.video.film import FPS, HEIGHT, WIDTH, numbered_frames, see

BOTH = pytest.mark.parametrize("sampling", Sampling)
_VOP, _SEQUENCE = b"\0\0\1\xb6", b"\0\0\1\x20"
_PACKED = b"\0\0\1\xb2DivX503b1393p"  # user data by which decoders know packed B-frames
_SKIPPED = b"\x7f"  # the frame is in the packet before


def packed(path: Path, seconds: int) -> Path:
    """MPEG-4 with one B-frame between others, each in the packet of its successor, as DivX writes."""
    codec = av.CodecContext.create("mpeg4", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.framerate, codec.time_base, codec.gop_size, codec.max_b_frames = Fraction(FPS), Fraction(1, FPS), 50, 1
    codec.options = {"b_strategy": "0", "sc_threshold": "1000000000"}
    codec.bit_rate = 1_000_000
    coded = []
    for number, pixels in enumerate(numbered_frames(seconds * FPS)):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        coded += codec.encode(frame)
    coded += codec.encode(None)
    chunks: list[tuple[bytes, bool]] = []
    for packet in coded:
        data = bytes(packet)
        if _SEQUENCE in data:
            data = data.replace(_VOP, _PACKED + _VOP, 1)
        is_b_frame = data[data.index(_VOP) + 4] >> 6 == 2
        if is_b_frame:
            chunks[-1] = (chunks[-1][0] + data, chunks[-1][1])
        chunks.append((_SKIPPED if is_b_frame else data, packet.is_keyframe))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, (data, is_keyframe) in enumerate(chunks):
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.is_keyframe, packet.stream = Fraction(1, FPS), is_keyframe, stream
            container.mux(packet)
    return path


@BOTH
def test_packed_b_frames_are_shown_at_their_times(reel: Path, sampling: Sampling) -> None:
    seen = see(packed(reel / "packed.avi", 6), sampling)
    assert seen.steps.sum() + seen.lost_seconds == pytest.approx(6, abs=2 / FPS)
    assert seen.lost_seconds <= 2 / FPS
    shown = seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)
    assert np.abs(seen.numbers - shown * FPS).max() <= 4  # frames: its times are those of the packets


@BOTH
def test_sound_with_a_cover_picture_is_no_video(reel: Path, sampling: Sampling) -> None:
    path = reel / "sound-with-cover.mp4"
    with av.open(str(path), "w") as container:
        sound, cover = container.add_stream("aac", rate=48_000), container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 48_000, 0
        (picture,) = numbered_frames(1)
        for packets in (
            sound.encode(silence),
            sound.encode(None),
            cover.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")),
            cover.encode(None),
        ):
            container.mux(packets)
    with pytest.raises(RecordingError, match=r"cover\.mp4: has no video stream, only sound and a cover picture"):
        open_video(path, sampling, 1.0)


ERRORS = [
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    AttributeError("'NoneType' object has no attribute 'width'"),
    IndexError("list index out of range"),
    ValueError("cannot reshape"),
    RuntimeError("std::bad_alloc"),
]


@BOTH
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("place", ["opening", "decoding"])
def test_error_of_a_library_is_a_failure_of_the_recording(
    mp4: Path, error: Exception, place: str, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise error

    if place == "opening":
        monkeypatch.setattr("gfpipe.video.probe.video_info", fail)
    else:
        monkeypatch.setattr(Decoder, "decode", fail)
    with pytest.raises(RecordingError, match=r"plain\.mp4: cannot be read as video") as failure:
        list(open_video(mp4, sampling, 1.0))
    assert type(error).__name__ in str(failure.value)

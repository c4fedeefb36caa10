"""Odd files: cover art without a video, and errors that libraries raise on damaged files."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.reader import open_video
from gfpipe.video.streams.decoder import Decoder
from tests.video.film import HEIGHT, WIDTH, numbered_frames

BOTH = pytest.mark.parametrize("sampling", Sampling)


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

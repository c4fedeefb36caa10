"""Intact clips of ten seconds, in the containers and codecs of archives, whose pictures show the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

FPS: Final = 25
SECONDS: Final = 10
_SIZE: Final = {"dvvideo": (576, 720)}
_SMALL: Final = (144, 192)
_PIXELS: Final = {"prores_ks": "yuv422p10le", "mjpeg": "yuvj420p"}
_OPTIONS: Final[dict[str, dict[str, str]]] = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
}


@dataclass(frozen=True)
class Kind:
    """A container, by its extension, and a codec, by the name of FFmpeg's encoder."""

    extension: str
    codec: str

    def __str__(self) -> str:
        return f"{self.extension} {self.codec.removeprefix('lib').removesuffix('_ks')}"


KINDS: Final = tuple(
    Kind(extension, codec)
    for extension, codecs in {
        "mp4": ("libx264", "libx265", "mpeg4"),
        "mov": ("libx264", "prores_ks", "mjpeg", "dvvideo"),
        "ts": ("libx264", "libx265", "mpeg2video"),
        "mpg": ("mpeg2video",),
        "mkv": ("libx264", "libx265"),
        "avi": ("mpeg4", "mjpeg", "dvvideo"),
        "mxf": ("mpeg2video", "dvvideo"),
    }.items()
    for codec in codecs
)


def picture(seconds: float, height: int, width: int) -> NDArray[np.uint8]:
    """A bright square whose position tells the time, to a tenth of a second: (H, W, 3) uint8."""
    pixels = np.full((height, width, 3), 60, np.uint8)
    side = height // 3
    x = round((width - side) * (seconds % 2) / 2)
    y = round((height - side) * seconds / SECONDS)
    pixels[y : y + side, x : x + side] = 230
    return pixels


def write(folder: Path, kind: Kind) -> Path:
    """Encode a clip with a keyframe each second."""
    height, width = _SIZE.get(kind.codec, _SMALL)
    path = folder / f"{kind.codec}.{kind.extension}"
    container: Any = av.open(str(path), "w")
    with container:
        stream = container.add_stream(kind.codec, rate=Fraction(FPS), options=_OPTIONS.get(kind.codec, {}))
        stream.height, stream.width = height, width
        stream.pix_fmt = _PIXELS.get(kind.codec, "yuv420p")
        stream.codec_context.gop_size = FPS
        stream.codec_context.thread_count = 1
        for pixels in _frames(height, width):
            frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=stream.pix_fmt)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frames(height: int, width: int) -> Iterator[NDArray[np.uint8]]:
    return (picture(index / FPS, height, width) for index in range(SECONDS * FPS))

"""Video encoding, for the demo archive, tests and benchmarks."""

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.video.pictures.rgb import Box, to_rgb
from gfpipe.video.probe import open_container, video_stream

Codec = Literal["libx264", "libx265", "mpeg2video", "mpeg4"]
Drawing = VideoFrame  # a picture as an encoder takes it: YUV 4:2:0

_FORMATS: Final = {".mp4": "mp4", ".mov": "mov", ".ts": "mpegts", ".mpg": "mpeg", ".mkv": "matroska", ".avi": "avi"}
_BITEXACT: Final = 1 << 10  # libavformat's AVFMT_FLAG_BITEXACT: no random Matroska identifiers
# No keyframes at scene changes.
_OPTIONS: Final = {
    "libx264": {"preset": "ultrafast", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:scenecut=0:open-gop=0:pools=1"},
    "mpeg2video": {"sc_threshold": "1000000000"},
    "mpeg4": {"sc_threshold": "1000000000"},
}
_INTERLACED: Final = {"libx264": {"x264-params": "tff=1"}, "mpeg2video": {"flags": "+ildct+ilme"}}


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8] | Drawing],
    fps: Fraction | int = 25,
    *,
    codec: Codec = "libx264",
    bit_rate: int = 0,
    gop: int = 25,
    keyframes: Collection[int] = (),
    times: Iterable[float] | None = None,
    start_seconds: float = 0.0,
    pixel_aspect: Fraction | int = 1,
    interlaced: bool = False,
    open_gop: bool = False,
    b_frames: int = 2,
    index_first: bool = True,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode frames, (H, W, 3) uint8 RGB, or drawings, of equal, even size; returns ``path``.

    The extension (.mp4 .mov .ts .mpg .mkv .avi) selects the container. Options that are not FFmpeg's: ``keyframes`` are
    indices of further keyframes, ``times`` presentation times in seconds (by default ``index / fps``),
    ``start_seconds`` is the timestamp of the first frame, ``interlaced`` encodes two fields, top field first, and
    ``index_first`` writes an MP4's index before its frames, so that a truncated file can be opened.

    Raises:
        UsageError: there are no frames, or the extension is unknown.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise UsageError(f"{path}: cannot write video as {path.suffix or 'a file without extension'}; use .mp4 or .ts")
    source = (frame if isinstance(frame, VideoFrame) else VideoFrame.from_ndarray(frame, "rgb24") for frame in frames)
    first = next(source, None)
    if first is None:
        raise UsageError(f"{path}: no frames to write")
    muxer = {"movflags": "faststart"} if index_first and path.suffix in {".mp4", ".mov"} else {}
    settings = _OPTIONS[codec] | (_INTERLACED[codec] if interlaced else {}) | (options or {})
    if codec == "mpeg2video" and not open_gop:
        settings["flags"] = settings.get("flags", "") + "+cgop"
    if codec == "libx264" and open_gop:
        settings["x264-params"] = ":".join(filter(None, [settings.get("x264-params"), "open-gop=1"]))
    with av.open(str(path), "w", format=_FORMATS[path.suffix], options=muxer) as container:
        container.flags |= _BITEXACT
        stream = container.add_stream(codec, rate=Fraction(fps), options=settings)
        stream.height, stream.width = first.height, first.width
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(pixel_aspect)
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1  # same bytes on every machine
        tick = Fraction(1, 90_000) if times is not None else 1 / Fraction(fps)
        stream.codec_context.time_base = tick
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        timestamps = iter(times) if times is not None else None
        for index, frame in enumerate(chain([first], source)):
            seconds = float(next(timestamps)) if timestamps else index / Fraction(fps)
            frame.pts = round(Fraction(start_seconds) / tick) + round(Fraction(seconds) / tick)
            frame.time_base = tick
            frame.pict_type = PictureType.I if index in keyframes else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_frames(path: str | Path, width: int | None = None, height: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Decode every frame of a clip in order: (H, W, 3) uint8 RGB, in its coded size by default.

    Raises:
        RecordingError: the file cannot be opened as a video.
    """
    reformatter = VideoReformatter()
    with open_container(path) as container:
        stream = video_stream(container, path)
        size = (width or stream.width, height or stream.height)
        for frame in container.decode(stream):
            yield to_rgb(frame, size, reformatter, Interpolation.AREA)


def scaled(pixels: NDArray[np.uint8], box: Box, size: tuple[int, int]) -> Drawing:
    """A box of a picture, (H, W, 3) uint8 RGB, in whole pixels, scaled to `size` (width, height)."""
    left, top, right, bottom = (round(edge) for edge in box)
    region = VideoFrame.from_ndarray(np.ascontiguousarray(pixels[top:bottom, left:right]), "rgb24")
    return region.reformat(*size, "yuv420p", interpolation=Interpolation.BILINEAR, threads=1)


def beside(left: Drawing, right: Drawing) -> Drawing:
    """Two drawings of equal size side by side."""
    width, height = left.width, left.height
    # A plane of luminance, and two with half its lines and columns.
    planes = [np.split(drawing.to_ndarray(), [height, height * 5 // 4]) for drawing in (left, right)]
    joined = [
        np.hstack([plane.reshape(-1, width // halved) for plane in pair]).reshape(-1, 2 * width)
        for halved, *pair in zip((1, 2, 2), *planes, strict=True)
    ]
    return VideoFrame.from_ndarray(np.vstack(joined), "yuv420p")

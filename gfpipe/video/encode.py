"""The project's only encoder: the demo's archive, the tests' files and the bench are written here."""

from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.video.pictures import to_rgb
from gfpipe.video.probe import open_container, video_stream

Codec = Literal["libx264", "mpeg2video"]

_FORMATS: Final = {".mp4": "mp4", ".mov": "mov", ".ts": "mpegts", ".mpg": "mpeg", ".mkv": "matroska"}
_BITEXACT: Final = 1 << 10  # libavformat's AVFMT_FLAG_BITEXACT: Matroska's identifiers are not drawn at random
# Keyframes come only where they are asked for.
_STEADY: Final = {
    "libx264": {"preset": "veryfast", "sc_threshold": "0"},
    "mpeg2video": {"sc_threshold": "1000000000"},
}
# Field-coded pictures; x264 takes them from its own options, FFmpeg's MPEG-2 encoder from its flags.
_INTERLACED: Final = {
    "libx264": {"x264-params": "tff=1"},
    "mpeg2video": {"flags": "+ildct+ilme"},
}


def write_video(
    path: str | Path,
    frames: Iterable[NDArray[np.uint8]],
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
    """Write RGB frames to a file; its ending (.mp4 .mov .ts .mpg .mkv) chooses the container.

    Args:
        path: the file to write; its folder must exist.
        frames: (H, W, 3) uint8 RGB, all of one size; both sides even.
        fps: frames a second.
        codec: the encoder.
        bit_rate: bits a second; 0 leaves the choice to the encoder (x264: constant quality).
        gop: at most so many frames from one keyframe to the next.
        keyframes: indices of frames that must be keyframes, as an encoder starts a shot with one.
        times: when each frame is shown, seconds from the start; by default ``index / fps``.
        start_seconds: timestamp of the first frame.
        pixel_aspect: width of a pixel over its height.
        interlaced: code the picture as two fields, top first.
        open_gop: let pictures before a keyframe refer across it.
        b_frames: at most so many B-frames in a row.
        index_first: write an MP4's index before its pictures, so that a truncated file can be opened.
        options: further options of the encoder.

    Returns:
        ``path``.

    Raises:
        UsageError: no frame was given, or the ending is unknown.
    """
    path = Path(path)
    if path.suffix not in _FORMATS:
        raise UsageError(f"{path}: cannot write video as {path.suffix or 'a file without ending'}; use .mp4 or .ts")
    source = iter(frames)
    first = next(source, None)
    if first is None:
        raise UsageError(f"{path}: no frames were given, so there is no video to write")
    muxer = {"movflags": "faststart"} if index_first and path.suffix in {".mp4", ".mov"} else {}
    settings = _STEADY[codec] | (_INTERLACED[codec] if interlaced else {}) | (options or {})
    if codec == "mpeg2video" and not open_gop:
        settings["flags"] = settings.get("flags", "") + "+cgop"
    if codec == "libx264" and open_gop:
        settings["x264-params"] = ":".join(filter(None, [settings.get("x264-params"), "open-gop=1"]))
    with av.open(str(path), "w", format=_FORMATS[path.suffix], options=muxer) as container:
        container.flags |= _BITEXACT
        stream = container.add_stream(codec, rate=Fraction(fps), options=settings)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(pixel_aspect)
        stream.codec_context.gop_size = gop
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.thread_count = 1  # the same bytes on every machine
        tick = Fraction(1, 90_000) if times is not None else 1 / Fraction(fps)
        stream.codec_context.time_base = tick
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        moments = iter(times) if times is not None else None
        for index, pixels in enumerate(_chain(first, source)):
            seconds = float(next(moments)) if moments else index / Fraction(fps)
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = round(Fraction(start_seconds) / tick) + round(Fraction(seconds) / tick)
            frame.time_base = tick
            frame.pict_type = PictureType.I if index in keyframes else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_frames(path: str | Path, width: int | None = None, height: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Every frame of a clip in order, as (H, W, 3) uint8 RGB; its own size unless another is given.

    Raises:
        RecordingError: the file cannot be opened as a video.
    """
    reformatter = VideoReformatter()
    with open_container(path) as container:
        stream = video_stream(container, path)
        size = (width or stream.width, height or stream.height)
        for frame in container.decode(stream):
            yield to_rgb(frame, size, reformatter, Interpolation.AREA)


def _chain(first: NDArray[np.uint8], rest: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    yield first
    yield from rest

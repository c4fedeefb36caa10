"""Decoded frames as the pictures that a player shows: turned upright, with square pixels, in RGB."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from gfpipe.errors import RecordingError
from gfpipe.video.frames import MPEG_STREAMS, Picture

MAX_LINES: Final = 1080
_LEAST_SIDE: Final = 16  # pixels; in anything smaller no face can be found
# Pixel aspect ratios in use are between 0.5 and 3; others are damaged metadata.
_LEAST_ASPECT, _MOST_ASPECT = Fraction(1, 4), Fraction(4)
# ITU-T H.273 matrix coefficients that swscale applies. It refuses all others, which no player but mpv applies either.
_MATRICES: Final = frozenset({1, 4, 5, 6, 7, 9})
_UPRIGHT: Final = (1, 0, 0, 1)
_BT2020_CONSTANT: Final = 10  # constant luminance; FFmpeg's own table gives it the coefficients of 9


class Renderer:
    """Renders the frames of one video stream.

    The picture has the lines of the stored frame, but at most 1080. Of an interlaced frame it shows the top field. A
    display matrix turns and mirrors it, to the nearest quarter turn.

    Raises:
        RecordingError: the frames are too small, or FFmpeg cannot convert their pixel format.
    """

    def __init__(self, stream: VideoStream, path: str | Path) -> None:
        self._stream = stream
        self._path = path
        self._reformatter = VideoReformatter()
        self._top_field = _TopField()
        # Transport streams change it with the programme; elsewhere the container decides.
        self._aspect_of = stream.codec_context if _is_mpeg(stream) else stream

    def __call__(self, frame: VideoFrame) -> Picture:
        """The picture of a frame."""
        source, matrix = (frame.width, frame.height), _display_matrix(frame)
        is_turned = _is_turned(matrix)
        width, height = round(frame.width * self._aspect()), frame.height
        scale = min(1.0, MAX_LINES / (width if is_turned else height))
        size = round(width * scale), round(height * scale)
        if min(*source, *size) < _LEAST_SIDE:
            raise RecordingError(
                f"{self._path}: its pictures have {source[0]} x {source[1]} pixels; the file is damaged, or no "
                "recording: copy it again from the original, or take it out of the archive"
            )
        try:
            pixels = to_rgb(self._top_field(frame) if frame.interlaced_frame else frame, size, self._reformatter)
        except (av.error.FFmpegError, ValueError) as exc:
            raise RecordingError(
                f"{self._path}: pictures in the pixel format {frame.format.name} cannot be converted ({exc}); "
                "convert the file with ffmpeg to another format"
            ) from exc
        return Picture(_oriented(pixels, matrix), *(source[::-1] if is_turned else source))

    def _aspect(self) -> Fraction:
        """Width of a stored pixel, relative to its height."""
        aspect = self._aspect_of.sample_aspect_ratio
        return aspect if aspect and _LEAST_ASPECT <= aspect <= _MOST_ASPECT else Fraction(1)


class _TopField:
    """Every second line of a frame, beginning with the first, for luma and chroma alike."""

    def __init__(self) -> None:
        self._graph = Graph()
        self._format: tuple[int, int, str] | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        if self._format != (frame.width, frame.height, frame.format.name):
            self._format = frame.width, frame.height, frame.format.name
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 90_000)
            )
            self._graph.link_nodes(source, self._graph.add("field", "top"), self._graph.add("buffersink")).configure()
        self._graph.vpush(frame)
        return self._graph.vpull()


def to_rgb(
    frame: VideoFrame,
    size: tuple[int, int],
    reformatter: VideoReformatter,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> NDArray[np.uint8]:
    """Scale a stored frame to `size` (width, height) and convert it to RGB: (H, W, 3) uint8."""
    rgb = reformatter.reformat(
        frame,
        *size,
        "rgb24",
        src_colorspace=_matrix(frame),
        dst_color_range=ColorRange.JPEG,
        interpolation=interpolation,
        threads=1,
    )
    return np.asarray(rgb.to_ndarray(), dtype=np.uint8)


def is_upright_bt601(frame: VideoFrame) -> bool:
    """Whether a frame is progressive, stored upright, in 8 bits, with the matrix and range of BT.601."""
    return (
        not frame.interlaced_frame
        and frame.format.name == "yuv420p"
        and _matrix(frame) in (Colorspace.ITU601, Colorspace.ITU601 + 1)
        and frame.color_range != ColorRange.JPEG
        and _display_matrix(frame) == _UPRIGHT
    )


def _matrix(frame: VideoFrame) -> int:
    """Matrix coefficients of a frame; without usable ones, as players do, those of its size."""
    if frame.colorspace in _MATRICES:
        return frame.colorspace
    if frame.colorspace == _BT2020_CONSTANT:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601


def _display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """The linear part (a, b, c, d) of the transform x' = ax + cy, y' = bx + dy from stored to shown pixels."""
    side_data: Mapping[Type, SideData] = frame.side_data  # type: ignore[assignment]  # PyAV's stub lists one kind
    if (data := side_data.get(Type.DISPLAYMATRIX)) is None:
        return _UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), dtype=np.int32).tolist()
    return a, b, c, d


def _is_turned(matrix: tuple[int, int, int, int]) -> bool:
    """Whether columns become rows."""
    a, b, c, d = map(abs, matrix)
    return b + c > a + d


def _oriented(pixels: NDArray[np.uint8], matrix: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    x, below, right, y = matrix
    if _is_turned(matrix):
        pixels, x, y = pixels.swapaxes(0, 1), right, below
    return np.ascontiguousarray(pixels[:: -1 if y < 0 else 1, :: -1 if x < 0 else 1])


def _is_mpeg(stream: VideoStream) -> bool:
    return stream.container.format.name in MPEG_STREAMS

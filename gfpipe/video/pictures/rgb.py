"""Conversion of stored frames, and of regions of them, to RGB."""

from functools import lru_cache
from typing import Final

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

# ITU-T H.273 matrix coefficients that swscale applies. It refuses all others, which no player but mpv applies either.
_MATRICES: Final = frozenset({1, 4, 5, 6, 7, 9})
_BT2020_CONSTANT: Final = 10  # constant luminance; FFmpeg's own table gives it the coefficients of 9
_MULTIPLE: Final = 8  # of the bounds of regions: chroma samples cover up to 4 pixels, swscale converts 8 at a time

Box = tuple[float, float, float, float]  # left, top, right, bottom


def to_rgb(
    frame: VideoFrame,
    size: tuple[int, int],
    reformatter: VideoReformatter,
    interpolation: Interpolation = Interpolation.BILINEAR,
    matrix: int | None = None,
) -> NDArray[np.uint8]:
    """Scale a stored frame to `size` (width, height) and convert it to RGB: (H, W, 3) uint8.

    A region of a frame needs the ``matrix`` of the whole one: see :func:`matrix_of`.
    """
    rgb = reformatter.reformat(
        frame,
        *size,
        "rgb24",
        src_colorspace=matrix_of(frame) if matrix is None else matrix,
        dst_color_range=ColorRange.JPEG,
        interpolation=interpolation,
        threads=1,
    )
    return np.asarray(rgb.to_ndarray(), dtype=np.uint8)


def matrix_of(frame: VideoFrame) -> int:
    """Matrix coefficients of a frame; without usable ones, as players do, those of its size."""
    if frame.colorspace in _MATRICES:
        return frame.colorspace
    if frame.colorspace == _BT2020_CONSTANT:
        return Colorspace.BT2020
    return Colorspace.ITU709 if frame.width >= 1280 or frame.height > 576 else Colorspace.ITU601


def crop(frame: VideoFrame, box: Box) -> tuple[VideoFrame, tuple[int, int, int, int]]:
    """The part of a stored frame that contains a box, and its bounds: left, top, right, bottom in pixels.

    Samples are copied plane by plane. Frames in formats whose pixels are not whole bytes, or that have a palette, are
    converted to RGB first.
    """
    layout = _layout(frame.format.name)
    if layout is None or any(plane.line_size <= 0 for plane in frame.planes):
        rgb = to_rgb(frame, (frame.width, frame.height), VideoReformatter())
        return crop(VideoFrame.from_ndarray(rgb, format="rgb24"), box)
    left, right = _bounds(box[0], box[2], frame.width)
    top, bottom = _bounds(box[1], box[3], frame.height)
    part = VideoFrame(right - left, bottom - top, frame.format.name)
    part.colorspace, part.color_range = frame.colorspace, frame.color_range
    for source, target, (size, across, down) in zip(frame.planes, part.planes, layout, strict=True):
        samples = _lines(source)[top // down : -(-bottom // down), left // across * size : -(-right // across) * size]
        _lines(target)[: samples.shape[0], : samples.shape[1]] = samples
    return part, (left, top, right, bottom)


def _bounds(low: float, high: float, limit: int) -> tuple[int, int]:
    """The range of pixels from `low` to `high`, within the frame, extended to multiples."""
    first = min(max(int(low), 0), limit - 1) // _MULTIPLE * _MULTIPLE
    return first, min(max(-int(-high // _MULTIPLE) * _MULTIPLE, first + _MULTIPLE), limit)


def _lines(plane: VideoPlane) -> NDArray[np.uint8]:
    """The bytes of a plane, by line, with their padding; not a copy."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)


@lru_cache(maxsize=64)
def _layout(name: str) -> tuple[tuple[int, int, int], ...] | None:
    """For each plane of a pixel format: bytes of a sample, and the columns and lines that it covers.

    None if a sample is not a whole number of bytes, or if there is a palette.
    """
    side = 64
    pixels = VideoFormat(name, side, side)
    components = pixels.components
    planes = sorted({component.plane for component in components})
    if pixels.has_palette or pixels.is_bit_stream or pixels.is_bayer or planes != list(range(len(planes))):
        return None
    if len(planes) == 1:
        whole, rest = divmod(pixels.padded_bits_per_pixel, 8)
        return None if rest else ((whole, 1, 1),)
    of_plane = ([component for component in components if component.plane == plane] for plane in planes)
    return tuple(
        (sum(-(-one.bits // 8) for one in found), side // found[0].width, side // found[0].height) for found in of_plane
    )

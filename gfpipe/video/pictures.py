"""Decoded pictures as RGB arrays in square pixels."""

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from gfpipe.video.frames import VideoInfo

MAX_LINES: Final = 1080
_UNSPECIFIED: Final = 2  # ITU-T H.273, matrix coefficients


def picture_size(info: VideoInfo) -> tuple[int, int]:
    """Width and height of the pictures handed on: square pixels, the source's height, at most 1080 lines."""
    height = min(info.height, MAX_LINES)
    return max(1, round(info.display_width * height / info.height)), height


def to_rgb(
    frame: VideoFrame,
    size: tuple[int, int],
    reformatter: VideoReformatter,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 RGB; one pass of swscale for size and colour.

    A stream that does not name its colours has those that its size implies: BT.709 from 720 lines on, BT.601 below.
    """
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        matrix = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    width, height = size
    picture = reformatter.reformat(
        frame, width, height, "rgb24", src_colorspace=matrix, interpolation=interpolation, threads=1
    )
    return np.asarray(picture.to_ndarray(), dtype=np.uint8)

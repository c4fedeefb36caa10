"""Decoded frames as RGB arrays with square pixels."""

from typing import Final

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from gfpipe.video.frames import VideoInfo

MAX_LINES: Final = 1080
_UNSPECIFIED: Final = 2  # ITU-T H.273, matrix coefficients


def output_size(info: VideoInfo) -> tuple[int, int]:
    """Width and height of sampled frames: square pixels, the height of the source but at most 1080 lines."""
    height = min(info.height, MAX_LINES)
    return max(1, round(info.display_width * height / info.height)), height


def to_rgb(
    frame: VideoFrame,
    size: tuple[int, int],
    reformatter: VideoReformatter,
    interpolation: Interpolation = Interpolation.BILINEAR,
) -> NDArray[np.uint8]:
    """Scale a frame to `size` (width, height) and convert it to RGB: (H, W, 3) uint8.

    Frames without a colour space are taken as BT.709 from 720 lines on and as BT.601 below.
    """
    matrix = frame.colorspace
    if matrix == _UNSPECIFIED:
        matrix = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
    rgb = reformatter.reformat(frame, *size, "rgb24", src_colorspace=matrix, interpolation=interpolation, threads=1)
    return np.asarray(rgb.to_ndarray(), dtype=np.uint8)

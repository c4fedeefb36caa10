"""One frame as a player shows it, converted to RGB only as far as it is looked at."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av.error
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import RecordingError
from gfpipe.video.pictures.rgb import Box, crop, matrix_of, to_rgb

Reformatters = defaultdict[str, VideoReformatter]  # by purpose: each keeps its scaler while sizes stay the same


@dataclass(frozen=True)
class Orientation:
    """How stored pixels are shown: with rows and columns exchanged, then mirrored."""

    is_turned: bool = False
    mirrors_columns: bool = False
    mirrors_rows: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> "Orientation":
        """That of a frame's display matrix, to the nearest quarter turn.

        Its linear part is the transform x' = ax + cy, y' = bx + dy from stored to shown pixels.
        """
        side_data: Mapping[Type, SideData] = frame.side_data  # type: ignore[assignment]  # PyAV's stub lists one kind
        if (data := side_data.get(Type.DISPLAYMATRIX)) is None:
            return cls()
        a, b, _, c, d, *_ = np.frombuffer(bytes(data), dtype=np.int32).tolist()
        is_turned = abs(b) + abs(c) > abs(a) + abs(d)
        x, y = (c, b) if is_turned else (a, d)
        return cls(is_turned, x < 0, y < 0)

    def turned(self, size: tuple[int, int]) -> tuple[int, int]:
        """A size (width, height) as shown from that as stored, and conversely."""
        return size[::-1] if self.is_turned else size

    def shown(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Stored pixels (H, W, 3) as shown."""
        pixels = pixels.swapaxes(0, 1) if self.is_turned else pixels
        return np.ascontiguousarray(pixels[:: -1 if self.mirrors_rows else 1, :: -1 if self.mirrors_columns else 1])

    def shown_box(self, box: Box) -> Box:
        """A box in shares of the stored frame, in shares of the picture."""
        return self._mirrored((box[1], box[0], box[3], box[2]) if self.is_turned else box)

    def stored_box(self, box: Box) -> Box:
        """A box in shares of the picture, in shares of the stored frame."""
        left, top, right, bottom = self._mirrored(box)
        return (top, left, bottom, right) if self.is_turned else (left, top, right, bottom)

    def _mirrored(self, box: Box) -> Box:
        left, top, right, bottom = box
        left, right = (1 - right, 1 - left) if self.mirrors_columns else (left, right)
        top, bottom = (1 - bottom, 1 - top) if self.mirrors_rows else (top, bottom)
        return left, top, right, bottom


UPRIGHT: Final = Orientation()


@array_dataclass
class Region:
    """A rectangle of a picture.

    Attributes:
        pixels: (h, w, 3) uint8, RGB. They need not be square, nor have the size of the picture's.
        left, top, width, height: in pixels of the picture.
    """

    pixels: NDArray[np.uint8]
    left: float
    top: float
    width: float
    height: float


class Picture:
    """One frame as a player shows it: upright, with square pixels, in RGB.

    Raises:
        RecordingError: from all that convert pixels, if FFmpeg cannot convert their format.

    Attributes:
        width, height: in square pixels.
        source_width, source_height: of the stored frame, turned as a player shows it. To convert coordinates in the
            picture to stored pixels, multiply x by ``source_width / width`` and y by ``source_height / height``.
    """

    def __init__(
        self,
        frame: VideoFrame,
        size: tuple[int, int],
        source: tuple[int, int],
        orientation: Orientation = UPRIGHT,
        reformatters: Reformatters | None = None,
        path: str | Path = "",
    ) -> None:
        """`frame` holds the lines to be shown, which are fewer than the stored ones of an interlaced frame.

        Sizes are width and height as shown.
        """
        self.width, self.height = size
        self.source_width, self.source_height = source
        self._frame = frame
        self._orientation = orientation
        self._reformatters = Reformatters(VideoReformatter) if reformatters is None else reformatters
        self._path = path

    @classmethod
    def of_pixels(cls, pixels: NDArray[np.uint8], source: tuple[int, int] | None = None) -> "Picture":
        """A picture of (H, W, 3) uint8 RGB, whose stored frame had the size `source`, by default its own."""
        size = pixels.shape[1], pixels.shape[0]
        return cls(VideoFrame.from_ndarray(pixels, format="rgb24"), size, source or size)

    @property
    def nbytes(self) -> int:
        """Memory that the picture takes."""
        return sum(plane.buffer_size for plane in self._frame.planes)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8: the whole picture, which is converted each time."""
        return self.scaled(self.width, self.height)

    def scaled(self, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8: the picture in another size, interpolated linearly, with anti-aliasing."""
        return self._whole((width, height), Interpolation.BILINEAR)

    def points(self, width: int, height: int) -> NDArray[np.uint8]:
        """(height, width, 3) uint8: the picture's pixels at the points of a grid."""
        return self._whole((width, height), Interpolation.POINT)

    def region(self, box: Box, pixel: float = 0.0) -> Region:
        """A rectangle that contains a box, as far as the picture does, reduced if its pixels are small.

        Args:
            box: left, top, right, bottom in pixels of the picture.
            pixel: smallest side of the result's pixels, in pixels of the picture.
        """
        frame, turned = self._frame, self._orientation
        share = turned.stored_box(_scaled(box, 1 / self.width, 1 / self.height))
        part, bounds = crop(frame, _scaled(share, frame.width, frame.height))
        left, top, right, bottom = turned.shown_box(_scaled(bounds, 1 / frame.width, 1 / frame.height))
        width, height = (right - left) * self.width, (bottom - top) * self.height
        size = part.width, part.height
        if pixel:
            least = turned.turned((math.ceil(width / pixel), math.ceil(height / pixel)))
            size = min(size[0], least[0]), min(size[1], least[1])
        pixels = turned.shown(self._rgb(part, size, Interpolation.BILINEAR, "region"))
        return Region(pixels, left * self.width, top * self.height, width, height)

    def _whole(self, size: tuple[int, int], interpolation: Interpolation) -> NDArray[np.uint8]:
        stored = self._orientation.turned(size)
        return self._orientation.shown(self._rgb(self._frame, stored, interpolation, f"{interpolation} {size}"))

    def _rgb(
        self, frame: VideoFrame, size: tuple[int, int], interpolation: Interpolation, purpose: str
    ) -> NDArray[np.uint8]:
        try:
            return to_rgb(frame, size, self._reformatters[purpose], interpolation, matrix_of(self._frame))
        except (av.error.FFmpegError, ValueError) as exc:
            raise RecordingError(
                f"{self._path}: pictures in the pixel format {self._frame.format.name} cannot be converted ({exc}); "
                "convert the file with ffmpeg to another format"
            ) from exc


def _scaled(box: Box, x: float, y: float) -> Box:
    return box[0] * x, box[1] * y, box[2] * x, box[3] * y

"""Types of the video readers, and FFmpeg's names of containers."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.video.streams.tables import StreamProgramme

MP4: Final = "mov,mp4,m4a,3gp,3g2,mj2"
MATROSKA: Final = "matroska,webm"
MPEG_TS: Final = "mpegts"
# These timestamp frames but give no reliable duration, neither of a frame nor of the file.
MPEG_STREAMS: Final = frozenset({MPEG_TS, "mpeg"})
# Their index gives the duration of every frame, so consecutive frames have no gap between them.
INDEXED: Final = frozenset({MP4, "avi", "mxf"})


@dataclass(frozen=True)
class VideoInfo:
    """Metadata of a container's video stream."""

    width: int  # of the stored frame in pixels, which need not be square; turned as shown from the first sample on
    height: int
    duration_seconds: float | None  # as of the container, if it says; after reading, as found
    frame_seconds: float  # nominal
    codec: str  # FFmpeg's name, as of the container
    container: str
    programme: int | None = None  # number of the programme that is read, of a transport stream
    programmes: tuple[StreamProgramme, ...] = ()  # all its programmes


class Loss(StrEnum):
    """Why a range is lost."""

    DAMAGED = "damaged"  # or missing
    SCRAMBLED = "scrambled"


@dataclass(frozen=True)
class LostRange:
    """A time range without decodable frames, in seconds from the recording's start."""

    start_seconds: float
    end_seconds: float
    reason: Loss = Loss.DAMAGED


@array_dataclass
class Picture:
    """One frame as a player shows it.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, square pixels.
        source_width, source_height: as of a :class:`FrameBatch`.
    """

    pixels: NDArray[np.uint8]
    source_width: int
    source_height: int


@array_dataclass
class FrameBatch:
    """Consecutive samples of one recording, whose pictures have one size.

    Attributes:
        pixels: (N, H, W, 3) uint8, RGB, square pixels.
        seconds: (N,) float64, start of each sample's interval, from the recording's start.
        step_seconds: (N,) float64, length of each sample's interval.
        source_width, source_height: size of the stored frame, turned as a player shows it. To convert coordinates in
            ``pixels`` to the stored pixels, multiply x by ``source_width / W`` and y by ``source_height / H``.
    """

    pixels: NDArray[np.uint8]
    seconds: NDArray[np.float64]
    step_seconds: NDArray[np.float64]
    source_width: int
    source_height: int

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or self.pixels.shape[3] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"pixels must be (N, H, W, 3) uint8, got {self.pixels.shape} {self.pixels.dtype}")
        n = len(self.pixels)
        if self.seconds.shape != (n,) or self.step_seconds.shape != (n,):
            raise ValueError(f"{n} frames, but {self.seconds.shape} seconds and {self.step_seconds.shape} steps")
        if (self.step_seconds < 0).any():
            raise ValueError(f"negative step_seconds: {self.step_seconds.min()}")

    def __len__(self) -> int:
        return len(self.pixels)


class Reader(Protocol):
    """One pass over one recording. ``lost`` and ``notes`` are complete once iteration has ended."""

    info: VideoInfo
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]  # what a user should know, apart from losses

    def __iter__(self) -> Iterator[FrameBatch]: ...

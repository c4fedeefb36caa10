"""Types of the video readers, and FFmpeg's names of containers."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.video.pictures.picture import Picture
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
class FrameBatch:
    """Consecutive samples of one recording, whose pictures have one size.

    Attributes:
        pictures: N pictures.
        seconds: (N,) float64, start of each sample's interval, from the recording's start.
        step_seconds: (N,) float64, length of each sample's interval.
    """

    pictures: tuple[Picture, ...]
    seconds: NDArray[np.float64]
    step_seconds: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.pictures)
        if not n or len({(picture.width, picture.height) for picture in self.pictures}) > 1:
            raise ValueError("a batch needs pictures, of one size")
        if self.seconds.shape != (n,) or self.step_seconds.shape != (n,):
            raise ValueError(f"{n} frames, but {self.seconds.shape} seconds and {self.step_seconds.shape} steps")
        if (self.step_seconds < 0).any():
            raise ValueError(f"negative step_seconds: {self.step_seconds.min()}")

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures."""
        return self.pictures[0].width, self.pictures[0].height

    @property
    def source_size(self) -> tuple[int, int]:
        """Width and height of the stored frames, turned as a player shows them."""
        return self.pictures[0].source_width, self.pictures[0].source_height

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8, RGB: the whole pictures, which are converted each time."""
        return np.stack([picture.pixels for picture in self.pictures])


class Reader(Protocol):
    """One pass over one recording, or over a segment of it. Attributes are complete once iteration has ended."""

    begin: float | None  # where the segment begins, in seconds from the recording's start; None if nowhere
    until: float | None  # where it ends; None: with the recording
    first: float | None  # time of the first sample; None if there is none
    info: VideoInfo
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]  # what a user should know, apart from losses

    def __iter__(self) -> Iterator[FrameBatch]: ...

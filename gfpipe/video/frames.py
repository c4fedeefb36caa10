"""What every reader of video hands on: batches of frames that know the time they stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gfpipe.arrays import array_dataclass


@dataclass(frozen=True)
class VideoInfo:
    """What a container says of its first video stream.

    Attributes:
        width, height: of the coded picture, in its own (maybe not square) pixels.
        display_width: what ``width`` becomes with square pixels, the height being kept.
        duration_seconds: promised by the container, None where it does not say.
        frame_seconds: the usual time from one frame to the next.
    """

    width: int
    height: int
    display_width: int
    duration_seconds: float | None
    frame_seconds: float
    codec: str
    container: str


@dataclass(frozen=True)
class LostRange:
    """Seconds from the recording's start that could not be decoded."""

    start_seconds: float
    end_seconds: float


@array_dataclass
class FrameBatch:
    """Some samples of one recording.

    Attributes:
        pixels: (N, H, W, 3) uint8, RGB, square pixels.
        seconds: (N,) float64, the start of each sample's interval, from the recording's start.
        step_seconds: (N,) float64, how much time each sample stands for.
        source_width, source_height: the coded picture's size; multiply x by ``source_width / W`` and y by
            ``source_height / H`` to come from ``pixels`` to the source frame.
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
    """One pass over one recording. ``lost`` is complete once the iterator has ended."""

    info: VideoInfo
    lost: tuple[LostRange, ...]

    def __iter__(self) -> Iterator[FrameBatch]: ...

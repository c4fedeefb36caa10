"""What both readers share: samples become batches of bounded size, and what was lost is written down."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.arrays import array_dataclass
from gfpipe.errors import RecordingError, UsageError
from gfpipe.video.frames import FrameBatch, LostRange, VideoInfo
from gfpipe.video.pictures import picture_size
from gfpipe.video.probe import probe

BATCH_BYTES: Final = 64 << 20
BATCH_FRAMES: Final = 32
# An index says to the frame how long the pictures last; elsewhere the duration may be that of the sound.
_EXACT_PROMISE: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2"})
_NO_PROMISE: Final = frozenset({"mpegts", "mpeg"})


@array_dataclass
class Sample:
    """One picture (H, W, 3) uint8 RGB, and the interval it stands for."""

    seconds: float
    step_seconds: float
    pixels: NDArray[np.uint8]


class SampleReader(ABC):
    """One pass over one recording; a reader says which samples, this class the rest.

    Attributes:
        info: what the container says.
        lost: ranges that could not be decoded or that the file lacks, in order; complete after the iteration.

    Raises:
        UsageError: ``every_seconds`` is not positive.
        RecordingError: on opening, or on iterating, where not one picture can be decoded.
        TransientError: the place where the file lies failed.
    """

    def __init__(self, path: str | Path, every_seconds: float, scheduled_seconds: float | None, threads: int) -> None:
        if not every_seconds > 0:
            raise UsageError(f"a sample every {every_seconds:g} s is impossible; give a time above zero")
        self.path = path
        self.info: VideoInfo = probe(path)
        self.lost: tuple[LostRange, ...] = ()
        self._every = every_seconds
        self._scheduled = scheduled_seconds
        self._threads = threads
        self._size = picture_size(self.info)
        self._promised = None if self.info.container in _NO_PROMISE else self.info.duration_seconds
        self._lost_from = 0.0

    def __iter__(self) -> Iterator[FrameBatch]:
        width, height = self._size
        room = max(1, min(BATCH_FRAMES, BATCH_BYTES // (width * height * 3)))
        waiting: list[Sample] = []
        empty = True
        for sample in self._samples():
            empty = False
            waiting.append(sample)
            if len(waiting) == room:
                yield _batch(waiting, self.info)
                waiting = []
        if waiting:
            yield _batch(waiting, self.info)
        if empty:
            raise RecordingError(
                f"{self.path}: not one picture of its {self.info.codec} video can be decoded; the file is damaged: "
                "copy it again from where it was recorded"
            )

    @abstractmethod
    def _samples(self) -> Iterator[Sample]:
        """Samples in order; calls ``_lose`` for every range that none of them stands for."""

    def _lose(self, start: float, end: float) -> None:
        """Write down a range; ranges come in order, and what is shorter than half a frame is rounding."""
        start = max(start, self._lost_from)
        if end - start < self.info.frame_seconds / 2:
            return
        if self.lost and start - self.lost[-1].end_seconds < self.info.frame_seconds / 2:
            self.lost = (*self.lost[:-1], LostRange(self.lost[-1].start_seconds, end))
        else:
            self.lost = (*self.lost, LostRange(start, end))

    def _lose_tail(self, end: float) -> None:
        """Compare where the pictures end with what the container and the schedule promised.

        An MP4's index is exact: a missing frame or two is rounding, more was cut off. Other containers may mean the
        sound, and schedules are loose: up to two seconds, or one per cent, are no loss. MPEG streams promise nothing:
        their duration is what their last timestamp suggests.
        """
        promised = self._promised
        frames = 2 * self.info.frame_seconds
        exact = self.info.container in _EXACT_PROMISE
        for promise, tolerance in (
            (promised, frames if exact else max(2.0, 0.01 * (promised or 0))),
            (self._scheduled, max(2.0, 0.01 * (self._scheduled or 0))),
        ):
            if promise is not None and promise - end > tolerance:
                self._lose(end, promise)
                end = promise


def hole_between(holes: Sequence[LostRange], start: float, end: float) -> LostRange | None:
    """The first of the ordered holes that begins in [start, end), if any."""
    index = bisect_left(holes, start - 1e-6, key=lambda hole: hole.start_seconds)
    return holes[index] if index < len(holes) and holes[index].start_seconds < end - 1e-6 else None


def _batch(samples: Sequence[Sample], info: VideoInfo) -> FrameBatch:
    return FrameBatch(
        pixels=np.stack([s.pixels for s in samples]),
        seconds=np.array([s.seconds for s in samples], dtype=np.float64),
        step_seconds=np.array([s.step_seconds for s in samples], dtype=np.float64),
        source_width=info.width,
        source_height=info.height,
    )

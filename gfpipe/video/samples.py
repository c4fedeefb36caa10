"""The base class of both readers: batches of bounded size, and lost ranges."""

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.base.arrays import array_dataclass
from gfpipe.base.heartbeat import beat
from gfpipe.errors import RecordingError, UsageError
from gfpipe.recording import WHOLE, Segment
from gfpipe.video.frames import MP4, MPEG_STREAMS, FrameBatch, Loss, LostRange, VideoInfo
from gfpipe.video.packets import Packets
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.probe import foreign_errors, probe

BATCH_BYTES: Final = 14 << 20  # four frames of 1080p; the batch before is in memory too
BATCH_FRAMES: Final = 32


@array_dataclass
class Sample:
    """One picture, and the interval it represents."""

    seconds: float
    step_seconds: float
    picture: Picture


class SampleReader(ABC):
    """One pass over one recording, or over a segment of it; subclasses choose the samples.

    The samples, losses and notes of consecutive segments are those of the whole, provided that each begins where the
    one before ended. What precedes a segment is read, so that times are those of the whole, but not decoded.

    Raises:
        UsageError: ``every_seconds`` is not positive.
        RecordingError: the file cannot be opened or, during iteration, no frame can be decoded.
        TransientError: the storage failed.
    """

    def __init__(
        self,
        path: str | Path,
        every_seconds: float,
        scheduled_seconds: float | None = None,
        threads: int = 1,
        programme: int | None = None,
        segment: Segment = WHOLE,
    ) -> None:
        if not every_seconds > 0:
            raise UsageError(f"a sample every {every_seconds:g} s is impossible; give a time above zero")
        self.path = path
        self.info: VideoInfo = probe(path, programme)
        self.lost: tuple[LostRange, ...] = ()  # missing or undecodable, in order; complete once iteration has ended
        self.notes: tuple[str, ...] = _notes(self.info)
        self._every = every_seconds
        self._scheduled = scheduled_seconds
        self._threads = threads
        self._programme = programme
        # The duration of an MPEG stream is a guess from its last timestamp.
        self._duration = None if self.info.container in MPEG_STREAMS else self.info.duration_seconds
        self._lost_from = 0.0
        self._segment = segment
        self.begin: float | None = None if segment.begin else 0.0
        self.until: float | None = None
        self.first: float | None = None

    def __iter__(self) -> Iterator[FrameBatch]:
        samples: list[Sample] = []
        for sample in self._named_samples():
            beat()
            if self.first is None:
                self.first = sample.seconds
                self.info = replace(self.info, width=sample.picture.source_width, height=sample.picture.source_height)
            if samples and not _is_room(samples, sample):
                yield _batch(samples)
                samples = []
            samples.append(sample)
        if samples:
            yield _batch(samples)
        if self.first is None and self._segment == WHOLE:
            raise RecordingError(
                f"{self.path}: no frame of its {self.info.codec} video can be decoded; the file is damaged: "
                "copy it again from the original"
            )

    def _named_samples(self) -> Iterator[Sample]:
        with foreign_errors(self.path):
            yield from self._samples()

    @abstractmethod
    def _samples(self) -> Iterator[Sample]:
        """Samples in order; calls ``_lose`` for every range that no sample represents."""

    def _lose(self, start: float, end: float) -> None:
        """Record a lost range, in order; ranges shorter than half a frame are rounding errors."""
        start = max(start, self._lost_from)
        if end - start < self.info.frame_seconds / 2:
            return
        if self.lost and start - self.lost[-1].end_seconds < self.info.frame_seconds / 2:
            self.lost = (*self.lost[:-1], LostRange(self.lost[-1].start_seconds, end))
        else:
            self.lost = (*self.lost, LostRange(start, end))

    def _conclude(self, packets: Packets) -> None:
        """Record what is lost before the first and after the last frame, why, and the recording's length."""
        before = [gap for gap in packets.gaps if gap.end_seconds <= packets.start_seconds and not self._segment.begin]
        if self.until is None:
            self._conclude_recording(packets)
        self.lost = tuple(replace(lost, reason=_reason(lost, packets.gaps)) for lost in (*before, *self.lost))

    def _conclude_recording(self, packets: Packets) -> None:
        after = [gap for gap in packets.gaps if gap.start_seconds >= packets.end_seconds]
        for gap in after:
            self._lose(gap.start_seconds, gap.end_seconds)
        end = max([packets.end_seconds, *(gap.end_seconds for gap in after)])
        is_cut_short = packets.is_cut_short()
        end = self._lose_tail(end, self._duration if is_cut_short else None)
        if not is_cut_short and (claim := packets.claimed_seconds()) - end > _tolerance(claim):
            self.notes = (
                *self.notes,
                f"its header says {claim:.1f} s, but its pictures end after {end:.1f} s; none are missing",
            )
        self.info = replace(self.info, duration_seconds=end)

    def _lose_tail(self, end: float, claim: float | None = None) -> float:
        """Record the difference between the end and the duration of a container cut short, or the scheduled one.

        An MP4's index is exact to two frames; see :func:`_tolerance` of the others.
        """
        for duration, is_exact in ((claim, self.info.container == MP4), (self._scheduled, False)):
            tolerance = 2 * self.info.frame_seconds if is_exact else _tolerance(duration or 0)
            if duration is not None and duration - end > tolerance:
                self._lose(end, duration)
                end = duration
        return end


def _tolerance(duration: float) -> float:
    """How inexact schedules are, and durations of containers that may be those of the sound, in seconds."""
    return max(2.0, 0.01 * duration)


def _notes(info: VideoInfo) -> tuple[str, ...]:
    """Which of several programmes is read."""
    if len(info.programmes) < 2:
        return ()
    own, *others = sorted(info.programmes, key=lambda programme: programme.number != info.programme)
    return (f"programme {own} is analysed, of several: {', '.join(map(str, others))}",)


def first_gap(gaps: Sequence[LostRange], start: float, end: float) -> LostRange | None:
    """The first of the ordered gaps that begins in [start, end), if any."""
    index = bisect_left(gaps, start - 1e-6, key=lambda gap: gap.start_seconds)
    return gaps[index] if index < len(gaps) and gaps[index].start_seconds < end - 1e-6 else None


def _reason(lost: LostRange, gaps: Sequence[LostRange]) -> Loss:
    """Why a range is lost: as most of the gaps within it say."""
    known = sum(
        max(0.0, min(lost.end_seconds, gap.end_seconds) - max(lost.start_seconds, gap.start_seconds))
        for gap in gaps
        if gap.reason is Loss.SCRAMBLED
    )
    return Loss.SCRAMBLED if known > (lost.end_seconds - lost.start_seconds) / 2 else Loss.DAMAGED


def _is_room(samples: Sequence[Sample], sample: Sample) -> bool:
    """Whether a sample fits into a batch: of one size, and of bounded memory."""
    first, picture = samples[0].picture, sample.picture
    room = min(BATCH_FRAMES, BATCH_BYTES // picture.nbytes)
    return len(samples) < room and _shape(first) == _shape(picture)


def _shape(picture: Picture) -> tuple[int, ...]:
    return picture.source_width, picture.source_height, picture.width, picture.height


def _batch(samples: Sequence[Sample]) -> FrameBatch:
    return FrameBatch(
        pictures=tuple(sample.picture for sample in samples),
        seconds=np.array([sample.seconds for sample in samples], dtype=np.float64),
        step_seconds=np.array([sample.step_seconds for sample in samples], dtype=np.float64),
    )

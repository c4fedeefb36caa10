"""Sampling on a regular grid: of each interval of ``every_seconds``, the frame shown at its middle.

decord reads containers with an index if what it finds agrees with the container's metadata. decord 0.6 seeks to wrong
frames in MPEG streams, with plausible timestamps, and does not report damage. For these, and if decord fails, PyAV
decodes the file from its start. Both give the same samples.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import decord
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gfpipe.video.frames import MATROSKA, MP4, LostRange
from gfpipe.video.losses import LossDetector
from gfpipe.video.packets import Packets
from gfpipe.video.probe import open_container, video_stream
from gfpipe.video.rgb import to_rgb
from gfpipe.video.samples import Sample, SampleReader

decord.logging.set_level(decord.logging.QUIET)

# decord's timestamps have single precision; a middle at the boundary of two frames belongs to the second.
_TIE_SECONDS: Final = 0.002
_FAULTS: Final = 1  # decord silently replaces up to this many undecodable frames by neighbours, then fails


class ExactReader(SampleReader):
    """Samples at the middle of every interval of ``every_seconds``."""

    def _samples(self) -> Iterator[Sample]:
        frames = self._open_decord()
        done = 0
        if frames is not None:
            starts, end = _frame_times(frames)
            try:
                for sample in self._read_decord(frames, starts, end):
                    yield sample
                    done += 1
            except (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError):
                pass  # damaged: continue with PyAV, which reports losses
            else:
                self._lose_tail(end)
                return
        self._lost_from = done * self._every
        yield from (sample for sample in self._read_pyav() if sample.seconds >= self._lost_from - 1e-6)

    def _open_decord(self) -> decord.VideoReader | None:
        """Open the file with decord; None if that fails or disagrees with the container's metadata."""
        if self.info.container not in (MP4, MATROSKA):
            return None
        with open_container(self.path) as container:
            frame_count = video_stream(container, self.path).frames
            if len(container.streams.video) > 1:
                return None  # decord may choose another stream
        path, (width, height) = str(Path(self.path).absolute()), self._size
        try:
            frames = decord.VideoReader(path, width=width, height=height, num_threads=self._threads, fault_tol=_FAULTS)
            starts, end = _frame_times(frames)
        except (decord.DECORDError, RuntimeError, AssertionError):  # the last if decord counts no frame
            return None
        agrees = (
            len(frames) == (frame_count or len(frames))
            and frames.get_key_indices()[:1] == [0]
            and bool((np.diff(starts) > 0).all())
            and abs(end - (self.info.duration_seconds or end)) <= 2 * self.info.frame_seconds
        )
        return frames if agrees else None

    def _read_decord(self, frames: decord.VideoReader, starts: NDArray[np.float64], end: float) -> Iterator[Sample]:
        """Read one frame at a time, so that memory does not grow with the file."""
        for interval in range(math.ceil((end - self.info.frame_seconds / 2) / self._every)):
            begin = interval * self._every
            until = min(begin + self._every, end)
            index = max(0, int(np.searchsorted(starts, self.middle(interval), side="right")) - 1)
            yield Sample(begin, until - begin, frames[index].asnumpy())

    def _read_pyav(self) -> Iterator[Sample]:
        """Decode every frame and detect losses."""
        reformatter = VideoReformatter()
        losses: deque[LostRange] = deque()
        interval = 0
        pending: tuple[int, NDArray[np.uint8] | None] | None = None
        last: VideoFrame | None = None
        end = 0.0
        with Packets(self.path, self._threads) as packets:
            for span in _spans(packets):
                end = span.end
                last = span.frame  # None if the recording ends with a loss
                if span.frame is None:
                    losses.append(LostRange(span.start, span.end))
                while self.middle(interval) < span.end:
                    if pending:
                        yield from self._interval(*pending, math.inf, losses)
                    pending = interval, to_rgb(span.frame, self._size, reformatter) if span.frame else None
                    interval += 1
            if pending:
                yield from self._interval(*pending, end, losses)
            if end - interval * self._every > self.info.frame_seconds / 2:
                # The file ends before the middle of its last interval: take its last frame.
                pixels = to_rgb(last, self._size, reformatter) if last else None
                yield from self._interval(interval, pixels, end, losses)
            self._lose_tail(end)

    def middle(self, interval: int) -> float:
        """The middle of an interval; the last one is shorter if the container's duration is known."""
        begin, until = interval * self._every, (interval + 1) * self._every
        if self._duration and self._duration - begin > self.info.frame_seconds / 2:
            until = min(until, self._duration)
        return (begin + until) / 2 + _TIE_SECONDS

    def _interval(
        self, interval: int, pixels: NDArray[np.uint8] | None, end: float, losses: deque[LostRange]
    ) -> Iterator[Sample]:
        """The sample of one interval, reduced to the range around its middle without losses."""
        begin, until = interval * self._every, min((interval + 1) * self._every, end)
        middle = (begin + until) / 2
        while losses and losses[0].end_seconds <= begin:
            losses.popleft()
        if pixels is None:
            self._lose(begin, until)
            return
        start = max([begin, *(lost.end_seconds for lost in losses if lost.end_seconds <= middle)])
        stop = min([until, *(lost.start_seconds for lost in losses if lost.start_seconds > start)])
        self._lose(begin, start)
        yield Sample(start, stop - start, pixels)
        self._lose(stop, until)


@dataclass(frozen=True)
class _Span:
    """A time range during which one frame is shown; ``frame`` is None if the range is lost."""

    start: float
    end: float
    frame: VideoFrame | None


def _spans(packets: Packets) -> Iterator[_Span]:
    """Cover the recording from zero to its end, without gaps."""
    detector = LossDetector(packets, tolerance=1.5)
    shown = _Span(0.0, 0.0, None)
    for packet in chain(packets, [None]):
        if packet is not None:
            detector.expect(packet)
        for frame in packets.decode(packet):
            seconds = packets.seconds(frame)
            if seconds < shown.start:
                continue
            missing = detector.missing_since(shown.start, seconds)
            if missing > shown.start:
                yield _Span(shown.start, missing, shown.frame)
            if missing < seconds:
                yield _Span(missing, seconds, None)
            shown = _Span(seconds, seconds, frame if detector.is_intact(frame, after_loss=missing < seconds) else None)
    if packets.end_seconds > shown.start:
        yield _Span(shown.start, packets.end_seconds, shown.frame)


def _frame_times(frames: decord.VideoReader) -> tuple[NDArray[np.float64], float]:
    """Start of every frame, and end of the last, in seconds from the first."""
    times = np.asarray(frames.get_frame_timestamp(np.arange(len(frames))), dtype=np.float64)
    return times[:, 0] - times[0, 0], float(times[-1, 1] - times[0, 0])

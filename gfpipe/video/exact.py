"""Sampling on a grid: one picture for each interval of ``every_seconds``, the one shown at its middle.

decord reads files whose container has an index, as far as what it found agrees with what the container says. In
streams without an index (MPEG-TS, MPEG-PS) decord 0.6 seeks to wrong pictures and yet reports plausible times, and of
damage it says nothing; there, and wherever decord fails or its count does not add up, PyAV decodes the file from its
start. Both mean the same: interval, middle, and the picture shown then.
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

from gfpipe.video.frames import LostRange
from gfpipe.video.packets import Packets
from gfpipe.video.pictures import to_rgb
from gfpipe.video.probe import open_container, video_stream
from gfpipe.video.samples import Sample, SampleReader
from gfpipe.video.watch import Watch

decord.logging.set_level(decord.logging.QUIET)

_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
# decord's times are of single precision; a middle that falls on the change of two pictures is the second one's.
_TIE_SECONDS: Final = 0.002
_FAULTS: Final = 1  # decord puts a neighbour where it could not decode a frame; more than so many, and it shall stop


class ExactReader(SampleReader):
    """Samples at the middle of every interval of ``every_seconds``."""

    def _samples(self) -> Iterator[Sample]:
        frames = self._trusted_decord()
        done = 0
        if frames is not None:
            starts, end = _shown_by_decord(frames)
            try:
                for sample in self._by_decord(frames, starts, end):
                    yield sample
                    done += 1
            except (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError):
                pass  # decord met damage: PyAV goes on, and knows what is lost
            else:
                self._lose_tail(end)
                return
        self._lost_from = done * self._every
        yield from (sample for sample in self._by_pyav() if sample.seconds >= self._lost_from - 1e-6)

    def _trusted_decord(self) -> decord.VideoReader | None:
        """The reader of decord where what it found in the file is what the container says is there; else None."""
        if self.info.container not in _INDEXED:
            return None
        with open_container(self.path) as container:
            promised = video_stream(container, self.path).frames
            if len(container.streams.video) > 1:
                return None  # which of them decord would take is its own affair
        width, height = self._size
        try:
            frames = decord.VideoReader(
                str(Path(self.path).absolute()),
                width=width,
                height=height,
                num_threads=self._threads,
                fault_tol=_FAULTS,
            )
            starts, end = _shown_by_decord(frames)
        except (decord.DECORDError, RuntimeError, AssertionError):  # also where decord counts no frame
            return None
        slack = 2 * self.info.frame_seconds
        agrees = (
            len(frames) == (promised or len(frames))
            and frames.get_key_indices()[:1] == [0]
            and bool((np.diff(starts) > 0).all())
            and abs(end - (self.info.duration_seconds or end)) <= slack
        )
        return frames if agrees else None

    def _by_decord(self, frames: decord.VideoReader, starts: NDArray[np.float64], end: float) -> Iterator[Sample]:
        """One frame at a time, in order, so that memory stays the same however long the file."""
        for interval in range(math.ceil((end - self.info.frame_seconds / 2) / self._every)):
            begin = interval * self._every
            until = min(begin + self._every, end)
            index = max(0, int(np.searchsorted(starts, self.middle(interval), side="right")) - 1)
            yield Sample(begin, until - begin, frames[index].asnumpy())

    def _by_pyav(self) -> Iterator[Sample]:
        """Every frame of the file, from its start to its end, with an eye on what is missing."""
        reformatter = VideoReformatter()
        losses: deque[LostRange] = deque()
        interval = 0
        held: tuple[int, NDArray[np.uint8] | None] | None = None
        last: VideoFrame | None = None
        end = 0.0
        with Packets(self.path, self._threads) as packets:
            for span in _spans(packets):
                end = span.end
                last = span.frame  # None where what is on screen at the end is lost
                if span.frame is None:
                    losses.append(LostRange(span.start, span.end))
                while self.middle(interval) < span.end:
                    if held:
                        yield from self._interval(*held, math.inf, losses)
                    picture = to_rgb(span.frame, self._size, reformatter) if span.frame else None
                    held = interval, picture
                    interval += 1
            if held:
                yield from self._interval(*held, end, losses)
            if end - interval * self._every > self.info.frame_seconds / 2:
                # The file ends before the middle of its last interval, which could not be known: its last picture.
                picture = to_rgb(last, self._size, reformatter) if last else None
                yield from self._interval(interval, picture, end, losses)
            self._lose_tail(end)

    def middle(self, interval: int) -> float:
        """When the picture of an interval is on screen; of the last one too, where the container says when it ends."""
        begin, until = interval * self._every, (interval + 1) * self._every
        if self._promised and self._promised - begin > self.info.frame_seconds / 2:
            until = min(until, self._promised)
        return (begin + until) / 2 + _TIE_SECONDS

    def _interval(
        self, interval: int, pixels: NDArray[np.uint8] | None, end: float, losses: deque[LostRange]
    ) -> Iterator[Sample]:
        """The sample of one interval: the part around its middle in which nothing is missing."""
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
    """What is on screen from one moment to another; ``frame`` is None where that is not known."""

    start: float
    end: float
    frame: VideoFrame | None


def _spans(packets: Packets) -> Iterator[_Span]:
    """Cover the recording from zero to its end with what is shown, without a gap."""
    watch = Watch(packets, tolerance=1.5)
    shown = _Span(0.0, 0.0, None)
    for packet in chain(packets, [None]):
        if packet is not None:
            watch.expect(packet)
        for frame in packets.decode(packet):
            at = packets.seconds(frame)
            if at < shown.start:
                continue
            missing = watch.missing_since(shown.start, at)
            if missing > shown.start:
                yield _Span(shown.start, missing, shown.frame)
            if missing < at:
                yield _Span(missing, at, None)
            shown = _Span(at, at, frame if watch.trusts(frame, gap=missing < at) else None)
    if packets.end_seconds > shown.start:
        yield _Span(shown.start, packets.end_seconds, shown.frame)


def _shown_by_decord(frames: decord.VideoReader) -> tuple[NDArray[np.float64], float]:
    """When each frame begins, from the first one on, and when the last one ends; seconds, by the stream's own times."""
    times = np.asarray(frames.get_frame_timestamp(np.arange(len(frames))), dtype=np.float64)
    return times[:, 0] - times[0, 0], float(times[-1, 1] - times[0, 0])

"""Sampling on a grid: one picture for each interval of ``every_seconds``, the one shown at its middle.

decord reads files whose container has an index, as far as what it found agrees with what the container says. In
streams without an index (MPEG-TS, MPEG-PS) decord 0.6 seeks to wrong pictures and yet reports plausible times, and of
damage it says nothing; there, and wherever decord fails or its count does not add up, PyAV decodes the file from its
start. Both mean the same: interval, middle, and the picture shown then.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq
import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import decord
import numpy as np
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from gfpipe.video.frames import LostRange
from gfpipe.video.packets import Packets
from gfpipe.video.pictures import to_rgb
from gfpipe.video.probe import open_container, video_stream
from gfpipe.video.samples import Sample, SampleReader, hole_between

decord.logging.set_level(decord.logging.QUIET)

_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
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
            except (decord.DECORDError, RuntimeError, StopIteration):
                pass  # decord met damage: PyAV goes on, and knows what is lost
            else:
                self._lose_tail(end, container_is_trusted=True)
                return
        self._lost_from = done * self._every
        yield from (sample for sample in self._by_pyav() if sample.seconds >= self._lost_from - 1e-6)

    def _trusted_decord(self) -> decord.VideoReader | None:
        """decord's reader where what it found in the file is what the container says is there; else None."""
        if self.info.container not in _INDEXED:
            return None
        with open_container(self.path) as container:
            promised = video_stream(container, self.path).frames
        width, height = self._size
        try:
            frames = decord.VideoReader(
                str(self.path), width=width, height=height, num_threads=self._threads, fault_tol=_FAULTS
            )
            starts, end = _shown_by_decord(frames)
        except (decord.DECORDError, RuntimeError, AssertionError):
            return None
        slack = 2 * self.info.frame_seconds
        agrees = (
            len(frames) == (promised or len(frames))
            and frames.get_key_indices()[:1] == [0]
            and bool((np.diff(starts) > 0).all())
            and abs(end - (self.info.duration_seconds or end)) <= slack
        )
        return frames if agrees else None

    def _by_decord(
        self, frames: decord.VideoReader, starts: NDArray[np.float64], end: float
    ) -> Iterator[Sample]:
        """One frame at a time, in order, so that memory stays the same however long the file."""
        for begin in self._every * np.arange(math.ceil((end - self.info.frame_seconds / 2) / self._every)):
            until = min(begin + self._every, end)
            index = max(0, int(np.searchsorted(starts, (begin + until) / 2, side="right")) - 1)
            yield Sample(float(begin), float(until - begin), frames[index].asnumpy())

    def _by_pyav(self) -> Iterator[Sample]:
        """Every frame of the file, from its start to its end, with an eye on what is missing."""
        reformatter = VideoReformatter()
        promised = self.info.duration_seconds
        losses: deque[LostRange] = deque()
        interval = 0
        held: tuple[int, NDArray[np.uint8] | None] | None = None
        last: VideoFrame | None = None
        end = 0.0
        with Packets(self.path, self._threads) as packets:
            for span in _spans(packets):
                end = span.end
                last = span.frame or last
                if span.frame is None:
                    losses.append(LostRange(span.start, span.end))
                while self._middle(interval, promised) < span.end:
                    if held:
                        yield from self._interval(*held, math.inf, losses)
                    picture = span.frame and to_rgb(span.frame, self._size, reformatter)
                    held = interval, picture
                    interval += 1
            if held:
                yield from self._interval(*held, end, losses)
            if end - interval * self._every > self.info.frame_seconds / 2:
                # The file ends before the middle of its last interval, against its promise.
                yield from self._interval(interval, last and to_rgb(last, self._size, reformatter), end, losses)
            self._lose_tail(end, container_is_trusted=packets.clock_restarts == 0)

    def _middle(self, interval: int, promised: float | None) -> float:
        begin = interval * self._every
        if promised is None or promised - begin <= self.info.frame_seconds / 2:
            return begin + self._every / 2
        return (begin + min(begin + self._every, promised)) / 2

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
    """Cover the recording from zero to its end with what is shown, without a gap.

    A picture is missing where the file has no packet, where a packet gave no frame, and from a damaged picture that
    others refer to up to the next keyframe.
    """
    tolerance = 1.5 * packets.info.frame_seconds
    expected: list[float] = []  # when the packets read so far ought to be shown
    shown = _Span(0.0, 0.0, None)
    is_broken = False

    for packet in chain(packets, [None]):
        if packet is not None and not packet.is_discard:
            heapq.heappush(expected, packets.seconds(packet))
        for frame in packets.decode(packet):
            at = packets.seconds(frame)
            if at < -packets.info.frame_seconds / 2:
                continue
            missing = at
            while expected and expected[0] < at - 1e-6:
                missing = min(missing, max(0.0, heapq.heappop(expected)))
            while expected and expected[0] < at + 1e-6:
                heapq.heappop(expected)
            if hole := hole_between(packets.holes, shown.start, at):
                missing = min(missing, hole.start_seconds)
            if at - missing > tolerance:
                is_broken = True
            else:
                missing = at
            if frame.pict_type == PictureType.I and not frame.is_corrupt:
                is_broken = False
            elif frame.is_corrupt and frame.pict_type != PictureType.B:
                is_broken = True
            good = None if is_broken or frame.is_corrupt else frame
            if missing > shown.start:
                yield _Span(shown.start, missing, shown.frame)
            if missing < at:
                yield _Span(missing, at, None)
            shown = _Span(at, at, good)
    if packets.end_seconds > shown.start:
        yield _Span(shown.start, packets.end_seconds, shown.frame)


def _shown_by_decord(frames: decord.VideoReader) -> tuple[NDArray[np.float64], float]:
    """When each frame begins, from the first one on, and when the last one ends; seconds, by the stream's own times."""
    times = np.asarray(frames.get_frame_timestamp(np.arange(len(frames))), dtype=np.float64)
    return times[:, 0] - times[0, 0], float(times[-1, 1] - times[0, 0])

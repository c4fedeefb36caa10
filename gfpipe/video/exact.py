"""Sampling on a regular grid: of each interval of ``every_seconds``, the frame shown at its middle."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from av.video.frame import VideoFrame

from gfpipe.video.frames import LostRange, Picture
from gfpipe.video.losses import LossDetector
from gfpipe.video.packets import Packets
from gfpipe.video.rgb import Renderer
from gfpipe.video.samples import Sample, SampleReader

# A middle at the boundary of two frames belongs to the second.
_TIE_SECONDS: Final = 0.002


class ExactReader(SampleReader):
    """Samples at the middle of every interval of ``every_seconds``."""

    def _samples(self) -> Iterator[Sample]:
        """Decode every frame and detect losses."""
        losses: deque[LostRange] = deque()
        interval = 0
        pending: tuple[int, Picture | None] | None = None
        last: VideoFrame | None = None
        end = 0.0
        with Packets(self.path, self._threads) as packets:
            render = Renderer(packets.stream, self.path)
            for span in _spans(packets):
                end = span.end
                last = span.frame  # None if the recording ends with a loss
                if span.frame is None:
                    losses.append(LostRange(span.start, span.end))
                while self.middle(interval) < span.end:
                    if pending:
                        yield from self._interval(*pending, math.inf, losses)
                    pending = interval, render(span.frame) if span.frame else None
                    interval += 1
            if pending:
                yield from self._interval(*pending, end, losses)
            if end - interval * self._every > self.info.frame_seconds / 2:
                # The file ends before the middle of its last interval: take its last frame.
                yield from self._interval(interval, render(last) if last else None, end, losses)
            self._lose_tail(end)

    def middle(self, interval: int) -> float:
        """The middle of an interval; the last one is shorter if the container's duration is known."""
        begin, until = interval * self._every, (interval + 1) * self._every
        if self._duration and self._duration - begin > self.info.frame_seconds / 2:
            until = min(until, self._duration)
        return (begin + until) / 2 + _TIE_SECONDS

    def _interval(
        self, interval: int, picture: Picture | None, end: float, losses: deque[LostRange]
    ) -> Iterator[Sample]:
        """The sample of one interval, reduced to the range around its middle without losses."""
        begin, until = interval * self._every, min((interval + 1) * self._every, end)
        middle = (begin + until) / 2
        while losses and losses[0].end_seconds <= begin:
            losses.popleft()
        if picture is None:
            self._lose(begin, until)
            return
        start = max([begin, *(lost.end_seconds for lost in losses if lost.end_seconds <= middle)])
        stop = min([until, *(lost.start_seconds for lost in losses if lost.start_seconds > start)])
        self._lose(begin, start)
        yield Sample(start, stop - start, picture)
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

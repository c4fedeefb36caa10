"""Sampling on a regular grid: of each interval of ``every_seconds``, the frame shown at its middle.

A group of pictures, from one keyframe to the next, is decoded as far as the last middle in it; a group without a middle
is not decoded.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final, TypeAlias

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.errors import RecordingError
from gfpipe.recording import WHOLE
from gfpipe.video.frames import LostRange
from gfpipe.video.losses import LossDetector
from gfpipe.video.packets import GROUP_BYTES, Packets
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.pictures.renderer import Renderer
from gfpipe.video.samples import Sample, SampleReader

# A middle at the boundary of two frames belongs to the second.
_TIE_SECONDS: Final = 0.002
_TOLERANCE: Final = 1.5  # frames
_MAX_LEADING: Final = 64

_Packet: TypeAlias = "Packet[VideoStream]"


class _DependentKeyframeError(Exception):
    """A keyframe that cannot be decoded by itself: a damaged one, or a recovery point of a periodic intra refresh."""


class ExactReader(SampleReader):
    """Samples at the middle of every interval of ``every_seconds``."""

    start_seconds = 0.0  # of the pictures, and of the first interval
    _first = 0  # interval of the segment

    def _samples(self) -> Iterator[Sample]:
        yield from self._from(0.0)

    def _from(self, seconds: float) -> Iterator[Sample]:
        """Samples from a boundary of intervals on."""
        self._lost_from = done = seconds
        try:
            for sample in self._read(by_groups=True):
                if sample.seconds >= self._lost_from - 1e-6:
                    yield sample
                    done = sample.seconds + sample.step_seconds
        except _DependentKeyframeError:
            if self._segment != WHOLE:
                raise RecordingError(f"{self.path}: has no segments, for its keyframes depend on others") from None
            self._lost_from = max(done, self.lost[-1].end_seconds if self.lost else 0.0)
            yield from (sample for sample in self._read(by_groups=False) if sample.seconds >= self._lost_from - 1e-6)

    def _read(self, *, by_groups: bool) -> Iterator[Sample]:
        """Samples of all groups of pictures, or of the recording as if it were a single one."""
        interval = self._first = 0
        end = math.inf  # of the last interval, if it is known
        pending: Picture | None = None  # the picture of the interval before
        with Packets(self.path, self._threads, self._programme) as packets:
            render = Renderer(packets.stream, self.path)
            for group in _groups(packets, by_groups=by_groups):
                self.start_seconds = packets.start_seconds
                interval = self._place(group, interval)
                if self.until is not None and group.begin >= self.until:
                    break  # by now it is known what is lost before
                for span in group.spans() if self._is_needed(group, interval) else ():
                    picture: Picture | None = None
                    while self.middle(interval) < span.end or self._is_last(group, span, interval):
                        if interval > self._first:
                            yield from self._interval(interval - 1, pending, math.inf, packets.gaps)
                        picture = picture or (render(span.frame) if span.frame else None)
                        pending = picture
                        interval += 1
                    if not self._is_needed(group, interval):
                        break
            else:
                end = packets.end_seconds
            if interval > self._first:
                yield from self._interval(interval - 1, pending, end, packets.gaps)
            self._conclude(packets)

    def _place(self, group: _Group, interval: int) -> int:
        """Note whether the segment begins or ends with a group; returns the first interval with its middle there."""
        while self.begin is None and self.middle(interval) < group.begin:
            self._first = interval = interval + 1
        if self.begin is None and group.position >= self._segment.begin:
            self.begin = self._begin(interval)
        if self.until is None and not self._segment.contains(group.position):
            self.until = self._begin(interval)
        return interval

    def _is_needed(self, group: _Group, interval: int) -> bool:
        """Whether a group shows the middle of an interval, or the end of a recording that ends before that middle.

        None is needed before or after the segment.
        """
        if self.begin is None or self.until is not None:
            return False
        return group.shows(self.middle(interval)) or (group.is_last and self._begins(interval, group.end))

    def _is_last(self, group: _Group, span: _Span, interval: int) -> bool:
        return group.is_last and span.end >= group.end and self._begins(interval, group.end)

    def _begins(self, interval: int, end: float) -> bool:
        """Whether an interval contains the end of the recording, to within half a frame."""
        return end - self._begin(interval) > self.info.frame_seconds / 2

    def _begin(self, interval: int) -> float:
        return self.start_seconds + interval * self._every

    def middle(self, interval: int) -> float:
        """The middle of an interval; the last one is shorter if the container's duration is known."""
        begin, until = self._begin(interval), self._begin(interval + 1)
        if self._duration and self._duration - begin > self.info.frame_seconds / 2:
            until = min(until, self._duration)
        return (begin + until) / 2 + _TIE_SECONDS

    def _interval(
        self, interval: int, picture: Picture | None, end: float, gaps: Sequence[LostRange]
    ) -> Iterator[Sample]:
        """The sample of one interval, reduced to the range around its middle without gaps."""
        begin, until = self._begin(interval), min(self._begin(interval + 1), end)
        middle = (begin + until) / 2
        if until <= begin:
            return  # frames with times after the end, in damaged files
        if picture is None:
            self._lose(begin, until)
            return
        first = bisect_right(gaps, begin, key=lambda gap: gap.end_seconds)
        within = list(takewhile(lambda gap: gap.start_seconds < until, islice(gaps, first, None)))
        start = max([begin, *(gap.end_seconds for gap in within if gap.end_seconds <= middle)])
        stop = min([until, *(gap.start_seconds for gap in within if gap.start_seconds > start)])
        self._lose(begin, start)
        yield Sample(start, stop - start, picture)
        self._lose(stop, until)


@dataclass(frozen=True)
class _Span:
    """A time range during which one frame is shown; ``frame`` is None if the range is lost."""

    start: float
    end: float
    frame: VideoFrame | None


class _Source:
    """Packets, with a look at the following one."""

    def __init__(self, packets: Packets) -> None:
        self._packets = iter(packets)
        self.following: _Packet | None = next(self._packets, None)

    def take(self) -> list[_Packet]:
        """Read the following packet; empty at the end."""
        taken = [self.following] if self.following else []
        self.following = next(self._packets, None)
        return taken


def _groups(packets: Packets, *, by_groups: bool) -> Iterator[_Group]:
    source = _Source(packets)
    first, seconds = source.take(), packets.start_seconds
    while first:
        group = _Group(packets, source, first, seconds, by_groups=by_groups)
        yield group
        first, seconds = group.skip(), group.end


class _Group:
    """The packets from one keyframe to the next, read as far as needed; without ``by_groups``, to the file's end."""

    def __init__(
        self, packets: Packets, source: _Source, first: list[_Packet], begin: float, *, by_groups: bool
    ) -> None:
        self._packets = packets
        self._source = source
        self._by_groups = by_groups
        self._buffer = deque(first)  # read, but not decoded
        self._size = sum(packet.size for packet in first)
        self._next: list[_Packet] = []  # the next group's keyframe, and the frames shown before it
        self.begin = self._latest = max(packets.start_seconds, begin)
        self.position = packets.position(first[0])  # byte of the file
        self.end = math.inf  # unknown until the next group is reached
        self.is_last = False

    def shows(self, seconds: float) -> bool:
        """Whether the group is shown at a time after its begin."""
        while self._latest <= seconds and self._size < GROUP_BYTES and self._read():
            pass
        return seconds < self.end

    def skip(self) -> list[_Packet]:
        """Read to the end of the group without decoding, and return the first packets of the next."""
        while self._read():
            self._buffer.clear()
        return self._next

    def spans(self) -> Iterator[_Span]:
        """Decode the group; its spans cover it without gaps.

        Raises:
            _DependentKeyframeError: its keyframe cannot be decoded by itself.
        """
        self._packets.decoder.flush()
        detector = LossDetector(self._packets, _TOLERANCE)
        is_first = self.begin <= self._packets.start_seconds
        latest_begin = math.inf if is_first else self.begin + _TOLERANCE * self._packets.info.frame_seconds
        shown = _Span(self.begin, self.begin, None)
        for packet in self._decodable():
            if packet is not None:
                detector.expect(packet)
            for frame in self._packets.decoder.decode(packet):
                seconds = self._packets.seconds(frame)
                if not shown.start <= seconds < self.end:
                    continue
                if seconds > latest_begin:
                    raise _DependentKeyframeError
                latest_begin = math.inf
                missing = detector.missing_since(shown.start, seconds)
                yield from _until(shown, missing, seconds)
                intact = detector.is_intact(frame, after_loss=missing < seconds)
                shown = _Span(seconds, seconds, frame if intact else None)
        if latest_begin < math.inf:
            raise _DependentKeyframeError
        yield from _until(shown, detector.missing_since(shown.start, self.end), self.end)

    def _decodable(self) -> Iterator[_Packet | None]:
        """The group's packets, those of the next that are shown before its end, and None to flush the decoder."""
        while self._buffer or self._read():
            yield self._buffer.popleft()
        if len(self._next) > 1:
            yield from self._next
        yield None

    def _read(self) -> bool:
        """Buffer one more packet; False at the end of the group."""
        following = self._source.following
        if self.end < math.inf:
            return False
        if following is None:
            self.end, self.is_last = self._packets.end_seconds, True
            return False
        if self._by_groups and following.is_keyframe:
            self.end = self._packets.seconds(following)
            self._next = [*self._source.take(), *self._leading()]
            return False
        self._buffer += self._source.take()
        self._size += following.size
        self._latest = max(self._latest, self._packets.seconds(following))
        return True

    def _leading(self) -> Iterator[_Packet]:
        """Frames that follow the next keyframe in the file, but are shown before it and need this group."""
        for _ in range(_MAX_LEADING):
            following = self._source.following
            if following is None or following.is_keyframe or self._packets.seconds(following) >= self.end:
                return
            yield from self._source.take()


def _until(shown: _Span, missing: float, end: float) -> Iterator[_Span]:
    """The spans from a frame to the next one, of which none is shown from ``missing`` on."""
    if missing > shown.start:
        yield _Span(shown.start, missing, shown.frame)
    if missing < end:
        yield _Span(max(shown.start, missing), end, None)

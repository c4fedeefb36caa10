"""Sampling by keyframes, the cheapest frames to decode; each represents the time until the next sample.

Encoders start new shots with a keyframe. From each sample, the next is the last keyframe at most ``every_seconds`` plus
half a frame later. If there is none, the group of pictures (GOP) is longer, and its other frames are decoded; the next
sample is the last of them within reach. So no sample represents more than ``every_seconds`` plus one frame, two
consecutive samples together represent more than ``every_seconds``, and a cut is misplaced by at most one step.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.recording import Segment
from gfpipe.video.losses import LossDetector
from gfpipe.video.packets import GROUP_BYTES, Packets
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.pictures.renderer import Renderer
from gfpipe.video.samples import Sample, SampleReader, first_gap

_PACKET_BYTES: Final = 4096  # of memory that a buffered packet takes, apart from its data
_MAX_B_FRAMES: Final = 16  # consecutive non-reference frames, in any supported codec

# A time and its picture; None if the frame is damaged.
_Selected: TypeAlias = "tuple[float, Picture | None]"


@dataclass(frozen=True)
class _Candidate:
    """A frame that may be selected: an undecoded keyframe, or a decoded frame."""

    seconds: float
    source: Packet[VideoStream] | VideoFrame


class _Group:
    """A group of pictures: buffered while it may be short enough to skip, then decoded."""

    def __init__(self, keyframe: Packet[VideoStream] | None, begin: float, detector: LossDetector) -> None:
        self.begin = begin
        self.starts_clean = keyframe is not None and not keyframe.is_discard
        self.shown = begin  # time of the last decoded frame
        self.packets: list[Packet[VideoStream]] = []
        self.detector = detector
        self.size = 0
        self.is_decoding = False


class KeyframeReader(SampleReader):
    """Samples at keyframes, and between them where they are more than ``every_seconds`` apart."""

    def _samples(self) -> Iterator[Sample]:
        start: float | None = None
        picture: Picture | None = None
        with Packets(self.path, self._threads, self._programme) as packets:
            selector = _Selector(packets, self._every, Renderer(packets.stream, self.path), self._segment)
            for seconds, selected in selector.select():
                if start is None:
                    self.begin = start = seconds if self._segment.begin else packets.start_seconds
                yield from self._interval(start, seconds, picture, packets)
                if selector.has_ended:
                    self.until = seconds
                    break
                start, picture = seconds, selected
            if start is None and self._segment.begin:
                return
            if self.until is None:
                start = packets.start_seconds if start is None else start
                yield from self._interval(start, packets.end_seconds, picture, packets)
            self._conclude(packets)

    def _interval(self, start: float, until: float, picture: Picture | None, packets: Packets) -> Iterator[Sample]:
        """The sample of an interval, cut off at the first gap."""
        if picture is None:
            self._lose(start, until)
            return
        gap = first_gap(packets.gaps, start, until)
        end = gap.start_seconds if gap else until
        if end > start:
            yield Sample(start, end - start, picture)
        self._lose(end, until)


class _Selector:
    """Selects frames from the packets by the rule above.

    Before the segment, keyframes are selected as if all were intact, and nothing is decoded. Frames between them cannot
    be selected so: a segment begins and ends at intact keyframes whose selection does not depend on any.

    Attributes:
        has_ended: whether the segment has; the last time selected is that of the next one's first sample.
    """

    def __init__(self, packets: Packets, every_seconds: float, render: Renderer, segment: Segment) -> None:
        self._packets = packets
        self._decoder = packets.decoder
        self._reach = every_seconds + packets.info.frame_seconds / 2
        self._render = render
        self._latest = -packets.info.frame_seconds / 2  # selected times increase, also in damaged streams
        self._selected_at: float | None = None  # None after a loss: select the next available frame
        self._next: _Candidate | None = None
        self._segment = segment
        self._is_before = segment.begin > 0
        self._is_certain = True  # that this keyframe is selected, whatever is between those before
        self.has_ended = False
        steady = packets.stream.average_rate == packets.stream.base_rate
        dense = _MAX_B_FRAMES * packets.info.frame_seconds < every_seconds
        self._skip_frame: Literal["NONREF", "DEFAULT"] = "NONREF" if steady and dense else "DEFAULT"

    def select(self) -> Iterator[_Selected]:
        """Times and frames, in order."""
        group = self._group(None, 0.0)
        for packet in self._packets:
            seconds = self._packets.seconds(packet)
            if packet.is_keyframe:
                if seconds > group.begin + self._reach:
                    yield from self._start_decoding(group)
                yield from self._finish(group, seconds)
                after_gap = first_gap(self._packets.gaps, group.begin, seconds) is not None
                group = self._group(packet, seconds)
                if not packet.is_discard:
                    yield from self._offer(_Candidate(seconds, packet), after_gap=after_gap)
            if group.is_decoding:
                yield from self._decode(packet, group)
            else:
                group.packets.append(packet)
                group.size += packet.size + _PACKET_BYTES
                if seconds > group.begin + self._reach or group.size > GROUP_BYTES or packet.is_discard:
                    yield from self._start_decoding(group)
        yield from self._finish(group, self._packets.end_seconds)
        if self._next and self._packets.end_seconds > (self._selected_at or 0.0) + self._reach:
            yield from self._select(self._next)

    def _group(self, keyframe: Packet[VideoStream] | None, begin: float) -> _Group:
        skipped = _MAX_B_FRAMES if self._skip_frame == "NONREF" else 0
        return _Group(keyframe, begin, LossDetector(self._packets, tolerance=skipped + 1.5))

    def _offer(self, candidate: _Candidate, *, after_gap: bool = False) -> Iterator[_Selected]:
        """Defer a candidate until it is known whether a later one is within reach; after a loss, select it at once."""
        if self._selected_at is not None:
            gap = first_gap(self._packets.gaps, self._selected_at, candidate.seconds)
            if self._next and (gap.start_seconds if gap else candidate.seconds) > self._selected_at + self._reach:
                yield from self._select(self._next)
                self._next = None
            if gap:
                self._selected_at = None
        self._is_certain |= after_gap
        if self._selected_at is None:
            self._next = None
            yield from self._select(candidate)
        else:
            self._next = candidate

    def _select(self, candidate: _Candidate) -> Iterator[_Selected]:
        source = candidate.source
        is_seam = isinstance(source, Packet) and self._is_certain
        position = self._packets.position(source) if isinstance(source, Packet) else 0
        self._selected_at = self._latest = candidate.seconds
        if self._is_before and not (is_seam and position >= self._segment.begin):
            return
        frame = source if isinstance(source, VideoFrame) else self._decode_keyframe(source)
        if frame is None:
            self._selected_at = None
        elif is_seam:
            self._is_before = False
            self.has_ended = not self._segment.contains(position)
        if not self._is_before:
            yield candidate.seconds, self._render(frame) if frame else None

    def _decode_keyframe(self, packet: Packet[VideoStream]) -> VideoFrame | None:
        """Decode a single keyframe; unlike FFmpeg's NONKEY mode this gives both fields, without delay."""
        self._decoder.skip("DEFAULT")
        frames = [*self._decoder.decode(packet), *self._decoder.decode(None)]
        self._decoder.flush()
        return next((frame for frame in frames if not self._decoder.is_corrupt(frame)), None)

    def _start_decoding(self, group: _Group) -> Iterator[_Selected]:
        """Select a deferred keyframe and decode the buffered packets."""
        if group.is_decoding:
            return
        if self._next and isinstance(self._next.source, Packet):
            keyframe, self._next = self._next, None
            self._is_certain = True
            yield from self._select(keyframe)
            if self._selected_at is None and group.starts_clean:
                group.detector.lose_reference()
        self._is_certain = False
        group.is_decoding = True
        self._decoder.skip(self._skip_frame)
        packets, group.packets = group.packets, []
        for packet in packets:
            yield from self._decode(packet, group)

    def _decode(self, packet: Packet[VideoStream] | None, group: _Group) -> Iterator[_Selected]:
        """Offer decoded frames that are intact."""
        if self._is_before:
            return
        if packet:
            group.detector.expect(packet)
        for frame in self._decoder.decode(packet):
            seconds = self._packets.seconds(frame)
            lost_from = group.detector.missing_since(group.shown, seconds)
            intact = group.detector.is_intact(frame, after_loss=lost_from < seconds)
            group.shown = max(group.shown, seconds)
            if seconds <= self._latest:
                continue
            if intact:
                yield from self._offer(_Candidate(seconds, frame))
            elif group.starts_clean and (self._selected_at is not None or self._next):
                yield from self._lose_from(lost_from)

    def _lose_from(self, seconds: float) -> Iterator[_Selected]:
        if self._next:
            yield from self._select(self._next)
            self._next = None
        self._selected_at = None
        self._latest = max(self._latest, seconds)
        yield self._latest, None

    def _finish(self, group: _Group, end: float) -> Iterator[_Selected]:
        """Flush the decoder at the end of a group; packets after its last frame that yielded none are a loss."""
        if not group.is_decoding or self._is_before:
            return
        yield from self._decode(None, group)
        self._decoder.flush()
        group.is_decoding = False
        lost_from = group.detector.missing_since(group.shown, end)
        if lost_from < end and group.starts_clean and (self._selected_at is not None or self._next):
            yield from self._lose_from(lost_from)

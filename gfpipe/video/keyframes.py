"""Sampling by keyframes: the cheapest pictures of a file, each standing for the time until the next one taken.

Encoders start a new shot with a keyframe, so the time from a keyframe to the next belongs to the shot it shows.

The rule: from one sample, go on to the last keyframe that comes no later than ``every_seconds`` (and half a frame)
afterwards. Where there is none, the group of pictures is longer than that, and the pictures in between are decoded,
to go on to the last of them within reach. So no sample stands for more than ``every_seconds`` and a frame, any two in
a row stand for more than ``every_seconds``, and a cut is misplaced by one step at most.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from gfpipe.video.packets import Packets
from gfpipe.video.pictures import to_rgb
from gfpipe.video.samples import Sample, SampleReader, hole_between
from gfpipe.video.watch import Watch

# A group of pictures is decoded once it turns out too long, and so kept until then; a heavy one is decoded sooner.
_GROUP_BYTES: Final = 32 << 20
# No codec here puts more pictures that nothing refers to between two that others refer to.
_MOST_B_FRAMES: Final = 16


# A moment, and its picture (H, W, 3) uint8 RGB; None where it turned out damaged.
_Taken: TypeAlias = "tuple[float, NDArray[np.uint8] | None]"


@dataclass(frozen=True)
class _Candidate:
    """A picture that may be taken: a keyframe not decoded yet, or a picture decoded on the way."""

    at: float
    picture: Packet[VideoStream] | VideoFrame


class _Group:
    """A group of pictures: kept while it may prove short enough to be skipped, decoded as soon as it is not."""

    def __init__(self, keyframe: Packet[VideoStream] | None, begin: float, watch: Watch) -> None:
        self.begin = begin
        self.starts_clean = keyframe is not None and not keyframe.is_discard
        self.shown = begin  # the last picture that came out of the decoder
        self.packets: list[Packet[VideoStream]] = []
        self.watch = watch
        self.weight = 0
        self.is_decoding = False
        self.is_broken = False

    def keep(self, packet: Packet[VideoStream]) -> None:
        self.packets.append(packet)
        self.weight += packet.size


class KeyframeReader(SampleReader):
    """Samples at keyframes, and in between where they are further apart than ``every_seconds``."""

    def _samples(self) -> Iterator[Sample]:
        held_at = 0.0
        held: NDArray[np.uint8] | None = None
        with Packets(self.path, self._threads) as packets:
            for at, pixels in _Walk(packets, self._every, self._size).taken():
                yield from self._close(held_at, at, held, packets)
                held_at, held = at, pixels
            yield from self._close(held_at, packets.end_seconds, held, packets)
            self._lose_tail(packets.end_seconds)

    def _close(self, at: float, until: float, pixels: NDArray[np.uint8] | None, packets: Packets) -> Iterator[Sample]:
        """The sample taken at ``at``, now that the next is known; it stands for no time that has no pictures."""
        if pixels is None:
            self._lose(at, until)
            return
        hole = hole_between(packets.holes, at, until)
        end = hole.start_seconds if hole else until
        if end > at:
            yield Sample(at, end - at, pixels)
        self._lose(end, until)


class _Walk:
    """Goes through the packets and takes pictures by the rule above."""

    def __init__(self, packets: Packets, every_seconds: float, size: tuple[int, int]) -> None:
        self._packets = packets
        self._codec = packets.stream.codec_context
        self._reach = every_seconds + packets.info.frame_seconds / 2
        self._size = size
        self._reformatter = VideoReformatter()
        self._latest = -packets.info.frame_seconds / 2  # moments come in order, whatever a decoder makes of damage
        self._taken_at: float | None = None  # None: take the next picture there is, for time is being lost
        self._next: _Candidate | None = None
        steady = packets.stream.average_rate == packets.stream.base_rate
        dense = _MOST_B_FRAMES * packets.info.frame_seconds < every_seconds
        self._thrift: Literal["NONREF", "DEFAULT"] = "NONREF" if steady and dense else "DEFAULT"

    def taken(self) -> Iterator[_Taken]:
        """Moments and pictures in order; None where the picture turned out damaged."""
        group = self._group(None, 0.0)
        for packet in self._packets:
            at = self._packets.seconds(packet)
            if packet.is_keyframe:
                if at > group.begin + self._reach:
                    yield from self._open(group)
                yield from self._finish(group)
                group = self._group(packet, at)
                if not packet.is_discard:
                    yield from self._offer(_Candidate(at, packet))
            if group.is_decoding:
                yield from self._decode(packet, group)
            elif not group.is_broken:
                group.keep(packet)
                if at > group.begin + self._reach or group.weight > _GROUP_BYTES or packet.is_discard:
                    yield from self._open(group)
        yield from self._finish(group)
        if self._next and self._packets.end_seconds > (self._taken_at or 0.0) + self._reach:
            yield self._take(self._next)

    def _group(self, keyframe: Packet[VideoStream] | None, begin: float) -> _Group:
        skipped = _MOST_B_FRAMES if self._thrift == "NONREF" else 0
        return _Group(keyframe, begin, Watch(self._packets, tolerance=skipped + 1.5))

    def _offer(self, candidate: _Candidate) -> Iterator[_Taken]:
        """Let a picture wait until it is known whether a later one is within reach; take it at once after a loss."""
        if self._taken_at is not None:
            hole = hole_between(self._packets.holes, self._taken_at, candidate.at)
            if self._next and (hole.start_seconds if hole else candidate.at) > self._taken_at + self._reach:
                yield self._take(self._next)
                self._next = None
            if hole:
                self._taken_at = None
        if self._taken_at is None:
            self._next = None
            yield self._take(candidate)
        else:
            self._next = candidate

    def _take(self, candidate: _Candidate) -> _Taken:
        picture = candidate.picture if isinstance(candidate.picture, VideoFrame) else self._keyframe(candidate.picture)
        self._taken_at = candidate.at if picture else None
        self._latest = candidate.at
        return candidate.at, to_rgb(picture, self._size, self._reformatter) if picture else None

    def _keyframe(self, packet: Packet[VideoStream]) -> VideoFrame | None:
        """Decode one keyframe by itself; unlike FFmpeg's NONKEY this gives both fields, at once."""
        self._codec.skip_frame = "DEFAULT"
        frames = [*self._packets.decode(packet), *self._packets.decode(None)]
        self._codec.flush_buffers()
        return next((frame for frame in frames if not frame.is_corrupt), None)

    def _open(self, group: _Group) -> Iterator[_Taken]:
        """Begin to decode a whole group of pictures, whose keyframe is taken first."""
        if group.is_decoding or group.is_broken:
            return
        if self._next and isinstance(self._next.picture, Packet):
            waiting, self._next = self._next, None
            yield self._take(waiting)
        group.is_decoding = True
        group.is_broken = group.starts_clean and self._taken_at is None
        self._codec.skip_frame = self._thrift
        packets, group.packets = group.packets, []
        for packet in packets:
            yield from self._decode(packet, group)

    def _decode(self, packet: Packet[VideoStream] | None, group: _Group) -> Iterator[_Taken]:
        """Offer the pictures that become ready; nothing after a loss is to be trusted before the next keyframe."""
        if group.is_broken:
            return
        if packet:
            group.watch.expect(packet)
        for frame in self._packets.decode(packet):
            at = self._packets.seconds(frame)
            whole_until = group.watch.missing_since(group.shown, at)
            trusted = group.watch.trusts(frame, gap=whole_until < at)
            group.shown = max(group.shown, at)
            if at <= self._latest:
                continue
            if trusted:
                yield from self._offer(_Candidate(at, frame))
            elif group.starts_clean:
                group.is_broken = True
                yield from self._give_up(whole_until)
                return

    def _give_up(self, at: float) -> Iterator[_Taken]:
        """From here on time is being lost."""
        if self._next:
            yield self._take(self._next)
            self._next = None
        self._taken_at = None
        self._latest = max(self._latest, at)
        yield self._latest, None

    def _finish(self, group: _Group) -> Iterator[_Taken]:
        if group.is_decoding:
            yield from self._decode(None, group)
            self._codec.flush_buffers()
            group.is_decoding = False

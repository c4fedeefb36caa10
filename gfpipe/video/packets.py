"""Video packets in decoding order, with timestamps that start at zero and never jump.

Timestamps in archives start anywhere, wrap at 33 bits, are reset, or are damaged. All of this is corrected here, so
that the readers work in seconds from the recording's start. A frame is shown until the next one, however long that is;
a gap between frames is a loss only if packets are missing, unreadable or scrambled there.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

import av
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.base.heartbeat import beat
from gfpipe.errors import RecordingError
from gfpipe.video.frames import INDEXED, MPEG_STREAMS, Loss, LostRange
from gfpipe.video.probe import video_info
from gfpipe.video.streams import transport
from gfpipe.video.streams.claims import claimed_seconds, is_cut_short
from gfpipe.video.streams.decoder import Decoder
from gfpipe.video.streams.demux import Demuxer, dts_of, shift

GROUP_BYTES: Final = 32 << 20  # readers decode a group of pictures once its buffered packets exceed this
# H.264 reorders at most 16 frames; twice as many packets if fields are stored separately.
_REORDER: Final = 32
# A timestamp further back than the first, or further ahead than the second, means that the clock was reset.
_BACK_SECONDS: Final = 1.0
_AHEAD_SECONDS: Final = 600.0
_CONFIRMATIONS: Final = 8  # consecutive packets that confirm a discontinuity
_STEADY_SECONDS: Final = 2.0  # longest frame of a broadcast that needs no confirmation
_DELAY_SECONDS: Final = 12.0  # between decoding and showing a frame; longer than one before a still picture
_SCRAMBLED: Final = 8  # packets
_AROUND_BYTES: Final = 153_408  # whole packets of any size, before and after a gap: its tables are counted too


class Packets:
    """One pass over the video packets of a file, in decoding order, with corrected timestamps.

    Zero is the container's start, which may be that of its sound. The pictures start at ``start_seconds``.

    Raises:
        RecordingError: the file cannot be opened or, during iteration, has no readable video packet.
        TransientError: the storage failed.
    """

    def __init__(self, path: str | Path, threads: int = 1, programme: int | None = None) -> None:
        self._path = path
        self._demuxer = Demuxer(path, programme)
        self.stream: VideoStream = self._demuxer.stream
        self.info = video_info(self._demuxer.container, self.stream)
        self.decoder = Decoder(self.stream, threads)
        self.tick: Fraction = self.stream.time_base or Fraction(1, 90_000)
        self._terms = self.tick.as_integer_ratio()  # products of a Fraction take most of the time of a small packet
        self.clock_restarts = 0  # number of times the stream's clock was reset
        self._is_indexed = self.info.container in INDEXED
        self._steady = _STEADY_SECONDS if self.info.container in MPEG_STREAMS else _AHEAD_SECONDS
        self._shift = 0
        self._last_dts: int | None = None
        self._nominal = self._step = max(1, round(self.info.frame_seconds / self.tick))
        self._shown: list[tuple[float, float, int, int]] = []
        self._evidence = (0, 0)  # position and failures at the last frame
        self.gaps: list[LostRange] = []  # ordered ranges without packets; complete at least up to the current packet
        self._latest_seconds = 0.0  # at which the last frame so far is shown
        self.start_seconds = 0.0  # of the first frame that can be decoded; known from the first packet on
        self.end_seconds = 0.0  # of the last frame so far; the recording's duration after the last packet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._demuxer.close()

    @property
    def origin(self) -> int:
        """Timestamp of the recording's start in the stream, in ticks; known from the first packet on."""
        return -self._shift

    def position(self, packet: Packet[VideoStream]) -> int:
        """Byte of the file at which a packet begins; 0 if it is not known."""
        return self._demuxer.position(packet) or 0

    def seconds(self, item: Packet[VideoStream] | VideoFrame) -> float:
        """Presentation time of a packet or decoded frame, from the recording's start."""
        return self._seconds(item.pts or 0)

    def _seconds(self, ticks: int) -> float:
        numerator, denominator = self._terms
        return ticks * numerator / denominator

    def is_cut_short(self) -> bool:
        """Whether the end of the file is missing, as far as its container tells."""
        return is_cut_short(self._path, self._demuxer.container, self.stream)

    def claimed_seconds(self) -> float:
        """The longest duration that the file's headers claim; 0 if they claim none."""
        return claimed_seconds(self._path, self._demuxer.container, self.stream)

    def __iter__(self) -> Iterator[Packet[VideoStream]]:
        ahead: deque[Packet[VideoStream]] = deque()
        started = False
        for packet in self._continuous():
            beat()
            ahead.append(packet)
            if started:
                self._note(packet)
            elif len(ahead) == 2 * _REORDER:
                self._start(ahead)
                started = True
            if len(ahead) > 2 * _REORDER:
                yield ahead.popleft()
        if not ahead:
            raise RecordingError(
                f"{self._path}: no frame of its video stream can be read; the file is damaged or cut off near its "
                "start: copy it again from the original"
            )
        if not started:
            self._start(ahead)
        while self._shown:
            self._cover(*heapq.heappop(self._shown))
        self._end()
        yield from ahead

    def _continuous(self) -> Iterator[Packet[VideoStream]]:
        """Shift timestamps so that they never jump back, nor ahead by more than a gap explains.

        A packet that does not follow its predecessor is held back. If the next packets continue from it, the clock
        was reset or packets are missing. If they continue from its predecessor, its timestamp was damaged and is
        extrapolated.
        """
        pending: list[Packet[VideoStream]] = []
        for packet in self._demuxer:
            self.decoder.classify(packet)
            if self._last_dts is None or self._follows(packet, self._last_dts, self._steady):
                yield from map(self._extrapolate, pending)
                pending = []
                yield self._accept(packet)
                continue
            if pending and not self._follows(packet, dts_of(pending[-1]) + self._shift, _AHEAD_SECONDS):
                yield from map(self._extrapolate, pending)
                pending = []
            pending.append(packet)
            if len(pending) == _CONFIRMATIONS:
                self._jump_to(pending[0])
                yield from map(self._accept, pending)
                pending = []
        if pending and self._follows(pending[0], self._last_dts or 0, _AHEAD_SECONDS):
            yield from map(self._accept, pending)
        else:
            yield from map(self._extrapolate, pending)

    def _follows(self, packet: Packet[VideoStream], previous: int, limit: float) -> bool:
        return -_BACK_SECONDS < self._seconds(dts_of(packet) + self._shift - previous) < limit

    def _jump_to(self, packet: Packet[VideoStream]) -> None:
        """Take a jump ahead as a gap; a jump back, or far ahead of what the file's clock says, as a reset."""
        last = self._last_dts or 0
        jump = self._seconds(dts_of(packet) + self._shift - last)
        if 0 < jump < _AHEAD_SECONDS:
            return
        stretch = self._survey(self._evidence[0], self._demuxer.position(packet)) if jump > 0 else None
        if stretch and stretch.is_clock_running(jump):
            return
        self._shift = last + self._step - dts_of(packet)
        self.clock_restarts += 1

    def _accept(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Shift a valid timestamp to the recording's clock."""
        dts = dts_of(packet)
        is_shown_in_time = packet.pts is not None and -_BACK_SECONDS < self._seconds(packet.pts - dts) < _DELAY_SECONDS
        if packet.pts is None or (not is_shown_in_time and self.info.container in MPEG_STREAMS):
            packet.pts = dts
        self._step = self._length(packet)
        self._last_dts = dts + self._shift
        shift(packet, self._shift)
        return packet

    def _extrapolate(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Replace a damaged timestamp by the next one due."""
        self._last_dts = (self._last_dts or 0) + self._step
        packet.pts = packet.dts = self._last_dts
        return packet

    def _length(self, packet: Packet[VideoStream]) -> int:
        """Duration of a packet in ticks; the nominal one if it has none, or an impossible one."""
        if packet.duration and self._seconds(packet.duration) < _AHEAD_SECONDS:
            return packet.duration
        return self._nominal

    def _start(self, ahead: deque[Packet[VideoStream]]) -> None:
        """Set zero to the container's start, and find the first frame that can be decoded.

        A recording cut from a broadcast starts anywhere in a group of pictures. What precedes its first keyframe has
        no pictures, but may have sound.
        """
        first = next((index for index, packet in enumerate(ahead) if packet.is_keyframe), None)
        decodable = list(ahead)[first or 0 :]
        if first is not None and not ahead[first].is_discard:
            decodable = decodable[:1]  # frames shown before their keyframe refer to frames that were cut off
        begin = min((packet.pts or 0 for packet in decodable if not packet.is_discard), default=0)
        zero = self._container_start(begin)
        if self._demuxer.is_packed:  # a decoder returns the first frame in the time of its own packet
            zero = min(begin, zero + (ahead[0].pts or 0) - dts_of(ahead[0]))
        if (stretch := self._survey(0, self._demuxer.position(ahead[0]))) and stretch.scrambled >= _SCRAMBLED:
            first_clear = min(packet.pts or 0 for packet in ahead)
            since = first_clear - round(stretch.clock_seconds / self.tick)
            zero = min(zero, since)
            lost_from = self._seconds(since - zero)
            self.gaps.append(LostRange(lost_from, self._seconds(begin - zero), Loss.SCRAMBLED))
        self.start_seconds = self.end_seconds = self._seconds(begin - zero)
        for packet in ahead:
            shift(packet, -zero)
            self._note(packet)
        self._shift -= zero
        self._last_dts = (self._last_dts or 0) - zero

    def _container_start(self, begin: int) -> int:
        """The earliest timestamp of any stream, in ticks; ``begin`` if it is not known or not credible."""
        start = self._demuxer.container.start_time
        zero = begin if start is None else round(start / (av.time_base * self.tick)) + self._shift
        return zero if 0 <= self._seconds(begin - zero) < _AHEAD_SECONDS else begin

    def _note(self, packet: Packet[VideoStream]) -> None:
        """Record when a packet is shown, in presentation order, once all earlier packets have arrived."""
        if packet.is_discard:
            return
        start = self.seconds(packet)
        failures = self._demuxer.unreadable + self._demuxer.unknown_bytes
        position = self._demuxer.position(packet) or self._evidence[0]
        item = (start, start + self._seconds(self._length(packet)), position, failures)
        heapq.heappush(self._shown, item)
        if len(self._shown) > _REORDER:
            self._cover(*heapq.heappop(self._shown))

    def _cover(self, start: float, end: float, position: int, failures: int) -> None:
        if start > self.end_seconds + 1.5 * self.info.frame_seconds:
            reason = self._loss_before(position, failures)
            if reason:
                self.gaps.append(LostRange(self.end_seconds, start, reason))
        self._evidence = position, failures
        if start >= self._latest_seconds:  # durations of an MP4 are those of decoding; the next frame ends this one
            self._latest_seconds, self.end_seconds = start, end

    def _loss_before(self, position: int, failures: int) -> Loss | None:
        """Why frames are missing before a position; None if none are: the last one stood still."""
        if self._is_indexed:
            return None
        is_unread = failures > self._evidence[1]
        if (stretch := self._survey(self._evidence[0], position, _AROUND_BYTES)) is None:
            return Loss.DAMAGED if is_unread else None
        if stretch.scrambled >= _SCRAMBLED:
            return Loss.SCRAMBLED
        return Loss.DAMAGED if is_unread or stretch.is_broken else None

    def _survey(self, begin: int, end: int | None, around: int = 0) -> transport.Stretch | None:
        """The packet headers of a part of a transport stream, and around it; None in other containers."""
        if not self._demuxer.is_transport_stream:
            return None
        begin, end = (begin, end) if end is None or begin <= end else (end, begin)
        return transport.survey(self._path, max(0, begin - around), end and end + around, self._demuxer.stream.id)

    def _end(self) -> None:
        """Record a scrambled end."""
        if (stretch := self._survey(self._evidence[0], None)) and stretch.scrambled >= _SCRAMBLED:
            self.gaps.append(LostRange(self.end_seconds, self.end_seconds + stretch.clock_seconds, Loss.SCRAMBLED))

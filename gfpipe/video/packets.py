"""The coded pictures of a file in the order they are stored, on one clock that starts with the recording.

Everything that goes wrong with timestamps in archives is settled here, so that the readers above see seconds only:
clocks that start anywhere, wrap at 33 bits or are set anew; packets that were never broadcast or cannot be read.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.errors import RecordingError
from gfpipe.video.frames import LostRange
from gfpipe.video.probe import check_readable, open_container, video_info, video_stream

# H.264 lets at most 16 pictures be shown after one that is stored later; twice that for fields stored one by one.
_REORDER: Final = 32
# The clock went back by more than this, or on by more than that: it was set anew, and nothing is known of the time.
_BACK_SECONDS: Final = 1.0
_ON_SECONDS: Final = 600.0
# So many packets in a row must agree on a time that does not follow from what came before.
_WITNESSES: Final = 8
# So many unreadable packets in a row are the end of what a truncated file holds.
_UNREADABLE: Final = 1000
# These say of each picture when it is shown, but not how long: where a picture is late, one was lost.
_BROADCAST: Final = frozenset({"mpegts", "mpeg"})
# These say in an index how long each picture is shown, and so have no holes, whatever the time between two pictures.
_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "avi", "mxf"})
# In all others a picture may stand still that long before it is taken for lost.
_STILL_SECONDS: Final = 2.0


class Packets(AbstractContextManager["Packets"]):
    """One pass over the video packets of a file, in decoding order; packets carry rebased timestamps.

    Attributes:
        info: what the container says.
        stream: where the packets decode.
        holes: ranges of time for which the file has no packet, in order; known at least up to the packet at hand.
        end_seconds: when the last picture so far ends; the recording's duration after the last packet.
        clock_restarts: how often the stream's clock was set anew.

    Raises:
        RecordingError: on opening, or on iterating a file without one readable video packet.
        TransientError: the place where the file lies failed.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path = path
        self._container = open_container(path)
        self.stream: VideoStream = video_stream(self._container, path)
        self.info = video_info(self._container, self.stream)
        self.stream.codec_context.thread_count = threads
        self.stream.codec_context.thread_type = "AUTO" if threads != 1 else "NONE"
        self.tick: Fraction = self.stream.time_base or Fraction(1, 90_000)
        self.clock_restarts = 0
        frame = self.info.frame_seconds
        self._tolerance = 1.5 * frame if self.info.container in _BROADCAST else max(_STILL_SECONDS, 1.5 * frame)
        self._container_keeps_time = self.info.container in _INDEXED
        self._shift = 0
        self._position = 0
        self._last_dts: int | None = None
        self._step = max(1, round(frame / self.tick))
        self._shown: list[tuple[float, float]] = []
        self.holes: list[LostRange] = []
        self.end_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.close()

    @property
    def origin(self) -> int:
        """What the stream's own clock says at the recording's start, in ticks; known from the first packet on."""
        return -self._shift

    def seconds(self, moment: Packet[VideoStream] | VideoFrame) -> float:
        """When a packet or decoded frame is shown, from the recording's start."""
        return float((moment.pts or 0) * self.tick)

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """The frames that become ready with this packet (None: the last ones); damage gives none, never an error."""
        try:
            return self.stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            return []

    def __iter__(self) -> Iterator[Packet[VideoStream]]:
        ahead: deque[Packet[VideoStream]] = deque()
        started = False
        for packet in self._on_one_clock():
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
                f"{self._path}: not one picture of its video stream can be read; the file is damaged or cut off near "
                "its start: copy it again from where it was recorded"
            )
        if not started:
            self._start(ahead)
        while self._shown:
            self._cover(*heapq.heappop(self._shown))
        yield from ahead

    def _readable(self) -> Iterator[Packet[VideoStream]]:
        """Packets with data and a time; unreadable ones are stepped over."""
        unreadable = 0
        while unreadable < _UNREADABLE:
            try:
                for packet in self._container.demux(self.stream):
                    unreadable = 0
                    self._position = packet.pos or self._position
                    if packet.size and (packet.pts is not None or packet.dts is not None):
                        yield packet
            except (av.error.EOFError, IndexError):
                return  # PyAV ends with an IndexError where streams turned up that were not there at the start
            except av.error.FFmpegError as exc:
                if isinstance(exc, OSError):
                    # FFmpeg says EIO of damaged files too; the operating system knows whether the place failed.
                    check_readable(self._path, offset=self._position)
                unreadable += 1
            else:
                return

    def _on_one_clock(self) -> Iterator[Packet[VideoStream]]:
        """Shift timestamps so that the clock never jumps back, nor on by more than a hole explains.

        A packet whose time does not follow is doubted until others either go on from it (the clock was set anew, or
        packets are missing) or from the one before (its timestamp was damaged, and is replaced by the next in line).
        """
        doubtful: list[Packet[VideoStream]] = []
        for packet in self._readable():
            if self._last_dts is None or self._container_keeps_time or self._follows(packet, self._last_dts):
                for stray in doubtful:
                    yield self._in_line(stray)
                doubtful = []
                yield self._accept(packet)
                continue
            if doubtful and not self._follows(packet, _dts(doubtful[-1]) + self._shift):
                for stray in doubtful:
                    yield self._in_line(stray)
                doubtful = []
            doubtful.append(packet)
            if len(doubtful) == _WITNESSES:
                self._jump_to(doubtful[0])
                for witness in doubtful:
                    yield self._accept(witness)
                doubtful = []
        for stray in doubtful:
            yield self._in_line(stray)

    def _follows(self, packet: Packet[VideoStream], before: int) -> bool:
        return -_BACK_SECONDS < (_dts(packet) + self._shift - before) * self.tick < _STILL_SECONDS

    def _jump_to(self, packet: Packet[VideoStream]) -> None:
        """Take a jump on for missing packets; a jump back, or far on, for a clock set anew."""
        last = self._last_dts or 0
        if not 0 < (_dts(packet) + self._shift - last) * self.tick < _ON_SECONDS:
            self._shift = last + self._step - _dts(packet)
            self.clock_restarts += 1

    def _accept(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Put a packet whose time is believed on the clock."""
        dts = _dts(packet)
        if packet.pts is None or not -_BACK_SECONDS < (packet.pts - dts) * self.tick < _STILL_SECONDS:
            packet.pts = packet.pts if self._container_keeps_time and packet.pts is not None else dts
        self._step = packet.duration or self._step
        self._last_dts = dts + self._shift
        _move(packet, self._shift)
        return packet

    def _in_line(self, stray: Packet[VideoStream]) -> Packet[VideoStream]:
        """Give a packet with a damaged timestamp the next time in line."""
        self._last_dts = (self._last_dts or 0) + self._step
        stray.pts = stray.dts = self._last_dts
        return stray

    def _start(self, ahead: deque[Packet[VideoStream]]) -> None:
        """Set zero to the first picture that can be decoded; what a cut left over before it is not the recording's.

        A recording cut out of a broadcast begins anywhere in a group of pictures. Where no keyframe comes among the
        first packets, zero is the stream's own start, and the readers find out what can be decoded.
        """
        first = next((i for i, p in enumerate(ahead) if p.is_keyframe), None)
        decodable = list(ahead)[first or 0 :]
        if first is not None and not ahead[first].is_discard:
            decodable = decodable[:1]  # what is shown before its keyframe needs pictures that were cut off
        zero = min((p.pts or 0 for p in decodable if not p.is_discard), default=0)
        for packet in ahead:
            _move(packet, -zero)
            self._note(packet)
        self._shift -= zero
        self._last_dts = (self._last_dts or 0) - zero

    def _note(self, packet: Packet[VideoStream]) -> None:
        """Enter when a packet is shown, in presentation order once all that may come before it have arrived."""
        if packet.is_discard:
            return
        start = self.seconds(packet)
        length = float((packet.duration or 0) * self.tick) or self.info.frame_seconds
        heapq.heappush(self._shown, (start, start + length))
        if len(self._shown) > _REORDER:
            self._cover(*heapq.heappop(self._shown))

    def _cover(self, start: float, end: float) -> None:
        if not self._container_keeps_time and start > self.end_seconds + self._tolerance:
            self.holes.append(LostRange(self.end_seconds, start))
        self.end_seconds = max(self.end_seconds, end)


def _dts(packet: Packet[VideoStream]) -> int:
    """When a packet is decoded, which never goes back in a sound stream, in ticks of the stream."""
    return packet.dts if packet.dts is not None else packet.pts or 0


def _move(packet: Packet[VideoStream], shift: int) -> None:
    if packet.pts is not None:
        packet.pts += shift
    if packet.dts is not None:
        packet.dts += shift

"""Video packets in decoding order, with timestamps that start at zero and never jump.

Timestamps in archives start anywhere, wrap at 33 bits, are reset, or are damaged. All of this is corrected here, so
that the readers work in seconds from the recording's start. Unreadable packets are skipped.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final, Self

import av.error
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.base.heartbeat import beat
from gfpipe.errors import RecordingError
from gfpipe.video.frames import INDEXED, MPEG_STREAMS, LostRange
from gfpipe.video.probe import check_readable, open_container, video_info, video_stream

# H.264 reorders at most 16 frames; twice as many packets if fields are stored separately.
_REORDER: Final = 32
# A timestamp further back than the first, or further ahead than the second, means that the clock was reset.
_BACK_SECONDS: Final = 1.0
_AHEAD_SECONDS: Final = 600.0
_CONFIRMATIONS: Final = 8  # consecutive packets that confirm a discontinuity
_MAX_UNREADABLE: Final = 1000  # consecutive read errors after which a truncated file ends
_STILL_SECONDS: Final = 2.0  # longest frame that is not a gap, in containers other than MPEG streams


class Packets:
    """One pass over the video packets of a file, in decoding order, with corrected timestamps.

    Raises:
        RecordingError: the file cannot be opened or, during iteration, has no readable video packet.
        TransientError: the storage failed.
    """

    def __init__(self, path: str | Path, threads: int = 1) -> None:
        self._path = path
        self._container = open_container(path)
        self.stream: VideoStream = video_stream(self._container, path)
        self.info = video_info(self._container, self.stream)
        self.stream.codec_context.thread_count = threads
        self.stream.codec_context.thread_type = "AUTO" if threads != 1 else "NONE"
        self.tick: Fraction = self.stream.time_base or Fraction(1, 90_000)
        self.clock_restarts = 0  # number of times the stream's clock was reset
        frame = self.info.frame_seconds
        self._tolerance = 1.5 * frame if self.info.container in MPEG_STREAMS else max(_STILL_SECONDS, 1.5 * frame)
        self._is_indexed = self.info.container in INDEXED
        self._shift = 0
        self._position = 0
        self._last_dts: int | None = None
        self._step = max(1, round(frame / self.tick))
        self._shown: list[tuple[float, float]] = []
        self.gaps: list[LostRange] = []  # ordered ranges without packets; complete at least up to the current packet
        self.end_seconds = 0.0  # of the last frame so far; the recording's duration after the last packet

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.close()

    @property
    def origin(self) -> int:
        """Timestamp of the recording's start in the stream, in ticks; known from the first packet on."""
        return -self._shift

    def seconds(self, item: Packet[VideoStream] | VideoFrame) -> float:
        """Presentation time of a packet or decoded frame, from the recording's start."""
        return float((item.pts or 0) * self.tick)

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Decode a packet, or flush the decoder with None; damaged packets yield no frame and no error."""
        try:
            return self.stream.codec_context.decode(packet)
        except av.error.FFmpegError:
            return []

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
        yield from ahead

    def _readable(self) -> Iterator[Packet[VideoStream]]:
        """Packets with data and a timestamp; unreadable packets are skipped."""
        unreadable = 0
        while unreadable < _MAX_UNREADABLE:
            try:
                for packet in self._container.demux(self.stream):
                    unreadable = 0
                    self._position = packet.pos or self._position
                    if packet.size and (packet.pts is not None or packet.dts is not None):
                        yield packet
            except (av.error.EOFError, IndexError):
                return  # PyAV raises IndexError if streams were added after the start
            except av.error.FFmpegError as exc:
                if isinstance(exc, OSError):
                    # FFmpeg reports EIO for damaged files too; only the operating system knows if storage failed.
                    check_readable(self._path, offset=self._position)
                unreadable += 1
            else:
                return

    def _continuous(self) -> Iterator[Packet[VideoStream]]:
        """Shift timestamps so that they never jump back, nor ahead by more than a gap explains.

        A packet that does not follow its predecessor is held back. If the next packets continue from it, the clock
        was reset or packets are missing. If they continue from its predecessor, its timestamp was damaged and is
        extrapolated.
        """
        pending: list[Packet[VideoStream]] = []
        for packet in self._readable():
            if self._last_dts is None or self._is_indexed or self._follows(packet, self._last_dts):
                yield from map(self._extrapolate, pending)
                pending = []
                yield self._accept(packet)
                continue
            if pending and not self._follows(packet, _dts(pending[-1]) + self._shift):
                yield from map(self._extrapolate, pending)
                pending = []
            pending.append(packet)
            if len(pending) == _CONFIRMATIONS:
                self._jump_to(pending[0])
                yield from map(self._accept, pending)
                pending = []
        yield from map(self._extrapolate, pending)

    def _follows(self, packet: Packet[VideoStream], previous: int) -> bool:
        return -_BACK_SECONDS < (_dts(packet) + self._shift - previous) * self.tick < _STILL_SECONDS

    def _jump_to(self, packet: Packet[VideoStream]) -> None:
        """Take a jump ahead as missing packets; a jump back or far ahead as a reset of the clock."""
        last = self._last_dts or 0
        if not 0 < (_dts(packet) + self._shift - last) * self.tick < _AHEAD_SECONDS:
            self._shift = last + self._step - _dts(packet)
            self.clock_restarts += 1

    def _accept(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Shift a valid timestamp to the recording's clock."""
        dts = _dts(packet)
        if packet.pts is None or not -_BACK_SECONDS < (packet.pts - dts) * self.tick < _STILL_SECONDS:
            packet.pts = packet.pts if self._is_indexed and packet.pts is not None else dts
        self._step = packet.duration or self._step
        self._last_dts = dts + self._shift
        _move(packet, self._shift)
        return packet

    def _extrapolate(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Replace a damaged timestamp by the next one due."""
        self._last_dts = (self._last_dts or 0) + self._step
        packet.pts = packet.dts = self._last_dts
        return packet

    def _start(self, ahead: deque[Packet[VideoStream]]) -> None:
        """Set zero to the first frame that can be decoded.

        A recording cut from a broadcast starts anywhere in a group of pictures; what precedes its first keyframe is
        not part of it. If the first packets include no keyframe, zero is the start of the stream.
        """
        first = next((index for index, packet in enumerate(ahead) if packet.is_keyframe), None)
        decodable = list(ahead)[first or 0 :]
        if first is not None and not ahead[first].is_discard:
            decodable = decodable[:1]  # frames shown before their keyframe refer to frames that were cut off
        zero = min((packet.pts or 0 for packet in decodable if not packet.is_discard), default=0)
        for packet in ahead:
            _move(packet, -zero)
            self._note(packet)
        self._shift -= zero
        self._last_dts = (self._last_dts or 0) - zero

    def _note(self, packet: Packet[VideoStream]) -> None:
        """Record when a packet is shown, in presentation order, once all earlier packets have arrived."""
        if packet.is_discard:
            return
        start = self.seconds(packet)
        length = float((packet.duration or 0) * self.tick) or self.info.frame_seconds
        heapq.heappush(self._shown, (start, start + length))
        if len(self._shown) > _REORDER:
            self._cover(*heapq.heappop(self._shown))

    def _cover(self, start: float, end: float) -> None:
        if not self._is_indexed and start > self.end_seconds + self._tolerance:
            self.gaps.append(LostRange(self.end_seconds, start))
        self.end_seconds = max(self.end_seconds, end)


def _dts(packet: Packet[VideoStream]) -> int:
    return packet.dts if packet.dts is not None else packet.pts or 0


def _move(packet: Packet[VideoStream], shift: int) -> None:
    if packet.pts is not None:
        packet.pts += shift
    if packet.dts is not None:
        packet.dts += shift

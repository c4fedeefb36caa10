"""The coded pictures of a file in the order they are stored, on one clock that starts with the recording.

Everything that goes wrong with timestamps in archives is settled here, so that the readers above see seconds only:
clocks that start anywhere, wrap at 33 bits or are set anew; packets that were never broadcast or cannot be read.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import errno
import heapq
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
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
        self._has_holes = self.info.container not in _INDEXED
        self._shift = 0
        self._zero: int | None = None
        self._last_dts: int | None = None
        self._last_dts_step = 0
        self._shown: list[tuple[float, float]] = []
        self.holes: list[LostRange] = []
        self.end_seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()

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
        for packet in self._readable():
            self._one_clock(packet)
            ahead.append(packet)
            if len(ahead) == 2 * _REORDER and self._zero is None:
                self._start(ahead)
            elif self._zero is not None:
                self._note(packet)
            if len(ahead) > 2 * _REORDER:
                yield ahead.popleft()
        if not ahead:
            raise RecordingError(
                f"{self._path}: not one picture of its video stream can be read; the file is damaged or cut off near "
                "its start: copy it again from where it was recorded"
            )
        if self._zero is None:
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
                    if packet.size and (packet.pts is not None or packet.dts is not None):
                        yield packet
            except av.error.EOFError:
                return
            except av.error.FFmpegError as exc:
                if exc.errno == errno.EIO or isinstance(exc, OSError):
                    check_readable(self._path)
                unreadable += 1
            else:
                return

    def _one_clock(self, packet: Packet[VideoStream]) -> None:
        """Shift a packet's timestamps so that the clock never jumps back, nor on by more than a hole explains."""
        if packet.pts is None:
            packet.pts = packet.dts
        dts = packet.pts if packet.dts is None else packet.dts
        assert dts is not None
        step = packet.duration or round(self.info.frame_seconds / self.tick)
        if self._last_dts is not None:
            jump = float((dts + self._shift - self._last_dts) * self.tick)
            if jump < -_BACK_SECONDS or jump > _ON_SECONDS:
                self._shift = self._last_dts + self._last_dts_step - dts
                self.clock_restarts += 1
        self._last_dts, self._last_dts_step = dts + self._shift, step
        self._move(packet, self._shift)

    def _start(self, ahead: deque[Packet[VideoStream]]) -> None:
        """Set zero to the first picture that can be decoded; what a cut left over before it is no part of the recording.

        A recording cut out of a broadcast begins anywhere in a group of pictures. Where no keyframe comes among the
        first packets, zero is the stream's own start, and the readers find out what can be decoded.
        """
        first = next((i for i, p in enumerate(ahead) if p.is_keyframe), None)
        shown = [p.pts for p in list(ahead)[first or 0 :] if p.pts is not None and not p.is_discard]
        if first is not None and not ahead[first].is_discard:
            key = ahead[first].pts
        else:
            key = min(shown, default=ahead[0].pts)
        self._zero = key or 0
        for packet in ahead:
            self._move(packet, -self._zero)
            self._note(packet)
        self._shift -= self._zero
        assert self._last_dts is not None
        self._last_dts -= self._zero

    @staticmethod
    def _move(packet: Packet[VideoStream], shift: int) -> None:
        if shift:
            if packet.pts is not None:
                packet.pts += shift
            if packet.dts is not None:
                packet.dts += shift

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
        if self._has_holes and start > self.end_seconds + self._tolerance:
            self.holes.append(LostRange(self.end_seconds, start))
        self.end_seconds = max(self.end_seconds, end)

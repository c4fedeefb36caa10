"""The coded packets of a recording's video, in the order of the file.

In a transport stream the programme may move to another stream (a new packet identifier, codec or programme number).
The stream that shows it at each moment is followed, also one that begins so late that FFmpeg does not report it, and
one that shows it for a few frames only. A single picture is not a programme.
Unreadable packets are skipped.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av.error
from av.container import Container
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from gfpipe.video.frames import INDEXED, MPEG_STREAMS, MPEG_TS
from gfpipe.video.probe import check_readable, open_container, video_stream
from gfpipe.video.streams import transport
from gfpipe.video.streams.presentation import presented
from gfpipe.video.streams.unpacking import Unpacker

# libavformat's AVFMT_FLAG_GENPTS. Where decoding times do not increase, its search for presentation times holds all
# packets to the file's end, and takes a time that grows with the square of their number.
_GENPTS: Final = 1 << 0
_MAX_UNREADABLE: Final = 1000  # consecutive read errors after which a truncated file ends
_SUCCESSOR: Final = 25  # packets of another stream, without one of the programme's, after which it has moved there
_FIRST: Final = 250  # the same before the programme's first packet
_RIVAL: Final = 3  # packets of another stream between the programme's, from which on it is another programme
_STEADY_TICKS: Final = 90_000  # most between two packets of one programme
_ABSENT_TICKS: Final = 9_000  # between two packets of a stream; in more another one may show the programme
_LATE_TICKS: Final = 180_000  # most by which a stream begins after another that is shown beside it
_CLOCK_TICKS: Final = 600 * 90_000  # more between two packets means that the clock was reset
_STEADY_BYTES: Final = 1 << 20  # between two packets of a stream; more may hide one that FFmpeg does not report
_HEADERS: Final = 32  # bytes of a container's header of one packet, about
_UNKNOWN_BYTES: Final = 4096


@dataclass(frozen=True)
class _Latest:
    """The latest packet of the programme: where it begins in the file, its time in ticks, and its bytes."""

    position: int = 0
    dts: int = 0
    size: int = 0


class Demuxer:
    """One pass over a file's video packets; ``stream`` is the stream of the latest one.

    Raises:
        RecordingError: the file cannot be opened.
        TransientError: the storage failed.
    """

    def __init__(self, path: str | Path, programme: int | None = None) -> None:
        self._path = path
        self.container = open_container(path)
        self.stream: VideoStream = video_stream(self.container, path, programme)
        self._current = self.container  # the file from the latest change of streams on
        self._begins: dict[Container, int] = {self.container: 0}  # where they begin in the file
        self._latest = _Latest()
        self._unreported = frozenset[int]()  # streams that FFmpeg never reports
        self._rounds = 0  # of the 33-bit clock, which FFmpeg counts from the beginning of a container
        self.is_transport_stream = self.container.format.name == MPEG_TS
        self._unpack = Unpacker()
        self._counts_bytes = self.container.format.name not in MPEG_STREAMS | INDEXED
        if self._counts_bytes:  # all packets are read, to tell a still picture from missing ones
            for other in self.container.streams:
                other.discard = Discard.default
        self._position = 0
        self._known = 0
        self.unknown_bytes = 0  # so far, not part of any packet
        self.unreadable = 0  # read errors so far

    def close(self) -> None:
        """Close the file."""
        for container in self._begins:
            container.close()

    def __iter__(self) -> Iterator[Packet[VideoStream]]:
        """Packets with data and a timestamp."""
        if self.is_transport_stream:
            return self._of_programme()
        if self.container.format.name in MPEG_STREAMS:
            self.container.flags &= ~_GENPTS
            return presented(self._of_stream())
        return self._unpack(self._of_stream()) if self.stream.codec_context.name == "mpeg4" else self._of_stream()

    def _of_stream(self) -> Iterator[Packet[VideoStream]]:
        for packet in self._readable():
            if packet.stream_index == self.stream.index:
                yield packet

    def _of_programme(self) -> Iterator[Packet[VideoStream]]:
        beside: Counter[int] = Counter()  # packets of other streams, by packet identifier
        while True:
            held: list[Packet[VideoStream]] = []
            for packet in self._readable():
                pid = packet.stream.id
                if pid == self.stream.id:
                    if self.position(packet) == (self._begins[self._current] or None):
                        continue  # it was read before the file was opened again
                    if hidden := self._hidden_before(packet):
                        break
                    yield from self._own(packet, held, beside)
                elif self._may_follow(packet) and beside[pid] <= _RIVAL:
                    held[:] = [*(other for other in held if other.stream.id == pid), packet]
                    if len(held) > (_SUCCESSOR if self._latest.size else _FIRST):
                        yield from map(self._follow, held)
                        held.clear()
            else:
                if not (hidden := self._hidden_before(None)):
                    yield from map(self._follow, held if self._is_programme(held, None) else ())
                    return
            self._open_again(hidden)

    def _own(
        self, packet: Packet[VideoStream], held: list[Packet[VideoStream]], beside: Counter[int]
    ) -> Iterator[Packet[VideoStream]]:
        """A packet of the programme's stream, after held ones of another stream that show the programme before it."""
        # FFmpeg returns the last packets of a stream with its next ones.
        if not held or (self.position(packet) or 0) > (self.position(held[0]) or 0):
            if self._is_programme(held, packet):
                yield from map(self._follow, held)
            else:
                beside.update(other.stream.id for other in held)
            held.clear()
        yield self._follow(packet)

    @property
    def is_packed(self) -> bool:
        """Whether packets had several frames so far."""
        return self._unpack.is_packed

    def position(self, packet: Packet[VideoStream]) -> int | None:
        """Byte of the file at which a packet begins."""
        return None if packet.pos is None else packet.pos + self._begins[packet.stream.container]

    def _follow(self, packet: Packet[VideoStream]) -> Packet[VideoStream]:
        """Note the latest packet of the programme, and move its timestamps to the round of the clock before it."""
        if packet.stream is not self.stream:
            self.stream = packet.stream
            last, first = self._latest.dts, dts_of(packet)
            self._rounds = round((last - first) / transport.CLOCK_WRAP) if len(self._begins) > 1 else 0
        if self._rounds:
            shift(packet, self._rounds * transport.CLOCK_WRAP)
        self._latest = _Latest(self.position(packet) or self._latest.position, dts_of(packet), packet.size)
        return packet

    def _may_follow(self, packet: Packet[Any]) -> bool:
        """Whether a packet of another stream has a picture, and comes after the programme's latest one in the file."""
        is_video = isinstance(packet.stream, VideoStream) and packet.stream.codec_context is not None
        return is_video and (self.position(packet) or self._latest.position) >= self._latest.position

    def _is_programme(self, held: list[Packet[VideoStream]], following: Packet[VideoStream] | None) -> bool:
        """Whether packets of another stream show the programme, from its latest packet to the following one or the end.

        They do if they are several, and take the time in which its own stream has none.
        """
        if len(held) < 2:
            return False
        times = [dts_of(packet) for packet in held]
        own = [] if following is None else [dts_of(following)]
        if not self._latest.size:
            return _is_steady(times) and bool(own) and own[0] - times[0] > _LATE_TICKS
        latest = self._latest.dts - self._rounds * transport.CLOCK_WRAP
        ticks = (own or times)[0] - latest
        if not -_ABSENT_TICKS <= ticks < _CLOCK_TICKS:
            return _is_steady(times)
        is_absent = not own or ticks > _ABSENT_TICKS
        return is_absent and _is_steady([latest, *times, *own])

    def _hidden_before(self, packet: Packet[VideoStream] | None) -> frozenset[int]:
        """Identifiers of streams with pictures before a packet, or before the end, that FFmpeg does not report.

        It reports only the streams that begin within the first megabytes.
        """
        latest, end = self._latest, self.position(packet) if packet else None
        if latest.position <= self._begins[self._current] or (packet and end is None):
            return frozenset()
        if packet is not None and end is not None:
            ticks = dts_of(packet) + self._rounds * transport.CLOCK_WRAP - latest.dts
            if 0 <= ticks <= _ABSENT_TICKS and end - latest.position < _STEADY_BYTES + 2 * latest.size:
                return frozenset()
        pids = transport.picture_pids(self._path, latest.position, end)
        return pids - self._unreported - {stream.id for stream in self._current.streams}

    def _open_again(self, hidden: frozenset[int]) -> None:
        """Open the file from the latest packet on, so that FFmpeg finds the hidden streams, which begin there."""
        begin = self._latest.position
        self._current = open_container(self._path, begin)
        self._begins[self._current] = begin
        if unreported := hidden - {stream.id for stream in self._current.streams}:  # no table lists them
            self._unreported |= unreported
            self.unreadable += 1

    def _readable(self) -> Iterator[Packet[VideoStream]]:
        failures = 0
        while failures < _MAX_UNREADABLE:
            try:
                for packet in self._current.demux():
                    failures = 0
                    if packet.size:
                        self._count(packet)
                    if packet.size and (packet.pts is not None or packet.dts is not None):
                        yield packet  # type: ignore[misc]
            except av.error.EOFError:
                return
            except IndexError:
                return  # PyAV flushes streams that begin late, which it does not know
            except av.error.FFmpegError as exc:
                if isinstance(exc, OSError):
                    # FFmpeg reports EIO for damaged files too; only the operating system knows if storage failed.
                    check_readable(self._path, offset=self._position)
                failures += 1
                self.unreadable += 1
            else:
                return

    def _count(self, packet: Packet[Any]) -> None:
        """Note the bytes before a packet that belong to no packet."""
        if packet.pos is None:
            return
        if self._counts_bytes and self._position:
            unknown = packet.pos - self._position - self._known
            self.unknown_bytes += unknown if unknown > _UNKNOWN_BYTES else 0
        self._position = packet.pos
        self._known = packet.size + _HEADERS


def _is_steady(times: Sequence[int]) -> bool:
    """Whether decoding times follow one another as those of one video; streams may overlap by their reordering."""
    return all(-_ABSENT_TICKS <= second - first <= _STEADY_TICKS for first, second in pairwise(times))


def dts_of(packet: Packet[VideoStream]) -> int:
    """Time at which a packet is decoded, in ticks; where it has none, that at which it is shown."""
    return packet.dts if packet.dts is not None else packet.pts or 0


def shift(packet: Packet[VideoStream], ticks: int) -> None:
    """Move the timestamps of a packet."""
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks

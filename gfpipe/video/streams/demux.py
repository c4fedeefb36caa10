"""The coded packets of a recording's video, in the order of the file.

In a transport stream the programme may move to another stream (a new packet identifier, codec or programme number).
The stream that shows it at each moment is followed. Unreadable packets are skipped.
"""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import av.error
from av.packet import Packet
from av.stream import Discard
from av.video.stream import VideoStream

from gfpipe.video.frames import INDEXED, MPEG_STREAMS, MPEG_TS
from gfpipe.video.probe import check_readable, open_container, video_stream

_MAX_UNREADABLE: Final = 1000  # consecutive read errors after which a truncated file ends
_SUCCESSOR: Final = 25  # packets of another stream, without one of the programme's, after which it has moved there
_FIRST: Final = 250  # the same before the programme's first packet
_RIVAL: Final = 3  # packets of another stream between the programme's, from which on it is another programme
_HEADERS: Final = 32  # bytes of a container's header of one packet, about
_UNKNOWN_BYTES: Final = 4096


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
        self.is_transport_stream = self.container.format.name == MPEG_TS
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
        self.container.close()

    def __iter__(self) -> Iterator[Packet[VideoStream]]:
        """Packets with data and a timestamp."""
        return self._of_programme() if self.is_transport_stream else self._of_stream()

    def _of_stream(self) -> Iterator[Packet[VideoStream]]:
        for packet in self._readable():
            if packet.stream_index == self.stream.index:
                yield packet

    def _of_programme(self) -> Iterator[Packet[VideoStream]]:
        held: list[Packet[VideoStream]] = []
        beside: Counter[int] = Counter()
        limit = _FIRST
        for packet in self._readable():
            index = packet.stream_index
            if index == self.stream.index:
                beside.update(other.stream_index for other in held)
                held, limit = [], _SUCCESSOR
                yield packet
            elif beside[index] <= _RIVAL and isinstance(packet.stream, VideoStream) and packet.stream.codec_context:
                held = [other for other in held if other.stream_index == index] + [packet]
                if len(held) > limit:
                    self.stream = packet.stream
                    yield from held
                    held, limit = [], _SUCCESSOR

    def _readable(self) -> Iterator[Packet[VideoStream]]:
        failures = 0
        while failures < _MAX_UNREADABLE:
            try:
                for packet in self.container.demux():
                    failures = 0
                    if packet.size:
                        self._count(packet)
                    if packet.size and (packet.pts is not None or packet.dts is not None):
                        yield packet  # type: ignore[misc]
            except av.error.EOFError:
                return
            except IndexError:
                self.unreadable += 1  # PyAV knows no stream that appears after the start
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

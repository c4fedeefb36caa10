"""Transport streams as files for FFmpeg, without repeated packets.

A packet may be sent twice, and is to be taken once (ISO/IEC 13818-1, 2.4.3.3). FFmpeg takes each copy for the next part
of a picture: 100,000 copies become a picture of as many slices, for which its parser and decoder allocate gigabytes.
"""

import os
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.files import on_disk
from gfpipe.video.streams.transport import NULL_HEADER, PACKET, SYNC, packet_size

BUFFER: Final = 1 << 18  # bytes that FFmpeg reads at once
_PROBED: Final = 1 << 17
_LEAST_SHARE: Final = 0.8  # of packets that are found at their places


class TransportFile:
    """A transport stream from a byte on, in which copies of the packet before are null packets: positions remain.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: str | Path, begin: int, size: int, first: int) -> None:
        self.name = str(path)
        self._file = on_disk(path).open("rb")
        self._begin = begin
        self._size = size  # of a packet
        self._first = first  # offset of packets, modulo their size
        self._end = os.fstat(self._file.fileno()).st_size
        self._at = begin

    @classmethod
    def of(cls, path: str | Path, begin: int = 0) -> Self | None:
        """Open a transport stream; None if the file is none."""
        size = packet_size(path)
        with on_disk(path).open("rb") as file:
            head = np.frombuffer(file.read(_PROBED), np.uint8)
        if size is None or len(head) < 2 * size:
            return None
        first = _alignment(head, size)
        is_stream = (head[first::size] == SYNC).mean() >= _LEAST_SHARE
        return cls(path, begin, size, first) if is_stream else None

    def read(self, count: int) -> bytes:
        """Read at most so many bytes."""
        before = max(0, self._at - 2 * self._size)  # whole packets, of which the first is only compared
        start = before + (self._first - before) % self._size
        self._file.seek(before)
        data = bytearray(self._file.read(self._at - before + count + self._size))
        self._clear(memoryview(data)[start - before :])
        found = bytes(data[self._at - before :][:count])
        self._at += len(found)
        return found

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, which counts from the first byte."""
        base = {os.SEEK_SET: self._begin, os.SEEK_CUR: self._at, os.SEEK_END: self._end}[whence]
        self._at = max(self._begin, base + offset)
        return self.tell()

    def tell(self) -> int:
        """The position, which counts from the first byte."""
        return self._at - self._begin

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _clear(self, data: memoryview) -> None:
        """Make null packets of copies."""
        bytes_ = np.frombuffer(data, np.uint8)
        packets = bytes_[: len(bytes_) // self._size * self._size].reshape(-1, self._size)[:, :PACKET]
        if len(packets) < 2:
            return
        if (packets[:, 0] == SYNC).mean() < _LEAST_SHARE:  # bytes are missing: packets are elsewhere from here on
            self._first = (self._first + _alignment(bytes_, self._size)) % self._size
        is_equal = (packets[1:, 1:4] == packets[:-1, 1:4]).all(axis=1)
        candidates = np.flatnonzero(is_equal) + 1
        is_copy = (packets[candidates] == packets[candidates - 1]).all(axis=1)
        packets[candidates[is_copy], 1:4] = NULL_HEADER


def _alignment(data: NDArray[np.uint8], size: int) -> int:
    """Offset at which packets of a size begin."""
    return max(range(size), key=lambda at: int((data[at::size] == SYNC).sum()))

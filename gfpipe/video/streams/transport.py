"""Packet headers of MPEG transport streams (ISO/IEC 13818-1, 2.4.3): what FFmpeg's demuxer does not report.

Only short stretches are read: around a gap in the timestamps, and at the start and the end of a file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.files import on_disk
from gfpipe.errors import RecordingError

SYNC: Final = 0x47
_SIZES: Final = (188, 192, 204)  # plain, with arrival times (M2TS), with error correction
_BLOCK: Final = 1 << 23
_NULL_PID: Final = 0x1FFF
_SCRAMBLED: Final = 0x40  # from which value on the fourth byte means that the payload is scrambled
PACKET: Final = 188
NULL_HEADER: Final = (0x1F, 0xFF, 0x10)  # of a packet without content, after the first byte
_HEAD: Final = 14  # bytes of the head of a picture or sound, with its time
_PICTURES: Final = (*range(0xE0, 0xF0), 0xFD)  # stream identifiers
_SOUNDS: Final = (*range(0xC0, 0xE0), 0xBD)
_END_BYTES: Final = 1 << 18
_CLOCK: Final = 90_000
CLOCK_WRAP: Final = 1 << 33
CLOCK_SECONDS: Final = CLOCK_WRAP / _CLOCK  # until it wraps


@dataclass
class Stretch:
    """What the packet headers of a part of the file say about one stream.

    Attributes:
        scrambled, clear: number of the stream's packets with a scrambled, and with a clear payload.
        is_broken: packets of any stream are missing, or bytes are no packets.
        clocks: times of the programme clock, in seconds, in the order of the file.
    """

    scrambled: int = 0
    clear: int = 0
    is_broken: bool = False
    clocks: list[float] = field(default_factory=list)

    @property
    def clock_seconds(self) -> float:
        """Time that the programme clock ran over the stretch; 0 if it has fewer than two clock times."""
        return sum(self._steps())

    def is_clock_running(self, seconds: float) -> bool:
        """Whether the clock ran over a time without a jump."""
        steps = self._steps()
        return bool(steps) and max(steps) < 1.0 and sum(steps) > seconds / 2

    def _steps(self) -> list[float]:
        return [(b - a) % (CLOCK_WRAP / _CLOCK) for a, b in pairwise(self.clocks)]


def survey(path: str | Path, begin: int, end: int | None, pid: int) -> Stretch:
    """Read the packet headers of a transport stream from byte ``begin`` to ``end`` (None: the end of the file).

    ``pid`` is the packet identifier of the stream of interest.
    """
    stretch = Stretch()
    counters: dict[int, int] = {}
    own, other = list[float](), list[float]()
    for packets, is_whole in packets_of(path, begin, end):
        stretch.is_broken |= not is_whole
        pids = pids_of(packets)
        control = packets[:, 3]
        has_payload, has_field = (control & 0x10) > 0, ((control & 0x20) > 0) & (packets[:, 4] > 0)
        of_stream = (pids == pid) & has_payload
        scrambled = int((of_stream & (control >= _SCRAMBLED)).sum())
        stretch.scrambled += scrambled
        stretch.clear += int(of_stream.sum()) - scrambled
        stretch.is_broken |= bool((packets[:, 1] & 0x80).any())  # the receiver's own error flag
        restarts = has_field & ((packets[:, 5] & 0x80) > 0)
        stretch.is_broken |= _is_discontinuous(pids, control.astype(np.int64) & 0x0F, has_payload, restarts, counters)
        with_clock = np.flatnonzero(has_field & ((packets[:, 5] & 0x10) > 0))
        for index in with_clock:
            (own if pids[index] == pid else other).append(_clock(packets[index]))
    stretch.clocks = own if len(own) > 1 else other
    return stretch


@dataclass(frozen=True)
class Clock:
    """The clock of a transport stream at both ends of the file, in ticks of 90 kHz, modulo 33 bits."""

    start: int
    end: int


def clock_of(path: str | Path) -> Clock | None:
    """The first and the last time at which something is presented; None if the file is no transport stream.

    Only both ends of the file are read.

    Raises:
        RecordingError: the file cannot be read.
    """
    try:
        size = on_disk(path).stat().st_size
        first, last = _times(path, 0, _END_BYTES), _times(path, max(0, size - _END_BYTES), None)
    except OSError as exc:
        raise RecordingError(f"{path}: cannot be read ({exc.strerror}); check the path and its file system") from exc
    if not first or not last:
        return None
    start = min(first, key=lambda time: seconds_between(first[0], time))
    return Clock(start, max(last, key=lambda time: seconds_between(last[0], time)))


def seconds_between(first: int, second: int) -> float:
    """Time from one clock time to another; negative if the second is less than half a round before the first."""
    return ((second - first + CLOCK_WRAP // 2) % CLOCK_WRAP - CLOCK_WRAP // 2) / _CLOCK


def _times(path: str | Path, begin: int, end: int | None) -> list[int]:
    """Presentation times of the pictures and sounds that begin in a part of the file."""
    times = []
    for packets, _ in packets_of(path, begin, end):
        for head in _begun(packets, (*_PICTURES, *_SOUNDS))[1].tolist():
            if head[7] & 0x80:
                a, b, c, d, e = head[9:]
                times.append((a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1)
    return times


def picture_pids(path: str | Path, begin: int, end: int | None) -> frozenset[int]:
    """Identifiers of the streams of which pictures begin in a part of the file (2.4.3.7)."""
    found: set[int] = set()
    for packets, _ in packets_of(path, begin, end):
        rows, _ = _begun(packets, _PICTURES)
        found.update(np.unique(pids_of(rows)).tolist())
    return frozenset(found)


def _begun(packets: NDArray[np.uint8], kinds: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The packets in which pictures or sounds with these stream identifiers begin, and the first 14 bytes of each."""
    control = packets[:, 3]
    rows = packets[((packets[:, 1] & 0x40) > 0) & ((control & 0x10) > 0) & (control < _SCRAMBLED)]
    starts = 4 + np.where(rows[:, 3] & 0x20, 1 + rows[:, 4].astype(np.int64), 0)
    has_room = starts + _HEAD <= PACKET
    rows, starts = rows[has_room], starts[has_room]
    heads = np.take_along_axis(rows, starts[:, None] + np.arange(_HEAD), axis=1)
    is_begin = (heads[:, :3] == (0, 0, 1)).all(axis=1) & np.isin(heads[:, 3], kinds)
    return rows[is_begin], heads[is_begin]


def _clock(packet: NDArray[np.uint8]) -> float:
    """The programme clock reference of a packet, in seconds."""
    return (int.from_bytes(packet[6:11].tobytes()) >> 7) / _CLOCK


def pids_of(packets: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Packet identifiers of packets in rows."""
    return ((packets[:, 1].astype(np.int64) & 0x1F) << 8) | packets[:, 2]


def _is_discontinuous(
    pids: NDArray[np.int64],
    counter: NDArray[np.int64],
    has_payload: NDArray[np.bool_],
    restarts: NDArray[np.bool_],
    last: dict[int, int],
) -> bool:
    """Whether a continuity counter skips; a packet may be repeated, and the stream may announce a restart."""
    is_broken = False
    for pid in np.unique(pids[has_payload]).tolist():
        if pid == _NULL_PID:
            continue
        rows = has_payload & (pids == pid)
        values = counter[rows]
        steps = np.diff(values, prepend=last.get(pid, int(values[0]) - 1)) % 16
        is_broken |= bool(((steps > 1) & ~restarts[rows]).any())
        last[pid] = int(values[-1])
    return is_broken


def packets_of(path: str | Path, begin: int, end: int | None) -> Iterator[tuple[NDArray[np.uint8], bool]]:
    """Whole packets of a part of the file in blocks of rows, each with whether nothing was skipped before it."""
    with on_disk(path).open("rb") as file:
        if (size := packet_size(path)) is None:
            return
        file.seek(begin)
        left = file.seek(0, 2) - begin if end is None else end - begin
        file.seek(begin)
        rest, is_whole, has_started = b"", True, False
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            left -= len(block)
            data, rest = rest + block, b""
            while len(data) >= size:
                rows = np.frombuffer(data, np.uint8, len(data) // size * size).reshape(-1, size)
                bad = np.flatnonzero(rows[:, 0] != SYNC)
                good = int(bad[0]) if len(bad) else len(rows)
                if good:
                    yield rows[:good], is_whole
                    is_whole = has_started = True
                data = data[good * size :]
                if len(data) >= size:
                    at = _synchronised(data, size)
                    is_whole = is_whole and (at == 0 or not has_started)
                    data = data[at:]
            rest = data


def _synchronised(data: bytes, size: int) -> int:
    """Offset of the first packet in bytes that do not begin with one."""
    at = data.find(SYNC)
    while at >= 0 and at + size < len(data) and data[at + size] != SYNC:
        at = data.find(SYNC, at + 1)
    return at if at >= 0 else len(data)


def packet_size(path: str | Path) -> int | None:
    """Bytes of a packet with those before or after its 188; None if the file is shorter."""
    facts = on_disk(path).stat()
    return _packet_size(path, (facts.st_ino, facts.st_size, facts.st_mtime_ns))


@lru_cache(maxsize=16)
def _packet_size(path: str | Path, version: tuple[int, ...]) -> int | None:  # noqa: ARG001 - part of the key
    """As :func:`packet_size`; ``version`` differs if the file was replaced."""
    with on_disk(path).open("rb") as file:
        head = file.read(1 << 17)
    counts = {
        size: max(int((np.frombuffer(head, np.uint8)[at::size] == SYNC).sum()) * size for at in range(size))
        for size in _SIZES
        if len(head) >= size
    }
    return max(counts, key=lambda size: counts[size], default=None)

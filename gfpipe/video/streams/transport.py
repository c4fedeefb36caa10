"""Packet headers of MPEG transport streams (ISO/IEC 13818-1, 2.4.3): what FFmpeg's demuxer does not report.

Only short stretches are read: around a gap in the timestamps, and at the start and the end of a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.files import on_disk

_SYNC: Final = 0x47
_SIZES: Final = (188, 192, 204)  # plain, with arrival times (M2TS), with error correction
_BLOCK: Final = 1 << 23
_HEAD_BYTES: Final = 1 << 22
_NULL_PID: Final = 0x1FFF
_CLOCK: Final = 90_000
_WRAP: Final = 1 << 33


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
        return [(b - a) % (_WRAP / _CLOCK) for a, b in pairwise(self.clocks)]


def survey(path: str | Path, begin: int, end: int | None, pid: int) -> Stretch:
    """Read the packet headers of a transport stream from byte ``begin`` to ``end`` (None: the end of the file).

    ``pid`` is the packet identifier of the stream of interest.
    """
    stretch = Stretch()
    counters: dict[int, int] = {}
    own, other = list[float](), list[float]()
    for packets, is_whole in _packets(path, begin, end):
        stretch.is_broken |= not is_whole
        pids = _pids(packets)
        control = packets[:, 3]
        has_payload, has_field = (control & 0x10) > 0, ((control & 0x20) > 0) & (packets[:, 4] > 0)
        of_stream = (pids == pid) & has_payload
        scrambled = int((of_stream & (control >= 0x40)).sum())
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


@lru_cache(maxsize=16)
def programmes(path: str | Path) -> dict[int, frozenset[int]]:
    """Packet identifiers of each programme's streams, by programme number, as of the start of the file."""
    found: dict[int, frozenset[int]] = {}
    for table in _sections(path, {0: 0x00}).values():
        numbers = {_word(table, at + 2) & 0x1FFF: _word(table, at) for at in range(8, len(table) - 4, 4)}
        maps = _sections(path, {pid: 0x02 for pid, number in numbers.items() if number})
        for pid, table_of_streams in maps.items():
            found[numbers[pid]] = frozenset(_streams(table_of_streams))
    return dict(sorted(found.items()))


def _streams(table: bytes) -> Iterator[int]:
    """Identifiers of the streams of a programme map section."""
    at = 12 + (_word(table, 10) & 0x0FFF)
    while at + 5 <= len(table) - 4:
        yield _word(table, at + 1) & 0x1FFF
        at += 5 + (_word(table, at + 3) & 0x0FFF)


def _sections(path: str | Path, wanted: dict[int, int]) -> dict[int, bytes]:
    """The first section of each packet identifier with the given table id."""
    open_: dict[int, bytes] = {}
    done: dict[int, bytes] = {}
    for packets, _ in _packets(path, 0, _HEAD_BYTES):
        for index in np.flatnonzero(np.isin(_pids(packets), list(wanted))):
            packet = packets[index].tobytes()[:188]
            pid = int(_pids(packets)[index])
            start = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
            if pid in done or not packet[3] & 0x10 or start >= len(packet):
                continue
            if packet[1] & 0x40:
                open_[pid] = packet[start + 1 + packet[start] :]
            elif pid in open_:
                open_[pid] += packet[start:]
            section = open_.get(pid, b"")
            if len(section) >= 3 and section[0] != wanted[pid]:
                del open_[pid]
            elif len(section) >= 3 and len(section) >= (length := 3 + (_word(section, 1) & 0x0FFF)) > 12:
                done[pid] = section[:length]
        if len(done) == len(wanted):
            break
    return done


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])


def _clock(packet: NDArray[np.uint8]) -> float:
    """The programme clock reference of a packet, in seconds."""
    return (int.from_bytes(packet[6:11].tobytes()) >> 7) / _CLOCK


def _pids(packets: NDArray[np.uint8]) -> NDArray[np.int64]:
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


def _packets(path: str | Path, begin: int, end: int | None) -> Iterator[tuple[NDArray[np.uint8], bool]]:
    """Whole packets of a part of the file in blocks of rows, each with whether nothing was skipped before it."""
    size = _packet_size(path)
    if size is None:
        return
    with on_disk(path).open("rb") as file:
        file.seek(begin)
        left = file.seek(0, 2) - begin if end is None else end - begin
        file.seek(begin)
        rest, is_whole, has_started = b"", True, False
        while left > 0 and (block := file.read(min(left, _BLOCK))):
            left -= len(block)
            data, rest = rest + block, b""
            while len(data) >= size:
                rows = np.frombuffer(data, np.uint8, len(data) // size * size).reshape(-1, size)
                bad = np.flatnonzero(rows[:, 0] != _SYNC)
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
    at = data.find(_SYNC)
    while at >= 0 and at + size < len(data) and data[at + size] != _SYNC:
        at = data.find(_SYNC, at + 1)
    return at if at >= 0 else len(data)


@lru_cache(maxsize=16)
def _packet_size(path: str | Path) -> int | None:
    with on_disk(path).open("rb") as file:
        head = file.read(1 << 17)
    counts = {
        size: max(int((np.frombuffer(head, np.uint8)[at::size] == _SYNC).sum()) * size for at in range(size))
        for size in _SIZES
        if len(head) >= size
    }
    return max(counts, key=lambda size: counts[size], default=None)

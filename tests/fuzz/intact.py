"""The stretches of a damaged clip whose bytes are those of the intact one: of these, nothing may be read wrongly."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from tests.fuzz.clips import FPS, SECONDS

# Every packet has its own timestamp, so that missing bytes do not move what follows them.
_TIMED: Final = frozenset({".ts", ".mpg", ".mkv"})
_STREAMS: Final = frozenset({".ts", ".mpg"})
_PACK: Final = 2048  # bytes of a pack of a program stream
_SEARCHED: Final = 32


@dataclass(frozen=True)
class Clip:
    """An intact clip: its bytes, and where its groups of pictures begin.

    Attributes:
        starts: (seconds, offset) of each keyframe, in order.
        end: offset after the last packet.
    """

    path: Path
    data: bytes
    starts: tuple[tuple[float, int], ...]
    end: int

    @property
    def is_timed(self) -> bool:
        """Whether every packet has its own timestamp."""
        return self.path.suffix in _TIMED


@dataclass(frozen=True)
class Expected:
    """What a reading of a damaged clip may not get wrong.

    Attributes:
        stretches: intact ranges in seconds, without the groups of pictures beside damaged ones.
        keeps_time: whether time begins with the clip and runs on as in it; else only the pictures themselves count.
        most_seconds: no more time than this can be read from a file of this size.
    """

    stretches: tuple[tuple[float, float], ...]
    keeps_time: bool
    most_seconds: float


def clip(path: Path) -> Clip:
    """An intact clip of :mod:`tests.fuzz.clips`."""
    data = path.read_bytes()
    container: Any = av.open(str(path))
    with container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        first = min(packet.pts for packet in packets if packet.pts is not None)
        starts = tuple(
            (float((packet.pts - first) * packet.time_base), _offset(packet, data))
            for packet in packets
            if packet.is_keyframe
        )
        # In MPEG streams the size of a packet does not count the headers within it.
        end = len(data) if path.suffix in _STREAMS else max(packet.pos + packet.size for packet in packets)
    return Clip(path, data, starts, end)


def _offset(packet: Any, data: bytes) -> int:
    """Offset of a packet; of one that begins within a pack of a program stream, the offset of the pack."""
    if packet.pos is not None:
        return int(packet.pos)
    return data.index(bytes(packet)[:_SEARCHED]) // _PACK * _PACK


def expected(original: Clip, damage: str, damaged: bytes) -> Expected:
    """Compare a damaged clip with the intact one.

    Of damage to the head or the index, nothing is expected but a bounded length. Where stretches with timestamps are
    exchanged or repeated, the clock runs back, and the time of what follows is not known.
    """
    is_moved = original.is_timed and ("swap" in damage or "repeat" in damage.replace("repeat_packet", ""))
    most = 2 * SECONDS * max(1.0, len(damaged) / len(original.data))  # repeated bytes may be repeated pictures
    offsets = np.array([offset for _, offset in original.starts] + [original.end])
    before, after = _unchanged(original.data, damaged)
    if before < offsets[0] or after > original.end:
        return Expected((), keeps_time=False, most_seconds=most)
    if len(damaged) == len(original.data):
        changed = np.flatnonzero(np.frombuffer(damaged, np.uint8) != np.frombuffer(original.data, np.uint8))
        intact = np.histogram(changed, offsets)[0] == 0
    else:
        intact = offsets[1:] <= before
        if original.is_timed:
            intact |= offsets[:-1] >= after
    times = [seconds for seconds, _ in original.starts] + [float(SECONDS)]
    beside = np.concatenate(([True], intact, [True]))
    sure = intact & beside[:-2] & beside[2:]
    ranges = [span for span, is_sure in zip(pairwise(times), sure, strict=True) if is_sure]
    return Expected(_merged(ranges), keeps_time=bool(intact[0]) and not is_moved, most_seconds=most)


def _unchanged(original: bytes, damaged: bytes) -> tuple[int, int]:
    """Length of the common start, and the offset in the original from which on both end alike."""
    one, other = np.frombuffer(original, np.uint8), np.frombuffer(damaged, np.uint8)
    before = _common(one, other)
    return before, len(one) - _common(one[before:][::-1], other[before:][::-1])


def _common(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    size = min(len(one), len(other))
    differences = np.flatnonzero(one[:size] != other[:size])
    return int(differences[0]) if len(differences) else size


def _merged(ranges: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    merged: list[tuple[float, float]] = []
    for start, end in ranges:
        if merged and start - merged[-1][1] < 1 / FPS:
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return tuple(merged)

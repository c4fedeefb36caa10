"""Damage to the bytes of a file. Every mutator is a function of the bytes and of a generator of random numbers."""

from collections.abc import Callable
from typing import Final

import numpy as np

Mutator = Callable[[bytes, np.random.Generator], bytes]
_EXTREMES: Final = tuple(
    number.to_bytes(4, order)
    for number in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF)
    for order in ("big", "little")
)
# Boxes of MP4 and MOV, elements of MXF's and AVI's heads.
_FIELDS: Final = (
    *(b"mvhd", b"tkhd", b"mdhd", b"elst", b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"co64", b"stss"),
    *(b"trun", b"avcC", b"hvcC", b"dref", b"moov", b"mdat", b"avih", b"strh", b"strf", b"idx1", b"movi", b"LIST"),
)
_PACKET: Final = 188  # bytes of a transport stream's packet
_MOST_BYTES: Final = 8 << 20  # of repetitions


def _range(data: bytes, rng: np.random.Generator, most: int = 65_536) -> tuple[int, int]:
    start = int(rng.integers(len(data)))
    return start, min(len(data), start + int(rng.integers(1, most)))


def flip_bits(data: bytes, rng: np.random.Generator) -> bytes:
    """Invert 1 to 64 bits anywhere."""
    return _flipped(data, rng.integers(len(data), size=rng.integers(1, 65)), rng)


def flip_head(data: bytes, rng: np.random.Generator) -> bytes:
    """Invert 1 to 16 bits of the first 4 KiB."""
    return _flipped(data, rng.integers(min(4096, len(data)), size=rng.integers(1, 17)), rng)


def flip_tail(data: bytes, rng: np.random.Generator) -> bytes:
    """Invert 1 to 16 bits of the last 16 KiB, where MP4, MOV and AVI have their index."""
    tail = min(16_384, len(data))
    return _flipped(data, len(data) - 1 - rng.integers(tail, size=rng.integers(1, 17)), rng)


def _flipped(data: bytes, positions: "np.ndarray[tuple[int], np.dtype[np.int64]]", rng: np.random.Generator) -> bytes:
    damaged = bytearray(data)
    for position in positions:
        damaged[position] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def zero(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite a range with zero bytes."""
    start, end = _range(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def overwrite(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite a range with random bytes."""
    start, end = _range(data, rng)
    return data[:start] + rng.bytes(end - start) + data[end:]


def delete(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove a range."""
    start, end = _range(data, rng)
    return data[:start] + data[end:]


def insert(data: bytes, rng: np.random.Generator) -> bytes:
    """Insert random bytes."""
    start, end = _range(data, rng)
    return data[:start] + rng.bytes(end - start) + data[start:]


def repeat(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeat a range up to 1,000 times."""
    start, end = _range(data, rng)
    times = min(int(rng.integers(2, 1000)), _MOST_BYTES // (end - start))
    return data[:start] + data[start:end] * times + data[end:]


def swap(data: bytes, rng: np.random.Generator) -> bytes:
    """Exchange two ranges of equal length."""
    size = int(rng.integers(1, len(data) // 4))
    first = int(rng.integers(len(data) - 2 * size))
    second = int(rng.integers(first + size, len(data) - size + 1))
    one, other = data[first : first + size], data[second : second + size]
    return data[:first] + other + data[first + size : second] + one + data[second + size :]


def truncate(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove the end."""
    return data[: int(rng.integers(len(data)))]


def extreme(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite four bytes of the head or the tail with an extreme number."""
    start = int(rng.integers(min(8192, len(data) - 4)))
    return _overwritten(data, start if rng.random() < 0.5 else len(data) - 4 - start, rng)


def extreme_field(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite a field of a named box or chunk with an extreme number."""
    known = [name for name in _FIELDS if name in data]
    if not known:
        return extreme(data, rng)
    place = data.index(known[int(rng.integers(len(known)))])
    return _overwritten(data, min(place - 4 + 4 * int(rng.integers(12)), len(data) - 4), rng)


def _overwritten(data: bytes, start: int, rng: np.random.Generator) -> bytes:
    start = max(start, 0)
    return data[:start] + _EXTREMES[int(rng.integers(len(_EXTREMES)))] + data[start + 4 :]


def drop_packets(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove a share of all blocks of 188 bytes."""
    share = rng.choice([0.001, 0.01, 0.1, 0.5])
    blocks = [data[start : start + _PACKET] for start in range(0, len(data), _PACKET)]
    return b"".join(block for block in blocks if rng.random() >= share)


def repeat_packet(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeat one block of 188 bytes up to 100,000 times."""
    start = int(rng.integers(max(1, len(data) // _PACKET))) * _PACKET
    end = start + _PACKET
    return data[:end] + data[start:end] * int(rng.choice([10, 1000, 100_000], p=[0.45, 0.45, 0.1])) + data[end:]


MUTATORS: Final[tuple[Mutator, ...]] = (
    *(flip_bits, flip_head, flip_tail, zero, overwrite, delete, insert, repeat, swap, truncate),
    *(extreme, extreme_field, extreme_field, drop_packets, repeat_packet),
)


def mutate(data: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Damage a file by one mutator, or in one of ten cases by two; returns their names and the bytes."""
    names = []
    for _ in range(1 + (rng.random() < 0.1)):
        mutator = MUTATORS[int(rng.integers(len(MUTATORS)))]
        names.append(mutator.__name__)
        data = mutator(data, rng) if len(data) > 64 else data
    return " + ".join(names), data

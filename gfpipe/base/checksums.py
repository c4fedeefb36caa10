"""Checksums of Parquet files, stored in the files.

A checksum is written between the last row group and the footer, where Parquet keeps indexes that readers may skip: all
offsets of a footer are absolute, so every reader still reads the file. It covers every other byte and the file's kind,
so that a file of another table does not pass either.
"""

import hashlib
from pathlib import Path
from typing import Final

_MARK: Final = b"gfpipe.checksum\0"
_DIGEST_BYTES: Final = 16
_MAGIC: Final = b"PAR1"
_TAIL: Final = 8  # bytes after the footer: its length, and the magic number


def seal(path: Path, kind: str) -> None:
    """Write the checksum of a complete Parquet file into it; a file that has one already gets another.

    Raises:
        OSError: the file cannot be written.
        ValueError: it is not a Parquet file.
    """
    data = path.read_bytes()
    start = _footer(data)
    if start is None:
        raise ValueError(f"{path}: not a Parquet file")
    with path.open("r+b") as file:
        file.seek(start)
        file.write(_MARK + _digest(data[:start], data[start:], kind) + data[start:])


def matches(data: bytes, kind: str) -> bool | None:
    """Whether the bytes of a file are those that were sealed; None without a checksum, or if it is no Parquet file."""
    start = _footer(data)
    mark = (start or 0) - _DIGEST_BYTES - len(_MARK)
    if start is None or mark < 0 or data[mark : mark + len(_MARK)] != _MARK:
        return None
    view = memoryview(data)
    return data[start - _DIGEST_BYTES : start] == _digest(view[:mark], view[start:], kind)


def stored(data: bytes) -> str | None:
    """The checksum in a file, in hexadecimal digits; None without one."""
    start = _footer(data) or 0
    mark = start - _DIGEST_BYTES - len(_MARK)
    if mark < 0 or data[mark : mark + len(_MARK)] != _MARK:
        return None
    return data[start - _DIGEST_BYTES : start].hex()


def _footer(data: bytes) -> int | None:
    """Offset of the footer; None if this is not a Parquet file."""
    start = len(data) - _TAIL - int.from_bytes(data[-_TAIL : -len(_MAGIC)], "little")
    is_parquet = data[: len(_MAGIC)] == data[-len(_MAGIC) :] == _MAGIC and len(_MAGIC) <= start < len(data) - _TAIL
    return start if is_parquet else None


def _digest(body: bytes | memoryview, footer: bytes | memoryview, kind: str) -> bytes:
    digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES, person=kind.encode()[: hashlib.blake2b.PERSON_SIZE])
    digest.update(footer)
    return digest.digest()

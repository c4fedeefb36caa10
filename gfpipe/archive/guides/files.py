"""The files of a programme guide: one, or a folder of them; plain or compressed."""

import gzip
import io
import lzma
import zlib
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO, Final

from gfpipe.archive.guides import vdr, xmltv
from gfpipe.archive.guides.broadcasts import Contents
from gfpipe.base.regular import open_regular
from gfpipe.errors import UsageError

_LARGEST: Final = 500_000_000  # bytes, decompressed: over a million programmes
_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\0"
_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def read(path: Path, zone: tzinfo = UTC) -> list[tuple[str, Contents]]:
    """Read a guide's files, a folder's in the order of their names; hidden files are skipped.

    Args:
        path: XMLTV or `epg.data`, plain or compressed with gzip or xz, or a folder of such files.
        zone: of times without an offset.

    Raises:
        UsageError: a file cannot be read or is neither of the two, or the folder has no files.
    """
    if not path.is_dir():
        return [(path.name, _read(path, zone))]
    try:
        files = sorted(file for file in path.iterdir() if not file.name.startswith(".") and not file.is_dir())
    except OSError as exc:
        raise UsageError(f"{path}: the folder cannot be read: {exc.strerror}") from exc
    if not files:
        raise UsageError(f"{path}: no files in it; XMLTV or VDR's epg.data is expected")
    return [(file.name, _read(file, zone)) for file in files]


def _read(path: Path, zone: tzinfo) -> Contents:
    try:
        with open_regular(path) as raw, _Bounded(_decompressed(raw)) as bounded, io.BufferedReader(bounded) as file:
            first = file.peek(4096)
            for mark in _MARKS:
                first = first.removeprefix(mark)
            if first.replace(b"\0", b"").lstrip().startswith(b"<"):
                return xmltv.read(file, path.name, zone)
            if vdr.is_guide(first):
                return vdr.read(file, path.name)
            raise ValueError("it is neither XMLTV nor VDR's epg.data")
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise UsageError(f"{path}: cannot be read as a programme guide: {reason}") from exc


def _decompressed(raw: BinaryIO) -> BinaryIO:
    first = raw.read(6)
    raw.seek(0)
    if first.startswith(_GZIP):
        return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
    return lzma.LZMAFile(raw) if first.startswith(_XZ) else raw  # type: ignore[return-value]


class _Bounded(io.RawIOBase):
    """A stream that refuses to give more bytes than a guide can have, however small the compressed file is."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self._left = source, _LARGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        data = self._source.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it has more than {_LARGEST // 1_000_000} MB; divide it")
        buffer[: len(data)] = data
        return len(data)

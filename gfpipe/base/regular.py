"""Files that can be read, and their fingerprints.

Named pipes, sockets and devices block or do something when they are opened: they are refused.
"""

import hashlib
import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from gfpipe.base.files import on_disk

_RESPONSE_SECONDS: Final = 30.0
_BLOCK: Final = 65536


class SpecialFileError(OSError):
    """A named pipe, socket or device."""


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file, named as :func:`gfpipe.base.files.as_text` writes it, for reading bytes.

    Raises:
        SpecialFileError: it is a named pipe, socket or device; it was not opened.
        OSError: it cannot be opened.
    """
    file = on_disk(path)
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises its own error
        raise SpecialFileError(f"{path}: a named pipe, socket or device")
    return open(file, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))


def read_ends(path: str | Path) -> tuple[int, bytes] | None:
    """Size of a file in bytes, and its first and last 64 KiB; None if it cannot be read within 30 seconds.

    A read from storage that does not respond cannot be interrupted: its thread is abandoned.
    """
    found: list[tuple[int, bytes]] = []

    def read() -> None:
        with suppress(OSError), open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            first = file.read(_BLOCK)
            file.seek(max(0, size - _BLOCK))
            found.append((size, first + file.read(_BLOCK)))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(_RESPONSE_SECONDS)
    return found[0] if found else None


def fingerprint(path: str | Path) -> str | None:
    """Hash of the size and both ends of a file, to detect replaced or grown files; None if it cannot be read."""
    if (found := read_ends(path)) is None:
        return None
    size, ends = found
    return hashlib.blake2b(size.to_bytes(8, "little") + ends, digest_size=16).hexdigest()


def size(path: str | Path) -> int | None:
    """Size of a file in bytes; None if there is none."""
    try:
        return on_disk(path).stat().st_size
    except OSError:
        return None


def source(path: str | Path) -> dict[str, int | str | None]:
    """Size and fingerprint of a file, under their names in the lake."""
    return {"source_bytes": size(path), "source_fingerprint": fingerprint(path)}

"""Files that can be read: no named pipes, sockets or devices, which block or do something when they are opened."""

import os
import stat
from pathlib import Path
from typing import BinaryIO


class SpecialFileError(OSError):
    """A named pipe, socket or device."""


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file for reading bytes.

    Raises:
        SpecialFileError: it is a named pipe, socket or device; it was not opened.
        OSError: it cannot be opened.
    """
    mode = Path(path).stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # opening a folder raises its own error
        raise SpecialFileError(f"{path}: a named pipe, socket or device")
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))

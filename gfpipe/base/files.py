"""Files that are written whole or not at all."""

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there becomes `path` when the body succeeds.

    The file and its folder are flushed to the disk, so that a power cut leaves the old file or the new one. If the
    body raises, the temporary file is removed and `path` stays as it was. The folder is created if it is missing.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes atomically; raises OSError, see :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON atomically; raises OSError, see :func:`replacing`."""
    write(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def put_in_place(temporary: Path, path: Path) -> None:
    """Flush `temporary` to the disk and rename it to `path`, in the same folder."""
    _sync(temporary)
    temporary.replace(path)
    with suppress(OSError):  # some systems cannot flush folders
        _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def shipped_folder(name: str) -> Path:
    """Path of a folder shipped with gfpipe: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return next(folder for folder in (package / name, package.parent / name) if folder.is_dir())

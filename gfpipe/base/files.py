"""Files that are written whole or not at all."""

import hashlib
import json
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, ENOSPC
from functools import cache
from pathlib import Path
from typing import Any, Final

import platformdirs

NO_SPACE: Final = "no space left on its disk; free some, then run again"
_A_DAY: Final = 24 * 60 * 60
# .NAME.MACHINE-PROCESS.RANDOM.tmp, and .old for what it replaces; earlier versions: .NAME.RANDOM.tmp
_LEFTOVER: Final = re.compile(
    r"\.(?P<name>.+)\.(?:(?P<machine>[0-9a-f]{8})-(?P<process>\d+)\.[0-9a-f]{8}|[0-9a-f]{32})\.(?P<kind>tmp|old)"
)
_ESCAPED: Final = re.compile(rb"\\x([89a-f][0-9a-f])")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written there becomes `path` when the body succeeds.

    The file and its folder are flushed to the disk, so that a power cut leaves the old file or the new one. If the
    body raises, the temporary file is removed and `path` stays as it was. The folder is created if it is missing. A
    symbolic link stays one. What is no file, such as /dev/stdout or a named pipe, is yielded itself.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        yield path
        return
    path = path.resolve() if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_leftovers(path)
    temporary = temporary_name(path)
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


def is_full(error: Exception) -> bool:
    """Whether an error, of the system or of a library that quotes it, says that the disk or a quota is full."""
    return any(os.strerror(code) in str(error) for code in (ENOSPC, EDQUOT))


def put_in_place(temporary: Path, path: Path) -> None:
    """Flush `temporary` to the disk and rename it to `path`, in the same folder."""
    _sync(temporary)
    temporary.replace(path)
    with suppress(OSError):  # some systems cannot flush folders
        _sync(path.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file's content; file systems that can (Btrfs, XFS) share its blocks instead.

    Raises:
        OSError: it cannot be read or written.
    """
    with source.open("rb") as reading, target.open("wb") as writing:
        try:
            while os.copy_file_range(reading.fileno(), writing.fileno(), 2**30):
                pass
        except OSError:  # not supported by this file system, or between these two
            reading.seek(0)
            writing.seek(0)
            shutil.copyfileobj(reading, writing, 2**24)


def temporary_name(path: Path) -> Path:
    """A new hidden name beside `path` for its unfinished content; it names this process."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}.{uuid.uuid4().hex[:8]}.tmp")


def clear_leftovers(path: Path) -> None:
    """Remove what processes that were killed left of unfinished versions of `path`."""
    with suppress(OSError):
        for other in path.parent.iterdir():
            if other.name.startswith(f".{path.name}."):
                _clear(other)


def sweep(folder: Path) -> None:
    """As :func:`clear_leftovers`, for everything below a folder."""
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if name.startswith("."):
                _clear(Path(parent, name))


def _clear(path: Path) -> None:
    match = _LEFTOVER.fullmatch(path.name)
    with suppress(OSError):  # its owner, or another process, was faster
        if match is None or not _is_abandoned(path, match):
            return
        target = path.with_name(match["name"])
        if match["kind"] == "old" and not target.exists():
            path.rename(target)  # the process was killed before the new version was in place
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _is_abandoned(path: Path, match: re.Match[str]) -> bool:
    """Whether the process of a temporary name has ended; of another machine's, whether it is a day old."""
    if match["machine"] != _machine():
        return time.time() - path.stat().st_mtime > _A_DAY
    try:
        os.kill(int(match["process"]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's
    return False


@cache
def _machine() -> str:
    """Identifies the machine since it was started, and the container: process ids are unique within it."""
    facts = [platform.node()]
    with suppress(OSError):
        facts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
        facts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.blake2b("".join(facts).encode(), digest_size=4).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def as_text(path: str) -> str:
    r"""The path as text that can be stored: bytes that are not UTF-8 are escaped as ``\xe9``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def on_disk(path: str | Path) -> Path:
    """The file of a path as :func:`as_text` writes it."""
    path = Path(path)
    if "\\x" not in str(path) or path.exists():
        return path
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), os.fsencode(path))
    unescaped = Path(os.fsdecode(raw))
    return unescaped if unescaped.exists() else path


def cache_folder() -> Path:
    """The folder of downloads: ``GFPIPE_CACHE``, or the user's cache."""
    return Path(os.environ.get("GFPIPE_CACHE") or platformdirs.user_cache_path("gfpipe")).expanduser()


def shipped_folder(name: str) -> Path:
    """Path of a folder shipped with gfpipe: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    return next(folder for folder in (package / name, package.parent / name) if folder.is_dir())

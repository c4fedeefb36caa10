"""Locks of a lake's files, between processes; object stores have none."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gfpipe.errors import UsageError
from gfpipe.lake.storage import Storage, disk_errors


@contextmanager
def lock(storage: Storage, parts: tuple[str, ...], message: str) -> Iterator[None]:
    """Lock a file that several processes rewrite, as they would lose each other's rows.

    Object stores have no locks: nothing is locked there.

    Raises:
        UsageError: another process has the lock; with `message`.
        LakeError: the lock file cannot be written.
    """
    with _lock_file(storage, parts) as file:
        try:
            if file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise UsageError(message) from exc
        yield


@contextmanager
def waiting_lock(storage: Storage, parts: tuple[str, ...], *, shared: bool = False) -> Iterator[None]:
    """Wait for a lock that one process has alone, or several share; nothing is locked in object stores.

    Raises:
        LakeError: the lock file cannot be written.
    """
    with _lock_file(storage, parts) as file:
        if file:
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def _lock_file(storage: Storage, parts: tuple[str, ...]) -> Iterator[IO[str] | None]:
    if not storage.is_local:
        yield None
        return
    path = Path(storage.path(*parts[:-1], f".{parts[-1]}.lock"))
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    with file:
        yield file

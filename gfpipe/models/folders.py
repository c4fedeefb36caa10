"""Folders that are published whole: readers see a complete folder or none."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from gfpipe.base import files
from gfpipe.errors import ModelError

_RETRY_SECONDS: Final = 0.05

T = TypeVar("T")


@contextmanager
def publishing(target: Path, mark: str, *, replace: bool) -> Iterator[Path]:
    """Yield a temporary folder, which becomes ``target`` when the body succeeds.

    A complete folder contains the file ``mark``. If ``target`` is complete, it stays unless ``replace`` is set.

    Raises:
        ModelError: the folder cannot be written.
    """
    files.clear_leftovers(target)
    staging = files.temporary_name(target)
    try:
        staging.mkdir(parents=True)
        yield staging
        _publish(staging, target, mark, replace=replace)
    except OSError as exc:
        raise ModelError(
            f"{target} cannot be written: {exc.strerror or exc}; "
            "free some space, or set GFPIPE_MODELS to another folder"
        ) from exc
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_whole(find: Callable[[], Path], read: Callable[[Path], T]) -> T:
    """Read a folder with several files, and read it again if another process replaced it meanwhile.

    Raises:
        ModelError: ``read`` raised it of a folder that was not replaced.
    """
    while True:
        folder = find()
        inode = _inode(folder)
        try:
            return read(folder)
        except ModelError:
            if _inode(folder) == inode:
                raise
        time.sleep(_RETRY_SECONDS)  # it is being replaced, which takes two renames


def _inode(folder: Path) -> int | None:
    try:
        return folder.stat().st_ino
    except OSError:
        return None


def _publish(staging: Path, target: Path, mark: str, *, replace: bool) -> None:
    while True:
        try:
            staging.rename(target)
            return
        except OSError:
            if not target.is_dir():
                raise
        if (target / mark).is_file() and not replace:
            return  # published by another process
        outgoing = staging.with_suffix(".old")
        try:
            target.rename(outgoing)
        except FileNotFoundError:
            continue  # another process is replacing it too
        shutil.rmtree(outgoing)

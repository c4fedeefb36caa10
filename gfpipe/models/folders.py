"""Folders that are published whole: readers see a complete folder or none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gfpipe.base import files
from gfpipe.errors import ModelError


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

"""Files of the lake, on this machine or on an object store: written whole or not at all."""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import EDQUOT, ENOSPC
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from gfpipe.errors import LakeError


@dataclass(frozen=True)
class Storage:
    """One lake's folder behind fsspec: ``/mnt/lake``, ``s3://bucket/lake``, ``memory://lake``."""

    url: str

    @property
    def is_local(self) -> bool:
        """Whether files can be renamed in place."""
        return "://" not in self.url or self.url.startswith("file://")

    def path(self, *parts: str) -> str:
        """Where a file of the lake is, for the file system behind it."""
        return str(PurePosixPath(self._split()[1], *parts))

    def exists(self, *parts: str) -> bool:
        """Whether the file is there."""
        return bool(self._split()[0].exists(self.path(*parts)))

    def read_table(self, *parts: str) -> Any:
        """A whole, small Parquet file as a pyarrow table.

        Raises:
            LakeError: the file is not Parquet; a shard is never half-written, so something else wrote there.
        """
        path = self.path(*parts)
        try:
            with self._split()[0].open(path, "rb") as file:
                return pq.read_table(file)
        except (OSError, ValueError) as exc:
            raise LakeError(f"{path}: cannot be read as Parquet: {exc}") from exc

    def scan(self, folder: tuple[str, ...], schema: pa.Schema, columns: Sequence[str], only: ds.Expression) -> Any:
        """Some columns of every Parquet file below a folder as one pyarrow table; None where there is no folder.

        Raises:
            LakeError: a file is not Parquet.
        """
        files, path = self._split()[0], self.path(*folder)
        if not files.exists(path):
            return None
        try:
            return ds.dataset(path, schema, format="parquet", filesystem=files).to_table(list(columns), filter=only)
        except (OSError, pa.ArrowException) as exc:
            raise LakeError(f"{path}: cannot be read as Parquet: {exc}") from exc

    def delete(self, *parts: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with suppress(FileNotFoundError):
            self._split()[0].rm_file(self.path(*parts))

    def files(self, *folder: str) -> dict[str, int]:
        """Every file in a folder and the folders in it, hidden ones too: its name within the lake, and its bytes."""
        files, root = self._split()
        files.invalidate_cache()
        found = files.find(self.path(*folder), detail=True)
        return {str(PurePosixPath(path).relative_to(root)): facts["size"] for path, facts in sorted(found.items())}

    def folders(self, *folder: str) -> list[str]:
        """The names of the folders in a folder, sorted; none where it is not there."""
        files, path = self._split()[0], self.path(*folder)
        if not files.isdir(path):
            return []
        return sorted(
            PurePosixPath(each["name"]).name for each in files.ls(path, detail=True) if each["type"] == "directory"
        )

    def open(self, *parts: str) -> Any:
        """A file of the lake for reading bytes, to be closed by the caller; raises OSError where there is none."""
        return self._split()[0].open(self.path(*parts), "rb")

    def stamp(self, *parts: str) -> str | None:
        """Something that changes whenever the file is written anew; None where there is no such file."""
        files = self._split()[0]
        files.invalidate_cache()
        try:
            facts = files.info(self.path(*parts))
        except FileNotFoundError:
            return None
        said = ("ino", "mtime", "size", "created", "LastModified", "ETag", "updated")
        return repr([facts.get(name) for name in said])

    def age(self, *parts: str) -> float:
        """Seconds since the file was last written to; 0 where nobody can say."""
        facts = self._split()[0].info(self.path(*parts))
        return max(time.time() - facts["mtime"], 0.0) if "mtime" in facts else 0.0

    def prune(self, *folder: str) -> None:
        """Remove the empty folders below a folder, and itself if nothing is left; object stores have none."""
        if not self.is_local:
            return
        top = Path(self.path(*folder))
        with suppress(OSError):  # one that is not empty, or that somebody writes to at this moment
            for below in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
                with suppress(OSError):
                    below.rmdir()
            top.rmdir()

    def _split(self) -> tuple[Any, str]:
        fs, path = fsspec.core.url_to_fs(self.url)
        return fs, path


class Pending:
    """A file that is being written beside its place (or, for an object store, on this machine's disk).

    ``commit`` puts it in its place in one step; until then nobody can take it for a shard, as its name starts
    with a dot and ends in ``.tmp``.
    """

    def __init__(self, storage: Storage, *parts: str) -> None:
        self._storage, self._parts = storage, parts
        name = f".{parts[-1]}.{uuid.uuid4().hex}.tmp"
        if storage.is_local:
            folder = Path(storage.path(*parts[:-1]))
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / name
        else:
            self.path = Path(tempfile.gettempdir()) / name

    def commit(self) -> None:
        """Flush to the disk, then rename (or upload): the file appears whole."""
        target = self._storage.path(*self._parts)
        with disk_errors(target):
            if self._storage.is_local:
                with self.path.open("rb") as file:
                    os.fsync(file.fileno())
                self.path.replace(target)
                _sync_folder(self.path.parent)
            else:
                fs, _ = fsspec.core.url_to_fs(self._storage.url)
                fs.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
                with self.path.open("rb") as source, fs.open(target, "wb") as file:
                    shutil.copyfileobj(source, file)
                self.path.unlink()

    def discard(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)


@contextmanager
def disk_errors(where: str | Path) -> Iterator[None]:
    """Say what a full or forbidden disk means, and what to do."""
    try:
        yield
    except OSError as exc:
        if exc.errno in (ENOSPC, EDQUOT):
            raise LakeError(f"{where}: no space left on the lake's disk; free some, then run again") from exc
        raise LakeError(f"{where}: cannot be written: {exc.strerror or exc}; check the lake's folder") from exc


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets folders be synced."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

"""Files of a lake, on this machine or in an object store."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import fsspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfpipe.base import checksums, files
from gfpipe.errors import DiskFullError, LakeError
from gfpipe.lake import schema as schemas

_FOLDERS: Final = (*schemas.TABLES, "crops", "queues", "sets")  # of a lake, which has at least one of these
_FILES: Final = ("gfpipe.duckdb",)
_PIECE: Final = 2**24
_OF_STORES: Final = ("botocore", "aiobotocore", "aiohttp")  # packages whose errors are no OSError
_DAMAGED: Final = "it is damaged: its checksum does not match"


@dataclass(frozen=True)
class Storage:
    """A lake in any file system of fsspec: ``/mnt/lake``, ``s3://bucket/lake``, ``memory://lake``."""

    url: str

    @property
    def is_local(self) -> bool:
        """Whether files can be renamed in place."""
        return "://" not in self.url or self.url.startswith("file://")

    def path(self, *parts: str) -> str:
        """Path of a file of the lake in its file system."""
        return str(PurePosixPath(self._split()[1], *parts))

    def exists(self, *parts: str) -> bool:
        """Whether the file exists."""
        try:
            self.details(*parts)
        except FileNotFoundError:
            return False
        return True

    def require(self) -> None:
        """Raise LakeError if it does not exist, or contains nothing that gfpipe writes into a lake."""
        remedy = f"give another folder, or run: gfpipe analyse ARCHIVE --lake {self.url}"
        if self.is_local and not Path(self.path()).is_dir():
            raise LakeError(f"{self.url}: there is no such lake; {remedy}")
        if not {*self.folders()} & {*_FOLDERS} and not any(self.exists(name) for name in _FILES):
            raise LakeError(f"{self.url}: nothing has been analysed yet, or it is no lake; {remedy}")

    def read_table(self, *parts: str) -> Any:
        """Read a small Parquet file as a pyarrow table; raises LakeError if it is damaged or not Parquet."""
        path = self.path(*parts)
        try:
            with self.open(*parts) as file:
                data = file.read()
            if checksums.matches(data, _root(parts)) is False:
                raise LakeError(f"{path}: {_DAMAGED}; {schemas.remedy(_root(parts))}")
            return pq.read_table(pa.BufferReader(data))
        except (OSError, ValueError, pa.ArrowException) as exc:
            raise LakeError(f"{path}: cannot be read as Parquet: {exc}; {schemas.remedy(_root(parts))}") from exc

    def problem(self, *parts: str, decode: bool = False) -> str | None:
        """Why a file of a table must not be believed; None if it may.

        Args:
            parts: path of the file; the first part is the table.
            decode: read every value of a file without a checksum, as earlier versions wrote it.
        """
        try:
            with self.open(*parts) as file:
                return problem_of(file.read(), _root(parts), decode)
        except FileNotFoundError:
            return "it is missing"
        except (OSError, ValueError, pa.ArrowException) as exc:
            return f"it cannot be read as Parquet: {exc}"

    def scan(self, folder: tuple[str, ...], schema: pa.Schema, columns: Sequence[str], only: pc.Expression) -> Any:
        """Read columns of every Parquet file of a table as one pyarrow table; None if there is no folder.

        Raises:
            LakeError: a file is damaged or not Parquet.
        """
        import pyarrow.dataset as ds  # noqa: PLC0415 - imports pandas

        system, path = self._split()[0], self.path(*folder)
        if not system.exists(path):
            return None
        names = [name for name in self.files(*folder) if is_shard(name)]
        for name in names:
            if problem := self.problem(name):
                raise LakeError(f"{self.path(name)}: {problem}; {schemas.remedy(folder[0])}")
        paths = [self.path(name) for name in names]
        if not paths:
            return schema.empty_table().select(list(columns))
        try:
            return ds.dataset(paths, schema, format="parquet", filesystem=system).to_table(list(columns), filter=only)
        except (OSError, pa.ArrowException) as exc:
            raise LakeError(f"{path}: cannot be read as Parquet: {exc}") from exc

    def delete(self, *parts: str) -> None:
        """Remove a file if it exists, and what was set aside of it."""
        *folders, name = PurePosixPath(*parts).parts
        for path in (self.path(*parts), self.path(*folders, set_aside_name(name))):
            with suppress(FileNotFoundError):
                self._split()[0].rm_file(path)

    def rename(self, name: str, target: str) -> None:
        """Rename a file within the lake, replacing the target; raises FileNotFoundError or LakeError."""
        source, path = self.path(name), self.path(target)
        try:
            if self.is_local:
                Path(source).replace(path)
            else:
                self._split()[0].mv(source, path)
        except FileNotFoundError:
            raise
        except OSError as exc:
            raise LakeError(f"{source}: cannot be renamed: {exc.strerror or exc}; check the lake's folder") from exc

    def move(self, name: str, target: str) -> None:
        """Move a file within the lake, unless the target exists.

        Raises:
            LakeError: the lake cannot be written.
        """
        system, _ = self._split()
        with disk_errors(self.path(name)), suppress(FileNotFoundError):  # moved by another process
            if not self.exists(target):
                system.makedirs(self.path(str(PurePosixPath(target).parent)), exist_ok=True)
                system.mv(self.path(name), self.path(target))

    def files(self, *folder: str) -> dict[str, int]:
        """Sizes in bytes of all files below a folder, hidden ones too, by their names within the lake."""
        return {name: info["size"] for name, info in self.listing(*folder).items()}

    def listing(self, *folder: str) -> dict[str, Any]:
        """What fsspec knows of all files below a folder, hidden ones too, by their names within the lake."""
        system, root = self._split()
        with store_errors(self.url):
            system.invalidate_cache()
            found = system.find(self.path(*folder), detail=True)
        return {str(PurePosixPath(path).relative_to(root)): info for path, info in sorted(found.items())}

    def details(self, *parts: str) -> Any:
        """What fsspec knows of a file; raises FileNotFoundError."""
        system = self._split()[0]
        with store_errors(self.url):
            system.invalidate_cache()
            return system.info(self.path(*parts))

    def folders(self, *folder: str) -> list[str]:
        """Sorted names of the folders in a folder; empty if it does not exist."""
        system, path = self._split()[0], self.path(*folder)
        with store_errors(self.url):
            system.invalidate_cache()
            entries = system.ls(path, detail=True) if system.isdir(path) else []
        return sorted(PurePosixPath(entry["name"]).name for entry in entries if entry["type"] == "directory")

    def open(self, *parts: str) -> Any:
        """Open a file for reading bytes; raises OSError if it does not exist."""
        with store_errors(self.url):
            return self._split()[0].open(self.path(*parts), "rb")

    def stamp(self, *parts: str) -> str | None:
        """A value that changes whenever the file is written; None if it does not exist."""
        try:
            info = self.details(*parts)
        except FileNotFoundError:
            return None
        names = ("ino", "mtime", "size", "created", "LastModified", "ETag", "updated")
        return repr([info.get(name) for name in names])

    def age(self, *parts: str) -> float:
        """Seconds since the file was last written; 0 if unknown."""
        info = self._split()[0].info(self.path(*parts))
        return max(time.time() - info["mtime"], 0.0) if "mtime" in info else 0.0

    def prune(self, *folder: str) -> None:
        """Remove the empty folders below a local folder, and the folder itself if it is empty then."""
        if not self.is_local:
            return
        top = Path(self.path(*folder))
        for path in (*sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True), top):
            with suppress(OSError):  # not empty, or being written to
                path.rmdir()

    def get(self, name: str, target: Path) -> None:
        """Copy a file to this machine; raises FileNotFoundError."""
        with self.open(name) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, _PIECE)

    def put(self, source: Path, *parts: str) -> None:
        """Write a file of this machine into an object store."""
        system, target = self._split()[0], self.path(*parts)
        system.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
        with store_errors(self.url), source.open("rb") as file, system.open(target, "wb") as writing:
            shutil.copyfileobj(file, writing, _PIECE)

    def _split(self) -> tuple[Any, str]:
        try:
            system, path = fsspec.core.url_to_fs(self.url)
        except ImportError as exc:
            kind = self.url.partition(":")[0]
            raise LakeError(f"{self.url}: a lake on {kind}:// needs another package: pip install 'gfpipe[s3]'") from exc
        except ValueError as exc:
            raise LakeError(f"{self.url}: no such file system: {exc}") from exc
        return system, path


def problem_of(data: bytes, table: str, decode: bool = False) -> str | None:
    """Why the content of a file of a table must not be believed; None if it may; see :meth:`Storage.problem`.

    Raises:
        OSError, ValueError, pa.ArrowException: it is not Parquet.
    """
    if (matches := checksums.matches(data, table)) is not None:
        return None if matches else _DAMAGED
    with pq.ParquetFile(pa.BufferReader(data)) as parquet:
        wrong = schemas.wrong_columns(parquet.schema_arrow, table)
        if not wrong and decode:
            parquet.read()
    return f"it is not of this table: {', '.join(wrong)}" if wrong else None


def is_shard(name: str) -> bool:
    """Whether the name is that of a finished Parquet file."""
    return name.endswith(".parquet") and PurePosixPath(name).name[0] not in "._"


def set_aside_name(name: str) -> str:
    """Name of a damaged file ``name``, which no reader takes for a shard."""
    return f".{name}.damaged"


def _root(parts: Sequence[str]) -> str:
    return PurePosixPath(*parts).parts[0]


class Pending:
    """A temporary file that :meth:`commit` moves into the lake: beside the target, or, for an object store, local.

    Its name starts with a dot and ends in ``.tmp``, so that it is never read as a shard.
    """

    def __init__(self, storage: Storage, *parts: str) -> None:
        self._storage, self._parts = storage, parts
        folder = Path(storage.path(*parts[:-1]) if storage.is_local else tempfile.gettempdir())
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        files.clear_leftovers(folder / parts[-1])
        self.path = files.temporary_name(folder / parts[-1])

    def commit(self) -> None:
        """Add the checksum to a file of a table, flush and rename it, or upload it."""
        target = self._storage.path(*self._parts)
        with disk_errors(target):
            if _root(self._parts) in schemas.SEALED and is_shard(target):
                checksums.seal(self.path, _root(self._parts))
            if self._storage.is_local:
                files.put_in_place(self.path, Path(target))
            else:
                self._storage.put(self.path, *self._parts)
                self.path.unlink()

    def discard(self) -> None:
        """Remove the temporary file."""
        self.path.unlink(missing_ok=True)


@contextmanager
def replacing(storage: Storage, name: str) -> Iterator[Path]:
    """Yield a temporary path, whose file becomes the lake's file `name` when the body succeeds.

    Raises:
        LakeError: the file cannot be written.
    """
    pending = Pending(storage, *PurePosixPath(name).parts)
    try:
        with disk_errors(storage.path(name)):
            yield pending.path
        pending.commit()
    finally:
        pending.discard()


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError into a LakeError that says what to do, a DiskFullError if no space is left."""
    try:
        yield
    except OSError as exc:
        if files.is_full(exc):
            raise DiskFullError(f"{path}: {files.NO_SPACE}") from exc
        raise LakeError(f"{path}: cannot be written: {exc.strerror or exc}; check the lake's folder") from exc


@contextmanager
def store_errors(url: str) -> Iterator[None]:
    """Turn errors of an object store other than a missing file into LakeError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as exc:
        is_denied = isinstance(exc, PermissionError) and "://" in url
        if is_denied or type(exc).__module__.partition(".")[0] in _OF_STORES:
            remedy = "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise LakeError(f"{url}: the object store cannot be used: {exc}; {remedy}") from exc
        raise

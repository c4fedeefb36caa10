"""DuckDB connections: settings, paths and errors."""

import atexit
import gc
import tempfile
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, clear_overloads

import duckdb
import pyarrow as pa

from gfpipe.base.files import NO_SPACE, is_full
from gfpipe.errors import DiskFullError, LakeError
from gfpipe.lake.index import mirror

NAME: Final = "gfpipe.duckdb"


@atexit.register
def _release() -> None:
    """Release what would hold objects of DuckDB after the interpreter's end, which it reports as leaked on stderr.

    These are overloaded functions, which typing keeps with the modules that they refer to, and the frames of errors
    that a thread still holds, such as one of Prefect's.
    """
    clear_overloads()
    for item in gc.get_objects():
        if issubclass(type(item), BaseException):
            traceback.clear_frames(item.__traceback__)
            item.__traceback__ = None


def configure(
    connection: duckdb.DuckDBPyConnection, lake: Path, memory_limit: str | None = None, spill: Path | None = None
) -> None:
    """Set the session variable ``lake`` and every setting that queries rely on."""
    connection.execute("set variable lake = $lake", {"lake": escape_glob(lake)})
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute("set python_enable_replacements = false")  # a table name never resolves to a Python variable
    spill = spill or Path(tempfile.gettempdir()) / f"gfpipe-{uuid.uuid4().hex}"  # DuckDB creates and removes it
    connection.execute("set temp_directory = $spill", {"spill": str(spill)})
    connection.execute("set preserve_insertion_order = false")  # ordered inserts buffer millions of rows in memory
    if memory_limit:
        connection.execute("set memory_limit = $limit", {"limit": memory_limit})


def lend(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Make `table` a temporary relation `name` of the connection's session."""
    connection.register(f"_{name}", table)
    connection.execute(f"create or replace temp table {name} as from _{name}")
    connection.unregister(f"_{name}")


def lake_folder(lake: Path | str) -> Path:
    """The lake's folder, or that of its local copy, brought up to date; raises LakeError if the lake is missing."""
    if "://" in str(lake):
        return mirror.fetch(str(lake), NAME)
    folder = Path(lake).resolve()
    if not folder.is_dir():
        raise LakeError(f"{lake}: there is no such lake; run: gfpipe analyse ARCHIVE --lake {lake}")
    return folder


@contextmanager
def lake_errors(lake: Path) -> Iterator[None]:
    """Turn errors of DuckDB, Arrow and the disk into LakeError."""
    try:
        yield
    except duckdb.OutOfMemoryException as exc:
        raise LakeError(f"{lake}: the warehouse needs more memory or disk: {exc}") from exc
    except duckdb.InvalidInputException as exc:
        raise LakeError(f"{lake}: a file is damaged; gfpipe status names damaged shards: {exc}") from exc
    except (duckdb.Error, pa.ArrowException, OSError) as exc:
        if is_full(exc):
            raise DiskFullError(f"{lake}: {NO_SPACE} ({' '.join(str(exc).split())})") from exc
        raise LakeError(f"{lake}: the warehouse cannot be built or read: {exc}") from exc


def escape_glob(path: Path) -> str:
    """Escape the characters of a path that a glob pattern would interpret."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def quoted(text: Path | str) -> str:
    """Quote text as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"

"""Build the warehouse from the lake's shards."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.base import files
from gfpipe.counting import Counting
from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.index import compaction, holdings, mirror, places
from gfpipe.lake.index.files import OF_RECORDINGS
from gfpipe.lake.index.holdings import Holdings
from gfpipe.lake.storage import Storage
from gfpipe.warehouse.connection import NAME, configure, lake_errors, lake_folder, lend, quoted
from gfpipe.warehouse.database import CheckError, Warehouse
from gfpipe.warehouse.former import Former, read
from gfpipe.warehouse.relations import anchor, bind, comment, create_relations, fill, insert
from gfpipe.warehouse.shards import as_table, changes, differing, digests, from_rows, shards_of
from gfpipe.warehouse.sources import digest, statements
from gfpipe.warehouse.updating import Update

Tables = Mapping[str, pa.Table]
Derive = Callable[[Warehouse, Tables], Tables]
OnRebuild = Callable[[str], object]


def _unheard(_: str) -> None:
    pass


@dataclass(frozen=True)
class Options:
    """How a warehouse is built.

    Attributes:
        counting: which faces count.
        derive: computes further tables, by name, from the finished ones, and from what it computed for the published
            warehouse that is brought up to date.
        memory_limit: DuckDB's memory limit, such as ``"8GB"``, beyond which it spills to the lake's disk; None for
            DuckDB's default (80 % of the machine's memory).
    """

    counting: Counting = field(default_factory=Counting)
    derive: Derive | None = None
    memory_limit: str | None = None

    @property
    def built_with(self) -> str:
        """What makes another warehouse of the same lake, apart from counting."""
        return digest(duckdb.__version__, self.derive.__qualname__ if self.derive else "")


def build(
    lake: Path | str,
    memory_limit: str | None = None,
    derive: Derive | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
    *,
    rebuild: bool = False,
    on_rebuild: OnRebuild = _unheard,
) -> Path:
    """Build ``LAKE/gfpipe.duckdb`` from the lake's current shards, replace the old one atomically, and return its path.

    For a lake on an object store, that is its path in the local copy of the lake, from which it is uploaded.

    Where only some shards differ from those that the old warehouse was built from, a copy of it is brought up to date;
    where none does, it stays as it is. The rows are those of a warehouse that is built anew. A new warehouse that fails
    a check of ``sql/checks`` does not replace the old one. Readers of the old warehouse keep it until they open it
    again. Of two concurrent builds, the last to finish stays. Damaged shards are set aside, and their recordings count
    as failed.

    Args:
        lake: the lake's folder or URL.
        memory_limit: see `Options`.
        derive: see `Options`.
        counting: which faces count.
        rebuild: build it anew in any case.
        on_rebuild: receives the reason if a published warehouse cannot be brought up to date, but is built anew.

    Raises:
        CheckError: the figures do not add up.
        LakeError: the lake is missing, empty or unreadable, or its disk is full.
    """
    options = Options(counting, derive, memory_limit)
    path = build_database(_lake_with_shards(lake), options, rebuild=rebuild, on_rebuild=on_rebuild)
    if "://" in str(lake):
        mirror.put(str(lake), NAME)
    return path


def build_database(
    lake: Path,
    options: Options = Options(),
    *,
    rebuild: bool = False,
    on_rebuild: OnRebuild = _unheard,
) -> Path:
    """Build the warehouse of a lake that may be empty; see `build`."""
    files.sweep(lake)
    with lake_errors(lake), _held(lake) as now, _scratch(lake) as scratch:
        former = read(lake, options.counting, options.built_with)
        if former.reason is None and not rebuild and former.holds(now) and former.is_sound(lake):
            return lake / NAME
        reason = former.reason
        if rebuild or reason is not None or (reason := _update(lake, scratch, options, former, now)):
            if reason and not rebuild:
                on_rebuild(reason)
            _create(lake, scratch, options, now)
        files.put_in_place(scratch / NAME, lake / NAME)
    return lake / NAME


def _create(lake: Path, scratch: Path, options: Options, now: Holdings) -> None:
    """Create the database in the scratch folder, in place of that of an update that failed."""
    (scratch / NAME).write_bytes(_empty(options.derive))
    with _attached(lake, scratch, options.memory_limit) as connection:
        bind(connection, now.damaged, options.counting, options.built_with)
        _read_what_counts(connection, lake, scratch, now)
        fill(connection)
        built = Warehouse(lake, connection)
        if failures := built.check():
            raise CheckError(lake, failures)
        insert(connection, "built_from", as_table(Storage(str(lake)), now.files))
        for name, table in (options.derive(built, {}) if options.derive else {}).items():
            insert(connection, name, table)


@cache
def _empty(derive: Derive | None) -> bytes:
    """The database of a lake without a shard: every relation and macro with its comment, tables without rows."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder).resolve()
        write_schemas(lake)
        with _attached(lake, lake) as connection:
            create_relations(connection)
            derived = derive(Warehouse(lake, connection), {}) if derive else {}
            for name, table in {"built_from": as_table(Storage(str(lake)), {}), **derived}.items():
                lend(connection, "empty", table)
                connection.execute(f"create table gfpipe.{name} as from empty")
            comment(connection)
        return (lake / NAME).read_bytes()


def _update(lake: Path, scratch: Path, options: Options, former: Former, now: Holdings) -> str:
    """Bring a copy of the published database up to date; returns the reason if that is not possible."""
    files.copy(lake / NAME, scratch / NAME)
    try:
        with _attached(lake, scratch, options.memory_limit) as connection:
            bind(connection, now.damaged, options.counting, options.built_with)
            built = Warehouse(lake, connection)
            names, storage = differing(former.files, digests(now.files)), Storage(str(lake))
            stored = {name: now.files[name] for name in names if name in now.files}
            lend(connection, "gone", pa.table({"file": pa.array(sorted(names), pa.string())}))
            before = from_rows(built.query("from built_from where file in (from gone)").to_pylist())
            after = {name: shards_of(storage, name, file) for name, file in stored.items()}
            failures = Update(built, connection, now).run(changes(before, after))
            if failures is None:
                return "most recordings have changed"
            if failures:
                raise CheckError(lake, failures)
            connection.execute("delete from gfpipe.built_from where file in (from gone)")
            insert(connection, "built_from", as_table(storage, stored))
            if options.derive:
                known = {name: built.query(f"from gfpipe.{name}") for name in _derived(built)}
                for name, table in options.derive(built, known).items():
                    connection.execute(f"delete from gfpipe.{name}")  # noqa: S608 - names of this project
                    insert(connection, name, table)
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as exc:  # the published database is damaged, or a shard was replaced meanwhile
        return f"the published warehouse could not be brought up to date ({str(exc).partition(chr(10))[0]})"
    return ""


def _derived(built: Warehouse) -> list[str]:
    """Names of the tables that are neither marts nor about the database itself."""
    tables = built.query("select table_name from duckdb_tables() where database_name = 'gfpipe' and not internal")
    return sorted({*tables["table_name"].to_pylist()} - {*statements("marts"), "built_from"})


@contextmanager
def _held(lake: Path) -> Iterator[Holdings]:
    """What the lake holds, with no compaction under way."""
    write_schemas(lake)
    compaction.complete(str(lake))
    with compaction.paused(str(lake)):
        yield holdings.read(str(lake))


def _read_what_counts(connection: duckdb.DuckDBPyConnection, lake: Path, scratch: Path, now: Holdings) -> None:
    """Let relations read the recordings from a copy of the index, and other tables from the files that count."""
    analyses = scratch / "recordings.parquet"
    pq.write_table(now.analyses, analyses)
    for table in OF_RECORDINGS:
        paths = [analyses] if table == "recordings" else [lake / name for name in now.counting(table)]
        names = list(map(str, (lake / schema.empty_shard(table), *paths)))
        connection.execute(f"set variable shards_of_{table} = $names", {"names": names})


@contextmanager
def _attached(lake: Path, scratch: Path, memory_limit: str | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Attach the database in the scratch folder as ``gfpipe``, and make it current."""
    with duckdb.connect() as connection:
        configure(connection, lake, memory_limit, scratch / "spill")
        # Nobody reads it before it is complete, so it needs no write-ahead log.
        connection.execute(f"attach {quoted(scratch / NAME)} as gfpipe (recovery_mode no_wal_writes)")
        connection.execute("use gfpipe")
        yield connection
        anchor(connection, lake)
        connection.execute("use memory")
        connection.execute("detach gfpipe")  # checkpoints


def report(lake: Path | str, *names: str) -> tuple[pa.Table, ...]:
    """Compute reports of ``sql/reports`` from the lake as it is now, in memory, without publishing.

    Builds only the relations that the reports read: ``coverage`` and ``failures`` never read faces.

    Raises:
        LakeError: the lake is missing, empty or unreadable.
    """
    lake = _lake_with_shards(lake)
    with lake_errors(lake), _held(lake) as now, _scratch(lake) as scratch, duckdb.connect() as connection:
        configure(connection, lake)
        connection.execute("attach ':memory:' as gfpipe")
        connection.execute("use gfpipe")
        bind(connection, now.damaged, Counting(), "")
        _read_what_counts(connection, lake, scratch, now)
        create_relations(connection, *names)
        fill(connection, *names)
        return tuple(connection.sql(f"from {name}").to_arrow_table() for name in names)


def write_schemas(lake: Path) -> None:
    """Write a shard without rows at each table's root, so that every table can be read with all current columns."""
    places.settle(str(lake))
    for table, columns in schema.TABLES.items():
        path = lake / schema.empty_shard(table)
        if not path.exists() or not pq.read_schema(path).equals(columns):
            with files.replacing(path) as temporary:
                pq.write_table(columns.empty_table(), temporary)


def _lake_with_shards(lake: Path | str) -> Path:
    folder = lake_folder(lake)
    written = (
        shard for table in ("recordings", "schedule", "samples") for shard in (folder / table).rglob("[!._]*.parquet")
    )
    if next(written, None) is None:
        raise LakeError(f"{lake}: nothing has been analysed yet; run: gfpipe analyse ARCHIVE --lake {lake}")
    return folder


@contextmanager
def _scratch(lake: Path) -> Iterator[Path]:
    """Create a temporary folder on the warehouse's disk."""
    scratch = files.temporary_name(lake / NAME)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)

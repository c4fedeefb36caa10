"""Build the warehouse from the lake's shards."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.base import files
from gfpipe.counting import Counting
from gfpipe.errors import LakeError
from gfpipe.exports.columns import description, glossary
from gfpipe.lake import schema, shards
from gfpipe.warehouse.connection import NAME, configure, lake_errors, lake_folder, quoted
from gfpipe.warehouse.damage import DamagedShard, set_aside
from gfpipe.warehouse.database import CheckError, Warehouse
from gfpipe.warehouse.sources import MATERIALISED, header, statements

_COLUMNS: Final = """
select if(table_oid in (select table_oid from duckdb_tables()), 'table', 'view') as kind, table_name, column_name
from duckdb_columns()
where database_name = current_database() and not internal
"""

Derive = Callable[[Warehouse], Mapping[str, pa.Table]]


def build(
    lake: Path | str,
    memory_limit: str | None = None,
    derive: Derive | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Path:
    """Build ``LAKE/gfpipe.duckdb`` from the lake's current shards, replace the old one atomically, and return its path.

    A new warehouse that fails a check of ``sql/checks`` does not replace the old one. Readers of the old warehouse keep
    it until they open it again. Of two concurrent builds, the last to finish stays. Damaged shards are set aside, and
    their recordings count as failed.

    Args:
        lake: the lake's folder.
        memory_limit: DuckDB's memory limit, such as ``"8GB"``, beyond which it spills to the lake's disk; None for
            DuckDB's default (80 % of the machine's memory).
        derive: computes further tables from the finished ones, by name.
        counting: which faces count.

    Raises:
        CheckError: the figures do not add up.
        LakeError: the lake is missing, empty or unreadable, or its disk is full.
    """
    return build_database(_lake_with_shards(lake), memory_limit, derive, counting)


def build_database(
    lake: Path,
    memory_limit: str | None = None,
    derive: Derive | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Path:
    """Build the warehouse of a lake that may be empty; see `build`."""
    files.sweep(lake)
    with lake_errors(lake), _scratch(lake) as scratch:
        write_schemas(lake)
        damaged = set_aside(lake)
        with duckdb.connect() as connection:
            configure(connection, lake, memory_limit, scratch / "spill")
            connection.execute(f"attach {quoted(scratch / NAME)} as gfpipe")
            connection.execute("use gfpipe")
            create_relations(connection, damaged, counting=counting)
            built = Warehouse(lake, connection)
            if failures := built.check():
                raise CheckError(lake, failures)
            for name, table in derive(built).items() if derive else ():
                connection.register(f"_{name}", table)
                connection.execute(f"create table gfpipe.{name} as from _{name}")
            comment(connection)
            connection.execute("use memory")
            connection.execute("detach gfpipe")  # checkpoints the write-ahead log into the file
        files.put_in_place(scratch / NAME, lake / NAME)
    return lake / NAME


def report(lake: Path | str, *names: str) -> tuple[pa.Table, ...]:
    """Compute reports of ``sql/reports`` from the lake as it is now, in memory, without publishing.

    Builds only the relations that the reports read: ``coverage`` and ``failures`` never read faces.

    Raises:
        LakeError: the lake is missing, empty or unreadable.
    """
    lake = _lake_with_shards(lake)
    with lake_errors(lake), duckdb.connect() as connection:
        write_schemas(lake)
        configure(connection, lake)
        create_relations(connection, set_aside(lake), *names)
        return tuple(connection.sql(f"from {name}").to_arrow_table() for name in names)


def create_relations(
    connection: duckdb.DuckDBPyConnection,
    damaged: Sequence[DamagedShard] = (),
    *names: str,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> None:
    """Create the macros and relations of ``sql/`` in order of dependency; with `names`, only what those need."""
    for setting, value in vars(counting).items():
        connection.execute(f"set variable {setting} = {quoted(str(value))}")
    connection.execute("set variable damaged_shards = $shards", {"shards": [vars(shard) for shard in damaged]})
    for sql in statements("macros").values():
        connection.execute(sql)
    kinds = {name: kind for folder, kind in MATERIALISED.items() for name in statements(folder)}
    sources = {name: sql for folder in MATERIALISED for name, sql in statements(folder).items()}
    reads = {
        name: set() if name in statements("staging") else connection.get_table_names(sql)
        for name, sql in sources.items()
    }
    for name in TopologicalSorter(_dependencies(names or reads, reads)).static_order():
        connection.execute(f"create {kinds[name]} {name} as {sources[name]}")


def comment(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment on every macro and relation from the head of its file, on every column from ``sql/columns.toml``."""
    connection.execute("begin")
    for name, sql in statements("macros").items():
        connection.execute(f'comment on macro "{name}" is {quoted(header(sql))}')
    texts = {name: header(sql) for folder in MATERIALISED for name, sql in statements(folder).items()}
    texts |= glossary()["relations"]
    columns = connection.sql(_COLUMNS).fetchall()
    for kind, name in dict.fromkeys((kind, name) for kind, name, _ in columns):
        connection.execute(f'comment on {kind} "{name}" is {quoted(texts.get(name, ""))}')
    for _, name, column in columns:
        connection.execute(f'comment on column "{name}"."{column}" is {quoted(description(column, name))}')
    connection.execute("commit")


def _dependencies(names: Iterable[str], reads: Mapping[str, set[str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for name in names:
        graph |= {name: reads[name]} | _dependencies(reads[name], reads)
    return graph


def write_schemas(lake: Path) -> None:
    """Write a shard without rows at each table's root, so that every table can be read with all current columns."""
    shards.settle(str(lake))
    for table, columns in schema.TABLES.items():
        path = lake / table / f"v{schema.VERSION}" / "_schema.parquet"  # hidden, by Hive's conventions
        if not path.exists() or not pq.read_schema(path).equals(columns):
            with files.replacing(path) as temporary:
                pq.write_table(columns.empty_table(), temporary)


def _lake_with_shards(lake: Path | str) -> Path:
    folder = lake_folder(lake)
    written = (shard for table in ("recordings", "schedule") for shard in (folder / table).rglob("[!._]*.parquet"))
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

"""The relations of ``sql/`` in a database: their order, creation and comments."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from gfpipe import __version__
from gfpipe.counting import Counting
from gfpipe.exports.columns import description, glossary
from gfpipe.lake.index.holdings import DamagedShard
from gfpipe.warehouse.connection import escape_glob, lend, quoted
from gfpipe.warehouse.sources import MATERIALISED, header, statements

_LAKE: Final = "getvariable('lake')"
_COLUMNS: Final = """
select if(table_oid in (select table_oid from duckdb_tables()), 'table', 'view') as kind, table_name, column_name
from duckdb_columns()
where database_name = current_database() and not internal
"""


def create_relations(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Create the macros and relations of ``sql/``, tables without rows; with `names`, only what those need."""
    _create_macros(connection)
    sources = definitions()
    for name in ordered(*names):
        if name in statements("marts"):
            connection.execute(f"create table {name} as {sources[name]} with no data")
        else:
            connection.execute(f"create view {name} as {sources[name]}")


def fill(connection: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Insert the rows of the marts in order of dependency; with `names`, of those that these need."""
    for name in ordered(*names):
        if name in statements("marts"):
            insert(connection, name)


def insert(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table | None = None) -> None:
    """Insert rows into a table; into a mart, by default, those of its statement."""
    if rows is not None:
        lend(connection, "inserted", rows)
    source = statements("marts")[name] if rows is None else "from inserted"
    connection.execute(f"insert into gfpipe.{name} by name (\n{source})")


def bind(
    connection: duckdb.DuckDBPyConnection, damaged: Sequence[DamagedShard], counting: Counting, built_with: str
) -> None:
    """Set the session variables that marts read."""
    for setting, value in {**vars(counting), "gfpipe_version": __version__, "built_with": built_with}.items():
        connection.execute(f"set variable {setting} = {quoted(str(value))}")
    connection.execute("set variable damaged_shards = $shards", {"shards": [vars(shard) for shard in damaged]})


def definitions() -> dict[str, str]:
    """Statement of each relation of ``sql/``."""
    return {name: sql for folder in MATERIALISED for name, sql in statements(folder).items()}


def ordered(*names: str) -> list[str]:
    """Names of relations in order of dependency; with `names`, of those that these need."""
    reads = _reads()
    return list(TopologicalSorter(_dependencies(names or reads, reads)).static_order())


def comment(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment on every macro and relation from the head of its file, on every column from ``sql/columns.toml``."""
    script = [f'comment on macro "{name}" is {quoted(header(sql))}' for name, sql in statements("macros").items()]
    texts = {name: header(sql) for name, sql in definitions().items()} | glossary()["relations"]
    columns = connection.sql(_COLUMNS).fetchall()
    for kind, name in dict.fromkeys((kind, name) for kind, name, _ in columns):
        script.append(f'comment on {kind} "{name}" is {quoted(texts.get(name, ""))}')
    for _, name, column in columns:
        script.append(f'comment on column "{name}"."{column}" is {quoted(description(column, name))}')
    connection.execute(";\n".join(["begin", *script, "commit"]))  # one call, which takes two thirds of the time


def anchor(connection: duckdb.DuckDBPyConnection, lake: Path) -> None:
    """Let other programs, which set no session variable, find the shards of a lake in its folder as it is now."""
    sql = statements("macros")["shard_files"].replace("create macro", "create or replace macro")
    connection.execute(sql.replace(_LAKE, f"coalesce({_LAKE}, {quoted(escape_glob(lake))})"))
    connection.execute(f"comment on macro shard_files is {quoted(header(sql))}")


def _create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    for sql in statements("macros").values():
        connection.execute(sql)


@cache
def _reads() -> dict[str, set[str]]:
    """Names of the relations that each relation reads."""
    with duckdb.connect() as connection:  # without relations, which it would look into
        _create_macros(connection)
        return {
            name: set() if name in statements("staging") else connection.get_table_names(sql)
            for name, sql in definitions().items()
        }


def _dependencies(names: Iterable[str], reads: Mapping[str, set[str]]) -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    due = list(names)
    while due:
        name = due.pop()
        if name not in graph:
            graph[name] = reads[name]
            due += reads[name]
    return graph

"""A published warehouse, open for reading."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import duckdb
import pyarrow as pa

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake.index import mirror
from gfpipe.output.formats import counted
from gfpipe.warehouse.connection import NAME, configure, escape_glob, lake_errors, lake_folder, lend, quoted
from gfpipe.warehouse.sources import MATERIALISED, header, statements

_EXAMPLES: Final = 5
_OF_THE_FILE: Final = (duckdb.OperationalError, duckdb.InternalError, duckdb.FatalException)
_RELATIONS: Final = """
select table_name from duckdb_tables() where database_name = 'gfpipe'
union all
select view_name from duckdb_views() where database_name = 'gfpipe'
"""


@dataclass(frozen=True)
class CheckFailure:
    """A check of ``sql/checks`` that returned rows.

    Attributes:
        name: of the check.
        description: what the rows are.
        rows: their number.
        examples: the first few of them.
        recordings: sorted ids of the recordings concerned, if the rows name them.
    """

    name: str
    description: str
    rows: int
    examples: tuple[dict[str, Any], ...]
    recordings: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.recordings[:_EXAMPLES]) or str(self.examples[0])
        others = len(self.recordings) - _EXAMPLES
        more = f" and {others} more" * (others > 0)
        return f"{self.name} ({counted(self.rows, 'row')}): {self.description} {named}{more}"


class CheckError(LakeError):
    """The figures of a warehouse do not add up, so it was not published."""

    def __init__(self, lake: Path, failures: tuple[CheckFailure, ...]) -> None:
        super().__init__(lake, failures)
        self.lake, self.failures = lake, failures

    def __str__(self) -> str:
        found = "\n".join(f"  {failure}" for failure in self.failures)
        return (
            f"{self.lake}: the figures do not add up, so nothing was published; an earlier warehouse stays.\n{found}\n"
            f"Delete the files of these recordings under {self.lake / 'recordings'}, then run gfpipe analyse again"
        )


class Warehouse:
    """A published warehouse, open for reading; files outside the lake's folder cannot be read."""

    def __init__(self, lake: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = lake / NAME
        self._connection = connection

    def query(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run one query; ``$name`` in `sql` is replaced by ``params["name"]``.

        Raises:
            UsageError: `sql` is not one valid ``select`` (or ``describe``, ``show``, ``summarize``, ``explain``).
            LakeError: a file that it reads cannot be read.
        """
        with self._query_errors():
            _require_query(sql)
            return self._connection.sql(sql, params=dict(params or {})).to_arrow_table()

    def ask(self, name: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Run a query of ``sql/questions``, by its file name.

        Raises:
            UsageError: a parameter is missing or invalid, or the warehouse was built by an older gfpipe.
            LakeError: a file that it reads cannot be read.
        """
        return self.query(statements("questions")[name], params)

    def lend(self, name: str, table: pa.Table) -> None:
        """Make `table` a temporary relation `name` of this session."""
        with self._query_errors():
            lend(self._connection, name, table)

    def redefine(self, name: str, sql: str, downstream: Iterable[str] = ()) -> None:
        """Define or replace a relation in this session; the published one stays available as ``gfpipe.<name>``.

        ``downstream`` are marts and intermediate views that depend on it, created again in this order.

        Raises:
            UsageError: `sql` is not a valid ``select``.
            LakeError: a file that it reads cannot be read.
        """
        with self._query_errors():
            _require_query(sql)
            self._connection.execute(f"create or replace temp table {name} as {sql}")
            for relation in downstream:
                folder = "marts" if relation in statements("marts") else "intermediate"
                definition = f"{MATERIALISED[folder]} {relation} as {statements(folder)[relation]}"
                self._connection.execute(f"create or replace temp {definition}")

    def check(self) -> tuple[CheckFailure, ...]:
        """Run every check of ``sql/checks``; returns those that fail."""
        checks = statements("checks")
        counts = (
            f"select '{name}' as name, count(*) as rows from ({sql})"  # noqa: S608 - checks are files of this project
            for name, sql in checks.items()
        )
        failed = self.query(f"from ({' union all '.join(counts)}) where rows > 0 order by name").to_pylist()
        return tuple(self._failure(row["name"], checks[row["name"]], row["rows"]) for row in failed)

    def _failure(self, name: str, sql: str, rows: int) -> CheckFailure:
        examples = self.query(f"from ({sql}) limit {_EXAMPLES}")
        recordings: list[str] = []
        if "recording_id" in examples.column_names:
            named = self.query(f"select distinct recording_id from ({sql}) order by all")  # noqa: S608 - as in check
            recordings = named.column(0).to_pylist()
        return CheckFailure(name, header(sql), rows, tuple(examples.to_pylist()), tuple(recordings))

    def close(self) -> None:
        """Close the database file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _query_errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException as exc:
            raise LakeError(f"{self.path}: {exc}") from exc
        except (duckdb.Error, RuntimeError, ValueError) as exc:
            if isinstance(exc, _OF_THE_FILE) or type(exc) is duckdb.Error:  # the latter: a checksum does not match
                raise LakeError(f"{self.path}: {_first_line(exc)}; if it is damaged, {_remedy(self.path)}") from exc
            raise UsageError(f"not a valid query of the warehouse: {exc}") from exc


def open(lake: Path | str, memory_limit: str | None = None) -> Warehouse:  # noqa: A001 - reads as warehouse.open(lake)
    """Open the lake's warehouse; queries that need more memory than the limit, such as ``"8GB"``, fail.

    Raises:
        LakeError: there is no such lake, it was never published, or its warehouse is damaged or of another version.
    """
    db = open_any(lake_folder(lake), memory_limit)
    found = {name for column in db.query(_RELATIONS).columns for name in column.to_pylist()}
    expected = {name for folder in ("staging", "intermediate", "marts", "reports") for name in statements(folder)}
    if missing := sorted(expected - found):
        db.close()
        others = f" and {len(missing) - 1} other relations" * (len(missing) > 1)
        raise LakeError(
            f"{db.path}: it is not a warehouse of this version of gfpipe, as it lacks {missing[0]}{others}; "
            f"{_remedy(db.path)}"
        )
    return db


def open_any(lake: Path, memory_limit: str | None = None) -> Warehouse:
    """Open a warehouse of any version."""
    path = lake / NAME
    if not path.exists():
        raise LakeError(f"{lake}: not published yet; run: gfpipe publish --lake {lake}")
    with lake_errors(lake):
        # Attached to a new in-memory database: a connection to the file itself would share the instance that this
        # process may have had open since before the last publishing.
        connection = duckdb.connect()
        try:
            _attach(connection, path)
            configure(connection, lake, memory_limit)
            folders = sorted({str(lake), escape_glob(lake)})
            connection.execute("set allowed_directories = $folders", {"folders": folders})
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
        except (duckdb.Error, LakeError):
            connection.close()
            raise
    return Warehouse(lake, connection)


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:  # of the type duckdb: the file may be of another program, for which DuckDB would load an extension
        connection.execute(f"attach {quoted(path)} as gfpipe (read_only, type duckdb)")
        connection.execute("use gfpipe")
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as exc:
        raise LakeError(f"{path}: cannot be read as a warehouse ({_first_line(exc)}); {_remedy(path)}") from exc


def _remedy(path: Path) -> str:
    return f"publish it again: gfpipe publish --lake {path.parent}"


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0]


def binary_columns(lake: Path | str) -> dict[str, int]:
    """Count the values of every binary column of the published warehouse, by `relation.column`; none is expected.

    Raises:
        LakeError: the warehouse cannot be read.
    """
    folder = mirror.folder_of(str(lake)) if "://" in str(lake) else Path(lake).resolve()
    if not (folder / NAME).is_file():
        return {}
    with open_any(folder) as db:
        columns = db.query(
            "select table_name, column_name from duckdb_columns() "
            "where database_name = 'gfpipe' and not internal and data_type like '%BLOB%' order by all"
        )
        return {
            f"{table}.{column}": db.query(f'select count("{column}") as n from "{table}"')["n"][0].as_py()  # noqa: S608
            for table, column in zip(*columns.to_pydict().values(), strict=True)
        }


def split_statements(sql: str) -> tuple[list[str], str]:
    """Split SQL after each semicolon outside of literals, quoted names and comments, which alone are not a statement.

    Returns the complete statements, and the text after the last semicolon.
    """
    source = sql.encode()  # DuckDB counts bytes
    statements: list[str] = []
    start, empty = 0, True
    for offset, kind in duckdb.tokenize(sql):
        if source[offset : offset + 1] != b";" or kind != duckdb.token_type.operator:
            empty = empty and kind == duckdb.token_type.comment
            continue
        if not empty:
            statements.append(source[start : offset + 1].decode().strip())
        start, empty = offset + 1, True
    rest = source[start:].decode()
    in_comment = rest.count("/*") > rest.count("*/")
    return statements, "" if empty and not in_comment else rest


def _require_query(sql: str) -> None:
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise ValueError(f"{len(statements)} statements instead of one")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        words = sql.split(None, 2)
        _require_query(" ".join(words[2:] if words[1].lower() == "analyze" else words[1:]))
    elif kind != duckdb.StatementType.SELECT:
        raise ValueError(f"{kind.name.lower()} is not allowed: the warehouse is open for reading only")

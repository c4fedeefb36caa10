"""The warehouse: a DuckDB database over the lake, built from the files of ``sql/``; only here is DuckDB imported.

    staging (views on Parquet) ─► intermediate (views: the rows that count) ─► marts (tables) ─► reports (views)
                                                                                  └► checks (any row is a failure)

A file of ``sql/`` is one ``select``: its name is the relation's name, its folder says what becomes of it. Marts and
reports live in the database alone and move with the file; staging views find the lake by the session variable
``lake``, which `open` sets (in a plain DuckDB shell: ``set variable lake = '.'``), so the lake may move too.
"""

import io
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import schema

NAME: Final = "gfpipe.duckdb"
Format = Literal["csv", "json", "parquet", "table"]

_MATERIALISED: Final = {"staging": "view", "intermediate": "view", "marts": "table", "reports": "view"}
_SCRATCH: Final = ".gfpipe-publish-"
_A_DAY: Final = 24 * 60 * 60
_EXAMPLES: Final = 5
_ROWS_SHOWN: Final = 40


@dataclass(frozen=True)
class CheckFailure:
    """A check that found rows where there should be none.

    Attributes:
        name: the check, as its file in ``sql/checks`` is called.
        rows: how many rows offend.
        examples: the first few of them.
    """

    name: str
    rows: int
    examples: tuple[dict[str, Any], ...]


class Warehouse:
    """A published warehouse, open for questions and for nothing else.

    Nothing outside the lake's folder can be read, and nothing anywhere be written.
    """

    def __init__(self, lake: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = lake / NAME
        self._connection = connection

    def query(self, sql: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Answer one question; ``$name`` in `sql` stands for ``params["name"]``.

        Raises:
            UsageError: `sql` is not one valid ``select`` (or ``describe``, ``show``, ``summarize``, ``explain``).
            LakeError: what it reads cannot be read.
        """
        with self._errors_of_a_question():
            _refuse_all_but_a_question(sql)
            return self._connection.sql(sql, params=dict(params or {})).to_arrow_table()

    def ask(self, name: str, params: Mapping[str, object] | None = None) -> pa.Table:
        """Answer a question of ``sql/questions``, by its file's name.

        Raises:
            UsageError: a parameter is missing or not right, or the warehouse was built by an older gfpipe.
            LakeError: what it reads cannot be read.
        """
        return self.query(_read("questions")[name], params)

    def lend(self, name: str, table: pa.Table) -> None:
        """Let questions read `table` as a relation `name`, for as long as this warehouse is open."""
        self._connection.register(f"_{name}", table)
        self.redefine(name, f"from _{name}")
        self._connection.unregister(f"_{name}")

    def redefine(self, name: str, sql: str, downstream: Iterable[str] = ()) -> None:
        """Put `sql` in the place of a relation, in this session alone; what was published stays ``gfpipe.<name>``.

        Args:
            name: the relation; it may be a new one.
            sql: a ``select``.
            downstream: marts that rest on it and are to be built anew, in this order.

        Raises:
            UsageError: `sql` is not a valid ``select``.
            LakeError: what it reads cannot be read.
        """
        with self._errors_of_a_question():
            _refuse_all_but_a_question(sql)
            self._connection.execute(f"create or replace temp table {name} as {sql}")
            for mart in downstream:
                self._connection.execute(f"create or replace temp table {mart} as {_read('marts')[mart]}")

    def check(self) -> tuple[CheckFailure, ...]:
        """Ask every check of ``sql/checks``; empty when all is well."""
        return tuple(failure for name, sql in _read("checks").items() if (failure := self._check(name, sql)))

    def close(self) -> None:
        """Let go of the database file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _errors_of_a_question(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.OperationalError, duckdb.InternalError) as exc:
            raise LakeError(f"{self.path}: {exc}") from exc
        except (duckdb.Error, RuntimeError, ValueError) as exc:
            raise UsageError(f"not a question that the warehouse can answer: {exc}") from exc

    def _check(self, name: str, sql: str) -> CheckFailure | None:
        found = self.query(
            f"with offenders as materialized ({sql})"  # noqa: S608 - the check is a file of this project
            "select (select count(*) from offenders) as offending_rows, * from offenders limit $examples",
            {"examples": _EXAMPLES},
        )
        if not found.num_rows:
            return None
        rows = found.column(0)[0].as_py()
        return CheckFailure(name, rows, tuple(found.drop_columns(["offending_rows"]).to_pylist()))


Derive = Callable[[Warehouse], Mapping[str, pa.Table]]


def build(lake: Path | str, memory_limit: str | None = None, derive: Derive | None = None) -> Path:
    """Build ``LAKE/gfpipe.duckdb`` anew from the shards that are in the lake now, and put it in place in one step.

    Whoever reads the old warehouse keeps it until they open it again; whoever is killed leaves the old one in place.
    Two at once each build their own; the last to finish stays.

    Args:
        lake: the lake's folder.
        memory_limit: how much DuckDB may hold before it spills beside the warehouse, such as ``"8GB"``;
            DuckDB's own default (80 % of the machine's) where None.
        derive: makes further tables out of the finished ones, by name.

    Returns:
        Where the warehouse is.

    Raises:
        LakeError: the lake is missing, empty, unreadable, or its disk is full.
    """
    lake = _folder_with_shards(lake)
    with _errors_of(lake), _scratch(lake) as scratch:
        _write_schemas(lake)
        with duckdb.connect() as connection:
            _set_up(connection, lake, memory_limit, scratch / "spill")
            connection.execute(f"attach {_quoted(scratch / NAME)} as gfpipe")
            connection.execute("use gfpipe")
            _create(connection)
            for name, table in derive(Warehouse(lake, connection)).items() if derive else ():
                connection.register(f"_{name}", table)
                connection.execute(f"create table gfpipe.{name} as from _{name}")
            connection.execute("use memory")
            connection.execute("detach gfpipe")  # writes everything into the one file
        _flush(scratch / NAME)
        (scratch / NAME).replace(lake / NAME)
    return lake / NAME


def open(lake: Path | str, memory_limit: str | None = None) -> Warehouse:  # noqa: A001 - reads as warehouse.open(lake)
    """Open the lake's warehouse with every table and view ready.

    Args:
        lake: the lake's folder.
        memory_limit: how much DuckDB may hold, such as ``"8GB"``; beyond that a question fails.

    Raises:
        LakeError: there is no such lake, or it was never published.
    """
    lake = _folder(lake)
    if not (lake / NAME).is_file():
        raise LakeError(f"{lake}: not published yet; run: gfpipe publish --lake {lake}")
    with _errors_of(lake):
        # Attached to a new database of its own: a connection to the file itself would share the instance that
        # this process may have had open since before the last publishing.
        connection = duckdb.connect()
        try:
            connection.execute(f"attach {_quoted(lake / NAME)} as gfpipe (read_only)")
            connection.execute("use gfpipe")
            _set_up(connection, lake, memory_limit)
            connection.execute("set allowed_directories = $folders", {"folders": sorted({str(lake), _glob(lake)})})
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
        except duckdb.Error:
            connection.close()
            raise
    return Warehouse(lake, connection)


def report(lake: Path | str, *names: str) -> tuple[pa.Table, ...]:
    """Make reports of ``sql/reports`` on the lake as it is this moment, without publishing anything.

    Builds in memory, once, only what the reports read: ``coverage`` and ``failures`` never touch faces.

    Raises:
        LakeError: the lake is missing, empty or unreadable.
    """
    lake = _folder_with_shards(lake)
    with _errors_of(lake), duckdb.connect() as connection:
        _write_schemas(lake)
        _set_up(connection, lake)
        _create(connection, *names)
        return tuple(connection.sql(f"from {name}").to_arrow_table() for name in names)


def binary_columns(lake: Path | str) -> dict[str, int]:
    """Every column of the published warehouse that holds bytes, as `relation.column`, and how many; none is expected.

    Raises:
        LakeError: the warehouse cannot be read.
    """
    if "://" in str(lake) or not (Path(lake) / NAME).is_file():
        return {}
    with open(lake) as house:
        found = house.query(
            "select table_name, column_name from duckdb_columns() "
            "where database_name = 'gfpipe' and not internal and data_type like '%BLOB%' order by all"
        ).to_pylist()
        names = [(f'"{row["table_name"]}"', f'"{row["column_name"]}"') for row in found]
        return {
            f"{table}.{column}".replace('"', ""): house.query(f"select count({column}) as found from {table}")  # noqa: S608
            .column(0)[0]
            .as_py()
            for table, column in names
        }


def write(result: pa.Table, form: Format, path: Path | str) -> None:
    """Write a result of `Warehouse.query` to a file, replacing it.

    Raises:
        LakeError: the file cannot be written.
    """
    options = {"csv": "format csv, header true", "json": "format json, array true", "parquet": "format parquet"}
    try:
        if form == "table":
            Path(path).write_text(_drawn(result), encoding="utf-8")
            return
        with duckdb.connect() as connection:
            connection.register("result", result)
            connection.execute(f"copy result to {_quoted(path)} ({options[form]})")
    except (duckdb.Error, OSError) as exc:
        raise LakeError(f"{path}: cannot be written: {exc}") from exc


def as_text(result: pa.Table, form: Literal["csv", "json", "table"] = "table") -> str:
    """Give a result as text for a terminal or a pipe; a long table is drawn without its middle, and says so."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        write(result, form, path)
        return path.read_text(encoding="utf-8").rstrip("\n")


def _drawn(result: pa.Table) -> str:
    drawing = io.StringIO()
    with duckdb.connect() as connection, redirect_stdout(drawing):
        connection.from_arrow(result).show(max_rows=_ROWS_SHOWN)
    return drawing.getvalue()


def _create(connection: duckdb.DuckDBPyConnection, *only: str) -> None:
    """Run the files of ``sql/`` in the order of what they read; with `only`, no more than those need."""
    for sql in _read("macros").values():
        connection.execute(sql)
    made_as = {name: kind for folder, kind in _MATERIALISED.items() for name in _read(folder)}
    files = {name: sql for folder in _MATERIALISED for name, sql in _read(folder).items()}
    reads = {
        name: set() if name in _read("staging") else connection.get_table_names(sql) for name, sql in files.items()
    }
    for name in TopologicalSorter(_needed_by(only or reads, reads)).static_order():
        connection.execute(f"create {made_as[name]} {name} as {files[name]}")


def _needed_by(names: Iterable[str], reads: Mapping[str, set[str]]) -> dict[str, set[str]]:
    needed: dict[str, set[str]] = {}
    for name in names:
        needed |= {name: reads[name]} | _needed_by(reads[name], reads)
    return needed


@cache
def _read(folder: str) -> dict[str, str]:
    """Name and statement of each file in one folder of ``sql/``: inside the package in a wheel, else beside it."""
    here = Path(__file__).resolve().parent
    root = next(sql for sql in (here / "sql", here.parent / "sql") if sql.is_dir())
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted((root / folder).glob("*.sql"))}


def _set_up(
    connection: duckdb.DuckDBPyConnection, lake: Path, memory_limit: str | None = None, spill: Path | None = None
) -> None:
    connection.execute("set variable lake = $lake", {"lake": _glob(lake)})
    connection.execute("set timezone = 'UTC'")
    connection.execute("set autoinstall_known_extensions = false")
    connection.execute(
        "set python_enable_replacements = false"
    )  # a table's name never means a variable of this program
    spill = spill or Path(tempfile.gettempdir()) / f"gfpipe-{uuid.uuid4().hex}"  # made when needed, gone when closed
    connection.execute("set temp_directory = $spill", {"spill": str(spill)})
    connection.execute("set preserve_insertion_order = false")  # or millions of rows wait in memory for their turn
    if memory_limit:
        connection.execute("set memory_limit = $limit", {"limit": memory_limit})


def _write_schemas(lake: Path) -> None:
    """Have every table read by name, with all of today's columns, even where no shard has them or no shard is there.

    A shard of no rows stands at each table's root; its underscore hides it from readers that follow Hive's habits.
    """
    for table, columns in schema.TABLES.items():
        path = lake / table / f"v{schema.VERSION}" / "_schema.parquet"
        if path.exists() and pq.read_schema(path).equals(columns):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=lake) as scratch:
            pq.write_table(columns.empty_table(), Path(scratch) / path.name)
            (Path(scratch) / path.name).replace(path)


def _folder(lake: Path | str) -> Path:
    if "://" in str(lake):
        raise LakeError(f"{lake}: the warehouse reads folders; mount the object store, or copy the lake to a disk")
    folder = Path(lake).resolve()
    if not folder.is_dir():
        raise LakeError(f"{lake}: there is no such lake; run: gfpipe analyse ARCHIVE --lake {lake}")
    return folder


def _folder_with_shards(lake: Path | str) -> Path:
    folder = _folder(lake)
    shards = (shard for table in ("recordings", "schedule") for shard in (folder / table).rglob("[!._]*.parquet"))
    if next(shards, None) is None:
        raise LakeError(f"{lake}: nothing has been analysed yet; run: gfpipe analyse ARCHIVE --lake {lake}")
    return folder


@contextmanager
def _scratch(lake: Path) -> Iterator[Path]:
    """Make a folder on the warehouse's own disk, gone afterwards; what a kill left there is taken away a day later."""
    for left in lake.glob(f"{_SCRATCH}*"):
        with suppress(FileNotFoundError):  # whose owner has just cleared it away
            if time.time() - left.stat().st_mtime > _A_DAY:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=lake, ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


@contextmanager
def _errors_of(lake: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as exc:
        raise LakeError(f"{lake}: the warehouse needs more memory or disk: {exc}") from exc
    except duckdb.InvalidInputException as exc:
        raise LakeError(
            f"{lake}: a shard is damaged; delete it and its namesake under {lake / 'recordings'}, then run "
            f"gfpipe analyse again: {exc}"
        ) from exc
    except (duckdb.Error, pa.ArrowException, OSError) as exc:
        raise LakeError(f"{lake}: the warehouse cannot be built or read: {exc}") from exc


def _refuse_all_but_a_question(sql: str) -> None:
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise ValueError(f"{len(statements)} statements, where one is answered at a time")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        words = sql.split(None, 2)
        return _refuse_all_but_a_question(" ".join(words[2:] if words[1].lower() == "analyze" else words[1:]))
    if kind != duckdb.StatementType.SELECT:
        raise ValueError(f"{kind.name.lower()} changes something, and the warehouse is open for reading only")
    return None


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _glob(path: Path) -> str:
    """Have a pattern match this very path: brackets, stars and question marks in it stand for themselves."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(path))


def _quoted(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"

"""Bring the database of an earlier publishing up to date with the lake.

Marts of ``sql/marts/by_recording`` keep the rows of recordings of which nothing has changed. The other marts are small,
and are made anew; those of ``labels`` only if the labels or a labelled recording changed.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import duckdb
import pyarrow as pa

from gfpipe.lake import schema
from gfpipe.lake.index.files import OF_RECORDINGS
from gfpipe.lake.index.holdings import Holdings
from gfpipe.lake.storage import Storage
from gfpipe.warehouse.connection import lend
from gfpipe.warehouse.database import CheckFailure, Warehouse
from gfpipe.warehouse.relations import definitions, insert, ordered
from gfpipe.warehouse.shards import Changes, holding
from gfpipe.warehouse.sources import statements

_MOST: Final = 0.5  # of the recordings; beyond it, a database made anew is as fast, and smaller
_KEPT: Final = "marts/by_recording"
_COMPARED: Final = ("recordings", "overlapping_intervals")  # what marts by recording depend on, apart from shards
_DIFFERENT: Final = """
select recording_id from (from gfpipe.{name} except from former.{name})
union
select recording_id from (from former.{name} except from gfpipe.{name})
"""


class Update:
    """An update of the database ``gfpipe``, which is attached and current."""

    def __init__(self, warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, now: Holdings) -> None:
        self._warehouse, self._connection, self._now = warehouse, connection, now
        self._sql, self._order = definitions(), ordered()

    def run(self, changes: Changes) -> tuple[CheckFailure, ...] | None:
        """Replace the rows of everything that the changes concern; None if these are most recordings.

        Returns:
            The checks that fail on what was counted anew.

        Raises:
            duckdb.Error: the database or a shard cannot be read.
        """
        self._store_analyses(changes.of("recordings"))
        with self._database("former"):
            touched = self._make_recordings() | changes.of(*OF_RECORDINGS)
            if len(touched) > _MOST * self._rows("select count(*) from recordings")[0][0]:
                return None
            self._lend_keys(touched)
        labelled = frozenset(recording for (recording,) in self._rows("select distinct recording_id from stg_labels"))
        with self._only(touched, "changed"):
            if touched:
                self._count_anew()
            if changes.concern("labels") or not touched.isdisjoint(labelled):
                self._match_labels(labelled)
            self._see(None)
            for name in self._marts("marts/screen_time"):
                self._replace(name)
            self._see(touched, "changed")
            return self._warehouse.check() if touched else ()

    def _count_anew(self) -> None:
        """Replace the rows of ``touched`` in the marts by recording; expects that relations see only these."""
        for name in self._needed(_KEPT):
            self._define("changed", name)
        for name in self._marts(_KEPT):
            key = self._key(name)
            self._execute(f"delete from gfpipe.{name} where {key} in (select {key} from touched)")  # noqa: S608
            self._execute(f"insert into gfpipe.{name} by name from changed.{name}")

    def _store_analyses(self, recordings: frozenset[str]) -> None:
        self._lend_ids("analysed", recordings)
        self._read_only("recordings", recordings)
        self._execute("delete from all_analyses where recording_id in (from analysed)")
        self._execute("insert into all_analyses by name from stg_recordings where recording_id in (from analysed)")
        self._execute("reset variable shards_of_recordings")

    def _make_recordings(self) -> frozenset[str]:
        """Make the marts of ``recordings`` anew; returns the recordings for which they differ."""
        for name in _COMPARED:
            self._execute(f"create table former.{name} as from gfpipe.{name}")
        for name in self._marts("marts/recordings"):
            self._replace(name)
        return frozenset(id_ for name in _COMPARED for (id_,) in self._rows(_DIFFERENT.format(name=name)))

    def _lend_keys(self, touched: frozenset[str]) -> None:
        """Define ``touched``: ids and numbers, also of recordings that are no more."""
        self._lend_ids("ids", touched)
        self._execute(
            """
            create or replace temp table touched as
            select recording_id, recording_number from gfpipe.recordings where recording_id in (from ids)
            union
            select recording_id, recording_number from former.recordings where recording_id in (from ids)
            """
        )

    def _match_labels(self, labelled: frozenset[str]) -> None:
        with self._only(labelled, "labelled"):
            for name in self._needed("marts/labels"):
                if name in statements(_KEPT):
                    rows = f"from gfpipe.{name} semi join recordings using ({self._key(name)})"
                    self._execute(f"create view labelled.{name} as {rows}")
                else:
                    self._define("labelled", name)
            for name in self._marts("marts/labels"):
                self._replace(name)

    @contextmanager
    def _only(self, recordings: frozenset[str], database: str) -> Iterator[None]:
        """Let relations see only these recordings, by a database whose relations hide those of the warehouse."""
        with self._database(database):
            self._lend_ids(f"{database}_ids", recordings)
            rows = f"from gfpipe.recordings where recording_id in (from {database}_ids)"
            self._execute(f"create view {database}.recordings as {rows}")
            self._see(recordings, database)
            yield
            self._see(None)

    def _see(self, recordings: frozenset[str] | None, *databases: str) -> None:
        """Look relations up in these databases first, and read only the shards of these recordings; None: of all."""
        for table in OF_RECORDINGS:
            if recordings is None:
                self._execute(f"reset variable shards_of_{table}")
            else:
                self._read_only(table, recordings)
        self._execute(f"set search_path = '{','.join(f'{name}.main' for name in (*databases, 'gfpipe'))}'")

    @contextmanager
    def _database(self, name: str) -> Iterator[None]:
        """A database in memory, which is spilled to the disk where necessary."""
        self._execute(f"attach ':memory:' as {name}")
        yield
        self._execute(f"detach {name}")

    def _read_only(self, table: str, recordings: frozenset[str]) -> None:
        root = self._warehouse.path.parent
        names = holding(Storage(str(root)), self._now, table, recordings)
        paths = [str(root / schema.empty_shard(table)), *(str(root / name) for name in names)]
        self._connection.execute(f"set variable shards_of_{table} = $paths", {"paths": paths})

    def _define(self, database: str, name: str) -> None:
        kind = "table" if name in statements("marts") else "view"
        self._execute(f"create {kind} {database}.{name} as {self._sql[name]}")

    def _replace(self, name: str) -> None:
        self._execute(f"delete from gfpipe.{name}")  # noqa: S608 - names of files of this project
        insert(self._connection, name)

    def _needed(self, folder: str) -> list[str]:
        """Intermediate views and marts by recording that the marts of a folder need, and these, in order."""
        names = ordered(*statements(folder))
        return [name for name in names if name in {*statements("intermediate"), *statements(_KEPT)}]

    def _marts(self, folder: str) -> list[str]:
        return [name for name in self._order if name in statements(folder)]

    def _key(self, name: str) -> str:
        columns = self._connection.sql(f"from gfpipe.{name} limit 0").columns
        return "recording_number" if "recording_number" in columns else "recording_id"

    def _lend_ids(self, name: str, recordings: Iterable[str]) -> None:
        lend(self._connection, name, pa.table({"recording_id": pa.array(sorted(recordings), pa.string())}))

    def _execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

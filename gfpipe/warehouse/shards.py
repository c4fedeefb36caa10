"""The shards of a lake as files: which ones a warehouse was built from, and which recordings they hold rows of.

A shard whose size, time and inode are those of a shard that was verified before is not read again.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.base import checksums
from gfpipe.lake import schema
from gfpipe.lake.storage import problem_of

OF_RECORDINGS: Final = (*schema.ANALYSED, "speech")  # tables whose rows belong to one recording each
_KEY: Final = "recording_id"
COLUMNS: Final = pa.schema(
    [
        ("shard", pa.string()),
        ("bytes", pa.int64()),
        ("modified_ns", pa.int64()),
        ("inode", pa.uint64()),
        ("digest", pa.string()),
        ("recordings", pa.list_(pa.string())),
    ]
)


class Stamp(NamedTuple):
    """What tells, without reading a file, that it is still the same."""

    bytes: int
    modified_ns: int
    inode: int


@dataclass(frozen=True)
class Shard:
    """A sound shard.

    Attributes:
        stamp: of the file when it was read.
        digest: of its content.
        recordings: ids of the recordings of which it holds rows, if its table is one of `OF_RECORDINGS`.
    """

    stamp: Stamp
    digest: str
    recordings: tuple[str, ...]


@dataclass(frozen=True)
class Changes:
    """The shards that were written, replaced or removed between two states of a lake.

    Attributes:
        names: of these shards.
        recordings: ids of the recordings whose rows they held before, or hold now, by table.
    """

    names: frozenset[str]
    recordings: Mapping[str, frozenset[str]]

    def of(self, *tables: str) -> frozenset[str]:
        """Ids of the recordings whose shards of these tables differ."""
        return frozenset().union(*(self.recordings.get(table, frozenset()) for table in tables))

    def concern(self, table: str) -> bool:
        """Whether a shard of the table differs."""
        return any(table_of(name) == table for name in self.names)


def changes(before: Mapping[str, Shard], now: Mapping[str, Shard]) -> Changes:
    """Compare the shards of a lake by their content."""
    digests = ({name: shard.digest for name, shard in shards.items()} for shards in (before, now))
    names = frozenset(name for name, _ in set.symmetric_difference(*(set(each.items()) for each in digests)))
    recordings: dict[str, set[str]] = {}
    for name in names:
        for shards in (before, now):
            if name in shards:
                recordings.setdefault(table_of(name), set()).update(shards[name].recordings)
    return Changes(names, {table: frozenset(ids) for table, ids in recordings.items()})


def holding(shards: Mapping[str, Shard], table: str, recordings: frozenset[str]) -> list[str]:
    """Names of the shards of a table that hold rows of some of these recordings."""
    return [
        name
        for name, shard in shards.items()
        if table_of(name) == table and not recordings.isdisjoint(shard.recordings)
    ]


def table_of(name: str) -> str:
    """The table of a shard, by its name within the lake."""
    return name.partition("/")[0]


def stamps(lake: Path) -> dict[str, Stamp]:
    """Stamps of all files of the lake's tables, hidden ones too, by their names within the lake."""
    return {name: stamp for table in schema.TABLES for name, stamp in _below(lake / table, table)}


def _below(folder: Path | str, name: str) -> Iterator[tuple[str, Stamp]]:
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    yield from _below(entry.path, f"{name}/{entry.name}")
                else:
                    yield f"{name}/{entry.name}", _stamp(entry.stat())
            except FileNotFoundError:  # renamed or removed meanwhile by its writer
                continue


def examine(lake: Path, name: str) -> Shard | str:
    """Read and verify a shard; returns the problem if it must not be believed."""
    table = table_of(name)
    try:
        with (lake / name).open("rb") as file:
            stamp, data = _stamp(os.fstat(file.fileno())), file.read()
        if problem := problem_of(data, table, decode=True):
            return problem
        return Shard(stamp, _digest(data), _recordings(data) if table in OF_RECORDINGS else ())
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError, pa.ArrowException) as exc:
        return f"it cannot be read as Parquet: {exc}"


def as_table(shards: Mapping[str, Shard]) -> pa.Table:
    """Shards as rows of ``built_from``."""
    rows = [
        {"shard": name, **shard.stamp._asdict(), "digest": shard.digest, "recordings": shard.recordings}
        for name, shard in shards.items()
    ]
    return pa.Table.from_pylist(rows, COLUMNS)


def from_rows(rows: Iterable[Mapping[str, object]]) -> dict[str, Shard]:
    """Shards from rows of ``built_from``."""
    found: dict[str, Shard] = {}
    for row in rows:
        name, size, modified, inode, digest, recordings = (row[column] for column in COLUMNS.names)
        found[str(name)] = Shard(Stamp(size, modified, inode), str(digest), tuple(recordings))  # type: ignore[arg-type]
    return found


def _stamp(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def _digest(data: bytes) -> str:
    return checksums.stored(data) or hashlib.blake2b(data, digest_size=16).hexdigest()


def _recordings(data: bytes) -> tuple[str, ...]:
    """Ids of the recordings in a file; of a shard of one recording, from the statistics of its row groups."""
    found: set[str] = set()
    with pq.ParquetFile(pa.BufferReader(data)) as parquet:
        leaves = [parquet.schema.column(index).path for index in range(len(parquet.schema))]
        for group in range(parquet.num_row_groups):
            limits = parquet.metadata.row_group(group).column(leaves.index(_KEY)).statistics
            if limits is not None and limits.has_min_max and limits.min == limits.max:
                found.add(limits.min)
            else:
                found.update(parquet.read_row_group(group, [_KEY])[_KEY].unique().to_pylist())
    return tuple(sorted(found))

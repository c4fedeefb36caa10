"""The shards of a lake: what a warehouse was built from, and what has changed since.

A shard keeps its digest when it is moved into a compacted file, so that nothing is counted anew.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from gfpipe.lake.index import slices
from gfpipe.lake.index.files import File, table_of
from gfpipe.lake.index.holdings import Holdings
from gfpipe.lake.storage import Storage

COLUMNS: Final = pa.schema(
    [
        ("file", pa.string()),
        ("digest", pa.string()),
        ("recordings", pa.list_(pa.string())),
        ("digests", pa.list_(pa.string())),
    ]
)
Shards = Mapping[str, str]  # digests by recording


@dataclass(frozen=True)
class Changes:
    """The shards that were written, replaced or removed between two states of a lake.

    Attributes:
        names: of the files that differ.
        recordings: ids of the recordings whose shards differ, by table.
    """

    names: frozenset[str]
    recordings: Mapping[str, frozenset[str]]

    def of(self, *tables: str) -> frozenset[str]:
        """Ids of the recordings whose shards of these tables differ."""
        return frozenset().union(*(self.recordings.get(table, frozenset()) for table in tables))

    def concern(self, table: str) -> bool:
        """Whether a file of the table differs."""
        return any(table_of(name) == table for name in self.names)


def digests(files: Mapping[str, File]) -> dict[str, str]:
    """Digests of files by name."""
    return {name: file.digest for name, file in files.items()}


def differing(before: Shards, now: Shards) -> frozenset[str]:
    """Names of the files that were written, replaced or removed between two states of a lake, by digests."""
    return frozenset(name for name, _ in set(before.items()) ^ set(now.items()))


def changes(before: Mapping[str, Shards], now: Mapping[str, Shards]) -> Changes:
    """Compare the shards of the files that differ, in their former and their present state."""
    found, former = _by_recording(now), _by_recording(before)
    recordings: dict[str, set[str]] = defaultdict(set)
    for table, recording in found.keys() | former.keys():
        if found.get((table, recording)) != former.get((table, recording)):
            recordings[table].add(recording)
    return Changes(frozenset({*before, *now}), {table: frozenset(ids) for table, ids in recordings.items()})


def shards_of(storage: Storage, name: str, file: File) -> Shards:
    """Digests of the shards in a file, by recording.

    Raises:
        LakeError: it is a compacted file that cannot be read.
    """
    if slices.is_compacted(name):
        return {recording: item.digest for recording, item in slices.contents(storage, name).items()}
    return dict.fromkeys(file.recordings, file.digest)


def holding(storage: Storage, held: Holdings, table: str, recordings: frozenset[str]) -> Iterator[str]:
    """Names of the files of a table with rows of some of these recordings that count; raises LakeError."""
    months = {f"month={month}" for recording in recordings if (month := slices.month_of(recording))}
    for name in held.counting(table):
        if slices.is_compacted(name):
            if name.split("/")[-2] in months and not recordings.isdisjoint(slices.contents(storage, name)):
                yield name
        elif not recordings.isdisjoint(held.files[name].recordings):
            yield name


def as_table(storage: Storage, files: Mapping[str, File]) -> pa.Table:
    """Files as rows of ``built_from``; raises LakeError."""
    rows = []
    for name, file in files.items():
        shards = shards_of(storage, name, file)
        rows.append({"file": name, "digest": file.digest, "recordings": list(shards), "digests": [*shards.values()]})
    return pa.Table.from_pylist(rows, COLUMNS)


def from_rows(rows: Iterable[Mapping[str, list[str]]]) -> dict[str, Shards]:
    """Digests of shards by file and recording, from rows of ``built_from``."""
    return {str(row["file"]): dict(zip(row["recordings"], row["digests"], strict=True)) for row in rows}


def _by_recording(files: Mapping[str, Shards]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for name, shards in files.items():
        for recording, digest in shards.items():
            found[table_of(name), recording].add(digest)
    return found

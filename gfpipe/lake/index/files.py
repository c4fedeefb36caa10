"""Files of a lake's tables that were verified: one of the same size, time and inode is not read again.

LAKE/index/v1/files.parquet
"""

import hashlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.base import checksums
from gfpipe.errors import LakeError
from gfpipe.lake import schema, tables
from gfpipe.lake.index import slices
from gfpipe.lake.storage import Storage, is_shard, problem_of, replacing

OF_RECORDINGS: Final = (*schema.ANALYSED, "speech")  # tables whose rows belong to one recording each
FOLDER: Final = ("index", "v1")
_KEY: Final = "recording_id"
_NAME: Final = "/".join((*FOLDER, "files.parquet"))
_THREADS: Final = 4  # reading and hashing release the interpreter's lock
_COLUMNS: Final = pa.schema(
    [
        ("file", pa.string()),
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
    inode: int  # in an object store, of the entity tag


@dataclass(frozen=True)
class File:
    """A sound file of a table.

    Attributes:
        stamp: of the file when it was read.
        digest: of its content.
        recordings: ids of the recordings of which it holds rows, if its table is one of `OF_RECORDINGS`; empty for a
            compacted file, whose :func:`gfpipe.lake.index.slices.contents` name them.
    """

    stamp: Stamp
    digest: str
    recordings: tuple[str, ...]


def known(storage: Storage) -> dict[str, File]:
    """The files that were verified before, by name within the lake; none if the index is missing or damaged."""
    try:
        columns = storage.read_table(_NAME).select(_COLUMNS.names).to_pydict().values()
    except (LakeError, KeyError):
        return {}
    return {
        name: File(Stamp(size, modified, inode), digest, tuple(recordings))
        for name, size, modified, inode, digest, recordings in zip(*columns, strict=True)
    }


def save(storage: Storage, found: Mapping[str, File]) -> None:
    """Write the index of verified files; raises LakeError."""
    stamps = [file.stamp for file in found.values()]
    columns: dict[str, Any] = {"file": list(found)}
    columns |= {name: [getattr(stamp, name) for stamp in stamps] for name in Stamp._fields}
    columns |= {name: [getattr(file, name) for file in found.values()] for name in ("digest", "recordings")}
    with replacing(storage, _NAME) as path:
        pq.write_table(pa.table(columns, _COLUMNS), path, **tables.encoding(_COLUMNS))


def verified(storage: Storage, names: Sequence[str]) -> dict[str, File | str]:
    """Read and verify files; a value is the problem of a file that must not be believed."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(names, pool.map(partial(verify, storage), names), strict=True))


def verify(storage: Storage, name: str) -> File | str:
    """Read and verify a file; returns the problem if it must not be believed."""
    table = table_of(name)
    try:
        stamp = stamp_of(storage, name)
        with storage.open(name) as file:
            data = file.read()
        if problem := problem_of(data, table, decode=True):
            return problem
        own = table in OF_RECORDINGS and not slices.is_compacted(name)
        return File(stamp, digest_of(data), _recordings(data) if own else ())
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError, pa.ArrowException) as exc:
        return f"it cannot be read as Parquet: {exc}"


def digest_of(data: bytes) -> str:
    """Digest of a file's content."""
    return checksums.stored(data) or hashlib.blake2b(data, digest_size=16).hexdigest()


def table_of(name: str) -> str:
    """The table of a file, by its name within the lake."""
    return name.partition("/")[0]


def stamps(storage: Storage, *folders: str) -> dict[str, Stamp]:
    """Stamps of all files below folders, hidden ones too, by their names within the lake."""
    return {name: stamp for folder in folders for name, stamp in _below(storage, folder)}


def stamp_of(storage: Storage, name: str) -> Stamp:
    """The stamp of a file; raises FileNotFoundError."""
    if storage.is_local:
        return _of_status(Path(storage.path(name)).stat())
    return _of_object(storage.details(name))


def names(found: Mapping[str, Any], table: str) -> list[str]:
    """Names of the finished files of a table."""
    return [name for name in found if table_of(name) == table and is_shard(name)]


def _below(storage: Storage, name: str) -> Iterator[tuple[str, Stamp]]:
    if not storage.is_local:
        yield from ((file, _of_object(info)) for file, info in storage.listing(name).items())
        return
    try:
        entries = os.scandir(storage.path(name))
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    yield from _below(storage, f"{name}/{entry.name}")
                else:
                    yield f"{name}/{entry.name}", _of_status(entry.stat())
            except FileNotFoundError:  # renamed or removed meanwhile by its writer
                continue


def _of_status(status: os.stat_result) -> Stamp:
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


def _of_object(info: Mapping[str, Any]) -> Stamp:
    times = (info.get(name) for name in ("LastModified", "created", "updated"))
    modified = next((int(time.timestamp() * 1e9) for time in times if isinstance(time, datetime)), 0)
    return Stamp(int(info["size"] or 0), modified, zlib.crc32(str(info.get("ETag", "")).encode()))


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

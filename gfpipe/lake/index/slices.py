"""Shards in compacted files: one file a folder, with the shards of its recordings one after the other.

    LAKE/<table>/v1/…/month=YYYY-MM/compacted.parquet

The metadata of the file has the recording, number of rows, digest and metadata of each shard. Where a recording has
files of its own, which its shard in ``recordings`` marks as complete, its slices of compacted files are void.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.errors import LakeError
from gfpipe.lake.schema import ANALYSED, remedy
from gfpipe.lake.storage import Storage

NAME: Final = "compacted.parquet"
_MONTH: Final = re.compile(r"-(\d{4})(\d{2})\d{2}T\d{6}Z-")
_KEY: Final = "gfpipe.slices"
OF_ONE: Final = ("gfpipe.source_bytes", "gfpipe.source_fingerprint")  # other metadata is that of many shards


@dataclass(frozen=True)
class Slice:
    """A shard within a compacted file.

    Attributes:
        start: its first row.
        rows: number of rows.
        digest: of the file that it had before.
        metadata: of that file.
    """

    start: int
    rows: int
    digest: str
    metadata: Mapping[str, str]


def is_compacted(name: str) -> bool:
    """Whether a file is a compacted one."""
    return PurePosixPath(name).name == NAME


def month_of(recording_id: str) -> str | None:
    """The month of a recording by its id, such as ``2001-03``; None for an id that gfpipe did not make."""
    match = _MONTH.search(recording_id)
    return f"{match[1]}-{match[2]}" if match else None


def beside(*shard: str) -> str:
    """Name within the lake of the compacted file in the folder of a shard."""
    return str(PurePosixPath(*shard).with_name(NAME))


def contents(storage: Storage, name: str) -> Mapping[str, Slice]:
    """The shards of a compacted file by recording, in the order of their rows; empty if there is no such file.

    Raises:
        LakeError: the file cannot be read.
    """
    stamp = storage.stamp(name)
    return _contents(storage, name, stamp) if stamp else {}


def read(storage: Storage, *shard: str) -> pa.Table | None:
    """A shard that is in the compacted file of its folder, with its metadata; None if it is not there.

    Raises:
        LakeError: the file cannot be read.
    """
    name = beside(*shard)
    slice_ = contents(storage, name).get(PurePosixPath(shard[-1]).stem)
    if slice_ is None:
        return None
    with Slices(storage, name) as file:
        return file.read(slice_)


class Slices:
    """An open compacted file; the row group that was read last is kept."""

    def __init__(self, storage: Storage, name: str) -> None:
        self._path, self._table = storage.path(name), name.partition("/")[0]
        with _errors(self._path, self._table):
            self._data = storage.open(name)
            self._file = pq.ParquetFile(self._data, page_checksum_verification=True)
        groups = [self._file.metadata.row_group(index).num_rows for index in range(self._file.num_row_groups)]
        self._starts = [sum(groups[:index]) for index in range(len(groups) + 1)]
        self._last: tuple[int, Any] = (-1, None)

    def read(self, wanted: Slice) -> pa.Table:
        """The rows of a slice, with its metadata; raises LakeError if they are damaged."""
        end = wanted.start + wanted.rows
        parts = [self._file.schema_arrow.empty_table()]
        for group, (first, last) in enumerate(zip(self._starts, self._starts[1:], strict=False)):
            if first < end and wanted.start < last:
                start = max(wanted.start, first)
                parts.append(self._group(group).slice(start - first, min(end, last) - start))
        return pa.concat_tables(parts).replace_schema_metadata(dict(wanted.metadata))

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._data.close()

    def __enter__(self) -> "Slices":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _group(self, group: int) -> pa.Table:
        if self._last[0] != group:
            with _errors(self._path, self._table):
                self._last = group, self._file.read_row_group(group)
        return self._last[1]


def encoded(slices: Sequence[tuple[str, Slice]]) -> dict[str, str]:
    """The metadata of a compacted file with these shards, by recording, in the order of their rows."""
    common: dict[str, int] = {}
    shards = []
    for recording_id, item in slices:
        own = {key: value for key, value in item.metadata.items() if key in OF_ONE}
        others = json.dumps({key: value for key, value in item.metadata.items() if key not in own}, sort_keys=True)
        shards.append((recording_id, item.rows, item.digest, common.setdefault(others, len(common)), own))
    return {_KEY: json.dumps({"metadata": [json.loads(text) for text in common], "shards": shards})}


@lru_cache(maxsize=64)
def _contents(storage: Storage, name: str, _stamp: str) -> Mapping[str, Slice]:
    errors = _errors(storage.path(name), name.partition("/")[0])
    with errors, storage.open(name) as data, pq.ParquetFile(data) as file:
        return dict(_decoded(file.metadata.metadata or {}))


def _decoded(metadata: Mapping[bytes, bytes]) -> Iterator[tuple[str, Slice]]:
    content = json.loads(metadata[_KEY.encode()])
    start = 0
    for recording_id, rows, digest, common, own in content["shards"]:
        yield recording_id, Slice(start, rows, digest, content["metadata"][common] | own)
        start += rows


@contextmanager
def _errors(path: str, table: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as exc:
        advice = "run gfpipe analyse again" if table in ANALYSED else remedy(table)
        raise LakeError(f"{path}: cannot be read as a compacted file: {exc}; {advice}") from exc

"""Reads stored crops of faces; expired ones are never returned.

    LAKE/crops/v1/channel=<channel>/month=YYYY-MM/<recording_id>.parquet

:class:`gfpipe.lake.shards.ShardWriter` writes them together with the rows of their faces; `retention` removes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.index import places, slices
from gfpipe.lake.storage import Storage, is_shard
from gfpipe.recording import Recording

FOLDER: Final = ("crops", f"v{schema.VERSION}")
_KEYS: Final = [name for name in schema.CROPS.names if name != "jpeg"]
_FACE: Final = ("recording_id", "config_digest", "sample_index", "face_index")


def columns(
    crops: Sequence[Mapping[str, Any]], now: datetime, term: timedelta
) -> tuple[dict[str, list[Any]], int, datetime]:
    """Arguments of :meth:`ShardWriter.crops` (columns, rows, expiry) for new crops, stored now and for ``term``."""
    names = ("sample_index", "face_index", "track_id", "jpeg", "width", "height")
    values: dict[str, list[Any]] = {name: [crop[name] for crop in crops] for name in names}
    expires_at = now + term
    return values | {"kept_at": [now] * len(crops), "expires_at": [expires_at] * len(crops)}, len(crops), expires_at


def has(lake: str, recording: Recording, config_digest: str) -> bool:
    """Whether the shard of crops of an analysis exists, even without rows, and has not expired.

    Raises:
        LakeError: the shard cannot be read.
    """
    storage, parts = Storage(lake), places.place("crops", recording)
    if not storage.exists(*parts):
        return False
    facts = metadata(storage, *parts)
    return facts.get(b"gfpipe.config_digest") == config_digest.encode() and not is_past(facts, datetime.now(UTC))


def of(lake: str, recording: Recording, config_digest: str) -> pa.Table | None:
    """Read the crops of an analysis, with pictures; None if there is no shard or it has expired. Raises as `has`."""
    return Storage(lake).read_table(*places.place("crops", recording)) if has(lake, recording, config_digest) else None


def again(crops: pa.Table, track_id: NDArray[np.int32] | pa.Array) -> tuple[dict[str, Any], int, datetime]:
    """As :func:`columns` for N crops of :func:`of` and ``track_id``, (N,), of a new analysis, with the same dates."""
    until = datetime.fromisoformat(crops.schema.metadata[b"gfpipe.expires_at"].decode())
    same = ("sample_index", "face_index", "jpeg", "width", "height", "kept_at", "expires_at")
    return {name: crops[name].combine_chunks() for name in same} | {"track_id": track_id}, len(crops), until


def present(lake: str) -> pa.Table:
    """All crops that have not expired, of any analysis, without pictures but with ``path`` and ``row`` of the shard.

    Raises:
        LakeError: a shard cannot be read.
    """
    storage, now = Storage(lake), datetime.now(UTC)
    empty = pa.schema([*(schema.CROPS.field(name) for name in _KEYS), ("path", pa.string()), ("row", pa.int64())])
    tables = [empty.empty_table()]
    for name in names(storage):
        table = faces(storage, name)
        table = table.append_column("path", pa.array([storage.path(name)] * len(table), pa.string()))
        table = table.append_column("row", pa.array(range(len(table)), pa.int64()))
        tables.append(table.filter(pc.field("expires_at") > pa.scalar(now, schema.CROPS.field("expires_at").type)))
    return pa.concat_tables([table.cast(empty) for table in tables])


def jpeg(lake: str, recording_id: str, sample_index: int, face_index: int, config_digest: str) -> bytes | None:
    """The crop of a face; None if it was not stored, is of another analysis, or has expired.

    Index and row groups are cached until the shard changes.

    Raises:
        LakeError: the shard cannot be read.
    """
    storage = Storage(lake)
    for name in _shards_of(storage, recording_id):
        stamp = storage.stamp(name)
        index = _index(lake, name, stamp) if stamp else None
        row = index.rows.get((recording_id, config_digest, sample_index, face_index)) if index else None
        if index is not None and row is not None and datetime.now(UTC) < index.expires_at[row]:
            return index.picture(lake, name, row)
    return None


def names(storage: Storage) -> list[str]:
    """Names of the finished shards of crops within the lake."""
    return [name for name in storage.files(*FOLDER) if is_shard(name)]


def faces(storage: Storage, name: str) -> pa.Table:
    """Read a shard of crops without the pictures.

    Raises:
        LakeError: it cannot be read, or is not a shard of crops.
    """
    with _parquet(storage, name) as file:
        if missing := set(_KEYS) - set(file.schema_arrow.names):
            raise LakeError(f"{storage.path(name)}: not a file of crops: it has no column {', '.join(sorted(missing))}")
        return file.read(columns=_KEYS).select(_KEYS)


def holds_crops(storage: Storage, name: str) -> bool:
    """Whether a Parquet file has the columns of crops."""
    with _parquet(storage, name) as file:
        return set(schema.CROPS.names) <= set(file.schema_arrow.names)


def metadata(storage: Storage, *parts: str) -> dict[bytes, bytes]:
    """Read a shard's metadata; raises LakeError if it cannot be read."""
    with _parquet(storage, *parts) as file:
        return dict(file.schema_arrow.metadata or {})


def is_past(facts: Mapping[bytes, bytes], now: datetime) -> bool:
    """Whether a shard with this :func:`metadata` has expired; one without an expiry has."""
    until = facts.get(b"gfpipe.expires_at")
    return until is None or datetime.fromisoformat(until.decode()) <= now


@dataclass(frozen=True)
class _Index:
    """Rows of the crops in a shard."""

    rows: Mapping[tuple[str, str, int, int], int]
    expires_at: Sequence[datetime]
    group_ends: NDArray[np.int64]
    stamp: str

    def picture(self, lake: str, name: str, row: int) -> bytes:
        group = int(np.searchsorted(self.group_ends, row, side="right"))
        start = int(self.group_ends[group - 1]) if group else 0
        return bytes(_pictures(lake, name, self.stamp, group)[row - start].as_py())


@lru_cache(maxsize=4096)
def _index(lake: str, name: str, stamp: str) -> _Index:
    storage = Storage(lake)
    table = faces(storage, name)
    with _parquet(storage, name) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    keys = zip(*(table[column].to_pylist() for column in _FACE), strict=True)
    until = table["expires_at"].to_pylist()
    return _Index({key: row for row, key in enumerate(keys)}, until, np.cumsum(sizes, dtype=np.int64), stamp)


@lru_cache(maxsize=16)
def _pictures(lake: str, name: str, _stamp: str, group: int) -> Any:
    with _parquet(Storage(lake), name) as file:
        return file.read_row_group(group, columns=["jpeg"])["jpeg"]


def _shards_of(storage: Storage, recording_id: str) -> list[str]:
    """Shards of a recording in any channel; its id contains the month, but not the exact channel."""
    month = slices.month_of(recording_id)
    paths: list[str] = []
    for channel in storage.folders(*FOLDER):
        months = [f"month={month}"] if month else storage.folders(*FOLDER, channel)
        paths += ["/".join((*FOLDER, channel, folder, f"{recording_id}.parquet")) for folder in months]
    return list(filter(storage.exists, paths))


@contextmanager
def _parquet(storage: Storage, *parts: str) -> Iterator[pq.ParquetFile]:
    try:
        with storage.open(*parts) as data, pq.ParquetFile(data) as file:
            yield file
    except (OSError, pa.ArrowException) as exc:
        raise LakeError(f"{storage.path(*parts)}: cannot be read as Parquet: {exc}") from exc

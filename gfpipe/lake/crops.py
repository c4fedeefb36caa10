"""Pictures of faces that a lake keeps: what there is, one of them at a time, and none beyond its date.

    LAKE/crops/v1/channel=<channel>/month=YYYY-MM/<recording_id>.parquet

:class:`gfpipe.lake.shards.ShardWriter` writes them, in one step with the rows they belong to; `retention` removes them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.errors import LakeError
from gfpipe.lake import schema, shards
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording

FOLDER: Final = ("crops", f"v{schema.VERSION}")
_KEYS: Final = [name for name in schema.CROPS.names if name != "jpeg"]
_MONTH: Final = re.compile(r"-(\d{4})(\d{2})\d{2}T\d{6}Z-")
_FACE: Final = ("recording_id", "config_digest", "sample_index", "face_index")


def columns(
    kept: Sequence[Mapping[str, Any]], now: datetime, term: timedelta
) -> tuple[dict[str, list[Any]], int, datetime]:
    """What :meth:`ShardWriter.crops` takes: columns, rows and date of expiry.

    Args:
        kept: sample_index, face_index, track_id, jpeg, width and height of each crop.
        now: when they are kept.
        term: for how long.
    """
    given = ("sample_index", "face_index", "track_id", "jpeg", "width", "height")
    found: dict[str, list[Any]] = {name: [row[name] for row in kept] for name in given}
    expires_at = now + term
    return found | {"kept_at": [now] * len(kept), "expires_at": [expires_at] * len(kept)}, len(kept), expires_at


def has(lake: str, recording: Recording, config_digest: str) -> bool:
    """Whether crops of this analysis are there (maybe none, as there was no face to keep) and have not expired.

    Raises:
        LakeError: the shard is there but cannot be read.
    """
    storage, parts = Storage(lake), shards.crops_place(recording)
    if not storage.exists(*parts):
        return False
    said = metadata(storage, *parts)
    return said.get(b"gfpipe.config_digest") == config_digest.encode() and not is_past(said, datetime.now(UTC))


def of(lake: str, recording: Recording, config_digest: str) -> pa.Table | None:
    """The crops of one analysis, pictures included; None where there are none, or they have expired.

    Raises:
        LakeError: the shard is there but cannot be read.
    """
    return Storage(lake).read_table(*shards.crops_place(recording)) if has(lake, recording, config_digest) else None


def again(kept: pa.Table, track_id: NDArray[np.int32]) -> tuple[dict[str, Any], int, datetime]:
    """What :meth:`ShardWriter.crops` takes to keep crops of :func:`of` under a new analysis: their dates stay.

    Args:
        kept: N crops.
        track_id: (N,) of the same faces, by that analysis.
    """
    until = datetime.fromisoformat(kept.schema.metadata[b"gfpipe.expires_at"].decode())
    same = ("sample_index", "face_index", "jpeg", "width", "height", "kept_at", "expires_at")
    return {name: kept[name].combine_chunks() for name in same} | {"track_id": track_id}, len(kept), until


def present(lake: str) -> pa.Table:
    """Every crop that has not expired: all columns but the picture, and the columns ``path`` and ``row``.

    Shards are read whatever their analysis: join with ``config_digest`` of ``recordings`` where faces are meant.

    Returns:
        A table that may be empty; ``path`` is the shard's, absolute, and ``row`` the crop's row there.

    Raises:
        LakeError: a shard cannot be read.
    """
    storage, now = Storage(lake), datetime.now(UTC)
    empty = pa.schema([*(schema.CROPS.field(name) for name in _KEYS), ("path", pa.string()), ("row", pa.int64())])
    found = [empty.empty_table()]
    for name in names(storage):
        table = faces(storage, name)
        table = table.append_column("path", pa.array([storage.path(name)] * len(table), pa.string()))
        table = table.append_column("row", pa.array(range(len(table)), pa.int64()))
        found.append(table.filter(pc.field("expires_at") > pa.scalar(now, schema.CROPS.field("expires_at").type)))
    return pa.concat_tables([table.cast(empty) for table in found])


def jpeg(lake: str, recording_id: str, sample_index: int, face_index: int, config_digest: str) -> bytes | None:
    """The picture of one face; None where it was not kept, belongs to another analysis, or has expired.

    What was read is remembered until the shard changes, so that the next face of the same recording takes no time.

    Raises:
        LakeError: the shard is there but cannot be read.
    """
    storage = Storage(lake)
    for name in _places(storage, recording_id):
        stamp = storage.stamp(name)
        index = _index(lake, name, stamp) if stamp else None
        row = index.rows.get((recording_id, config_digest, sample_index, face_index)) if index else None
        if index is not None and row is not None and datetime.now(UTC) < index.expires_at[row]:
            return index.picture(lake, name, row)
    return None


def names(storage: Storage) -> list[str]:
    """The files of crops within the lake; those that are still being written are none."""
    return [name for name in storage.files(*FOLDER) if is_shard(name)]


def is_shard(name: str) -> bool:
    """Whether a file of that name is a finished one."""
    last = PurePosixPath(name).name
    return last.endswith(".parquet") and last[0] not in "._"


def faces(storage: Storage, name: str) -> pa.Table:
    """Whose the crops of one file are: all columns but the picture, in the order of the rows.

    Raises:
        LakeError: it cannot be read, or is no file of crops.
    """
    with _parquet(storage, name) as file:
        if missing := set(_KEYS) - set(file.schema_arrow.names):
            raise LakeError(f"{storage.path(name)}: not a file of crops: it has no column {', '.join(sorted(missing))}")
        return file.read(columns=_KEYS).select(_KEYS)


def holds_crops(storage: Storage, name: str) -> bool:
    """Whether a Parquet file, wherever it lies, has the columns of crops."""
    with _parquet(storage, name) as file:
        return set(schema.CROPS.names) <= set(file.schema_arrow.names)


def metadata(storage: Storage, *parts: str) -> dict[bytes, bytes]:
    """What a shard says of itself.

    Raises:
        LakeError: it cannot be read.
    """
    with _parquet(storage, *parts) as file:
        return dict(file.schema_arrow.metadata or {})


def is_past(said: Mapping[bytes, bytes], now: datetime) -> bool:
    """Whether the day of a shard has come, by its :func:`metadata`; one without a day should never have been."""
    until = said.get(b"gfpipe.expires_at")
    return until is None or datetime.fromisoformat(until.decode()) <= now


@dataclass(frozen=True)
class _Index:
    """Where the crops of a file are in it."""

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


def _places(storage: Storage, recording_id: str) -> list[str]:
    """Where the crops of a recording are: its id says the month, and not quite the channel, but channels are few."""
    said = _MONTH.search(recording_id)
    found = []
    for channel in storage.folders(*FOLDER):
        months = [f"month={said[1]}-{said[2]}"] if said else storage.folders(*FOLDER, channel)
        places = ("/".join((*FOLDER, channel, month, f"{recording_id}.parquet")) for month in months)
        found += [place for place in places if storage.exists(place)]
    return found


@contextmanager
def _parquet(storage: Storage, *parts: str) -> Iterator[pq.ParquetFile]:
    """A file of the lake, open for reading."""
    try:
        with storage.open(*parts) as data, pq.ParquetFile(data) as file:
            yield file
    except (OSError, pa.ArrowException) as exc:
        raise LakeError(f"{storage.path(*parts)}: cannot be read as Parquet: {exc}") from exc

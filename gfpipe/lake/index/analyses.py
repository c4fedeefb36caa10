"""The index of analyses: the rows of all files of ``recordings`` in one.

    LAKE/index/v1/analyses.parquet

Beside the columns of ``recordings``, it has the file of the row and its digest, the metadata of the shard, and the time
of the recording's file when its fingerprint was last found to be that of the analysis.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfpipe.base import regular
from gfpipe.base.files import on_disk
from gfpipe.errors import LakeError
from gfpipe.lake import schema, tables
from gfpipe.lake.index import files, slices
from gfpipe.lake.index.files import File
from gfpipe.lake.storage import Storage, replacing

NAME: Final = "/".join((*files.FOLDER, "analyses.parquet"))
SCHEMA: Final = pa.schema(
    [
        *schema.RECORDINGS,
        *(pa.field(name, pa.string()) for name in ("file", "digest", "metadata")),
        pa.field("source_modified_ns", pa.int64()),
    ]
)
_FILE: Final = ("file", "digest")


def read(storage: Storage, sound: Mapping[str, File]) -> pa.Table:
    """Bring the index up to date with the sound files, and return it.

    Raises:
        LakeError: it cannot be written.
    """
    now = {(name, sound[name].digest) for name in files.names(sound, "recordings")}
    rows = _stored(storage)
    keys = pa.array([f"{name} {digest}" for name, digest in now], pa.string())
    kept = rows.filter(pc.is_in(pc.binary_join_element_wise(*(rows[name] for name in _FILE), " "), keys))
    before = {*zip(*(kept[name].to_pylist() for name in _FILE), strict=True)}
    fresh = [row for name, digest in sorted(now - before) for row in _rows_of(storage, name, digest)]
    if fresh or len(kept) < len(rows):
        rows = pa.concat_tables([kept, pa.Table.from_pylist(fresh, SCHEMA)]).sort_by("recording_id")
        save(storage, rows)
    return rows


def save(storage: Storage, rows: pa.Table) -> None:
    """Write the index; raises LakeError."""
    with replacing(storage, NAME) as path:
        pq.write_table(rows, path, **tables.encoding(SCHEMA))


def _stored(storage: Storage) -> pa.Table:
    try:
        return (
            storage.read_table(NAME).select(SCHEMA.names).cast(SCHEMA) if storage.exists(NAME) else SCHEMA.empty_table()
        )
    except (LakeError, KeyError, ValueError, pa.ArrowException):  # damaged, or of another version
        return SCHEMA.empty_table()


def _rows_of(storage: Storage, name: str, digest: str) -> Iterator[dict[str, Any]]:
    table = storage.read_table(name)
    if slices.is_compacted(name):
        metadata = [item.metadata for item in slices.contents(storage, name).values() for _ in range(item.rows)]
    else:
        metadata = [decoded(table)] * len(table)
    for row, facts in zip(table.to_pylist(), metadata, strict=True):
        shared = {key: value for key, value in facts.items() if key not in slices.OF_ONE}  # the others are columns
        yield row | {"file": name, "digest": digest, "metadata": json.dumps(shared)}


def decoded(table: pa.Table) -> dict[str, str]:
    """The metadata of a shard as text."""
    return {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}


class Sources:
    """The files of analysed recordings: whether each is still the one that was analysed."""

    def __init__(self, rows: pa.Table) -> None:
        columns = ("recording_id", "source_fingerprint", "source_bytes", "source_modified_ns")
        self._ids, self._prints, self._bytes, self._modified = (rows[name].to_pylist() for name in columns)
        self._seen: dict[tuple[str, str], int] = {}

    def is_same(self, row: int, path: str) -> bool:
        """Whether a path has the file of a row; it is read only if its size or time is another than before."""
        if (known := self._prints[row]) is None:
            return True
        try:
            status = on_disk(path).stat()
        except OSError:
            return False
        if (status.st_size, status.st_mtime_ns) == (self._bytes[row], self._modified[row]):
            return True
        if regular.fingerprint(path) != known:
            return False
        self._seen[self._ids[row], known] = status.st_mtime_ns
        return True

    def save(self, storage: Storage) -> None:
        """Write the times of the files that were read into the index; raises LakeError."""
        if not self._seen:
            return
        rows = _stored(storage)
        keys = zip(rows["recording_id"].to_pylist(), rows["source_fingerprint"].to_pylist(), strict=True)
        column = SCHEMA.get_field_index("source_modified_ns")
        before = rows.column(column).to_pylist()
        times = [self._seen.get(key, time) for key, time in zip(keys, before, strict=True)]
        save(storage, rows.set_column(column, SCHEMA.field(column), pa.array(times, pa.int64())))

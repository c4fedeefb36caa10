"""Writes a Parquet file of the lake in batches; it appears when it is complete."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.lake.storage import Pending, Storage, disk_errors, is_shard

Row = Mapping[str, Any]

# Rows per row group: large enough to be read fast, small enough for memory.
_ROW_GROUP: Final = 100_000


class TableWriter:
    """Appends batches to a file that appears with :meth:`commit`."""

    def __init__(
        self,
        storage: Storage,
        parts: tuple[str, ...],
        schema: pa.Schema,
        metadata: Mapping[str, Any],
        row_group: int = _ROW_GROUP,
    ) -> None:
        self._schema = schema.with_metadata({f"gfpipe.{key}": str(value) for key, value in metadata.items()})
        self._pending = Pending(storage, *parts)
        self._held: list[pa.Table] = []
        self._row_group = row_group
        with disk_errors(self._pending.path):
            self._writer = pq.ParquetWriter(self._pending.path, self._schema, **encoding(self._schema))

    def append(self, columns: Mapping[str, Any], rows: int) -> None:
        """Append rows; missing columns are null.

        Raises:
            LakeError: the disk is full or the folder forbidden.
            ValueError: a column has another length or is not in the schema.
        """
        if unknown := set(columns) - set(self._schema.names):
            raise ValueError(f"{self._pending.path.name}: the schema has no column {', '.join(sorted(unknown))}")
        arrays = [_array(columns.get(field.name), field, rows) for field in self._schema]
        self._held.append(pa.Table.from_arrays(arrays, schema=self._schema))
        if sum(map(len, self._held)) >= self._row_group:
            self._flush()

    def close(self) -> None:
        """Write the buffered rows and the footer."""
        self._flush()
        with disk_errors(self._pending.path):
            self._writer.close()

    def commit(self) -> None:
        """Move the file to its path in the lake."""
        self._pending.commit()

    def discard(self) -> None:
        """Remove the file if it was not committed."""
        with suppress(OSError):  # already reported, such as a full disk
            self._writer.close()
        self._pending.discard()

    def _flush(self) -> None:
        if self._held:
            with disk_errors(self._pending.path):
                self._writer.write_table(pa.concat_tables(self._held), row_group_size=self._row_group)
            self._held.clear()


def write_whole(storage: Storage, parts: tuple[str, ...], schema: pa.Schema, rows: Sequence[Row], **facts: Any) -> None:
    """Write a file with `facts` as metadata; missing columns are null.

    Raises:
        LakeError: the disk is full or the folder forbidden.
    """
    table = TableWriter(storage, parts, schema, facts)
    try:
        table.append({name: [row.get(name) for row in rows] for name in schema.names}, len(rows))
        table.close()
        table.commit()
    finally:
        table.discard()


def read_files(storage: Storage, folder: tuple[str, ...], schema: pa.Schema) -> pa.Table:
    """The rows of all files below a folder; columns that a file lacks are null.

    Raises:
        LakeError: a file is damaged or not Parquet.
    """
    tables = [storage.read_table(name) for name in storage.files(*folder) if is_shard(name)]
    rows = pa.concat_tables([schema.empty_table(), *tables], promote_options="permissive")
    return rows.select(schema.names)


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """Encoding of columns; pictures are not compressed again, so that searches of a disk find their signatures."""
    types = pa.types
    pictures = {field.name for field in schema if types.is_binary(field.type) or types.is_large_binary(field.type)}
    others = [name for name in schema.names if name not in pictures]
    compression = {name: "none" if name in pictures else "zstd" for name in schema.names}
    return {"compression": compression, "use_dictionary": others if pictures else True}


def file_of(source: str) -> str:
    """File name for rows from `source`, always the same, so that a new version replaces the file."""
    return f"{hashlib.blake2b(source.encode(), digest_size=8).hexdigest()}.parquet"


def _array(values: Any, field: pa.Field, rows: int) -> pa.Array:
    if values is None:
        return pa.nulls(rows, field.type)
    if isinstance(values, np.ndarray) and values.ndim == 2:
        flat = pa.array(values.reshape(-1), field.type.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    array = pa.array(values)
    return array if array.type == field.type else pa.array(values, field.type)

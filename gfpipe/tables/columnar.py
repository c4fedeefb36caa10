"""Parquet files as text, row by row, as :mod:`gfpipe.tables.sheet` reads CSV files."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gfpipe.tables import sheet
from gfpipe.tables.sheet import Row


@dataclass(frozen=True)
class Columnar:
    """An open Parquet file.

    Attributes:
        headings: the columns as written, by their key.
        count: number of rows.
        rows: read as they are iterated.
        metadata: of its schema.
    """

    headings: Mapping[str, str]
    count: int
    rows: Iterator[Row]
    metadata: Mapping[bytes, bytes]


@contextmanager
def opened(path: Path, columns: Collection[str]) -> Iterator[Columnar]:
    """Open a Parquet file, whose rows have these of its columns.

    Raises:
        UsageError: it cannot be read, has two columns of one name, or one of these is neither text, number nor time;
            also during iteration.
    """
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    with sheet.unreadable(path):
        try:
            with pq.ParquetFile(path) as file:
                headings = sheet.headings(path, file.schema_arrow.names)
                used = {key: heading for key, heading in headings.items() if key in columns}
                rows = _rows(file.iter_batches(columns=list(used.values())), used, path.name)
                yield Columnar(headings, file.metadata.num_rows, rows, file.schema_arrow.metadata or {})
        except pa.ArrowException as exc:
            raise ValueError(str(exc)) from exc


def _rows(batches: Iterator[Any], headings: Mapping[str, str], name: str) -> Iterator[Row]:
    number = 0
    for batch in batches:
        texts = [_texts(batch.column(heading), heading) for heading in headings.values()]
        for cells in zip(*texts, strict=True):
            number += 1
            yield Row(number, f"{name}, row {number}", dict(zip(headings, cells, strict=True)))


def _texts(column: Any, heading: str) -> list[str]:
    """The values of a column, stripped; empty for missing ones."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):  # text, or names that are no UTF-8
        values = [value and value.decode("utf-8", "backslashreplace") for value in column.to_pylist()]
    else:
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        try:
            values = column.cast(pa.string()).to_pylist()
        except pa.ArrowException as exc:
            raise ValueError(f"its column {heading} ({column.type}) is neither text, number nor time ({exc})") from exc
    texts = [(value or "").strip() for value in values]
    if any("\0" in text for text in texts):
        raise ValueError(f"its column {heading} contains a character with the code 0")
    return texts

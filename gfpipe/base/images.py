"""Finds pictures in files by their bytes, not by the names of the files."""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

# JPEG (first marker and JFIF, Exif, Adobe, ICC or quantisation table), PNG, GIF, WebP.
_SIGNATURE: Final = re.compile(
    rb"\xff\xd8\xff(?:\xe0..JFIF|\xe1..Exif|\xe1..http|\xee\x00\x0eAdobe|\xdb\x00[\x43\x84]|\xe2..ICC_)"
    rb"|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP",
    re.DOTALL,
)
_LONGEST: Final = 16  # bytes of the longest signature
_AT_ONCE: Final = 1 << 22


def is_image(data: bytes | None) -> bool:
    """Whether the bytes begin with the signature of a picture."""
    return data is not None and (data[:3] == b"\xff\xd8\xff" or _SIGNATURE.match(data) is not None)


def in_stream(file: BinaryIO) -> int:
    """Count the signatures of pictures anywhere in a file."""
    count, tail = 0, b""
    while data := file.read(_AT_ONCE):
        window = tail + data
        # A signature that ends in the tail was counted before.
        count += sum(match.end() > len(tail) for match in _SIGNATURE.finditer(window))
        tail = window[-_LONGEST:]
    return count


def in_parquet(file: BinaryIO) -> tuple[int, int]:
    """Number and bytes of the cells of a Parquet file that are pictures; only binary columns are read.

    Raises:
        OSError, pyarrow.ArrowException: it is not a Parquet file.
    """
    images = size = 0
    with pq.ParquetFile(file) as parquet:
        names = [field.name for field in parquet.schema_arrow if may_hold_images(field.type)]
        for group in range(parquet.num_row_groups if names else 0):
            for column in parquet.read_row_group(group, columns=names).itercolumns():
                for cell in _cells(column):
                    if is_image(cell):
                        images, size = images + 1, size + len(cell)
    return images, size


def may_hold_images(kind: pa.DataType) -> bool:
    """Whether cells of this type are or contain bytes."""
    if pa.types.is_nested(kind):
        return any(may_hold_images(kind.field(index).type) for index in range(kind.num_fields))
    types = pa.types
    tests = (types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _cells(column: Any) -> Iterator[bytes]:
    """All values of type bytes in a nested column."""
    values = column.to_pylist()
    while values:
        value = values.pop()
        if isinstance(value, bytes):
            yield value
        elif isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list | tuple):
            values += value

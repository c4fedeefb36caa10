"""Looks for pictures in a folder without trusting gfpipe: every byte, and every cell of every Parquet file."""

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
from PIL import Image, UnidentifiedImageError

_BEGINS = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)


def pictures(lake: Path | str) -> list[str]:
    """The files in which pictures can be found (what Pillow can open is one), once for each of them."""
    files, root = fsspec.core.url_to_fs(str(lake))
    return [path for path in files.find(root) for _ in _in_file(files.cat_file(path))]


def _in_file(data: bytes) -> Iterator[bytes]:
    if data[:4] == data[-4:] == b"PAR1":  # as its cells are, whatever its pages are compressed with
        for column in pq.ParquetFile(io.BytesIO(data)).read().itercolumns():
            yield from (cell for cell in _cells(column.to_pylist()) if any(_pictures_of(cell)))
    else:
        yield from _pictures_of(data)


def _cells(values: list[Any]) -> Iterator[bytes]:
    for value in values:
        if isinstance(value, bytes):
            yield value
        elif isinstance(value, list | dict):
            yield from _cells(list(value.values()) if isinstance(value, dict) else value)


def _pictures_of(data: bytes) -> Iterator[bytes]:
    for found in _BEGINS.finditer(data):
        try:
            Image.open(io.BytesIO(data[found.start() :])).verify()
        except (UnidentifiedImageError, OSError, SyntaxError):
            continue
        yield data[found.start() :]


def jpeg(seed: int = 0, side: int = 48) -> bytes:
    """A small JPEG, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=90)
    return data.getvalue()

"""Manifests: tables of recordings, a row for each file, before their local times are resolved.

Columns: ``path``, ``channel``, ``programme`` (may be empty), ``start``, and optionally ``end`` (without a date, it is
the first such time after the start) and ``date`` (for starts that are times of the day only).
"""

import os
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from gfpipe.archive.airtime import ends_of
from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError
from gfpipe.recording import Rejected
from gfpipe.tables import columnar, sheet, times
from gfpipe.tables.sheet import Row, Sheet

_REQUIRED: Final = ("path", "channel", "programme", "start")
_FILLED: Final = ("path", "channel", "start")
_TIMES: Final = ("date", "start", "end")
_COLUMNS: Final = frozenset((*_REQUIRED, *_TIMES))
_EXPECTED: Final = "a manifest has path, channel, programme, start and optionally end and date"


@dataclass(frozen=True)
class Listed:
    """A recording as listed.

    Attributes:
        place: where it is listed, for messages.
        programme: empty if none is listed.
        start: local time, or with an offset.
        ends: the local times that its end may be.
        part: number of the file among the parts of one recording; None if the recording is one file.
        seconds_before: time from the start to that of this part.
    """

    place: str
    path: str
    channel: str
    programme: str
    start: datetime
    ends: tuple[datetime, ...] = ()
    part: int | None = None
    seconds_before: float = 0.0


def read(path: Path, dates: DateOrder | None = None) -> list[Listed | Rejected]:
    """Read a manifest: CSV, XLSX or Parquet.

    Args:
        path: the manifest; the paths in it are relative to its folder.
        dates: order of dates such as 01/03/2024, if the table does not show it.

    Raises:
        UsageError: the file cannot be read, lacks a column or has no rows, or its dates have two orders.
    """
    table = _parquet(path) if path.suffix.casefold() == ".parquet" else sheet.read(path)
    table.needs(_REQUIRED, _EXPECTED)
    if not table.rows and not table.refused:
        raise UsageError(f"{path}: the manifest has no rows")
    dates = dates or times.order_in(table, _TIMES)
    refused = [Rejected(str(row), str(row)) for row in table.refused]
    return [*(_listed(row, path.parent, dates) for row in table.rows), *refused]


def _listed(row: Row, folder: Path, dates: DateOrder | None) -> Listed | Rejected:
    file, channel, programme = _located(row["path"], folder), row.name("channel"), row.name("programme")
    reject = partial(Rejected, file or row.place, channel=channel or None, programme=programme or None)
    for name in _FILLED:
        if not row[name]:
            return reject(f"{row.place}: {name} is empty")
    try:
        written = {name: times.parse(row[name], dates) for name in _TIMES if row[name]}
        day = written["date"].day if "date" in written else None
        start = written["start"].on(day)
        ends = tuple(ends_of(written["end"], start)) if "end" in written else ()
    except ValueError as exc:
        return reject(f"{row.place}: {exc}")
    return Listed(row.place, file, channel, programme, start, ends)


def _located(path: str, folder: Path) -> str:
    """The file, in the spelling of accents (normal form) in which it exists, as spreadsheets may write another."""
    if not path or "://" in path:
        return path
    file = str(folder / path)
    if path.isascii():
        return file
    spellings = (file, *(unicodedata.normalize(form, file) for form in ("NFC", "NFD")))
    return next(filter(os.path.exists, spellings), file)


def _parquet(path: Path) -> Sheet:
    with columnar.opened(path, _COLUMNS) as table:
        return Sheet(path, table.headings, tuple(table.rows))

"""Annotations of an archive in tables: excluded intervals, and classes of programmes and channels."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from gfpipe.archive.airtime import ends_of, interval
from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError
from gfpipe.recording import zone
from gfpipe.tables import sheet, times
from gfpipe.tables.sheet import Row, Sheet

_TIMES: Final = ("date", "start", "end")
_Interval = tuple[datetime, datetime]
_Zone = tuple[str, str]  # channel and time zone


def classes(path: Path, key: str, taken: Iterable[str] = ()) -> pa.Table:
    """Read a table of one row per programme or channel: the column `key`, followed by the others, as text.

    Column names in `taken` are reserved.

    Raises:
        UsageError: the file cannot be read, lacks `key` or another column, or has an invalid or repeated row.
    """
    table = sheet.read(path)
    table.needs((key,), f"{key} and its classes are expected")
    others = {column: heading for column, heading in table.headings.items() if column != key}
    if not others:
        raise UsageError(f"{path}: {key} is its only column; add another, such as genre or group")
    if clash := sorted(set(others.values()) & set(taken)):
        raise UsageError(f"{path}: the column name {clash[0]} is reserved; rename it")
    problems: list[object] = list(table.refused)
    places: dict[str, str] = {}
    problems += [
        f"{row.place}: {key} {row[key]!r} is repeated, see {first}; keep one row"
        for row in table.rows
        if (first := places.setdefault(row.name(key), row.place)) != row.place
    ]
    if problems:
        raise sheet.refusal(path, problems)
    cells = {name: [row.name(name) or None for row in table.rows] for name in (key, *others)}
    return pa.table({{key: key, **others}[name]: pa.array(texts, pa.string()) for name, texts in cells.items()})


def exclusions(path: Path, zones: Sequence[_Zone], dates: DateOrder | None = None) -> pa.Table:
    """Read a table of excluded intervals: ``channel, start, end``, and optionally ``date`` and ``reason``.

    Times without a time zone are in that of the channel's recordings. Rows without a channel apply to all channels.

    Args:
        path: CSV or XLSX file.
        zones: channel and time zone of the recordings (IANA name or +HH:MM).
        dates: order of dates such as 01/03/2024, if the table does not show it.

    Returns:
        ``channel, timezone, starts, ends``, ordered and merged.

    Raises:
        UsageError: the file cannot be read, a time is not valid, or an end is not after its start.
    """
    table = sheet.read(path)
    table.needs(("start", "end"), "a table of exclusions has channel, start, end, reason")
    by_zone = _intervals(table, zones, dates)
    rows = [(*key, *interval) for key, intervals in by_zone.items() for interval in _merged(intervals)]
    utc = pa.timestamp("us", tz="UTC")
    types = {"channel": pa.string(), "timezone": pa.string(), "starts": utc, "ends": utc}
    return pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(types.items())})


def _intervals(table: Sheet, zones: Sequence[_Zone], dates: DateOrder | None) -> dict[_Zone, list[_Interval]]:
    """Intervals in UTC by channel and zone, in the order of the table."""
    by_zone: dict[_Zone, list[_Interval]] = defaultdict(list)
    problems: list[object] = list(table.refused)
    dates = dates or times.order_in(table, _TIMES)
    for row in table.rows:
        try:
            start, ends = _local(row, dates)
            for key in zones:
                if row.name("channel") in ("", key[0]):
                    after = by_zone[key][-1][1] if by_zone[key] else None
                    starts, stops = interval(start, ends, zone(key[1]), after)
                    by_zone[key].append((starts.astimezone(UTC), (stops or starts).astimezone(UTC)))
        except (ValueError, UsageError) as exc:
            problems.append(f"{row.place}: {exc}")
    if problems:
        raise sheet.refusal(table.path, problems)
    return by_zone


def _local(row: Row, dates: DateOrder | None) -> tuple[datetime, list[datetime]]:
    """Start and possible ends of an interval, as written."""
    if empty := next((name for name in ("start", "end") if not row[name]), None):
        raise ValueError(f"{empty} is empty")
    day = times.parse(row["date"], dates).day if row["date"] else None
    start = times.parse(row["start"], dates).on(day)
    return start, ends_of(times.parse(row["end"], dates), start)


def _merged(intervals: Iterable[_Interval]) -> list[_Interval]:
    merged: list[_Interval] = []
    for starts, ends in sorted(intervals):
        if merged and starts <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(ends, merged[-1][1])
        else:
            merged.append((starts, ends))
    return merged

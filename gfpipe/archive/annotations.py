"""Annotations of an archive in CSV files: excluded intervals, and classes of programmes and channels."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa

from gfpipe.errors import UsageError
from gfpipe.recording import zone


def classes(path: Path, key: str, taken: Iterable[str] = ()) -> pa.Table:
    """Read a CSV file of one row per programme or channel: the column `key`, followed by the others, as text.

    Column names in `taken` are reserved.

    Raises:
        UsageError: the file cannot be read, lacks `key` or another column, or repeats a row.
    """
    table = _read(path, (key,))
    others = [name for name in table.columns if name != key]
    if not others:
        raise UsageError(f"{path}: {key} is its only column; add another, such as genre or group")
    if clash := sorted(set(others) & set(taken)):
        raise UsageError(f"{path}: the column name {clash[0]} is reserved; rename it")
    if (repeated := table[table[key].duplicated()]).size:
        line = _line(repeated.index[0])
        raise UsageError(f"{path}, line {line}: {key} {repeated[key].iloc[0]!r} is repeated; keep one row")
    return pa.table({name: pa.array(table[name], pa.string(), from_pandas=True) for name in (key, *others)})


def exclusions(path: Path, zones: Sequence[tuple[str, str]]) -> pa.Table:
    """Read a CSV file of excluded intervals: ``channel, start, end, reason``.

    Times without a time zone are in that of the channel's recordings. Rows without a channel apply to all channels.

    Args:
        path: the CSV file.
        zones: channel and time zone of the recordings (IANA name or +HH:MM).

    Returns:
        ``channel, timezone, starts, ends``, ordered and merged.

    Raises:
        UsageError: the file cannot be read, a time is not valid, or an end is before its start.
    """
    table = _read(path, ("start", "end"))
    by_zone: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for index, row in table.iterrows():
        start, end = (_moment(path, _line(index), row[name]) for name in ("start", "end"))
        channel = row.get("channel")
        for key in zones:
            if pd.isna(channel) or channel == key[0]:
                starts, ends = (_utc(moment, key[1]) for moment in (start, end))
                if ends <= starts:
                    raise UsageError(f"{path}, line {_line(index)}: the end {row['end']} is not after the start")
                by_zone.setdefault(key, []).append((starts, ends))
    rows = [(*key, *interval) for key, intervals in by_zone.items() for interval in _merged(intervals)]
    utc = pa.timestamp("us", tz="UTC")
    types = {"channel": pa.string(), "timezone": pa.string(), "starts": utc, "ends": utc}
    return pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(types.items())})


def _read(path: Path, required: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True, encoding="utf-8-sig")
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path}: cannot be read as CSV: {exc}") from exc
    table.columns = table.columns.str.strip()
    for name in required:
        if name not in table.columns:
            raise UsageError(f"{path}: the column {name} is missing; its columns are {', '.join(table.columns)}")
    return table


def _line(index: object) -> int:
    return int(str(index)) + 2  # the header is line 1


def _moment(path: Path, line: int, text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError as exc:
        raise UsageError(f"{path}, line {line}: {text} is not a time; write 2024-03-07 20:15:00") from exc


def _utc(moment: datetime, zone_name: str) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone(zone_name))).astimezone(UTC)


def _merged(intervals: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for starts, ends in sorted(intervals):
        if merged and starts <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(ends, merged[-1][1])
        else:
            merged.append((starts, ends))
    return merged

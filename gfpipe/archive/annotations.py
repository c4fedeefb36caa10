"""What people know of an archive, in small CSV files: what to leave out, classes of programmes, groups of channels."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa

from gfpipe.errors import UsageError


def classes(path: Path, key: str, taken: Iterable[str] = ()) -> pa.Table:
    """Read what is known of each programme or channel: one row each, any further columns as text.

    Args:
        path: the CSV file.
        key: the column that must be there, ``programme`` or ``channel``.
        taken: names that no further column may have.

    Returns:
        `key` and then the other columns, as text.

    Raises:
        UsageError: the file cannot be read, lacks `key` or any other column, or names something twice.
    """
    table = _read(path, (key,))
    others = [name for name in table.columns if name != key]
    if not others:
        raise UsageError(f"{path}: says nothing but {key}; add a column, such as genre or group")
    if clash := sorted(set(others) & set(taken)):
        raise UsageError(f"{path}: a column may not be called {clash[0]}; gfpipe has one of that name")
    if (twice := table[table[key].duplicated()]).size:
        line = _line(twice.index[0])
        raise UsageError(f"{path}, line {line}: {key} {twice[key].iloc[0]!r} stands there twice; keep one row")
    return pa.table({name: pa.array(table[name], pa.string(), from_pandas=True) for name in (key, *others)})


def exclusions(path: Path, zones: Sequence[tuple[str, str]]) -> pa.Table:
    """Read intervals that are to be left out: ``channel, start, end, reason``.

    A start without a time zone is by the clock of the channel's recordings; no channel means all of them.
    Intervals that overlap become one, so that each moment lies in at most one.

    Args:
        path: the CSV file.
        zones: channel and time zone of the recordings (IANA name or +HH:MM).

    Returns:
        ``channel, timezone, starts, ends``, in order and without overlap.

    Raises:
        UsageError: the file cannot be read, a time cannot be understood, or an end lies before its start.
    """
    table = _read(path, ("start", "end"))
    found: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for index, row in table.iterrows():
        start, end = (_moment(path, _line(index), row[name]) for name in ("start", "end"))
        channel = row.get("channel")
        for zone in zones:
            if pd.isna(channel) or channel == zone[0]:
                starts, ends = (_in_zone(moment, zone[1]) for moment in (start, end))
                if ends <= starts:
                    raise UsageError(f"{path}, line {_line(index)}: the end {row['end']} is not after the start")
                found.setdefault(zone, []).append((starts, ends))
    rows = [(*zone, *interval) for zone, intervals in found.items() for interval in _merged(intervals)]
    utc = pa.timestamp("us", tz="UTC")
    types = {"channel": pa.string(), "timezone": pa.string(), "starts": utc, "ends": utc}
    return pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(types.items())})


def _read(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, skipinitialspace=True, encoding="utf-8-sig")
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path}: cannot be read as CSV: {exc}") from exc
    table.columns = table.columns.str.strip()
    for name in needed:
        if name not in table.columns:
            raise UsageError(f"{path}: the column {name} is missing; its first line is {', '.join(table.columns)}")
    return table


def _line(index: object) -> int:
    return int(str(index)) + 2  # the heading is line 1


def _moment(path: Path, line: int, text: object) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError as exc:
        raise UsageError(f"{path}, line {line}: {text} is no time; write 2024-03-07 20:15:00") from exc


def _in_zone(moment: datetime, zone: str) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_zone(zone))
    return moment.astimezone(UTC)


def _zone(name: str) -> tzinfo:
    if name[-6] in "+-" if len(name) >= 6 else False:
        found = datetime.fromisoformat(f"2000-01-01T00:00:00{name[-6:]}").tzinfo
        return found or UTC
    return ZoneInfo(name)


def _merged(intervals: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for starts, ends in sorted(intervals):
        if merged and starts <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(ends, merged[-1][1])
        else:
            merged.append((starts, ends))
    return merged

"""The calendar of coverage: what was scheduled and analysed, by channel and day, week or month."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.output.formats import known
from gfpipe.report.elements import Row
from gfpipe.report.periods import Unit, starts

_DAYS_BY_DAY: Final = 62
_DAYS_BY_WEEK: Final = 2 * 53 * 7
_ALMOST_ALL: Final = 0.99
_UNREAD: Final = ("failed_recordings", "missing_recordings", "rejected_recordings")
_SUMMED: Final = ("scheduled_seconds", "analysed_seconds", "recordings", "unknown_length_recordings", *_UNREAD)


@dataclass(frozen=True)
class Calendar:
    """Coverage by channel and day, week or month.

    Attributes:
        starts: first day of each cell, without gaps.
        cells: channel, start, coverage_hours_scheduled, coverage_hours_analysed, coverage_share (by the day on which
            recordings began, unlike the hours of `estimates`), `unread`: recordings that failed, are missing or of
            unknown length, state, and `short`: whether the cell has less than half of the channel's median hours.
        undated: entries of the schedule without a date, which are not part of the calendar.
    """

    unit: Unit
    channels: tuple[str, ...]
    starts: tuple[date, ...]
    cells: tuple[Row, ...]
    undated: int


def channels_of(coverage: pa.Table) -> set[str]:
    """Channels with a recording; a name that only rejected files have is none."""
    rows = _sums(coverage, ["channel"])
    accepted = (row for row in rows if row["recordings"] and row["recordings"] > (row["rejected_recordings"] or 0))
    return {row["channel"] for row in accepted if row["channel"] is not None}


def calendar(coverage: pa.Table) -> Calendar:
    """Aggregate the report `coverage` to a calendar."""
    is_known = pc.is_in(coverage["channel"], pa.array(sorted(channels_of(coverage)), pa.string()))
    is_dated = pc.is_valid(coverage["air_date"])
    dated = coverage.filter(pc.and_(is_known, is_dated))
    lost = int(pc.sum(coverage.filter(pc.invert(is_dated))["recordings"]).as_py() or 0)
    if not dated.num_rows:
        return Calendar("day", (), (), (), lost)
    days = dated["air_date"].cast(pa.date32())
    first, last = pc.min(days).as_py(), pc.max(days).as_py()
    days_in_all = (last - first).days + 1
    unit: Unit = "day" if days_in_all <= _DAYS_BY_DAY else "week" if days_in_all <= _DAYS_BY_WEEK else "month"
    by_start = dated.append_column("start", pc.floor_temporal(days, unit=unit).cast(pa.date32()))
    sums = {(row["channel"], row["start"]): row for row in _sums(by_start, ["channel", "start"])}
    channels = tuple(dict.fromkeys(channel for channel, _ in sorted(sums)))
    all_starts = tuple(starts(first, last, unit))
    cells = [_cell(channel, start, sums.get((channel, start))) for channel in channels for start in all_starts]
    return Calendar(unit, channels, all_starts, tuple(_with_short(cells)), lost)


def _sums(coverage: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    """Sums by channel and cell; a column that `coverage` does not have is 0."""
    names = [name for name in _SUMMED if name in coverage.column_names]
    numbers = {name: coverage[name].cast(pa.float64()) for name in names}
    cells = pa.table({key: coverage[key] for key in keys} | numbers)
    added = cells.group_by(keys).aggregate([(name, "sum") for name in names])
    return [
        {key: row[key] for key in keys} | {name: row.get(f"{name}_sum") for name in _SUMMED}
        for row in added.to_pylist()
    ]


def _cell(channel: str, start: date, sums: Row | None) -> dict[str, Any]:
    if sums is None:
        return {"channel": channel, "start": start, "state": "none", "unread": 0}
    scheduled, analysed = known(sums["scheduled_seconds"]), known(sums["analysed_seconds"]) or 0.0
    recordings, unknown = sums["recordings"] or 0, sums["unknown_length_recordings"] or 0
    share = min(1.0, analysed / scheduled) if scheduled else None
    # A recording of unknown length counts as long as the others are on average.
    expected = None if share is None else share * (1 - unknown / recordings if recordings else 1)
    return {
        "channel": channel,
        "start": start,
        "coverage_hours_scheduled": None if scheduled is None else scheduled / 3600,
        "coverage_hours_analysed": analysed / 3600,
        "coverage_share": share,
        "unread": max(unknown, sum(sums[name] or 0 for name in _UNREAD)),
        "state": _state(analysed, expected),
    }


def _state(analysed: float, share: float | None) -> str:
    if not analysed:
        return "nothing"
    if share is None:
        return "unknown"
    return "all" if share >= _ALMOST_ALL else "most" if share >= 0.9 else "half" if share >= 0.5 else "less"


def _with_short(cells: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    hours = defaultdict(list)
    cells = list(cells)
    for cell in cells:
        if known_hours := _hours(cell):
            hours[cell["channel"]].append(known_hours)
    usual = {channel: sorted(values)[len(values) // 2] for channel, values in hours.items()}
    for cell in cells:
        yield {**cell, "short": 0 < _hours(cell) < usual.get(cell["channel"], 0) / 2}


def _hours(cell: Row) -> float:
    return max(cell.get("coverage_hours_scheduled") or 0, cell.get("coverage_hours_analysed") or 0)

"""Days, weeks and months: names, gaps, and the calendar of coverage."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Literal

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.output.formats import known
from gfpipe.report.elements import Row

Unit = Literal["day", "week", "month"]
Label = str | list[str]

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
UNKNOWN: Final = "not named"
_DAYS_BY_DAY: Final = 62
_DAYS_BY_WEEK: Final = 2 * 53 * 7
_ALMOST_ALL: Final = 0.99


def day(when: date) -> str:
    """7 March 2024."""
    return f"{when.day} {when:%B %Y}"


def span(first: date, last: date) -> str:
    """7 March 2024; 7–8 March 2024; 7 March – 2 April 2024; 7 March 2014 – 2 April 2024."""
    if first == last:
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day(last)}"
    return f"{first.day} {first:%B} – {day(last)}" if first.year == last.year else f"{day(first)} – {day(last)}"


def month_name(month: str) -> str:
    """``2024-03`` as March 2024."""
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def with_missing_months(rows: Iterable[Row]) -> list[Row]:
    """Sort rows by month and insert an empty row for each missing month in between."""
    rows_of_month = {row["month"]: row for row in rows if row.get("month") is not None}
    if not rows_of_month:
        return []
    starts = _starts(_first(min(rows_of_month)), _first(max(rows_of_month)), "month")
    return [rows_of_month.get(f"{start:%Y-%m}", {"month": f"{start:%Y-%m}"}) for start in starts]


def month_labels(months: Sequence[str], most: int) -> dict[str, Label]:
    """Labels for about `most` months of an axis: every, every second, third or sixth month, or Januaries."""
    for step in (1, 2, 3, 6):
        if len(months) <= most * step:
            named = [month for month in months if (int(month[5:]) - 1) % step == 0] or list(months[:1])
            return {
                month: [f"{_first(month):%b}", month[:4] if at == 0 or month.endswith("-01") else ""]
                for at, month in enumerate(named)
            }
    every = -(-len(months) // (12 * most))
    return {month: month[:4] for month in months if month.endswith("-01") and int(month[:4]) % every == 0}


@dataclass(frozen=True)
class Calendar:
    """Coverage by channel and day, week or month.

    Attributes:
        starts: first day of each cell, without gaps.
        cells: channel, start, coverage_hours_scheduled, coverage_hours_analysed, coverage_share (by the day on which
            recordings began, unlike the hours of `estimates`), state, and `short`: whether the cell has less than half
            of the channel's median hours.
        undated: entries of the schedule without a date, which are not part of the calendar.
    """

    unit: Unit
    channels: tuple[str, ...]
    starts: tuple[date, ...]
    cells: tuple[Row, ...]
    undated: int

    def cell_name(self, start: date) -> str:
        """Name of a cell, such as ``week of 4 March 2024``."""
        return {"day": day(start), "week": f"week of {day(start)}", "month": f"{start:%B %Y}"}[self.unit]

    def labels(self, starts: Sequence[date], cell: float) -> dict[str, Label]:
        """Labels of an axis that do not overlap, for cells of `cell` pixels."""
        if self.unit == "month":
            named = month_labels([f"{start:%Y-%m}" for start in starts], max(1, int(len(starts) * cell // 34)))
            return {f"{month}-01": label for month, label in named.items()}
        if self.unit == "day":
            return {f"{start}": f"{start.day} {start:%b}" for start in starts[:: math.ceil(50 / cell)]}
        chosen: list[int] = []
        for at in reversed(range(len(starts))):  # from the end, because the first month may have a single week
            begins = at == 0 or starts[at].month != starts[at - 1].month
            if begins and (not chosen or (chosen[0] - at) * cell >= 36):
                chosen.insert(0, at)
        years = {starts[at].year: at for at in reversed(chosen)}
        return {
            f"{starts[at]}": [f"{starts[at]:%b}", f"{starts[at].year}" if years[starts[at].year] == at else ""]
            for at in chosen
        }


def calendar(coverage: pa.Table) -> Calendar:
    """Aggregate the report `coverage` to a calendar."""
    dated = coverage.filter(pc.is_valid(coverage["air_date"]))
    undated = coverage.filter(pc.is_null(coverage["air_date"]))
    lost = int(pc.sum(undated["recordings"]).as_py() or 0)
    if not dated.num_rows:
        return Calendar("day", (), (), (), lost)
    days = dated["air_date"].cast(pa.date32())
    first, last = pc.min(days).as_py(), pc.max(days).as_py()
    days_in_all = (last - first).days + 1
    unit: Unit = "day" if days_in_all <= _DAYS_BY_DAY else "week" if days_in_all <= _DAYS_BY_WEEK else "month"
    sums = _sums(dated.set_column(dated.column_names.index("air_date"), "air_date", days), unit)
    channels = tuple(dict.fromkeys(channel for channel, _ in sorted(sums)))
    starts = tuple(_starts(_start(first, unit), last, unit))
    cells = [_cell(channel, start, sums.get((channel, start))) for channel in channels for start in starts]
    return Calendar(unit, channels, starts, tuple(_with_short(cells)), lost)


def _sums(dated: pa.Table, unit: Unit) -> dict[tuple[str, date], Row]:
    """Sums by channel and cell."""
    cells = pa.table(
        {
            "channel": pc.fill_null(dated["channel"].cast(pa.string()), UNKNOWN),
            "start": pc.floor_temporal(dated["air_date"], unit=unit).cast(pa.date32()),
            "scheduled": dated["scheduled_seconds"].cast(pa.float64()),
            "analysed": dated["analysed_seconds"].cast(pa.float64()),
        }
    )
    added = cells.group_by(["channel", "start"]).aggregate([("scheduled", "sum"), ("analysed", "sum")])
    return {(row["channel"], row["start"]): row for row in added.to_pylist()}


def _cell(channel: str, start: date, sums: Row | None) -> dict[str, Any]:
    if sums is None:
        return {"channel": channel, "start": start, "state": "none"}
    scheduled, analysed = known(sums["scheduled_sum"]), known(sums["analysed_sum"]) or 0.0
    share = min(1.0, analysed / scheduled) if scheduled else None
    return {
        "channel": channel,
        "start": start,
        "coverage_hours_scheduled": None if scheduled is None else scheduled / 3600,
        "coverage_hours_analysed": analysed / 3600,
        "coverage_share": share,
        "state": _state(analysed, share),
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


def _starts(first: date, last: date, unit: Unit) -> Iterator[date]:
    while first <= last:
        yield first
        first = _start(first + timedelta(days={"day": 1, "week": 7, "month": 31}[unit]), unit)


def _start(when: date, unit: Unit) -> date:
    if unit == "week":
        return when - timedelta(days=when.weekday())
    return when.replace(day=1) if unit == "month" else when


def _first(month: str) -> date:
    return date.fromisoformat(f"{month}-01")

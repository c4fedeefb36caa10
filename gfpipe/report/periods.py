"""Days, weeks and months: names, gaps, and labels of axes."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from typing import Final, Literal

from babel import dates

from gfpipe.report.elements import Row
from gfpipe.report.language import N_, current, text

Unit = Literal["day", "week", "month"]
Label = str | list[str]

KEY: Final[dict[Unit, str]] = {"day": "date", "week": "week", "month": "month"}  # column of the warehouse
HEADINGS: Final[dict[Unit, str]] = {"day": N_("Day"), "week": N_("Week"), "month": N_("Month")}
_DAYS_BY_DAY: Final = 31
_DAYS_BY_WEEK: Final = 26 * 7
_LABEL_WIDTH: Final = {"day": 50, "week": 36, "month": 36}


def day(when: date) -> str:
    """7 March 2024."""
    return dates.format_date(when, "long", locale=current().locale)


def span(first: date, last: date) -> str:
    """7 March 2024, or 7 Mar – 2 Apr 2024."""
    if first == last:
        return day(first)
    return dates.format_interval(first, last, "yMMMd", locale=current().locale)


def weekday(number: int, short: bool = False) -> str:
    """Name of a weekday, 1 Monday … 7."""
    width: Literal["abbreviated", "wide"] = "abbreviated" if short else "wide"
    return str(dates.get_day_names(width, "stand-alone", current().locale)[number - 1])


def clock(hour: int) -> str:
    """13:00."""
    return dates.format_time(time(hour), "short", locale=current().locale)


def name(start: date, unit: Unit) -> str:
    """Name of a period, such as ``week of 4 March 2024``."""
    if unit == "month":
        return dates.format_skeleton("yMMMM", start, locale=current().locale)
    return day(start) if unit == "day" else text("week of {day}", day=day(start))


def key(start: date, unit: Unit) -> str:
    """The period in SQL."""
    return {"day": f"{start}", "week": f"{start:%G-W%V}", "month": f"{start:%Y-%m}"}[unit]


def series_units(first: date, last: date) -> tuple[Unit, ...]:
    """Units of a series over these days, the finest first; coarser ones serve if there are too few recordings."""
    days = (last - first).days + 1
    if days < 7:
        return ("day",)
    return ("day", "week") if days <= _DAYS_BY_DAY else ("week", "month") if days <= _DAYS_BY_WEEK else ("month",)


def series(rows: Iterable[Row], unit: Unit) -> list[Row]:
    """Rows in order with their ``start`` and an empty row for each missing period in between."""
    row_of = {_parse(row[KEY[unit]], unit): row for row in rows if row.get(KEY[unit]) is not None}
    if not row_of:
        return []
    empty = ((start, {KEY[unit]: key(start, unit)}) for start in starts(min(row_of), max(row_of), unit))
    return [{**row_of.get(start, row), "start": start} for start, row in empty]


def starts(first: date, last: date, unit: Unit) -> Iterator[date]:
    """First days of all periods between two days."""
    first = start_of(first, unit)
    while first <= last:
        yield first
        first = start_of(first + timedelta(days={"day": 1, "week": 7, "month": 31}[unit]), unit)


def start_of(when: date, unit: Unit) -> date:
    """First day of the period of a day."""
    if unit == "week":
        return when - timedelta(days=when.weekday())
    return when.replace(day=1) if unit == "month" else when


def labels(all_starts: Sequence[date], unit: Unit, cell: float) -> dict[str, Label]:
    """Labels of an axis that do not overlap, for periods of `cell` pixels, by the ISO date of the start."""
    most = max(1, int(len(all_starts) * cell // _LABEL_WIDTH[unit]))
    if unit == "month":
        return _month_labels(all_starts, most)
    if unit == "day":
        shown = all_starts[:: math.ceil(_LABEL_WIDTH[unit] / cell)]
        return {f"{start}": dates.format_skeleton("MMMd", start, locale=current().locale) for start in shown}
    return _labels_of_weeks(all_starts, cell)


def _month_labels(all_starts: Sequence[date], most: int) -> dict[str, Label]:
    """Every, every second, third or sixth month, or Januaries."""
    for step in (1, 2, 3, 6):
        if len(all_starts) <= most * step:
            named = [start for start in all_starts if (start.month - 1) % step == 0] or list(all_starts[:1])
            return {
                f"{start}": _month_label(start, with_year=at == 0 or start.month == 1) for at, start in enumerate(named)
            }
    every = -(-len(all_starts) // (12 * most))
    return {f"{start}": f"{start.year}" for start in all_starts if start.month == 1 and start.year % every == 0}


def _labels_of_weeks(all_starts: Sequence[date], cell: float) -> dict[str, Label]:
    """The first week of each month, if there is room for it."""
    chosen: list[int] = []
    for at in reversed(range(len(all_starts))):  # from the end, because the first month may have a single week
        begins = at == 0 or all_starts[at].month != all_starts[at - 1].month
        if begins and (not chosen or (chosen[0] - at) * cell >= _LABEL_WIDTH["week"]):
            chosen.insert(0, at)
    first_of_year = {all_starts[at].year: at for at in reversed(chosen)}
    return {
        f"{all_starts[at]}": _month_label(all_starts[at], with_year=first_of_year[all_starts[at].year] == at)
        for at in chosen
    }


def _month_label(start: date, with_year: bool) -> Label:
    return [dates.format_skeleton("MMM", start, locale=current().locale), f"{start.year}" if with_year else ""]


def _parse(value: str | date, unit: Unit) -> date:
    if isinstance(value, date):
        return value
    if unit == "week":
        year, week = value.split("-W")
        return date.fromisocalendar(int(year), int(week), 1)
    return date.fromisoformat(f"{value}-01" if unit == "month" else value)

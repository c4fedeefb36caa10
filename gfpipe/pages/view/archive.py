"""The view *Archive*: a calendar of channels and days, with the reason for every gap, and the recordings behind it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal

from gfpipe.output import names
from gfpipe.output.formats import HOURS, PERCENT, counted
from gfpipe.pages.view.figures import Figures, Row
from gfpipe.pages.view.filters import Filter
from gfpipe.recording import in_zone

Unit = Literal["day", "week", "month"]
COVERAGE: Final = "coverage"
SHARE: Final = "share_female_face_time"
COLOURINGS: Final = {COVERAGE: "coverage", SHARE: "women’s share of face time"}
PAGE: Final = 50  # recordings listed at once

_MOST_CELLS: Final = 4000
_REASONS: Final = 3  # of a gap, in words; others are counted
# Lower bounds of the classes of colours, from pale to dark.
_BOUNDS: Final[Mapping[str, Sequence[float]]] = {COVERAGE: (0.0, 0.5, 0.9, 0.99), SHARE: (0.0, 0.3, 0.4, 0.5, 0.6)}
LEGENDS: Final[Mapping[str, Sequence[str]]] = {
    COVERAGE: ("less than half", "half or more", "90 % or more", "99 % or more"),
    SHARE: ("less than 30 %", "30 %", "40 %", "50 %", "60 % or more"),
}


@dataclass(frozen=True)
class Cell:
    """A channel in a day, week or month: class of its colour, what it says, and where it leads."""

    kind: str
    text: str
    address: str


@dataclass(frozen=True)
class Calendar:
    """Cells by channel and start of a day, week or month; None if nothing was scheduled or recorded.

    Attributes:
        heads: name of the month or year above a cell, with the number of cells below it.
        gaps: number of cells with a gap.
    """

    unit: Unit
    heads: tuple[tuple[str, int], ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    starts: tuple[date, ...]
    gaps: int


def calendar(figures: Figures, given: Filter, colouring: str) -> Calendar:
    """The calendar of a filter, by days if they fit on the page, else by weeks or months."""
    choices = figures.choices()
    first, last = given.since or choices["first_day"], given.until or choices["last_day"]
    if first is None or last is None:
        return Calendar("day", (), (), (), 0)
    first, last = max(first, choices["first_day"]), min(last, choices["last_day"])
    channels = 1 if given.channel else max(1, len(choices["channels"]))
    unit: Unit = _unit((last - first).days + 1, channels)
    starts = tuple(_starts(first, last, unit))
    cells = {(row["channel"], row["first_day"]): row for row in figures.ask("view_calendar", given, unit=unit)}
    gaps: dict[tuple[str, date], list[Row]] = defaultdict(list)
    for row in figures.ask("view_gaps", given, unit=unit):
        gaps[row["channel"], row["first_day"]].append(row)
    shown = sorted({channel for channel, _ in cells})
    rows = tuple(
        (names.line(channel), tuple(_row(given, unit, channel, starts, cells, gaps, colouring))) for channel in shown
    )
    return Calendar(unit, tuple(_heads(starts, unit)), rows, starts, sum(map(bool, gaps.values())))


def recordings(figures: Figures, given: Filter, skip: int) -> list[dict[str, Any]]:
    """A page of the recordings of a filter, from the `skip`-th on."""
    rows = figures.ask("view_recordings", given, most=PAGE, skip=skip)
    return [row | {"start": row["timezone"] and in_zone(row["started_at"], row["timezone"])} for row in rows]


def _row(
    given: Filter,
    unit: Unit,
    channel: str,
    starts: Sequence[date],
    cells: Mapping[tuple[str, date], Row],
    gaps: Mapping[tuple[str, date], Sequence[Row]],
    colouring: str,
) -> Iterator[Cell | None]:
    """The cells of a channel; their addresses differ in the days alone."""
    colour = "" if colouring == COVERAGE else colouring
    address = replace(given, since=None, until=None).address("/", channel=channel, colour=colour)
    name = names.line(channel)
    for start in starts:
        row, missing = cells.get((channel, start)), gaps.get((channel, start), ())
        if row is None:
            yield None
            continue
        last = _next(start, unit) - timedelta(days=1)
        days = f"&since={max(start, given.since or start)}&until={min(last, given.until or last)}#recordings"
        yield Cell(_kind(row, colouring, missing), f"{name}, {_text(row, unit, start, missing)}", address + days)


def _kind(row: Row, colouring: str, gaps: Sequence[Row]) -> str:
    """Class of a cell's colour: ``c0`` to ``c4``, ``nothing`` or ``unknown``; ``gap`` beside it if it has a gap."""
    value = row[colouring]
    if not row["analysed_seconds"]:
        kind = "nothing"
    elif value is None:
        kind = "unknown"
    else:
        kind = f"{colouring[0]}{sum(value >= bound for bound in _BOUNDS[colouring]) - 1}"
    return f"{kind} gap" if gaps and kind != "nothing" else kind


def _text(row: Row, unit: Unit, start: date, gaps: Sequence[Row]) -> str:
    when = {"day": f"{start:%a %-d %B %Y}", "week": f"week of {start:%-d %B %Y}", "month": f"{start:%B %Y}"}[unit]
    parts = [
        f"{when}: {counted(row['recordings'], 'recording')}, "
        f"{HOURS.text(row['analysed_seconds'] / 3600)} of {HOURS.text(row['scheduled_seconds'] / 3600)} hours analysed"
    ]
    if row[SHARE] is not None:
        parts.append(f"women’s share of face time {PERCENT.text(row[SHARE])}")
    parts += [
        f"{gap['recordings']} {gap['status']}: {names.line(gap['reason'] or 'no reason')}" for gap in gaps[:_REASONS]
    ]
    if others := sum(gap["recordings"] for gap in gaps[_REASONS:]):
        parts.append(f"{others} more with a gap")
    return "; ".join(parts)


def _unit(days: int, channels: int) -> Unit:
    if days * channels <= _MOST_CELLS:
        return "day"
    return "week" if days * channels / 7 <= _MOST_CELLS else "month"


def _starts(first: date, last: date, unit: Unit) -> Iterator[date]:
    at = first if unit == "day" else first - timedelta(days=first.weekday()) if unit == "week" else first.replace(day=1)
    while at <= last:
        yield at
        at = _next(at, unit)


def _next(start: date, unit: Unit) -> date:
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=1 if unit == "day" else 7)


def _heads(starts: Sequence[date], unit: Unit) -> Iterator[tuple[str, int]]:
    """Months above days and weeks, years above months."""
    written = "%Y" if unit == "month" else "%b %Y"
    heads: dict[str, int] = defaultdict(int)
    for start in starts:
        heads[f"{start:{written}}"] += 1
    yield from heads.items()

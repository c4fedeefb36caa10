"""The view *Trend and comparison*: women's share by time and by group, with intervals, as figures, CSV and SQL."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.output import names
from gfpipe.output.formats import HOURS, PERCENT, counted, known, share_with_interval
from gfpipe.pages.view.figures import Figures, Row
from gfpipe.pages.view.filters import Filter
from gfpipe.warehouse.sources import statements

SHARE: Final = "share_female_face_time"
GROUPINGS: Final = ("channel", "programme", "weekday", "hour", "year")
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_GROUPS: Final = 40
_DAYS_BY_DAY, _DAYS_BY_WEEK = 62, 371
WIDTH, HEIGHT = 960, 280
_LEFT, _BOTTOM, _TOP = 46, 26, 10


@dataclass(frozen=True)
class Point:
    """A value of a figure: its place in the picture, its interval if it has one, and what it says."""

    name: str
    x: float
    y: float | None
    low: float | None
    high: float | None
    text: str
    address: str


@dataclass(frozen=True)
class Trend:
    """Shares by day, week or month as a picture of `WIDTH` by `HEIGHT`."""

    by: str
    points: tuple[Point, ...]
    line: str
    ticks: tuple[tuple[float, str], ...]
    labels: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Bar:
    """A row of the comparison; the share and its interval in per cent."""

    name: str
    share: float | None
    low: float | None
    high: float | None
    text: str
    hours: str
    recordings: int
    address: str


def period(figures: Figures, given: Filter) -> str:
    """Column by which the trend is shown: days, weeks or months, by the length of the filter."""
    choices = figures.choices()
    first, last = given.since or choices["first_day"], given.until or choices["last_day"]
    days = (last - first).days + 1 if first and last else 0
    return "date" if days <= _DAYS_BY_DAY else "week" if days <= _DAYS_BY_WEEK else "month"


def rows(figures: Figures, given: Filter, by: str, measured: bool) -> tuple[list[dict[str, Any]], bool]:
    """Figures by a column with a ``name`` each, and whether they have intervals; `measured` waits for intervals."""
    if (published := figures.published(given, by)) is not None:
        found = published
    elif measured:
        found = figures.measured(given, by)
    else:
        summed = figures.ask("view_figures", given, by=by)
        return [{"name": row["group_name"], **row} for row in summed], False
    return [{"name": _name(by, row[by]), **row} for row in found if row[by] is not None], True


def trend(found: Sequence[Row], by: str, given: Filter) -> Trend:
    """The picture of a trend."""
    shares = [
        value for row in found for end in ("", "_low", "_high") if (value := known(row.get(SHARE + end))) is not None
    ]
    bottom, top = (max(0.0, min(shares) - 0.02), min(1.0, max(shares) + 0.02)) if shares else (0.0, 1.0)
    step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.25) if (top - bottom) / step <= 6 or step == 0.25)
    bottom, top = step * int(bottom / step), min(1.0, step * -(-top // step))

    def y(value: float | None) -> float | None:
        return None if value is None else round(_TOP + (HEIGHT - _BOTTOM - _TOP) * (top - value) / (top - bottom), 1)

    named = [row for row in found if row["name"] is not None]
    width = (WIDTH - _LEFT) / max(1, len(named))
    points = tuple(
        Point(
            row["name"],
            round(_LEFT + (at + 0.5) * width, 1),
            y(known(row[SHARE])),
            y(known(row.get(f"{SHARE}_low"))),
            y(known(row.get(f"{SHARE}_high"))),
            f"{row['name']}: {_written(row)}",
            given.within(by, row["name"]).address("/"),
        )
        for at, row in enumerate(named)
    )
    every = -(-len(points) // 12) or 1
    count = round((top - bottom) / step)
    return Trend(
        by,
        points,
        _line(points),
        tuple((y(bottom + step * at) or 0.0, f"{100 * (bottom + step * at):.0f} %") for at in range(count + 1)),
        tuple((point.x, point.name) for point in points[::every]),
    )


def bars(found: Sequence[Row], by: str, given: Filter) -> tuple[list[Bar], int]:
    """The rows of a comparison, those with most hours if there are many, and the number of others."""
    named = [row for row in found if row["name"] is not None]
    kept = {row["name"] for row in sorted(named, key=lambda row: -(row["hours_analysed"] or 0))[:_MOST_GROUPS]}
    return [_bar(row, by, given) for row in named if row["name"] in kept], len(named) - len(kept)


def csv(found: Sequence[Row]) -> str:
    """All columns of figures as CSV."""
    return warehouse.as_text(pa.Table.from_pylist(list(found)), "csv") + "\n"


def sql(given: Filter, by: str, figures: Figures) -> str:
    """The query behind figures, as it can be pasted into ``gfpipe sql``."""
    bound = {"$filter": _literal(given.bound(figures.genres)), "$by": _literal(by)}
    text = statements("questions")["view_figures"].partition("\n")[2]
    for name, value in bound.items():
        text = text.replace(name, value)
    return text


def command(lake: str, given: Filter, by: str) -> str | None:
    """The command whose output has the same intervals; None if no command has such a filter."""
    if given.programme or given.genre or given.weekday or given.hour is not None:
        return None
    options = {"--channel": given.channel, "--since": given.since, "--until": given.until}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    return shlex.join(["gfpipe", "stats", "--lake", lake, "--by", by, *words])


def _line(points: Sequence[Point]) -> str:
    """Path through adjacent points that have intervals."""
    known_before = [False, *(point.low is not None for point in points)]
    return "".join(
        f"{'L' if joined else 'M'}{point.x} {point.y}"
        for point, joined in zip(points, known_before, strict=False)
        if point.low is not None
    )


def _bar(row: Row, by: str, given: Filter) -> Bar:
    ends = [
        None if (value := known(row.get(SHARE + end))) is None else round(100 * value, 1)
        for end in ("", "_low", "_high")
    ]
    name = _WEEKDAYS[int(row["name"]) - 1] if by == "weekday" else f"{row['name']}:00" if by == "hour" else row["name"]
    address = given.within(by, row["name"]).address("/")
    hours = HOURS.text(row["hours_analysed"])
    return Bar(names.line(name), ends[0], ends[1], ends[2], _written(row), hours, row["recordings"], address)


def _written(row: Row) -> str:
    share = share_with_interval(row, SHARE) if f"{SHARE}_low" in row else PERCENT.text(row[SHARE])
    return f"{share} of face time, {counted(row['recordings'], 'recording')}, {HOURS.text(row['hours_analysed'])} hours"


def _literal(value: object) -> str:
    """A value as an SQL literal."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"'{name}': {_literal(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if value is None or isinstance(value, int):
        return "null" if value is None else str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _name(by: str, value: object) -> str:
    return f"{value:02}" if by == "hour" else str(value)

"""What each figure says, in one sentence with its numbers: read by everybody, and instead of the figure by some."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from markupsafe import Markup

from gfpipe.formats import COUNT, PERCENT, known
from gfpipe.report.elements import Row, element, group_of, interval, number
from gfpipe.report.figures import METHODS, is_certain
from gfpipe.report.periods import UNKNOWN, WEEKDAYS, Calendar, month_name

_CELLS: Final = {"day": "days", "week": "weeks", "month": "months"}


def trend(rows: Sequence[Row], name: str) -> Markup:
    """Say where the series begins and ends, its lowest and highest, and how many months are missing."""
    valued = [row for row in rows if known(row.get(name)) is not None]
    if not valued:
        return Markup("No month has a share to show.")
    first, last, low, high = valued[0], valued[-1], _least(valued, name), _greatest(valued, name)
    if len(valued) == 1:
        says = Markup("In {} women had {} of face time; one month makes no trend.").format(*_month(first, name))
    elif len(valued) == 2:
        says = Markup("Women had {1} of face time in {0} and {3} in {2}.").format(
            *_month(first, name), *_month(last, name)
        )
    else:
        says = Markup(
            "Women had {1} of face time in {0} and {3} in {2}; the lowest month was {4} ({5}), the highest {6} ({7})."
        ).format(*_month(first, name), *_month(last, name), *_bare(low, name), *_bare(high, name))
    return says + _missing("No value for", len(rows) - len(valued), len(rows), "months")


def trend_by_channel(panels: dict[str, list[Row]], name: str) -> Markup:
    """Say between which channels the latest values lie."""
    lasts = {panel: _last(rows, name) for panel, rows in panels.items()}
    latest = [row for row in lasts.values() if row is not None]
    if not latest:
        return Markup("No channel has a share to show.")
    low, high = _least(latest, name), _greatest(latest, name)
    return Markup("In each channel’s latest month, women’s share lies between {} on {} and {} on {}.").format(
        _share(low, name, ("channel", "month")),
        low["channel"],
        _share(high, name, ("channel", "month")),
        high["channel"],
    )


def weekday_hours(rows: Iterable[Row], name: str) -> Markup:
    """Say when in the week the share is highest and lowest, and how many hours of the week were not analysed."""
    rows = list(rows)
    valued = [row for row in rows if known(row.get(name)) is not None and known(row.get("hours_analysed"))]
    if not valued:
        return Markup("No hour of the week has a share to show.")
    sure = [row for row in valued if is_certain(row, name)] or valued
    low, high = _least(sure, name), _greatest(sure, name)
    if low is high:
        says = Markup("On {} women’s share is {}.").format(_hour(low), _share(low, name, ("weekday", "hour")))
    else:
        says = Markup("Women’s share is highest on {} with {} and lowest on {} with {}.").format(
            _hour(high), _share(high, name, ("weekday", "hour")), _hour(low), _share(low, name, ("weekday", "hour"))
        )
    analysed = sum(1 for row in rows if known(row.get("hours_analysed")))
    return says + _missing("Not analysed at all:", 7 * 24 - analysed, 7 * 24, "hours of the week")


def channels(rows: Sequence[Row], name: str) -> Markup:
    """Say between which channels the shares lie."""
    valued = [row for row in rows if known(row.get(name)) is not None]
    if not valued:
        return Markup("No channel has a share to show.")
    low, high = _least(valued, name), _greatest(valued, name)
    how = METHODS[name][0]
    if low is high:
        return Markup("On {} women had {} of face time, {}.").format(
            low.get("channel") or UNKNOWN, _share(low, name, ("channel",)), how
        )
    return Markup("Women’s share of face time, {}, goes from {} on {} to {} on {}.").format(
        how,
        _share(low, name, ("channel",)),
        low.get("channel") or UNKNOWN,
        _share(high, name, ("channel",)),
        high.get("channel") or UNKNOWN,
    )


def kinds_of_time(everything: Row) -> Markup:
    """Say how the time analysed divides, over all channels."""
    names = ("share_only_female_time", "share_both_time", "share_only_male_time", "share_no_face_time")
    return Markup(
        "Of all the time analysed, {} showed women only, {} women and men, {} men only, and {} no face at all."
    ).format(*(number(everything, name, PERCENT) for name in names))


def coverage(calendar: Calendar, headline: Row) -> Markup:
    """Say how much of what was scheduled was analysed, and how many cells of the calendar are gaps."""
    says = (
        Markup("{} of the hours scheduled were analysed").format(number(headline, "coverage", PERCENT))
        if known(headline.get("coverage")) is not None
        else Markup("How much was scheduled is not known")
    )
    total = element(float(len(calendar.cells)), "calendar_cells", COUNT)
    nothing, empty = (sum(cell["state"] == state for cell in calendar.cells) for state in ("nothing", "none"))
    if not nothing + empty:
        return says + Markup("; of {} channel {}, none is empty.").format(total, _CELLS[calendar.unit])
    return says + Markup(
        "; of {} channel {}, {} have nothing analysed of what was scheduled, and {} nothing scheduled or recorded."
    ).format(
        total,
        _CELLS[calendar.unit],
        element(float(nothing), "calendar_cells_without_analysis", COUNT),
        element(float(empty), "calendar_cells_without_schedule", COUNT),
    )


def sensitivity(rows: Sequence[Row]) -> Markup:
    """Say between which variants the share lies."""
    valued = [row for row in rows if known(row.get("share")) is not None]
    if not valued:
        return Markup("No variant has a share to show.")
    low, high = _least(valued, "share"), _greatest(valued, "share")
    return Markup("Counted in these {} ways, women’s share lies between {} ({}) and {} ({}).").format(
        element(float(len(valued)), "variants", COUNT),
        number(low, "share", PERCENT, group_of(low, ["variant"])),
        low["variant"],
        number(high, "share", PERCENT, group_of(high, ["variant"])),
        high["variant"],
    )


def _missing(what: str, count: int, total: int, things: str) -> Markup:
    return Markup(" {} {} of {} {}.").format(what, count, total, things) if count else Markup()


def _month(row: Row, name: str) -> tuple[str, Markup]:
    return month_name(row["month"]), _share(row, name, ("month",))


def _bare(row: Row, name: str) -> tuple[str, Markup]:
    return month_name(row["month"]), number(row, name, PERCENT, group_of(row, ("month",)))


def _hour(row: Row) -> str:
    return f"{WEEKDAYS[row['weekday'] - 1]}s from {row['hour']:02d}:00"


def _share(row: Row, name: str, keys: tuple[str, ...]) -> Markup:
    group = group_of(row, keys)
    ends = interval(row, name, PERCENT, group)
    return number(row, name, PERCENT, group) + (Markup(" ({})").format(ends) if ends else Markup())


def _last(rows: Iterable[Row], name: str) -> Row | None:
    return next((row for row in reversed(list(rows)) if known(row.get(name)) is not None), None)


def _by(name: str) -> Callable[[Row], float]:
    return lambda row: row[name]


def _least(rows: Iterable[Row], name: str) -> Row:
    return min(rows, key=_by(name))


def _greatest(rows: Iterable[Row], name: str) -> Row:
    return max(rows, key=_by(name))

"""One sentence for each figure, with its numbers, which is also its text alternative."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

from markupsafe import Markup

from gfpipe.output.formats import COUNT, PERCENT, known
from gfpipe.report.elements import Row, element, group_of, interval, number
from gfpipe.report.figures import METHODS, is_certain
from gfpipe.report.periods import UNKNOWN, WEEKDAYS, Calendar, month_name

_CELLS: Final = {"day": "days", "week": "weeks", "month": "months"}


def trend(rows: Sequence[Row], name: str) -> Markup:
    """First and last value of the series, minimum and maximum, and number of missing months."""
    valued = [row for row in rows if known(row.get(name)) is not None]
    if not valued:
        return Markup("No month has a share.")
    first, last = ((month_name(row["month"]), _share(row, name, ("month",))) for row in (valued[0], valued[-1]))
    if len(valued) == 1:
        sentence = Markup("In {} women had {} of face time. A trend needs at least two months.").format(*first)
    else:
        sentence = Markup("Women had {1} of face time in {0} and {3} in {2}").format(*first, *last)
        if len(valued) > 2:
            low, high = (
                (month_name(row["month"]), number(row, name, PERCENT, group_of(row, ("month",))))
                for row in _extremes(valued, name)
            )
            sentence += Markup("; the lowest month was {} ({}), the highest {} ({})").format(*low, *high)
        sentence += "."
    return sentence + _missing("No value for", len(rows) - len(valued), len(rows), "months")


def trend_by_channel(panels: dict[str, list[Row]], name: str) -> Markup:
    """Range of the latest values of all channels."""
    valued = ([row for row in rows if known(row.get(name)) is not None] for rows in panels.values())
    latest = [rows[-1] for rows in valued if rows]
    if not latest:
        return Markup("No channel has a share.")
    return Markup("In the latest month of each channel, women’s share ranges from {} on {} to {} on {}.").format(
        *_range(latest, name, ("channel", "month"))
    )


def weekday_hours(rows: Iterable[Row], name: str) -> Markup:
    """Hours with the highest and the lowest share, and number of hours of the week without analysis."""
    rows = list(rows)
    valued = [row for row in rows if known(row.get(name)) is not None and known(row.get("hours_analysed"))]
    if not valued:
        return Markup("No hour of the week has a share.")
    certain = [row for row in valued if is_certain(row, name)] or valued
    low, high = _extremes(certain, name)
    if low is high:
        sentence = Markup("On {} women’s share is {}.").format(_hour(low), _share(low, name, ("weekday", "hour")))
    else:
        sentence = Markup("Women’s share is highest on {} with {} and lowest on {} with {}.").format(
            _hour(high), _share(high, name, ("weekday", "hour")), _hour(low), _share(low, name, ("weekday", "hour"))
        )
    analysed = sum(1 for row in rows if known(row.get("hours_analysed")))
    return sentence + _missing("Without analysis:", 7 * 24 - analysed, 7 * 24, "hours of the week")


def channels(rows: Sequence[Row], name: str) -> Markup:
    """Range of the shares of all channels."""
    valued = [row for row in rows if known(row.get(name)) is not None]
    if not valued:
        return Markup("No channel has a share.")
    share, channel, *highest = _range(valued, name, ("channel",))
    method = METHODS[name][0]
    if len(valued) == 1:
        return Markup("On {} women had {} of face time, {}.").format(channel, share, method)
    return Markup("Women’s share of face time, {}, ranges from {} on {} to {} on {}.").format(
        method, share, channel, *highest
    )


def kinds_of_time(everything: Row) -> Markup:
    """Division of the analysed time, over all channels."""
    names = ("share_only_female_time", "share_both_time", "share_only_male_time", "share_no_face_time")
    return Markup("Of the time analysed, {} showed women only, {} women and men, {} men only, and {} no face.").format(
        *(number(everything, name, PERCENT) for name in names)
    )


def coverage(calendar: Calendar, headline: Row) -> Markup:
    """Coverage, and number of gaps in the calendar."""
    sentence = (
        Markup("{} of the scheduled hours were analysed").format(number(headline, "coverage", PERCENT))
        if known(headline.get("coverage")) is not None
        else Markup("The scheduled hours are unknown")
    )
    total = element(float(len(calendar.cells)), "calendar_cells", COUNT)
    nothing, empty = (sum(cell["state"] == state for cell in calendar.cells) for state in ("nothing", "none"))
    if not nothing + empty:
        return sentence + Markup("; of {} channel {}, none is empty.").format(total, _CELLS[calendar.unit])
    return sentence + Markup(
        "; of {} channel {}, {} were scheduled but not analysed, and {} neither scheduled nor recorded."
    ).format(
        total,
        _CELLS[calendar.unit],
        element(float(nothing), "calendar_cells_without_analysis", COUNT),
        element(float(empty), "calendar_cells_without_schedule", COUNT),
    )


def sensitivity(rows: Sequence[Row]) -> Markup:
    """Range of the share over all variants."""
    valued = [row for row in rows if known(row.get("share")) is not None]
    if not valued:
        return Markup("No variant has a share.")
    low, high = (
        Markup("{} ({})").format(number(row, "share", PERCENT, group_of(row, ["variant"])), row["variant"])
        for row in _extremes(valued, "share")
    )
    count = element(float(len(valued)), "variants", COUNT)
    return Markup("With these {} variants, women’s share ranges from {} to {}.").format(count, low, high)


def _missing(what: str, count: int, total: int, things: str) -> Markup:
    return Markup(" {} {} of {} {}.").format(what, count, total, things) if count else Markup()


def _range(rows: Sequence[Row], name: str, keys: tuple[str, ...]) -> list[Markup | str]:
    """Share and channel of the minimum, and of the maximum."""
    return [part for row in _extremes(rows, name) for part in (_share(row, name, keys), row.get("channel") or UNKNOWN)]


def _hour(row: Row) -> str:
    return f"{WEEKDAYS[row['weekday'] - 1]}s from {row['hour']:02d}:00"


def _share(row: Row, name: str, keys: tuple[str, ...]) -> Markup:
    group = group_of(row, keys)
    ends = interval(row, name, PERCENT, group)
    return number(row, name, PERCENT, group) + (Markup(" ({})").format(ends) if ends else Markup())


def _extremes(rows: Iterable[Row], name: str) -> tuple[Row, Row]:
    """The rows with the minimum and the maximum."""
    order = sorted(rows, key=itemgetter(name))
    return order[0], order[-1]

"""One sentence or two for each figure, with its numbers, which is also its text alternative.

Nothing is called higher, lower, rising or falling unless :mod:`gfpipe.report.findings` says so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from markupsafe import Markup

from gfpipe.output.formats import COUNT, PERCENT, known
from gfpipe.report import language, notes, periods
from gfpipe.report.calendar import Calendar
from gfpipe.report.drawings.shares import METHODS
from gfpipe.report.elements import Row, element, group_of, has_interval, number, share
from gfpipe.report.findings import direction, extremes, is_certain
from gfpipe.report.language import _, joined, listed, say, say_n, text
from gfpipe.report.periods import KEY, Unit


def trend(rows: Sequence[Row], unit: Unit, name: str) -> Markup:
    """First and last value of the series, whether it rises or falls, and periods without a value or interval."""
    valued = _valued(rows, name)
    if not valued:
        return say("There is no share for any period.")
    first, last = valued[0], valued[-1]
    shares = [share(row, name, (KEY[unit],)) for row in (first, last)]
    if first is last:
        return say(
            "In the only period with a share ({period}), women had {share} of face time.",
            period=periods.name(first["start"], unit),
            share=shares[0],
        )
    parts = [
        say(
            "Women had {first_share} of face time at the beginning ({first}) and {last_share} at the end ({last}).",
            first=periods.name(first["start"], unit),
            first_share=shares[0],
            last=periods.name(last["start"], unit),
            last_share=shares[1],
        ),
        {
            1: say("Over the whole period the share rises, by more than chance explains."),
            -1: say("Over the whole period the share falls, by more than chance explains."),
            0: say("Whether it rises or falls is not certain."),
        }[direction(rows, name)],
        _without_interval(valued, name, lambda row: periods.name(row["start"], unit)),
        _of(
            len(rows) - len(valued),
            len(rows),
            "{count} of {total} periods has no value.",
            "{count} of {total} periods have no value.",
        ),
    ]
    return joined(parts)


def trend_by_channel(panels: Mapping[str, Sequence[Row]], name: str) -> Markup:
    """Channels on which the share rises or falls, and the number of values without an interval."""
    valued = _valued((row for rows in panels.values() for row in rows), name)
    without = [row for row in valued if not has_interval(row, name)]
    hollow = _of(
        len(without),
        len(valued),
        "{count} of {total} values has no interval{reasons} and is hollow in the figure.",
        "{count} of {total} values have no interval{reasons} and are hollow in the figure.",
        reasons=reasons(without),
    )
    channels_with_share = [channel for channel, rows in panels.items() if _valued(rows, name)]
    count = element(float(len(channels_with_share)), "channels", COUNT)
    directions = {channel: direction(panels[channel], name, len(panels)) for channel in channels_with_share}
    rising, falling = ([channel for channel, way in directions.items() if way == wanted] for wanted in (1, -1))
    if not rising and not falling:
        return joined([say("Of the {count} channels shown, on none a rise or fall is certain.", count=count), hollow])
    return joined(
        [
            say("The share rises on {channels}.", channels=listed(rising)) if rising else Markup(),
            say("The share falls on {channels}.", channels=listed(falling)) if falling else Markup(),
            say("Of the {count} channels shown, no rise or fall is certain on the others.", count=count)
            if len(rising) + len(falling) < len(channels_with_share)
            else Markup(),
            hollow,
        ]
    )


def weekday_hours(rows: Iterable[Row], name: str) -> Markup:
    """The largest certain difference between hours, and numbers of hours that are uncertain or were not analysed."""
    rows = list(rows)
    valued = [row for row in _valued(rows, name) if known(row.get("hours_analysed"))]
    if not valued:
        return say("No hour of the week has a share.")
    certain = [row for row in valued if is_certain(row, name)]
    analysed = sum(1 for row in rows if known(row.get("hours_analysed")))
    keys = ("weekday", "hour")
    if found := extremes(certain, name):
        low, high = found
        first = say(
            "The largest certain difference is between {low_share} ({low}) and {high_share} ({high}).",
            low=_hour(low),
            low_share=share(low, name, keys),
            high=_hour(high),
            high_share=share(high, name, keys),
        )
    else:
        first = say("Between the {count} hours of the week with a share no difference is certain.", count=len(valued))
    thin, missing = len(valued) - len(certain), 7 * 24 - analysed
    return joined(
        [
            first,
            _of(
                thin,
                len(valued),
                "{count} of {total} hours has no interval, or a wide one (grey).",
                "{count} of {total} hours have no interval, or a wide one (grey).",
            ),
            _of(
                missing,
                7 * 24,
                "In {count} of the {total} hours of the week nothing was analysed.",
                "In {count} of the {total} hours of the week nothing was analysed.",
            ),
        ]
    )


def channels(rows: Sequence[Row], name: str) -> Markup:
    """The lowest and the highest share if they differ, else all that can be said."""
    valued = _valued(rows, name)
    if not valued:
        return say("No channel has a share.")
    method = _(METHODS[name][0])
    named = [row for row in valued if has_interval(row, name)]
    if len(valued) == 1:
        first = say(
            "On {channel} women had {share} of face time, {method}.",
            channel=valued[0]["channel"],
            share=share(valued[0], name, ("channel",)),
            method=method,
        )
    elif found := extremes(valued, name):
        first = say(
            "Women’s share of face time, {method}, is higher on {high} ({high_share}) than on {low} ({low_share}).",
            method=method,
            **_between(*found, name),
        )
    elif len(named) > 1:
        low, high = min(named, key=lambda row: row[name]), max(named, key=lambda row: row[name])
        first = say(
            "Shares of face time, {method}, are between {low_share} ({low}) and {high_share} ({high}); "
            "no difference between channels is certain.",
            method=method,
            **_between(low, high, name),
        )
    else:
        first = say(
            "Channels cannot be compared: {count} of {total} have an interval ({method}).",
            count=len(named),
            total=len(valued),
            method=method,
        )
    return joined([first, _without_interval(valued if len(valued) > 1 else [], name, lambda row: row["channel"])])


def kinds_of_time(everything: Row) -> Markup:
    """Division of the analysed time, over all channels."""
    names = {"women": "only_female", "both": "both", "men": "only_male", "nobody": "no_face"}
    return say(
        "Of the time analysed, {women} showed women only, {both} women and men, {men} men only, and {nobody} no face.",
        **{part: number(everything, f"share_{name}_time", PERCENT) for part, name in names.items()},
    )


def coverage(calendar: Calendar, headline: Row) -> Markup:
    """Coverage, recordings without a known length, and gaps in the calendar."""
    unknown = int(known(headline.get("unknown_length_recordings")) or 0)
    nothing, empty = (sum(cell["state"] == state for cell in calendar.cells) for state in ("nothing", "none"))
    return joined(
        [
            say("{coverage} of the scheduled hours were analysed.", coverage=number(headline, "coverage", PERCENT))
            if known(headline.get("coverage")) is not None
            else say("The scheduled hours are unknown."),
            say_n(
                "Not in these hours: {count} recording of unknown length.",
                "Not in these hours: {count} recordings of unknown length.",
                unknown,
                count=number(headline, "unknown_length_recordings", COUNT),
            )
            if unknown
            else Markup(),
            _of(
                nothing,
                len(calendar.cells),
                "In {count} of {total} cells something was scheduled, but nothing was analysed.",
                "In {count} of {total} cells something was scheduled, but nothing was analysed.",
            ),
            _of(
                empty,
                len(calendar.cells),
                "In {count} of {total} cells nothing was scheduled or recorded.",
                "In {count} of {total} cells nothing was scheduled or recorded.",
            ),
        ]
    )


def sensitivity(rows: Sequence[Row]) -> Markup:
    """Range of the share over all variants."""
    order = sorted(_valued(rows, "share"), key=lambda row: float(row["share"]))
    if not order:
        return say("There is no share under any way of counting.")
    low, high = (number(row, "share", PERCENT, group_of(row, ["variant"])) for row in (order[0], order[-1]))
    return say(
        "Counted in these {count} ways, women’s share is between {low} ({low_variant}) and {high} ({high_variant}).",
        count=element(float(len(order)), "variants", COUNT),
        low=low,
        low_variant=notes.variant(order[0]["variant"]),
        high=high,
        high_variant=notes.variant(order[-1]["variant"]),
    )


def reasons(rows: Iterable[Row], column: str = "interval_note") -> str:
    """Why rows have no interval (or no correction), in brackets after a space; empty if nothing is known."""
    found = sorted({notes.for_readers(str(row[column])) for row in rows if row.get(column)})
    return text(" ({reasons})", reasons="; ".join(found)) if found else ""


def _without_interval(valued: Sequence[Row], name: str, named: Callable[[Row], str]) -> Markup:
    without = [row for row in valued if not has_interval(row, name)]
    if not without:
        return Markup()
    return say(
        "Without an interval{reasons}, hollow in the figure: {names}.",
        reasons=reasons(without),
        names=listed(map(named, without)),
    )


def _of(count: int, total: int, one: str, many: str, **parts: object) -> Markup:
    return say_n(one, many, count, total=language.number(total, COUNT), **parts) if count else Markup()


def _between(low: Row, high: Row, name: str) -> dict[str, object]:
    """Two channels with their shares."""
    return {
        "low": low["channel"],
        "low_share": share(low, name, ("channel",)),
        "high": high["channel"],
        "high_share": share(high, name, ("channel",)),
    }


def _valued(rows: Iterable[Row], name: str) -> list[Row]:
    return [row for row in rows if known(row.get(name)) is not None]


def _hour(row: Row) -> str:
    return f"{periods.weekday(row['weekday'])}, {periods.clock(row['hour'])}"

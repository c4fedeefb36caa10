"""The figures of the page, each with its sentence, table, caption and legend."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from markupsafe import Markup

from gfpipe.output.drawing import GREY, Plan
from gfpipe.output.formats import WHOLE_PERCENT, known
from gfpipe.report import elements, language, periods, sentences, tables
from gfpipe.report.calendar import calendar
from gfpipe.report.contents import Contents
from gfpipe.report.drawings import shares, trend
from gfpipe.report.drawings.axes import Size, share_domain
from gfpipe.report.drawings.calendar import STATES, coverage_calendar, is_folded
from gfpipe.report.elements import Row
from gfpipe.report.findings import UNCERTAIN, is_certain
from gfpipe.report.language import N_, _, say_n, text
from gfpipe.report.periods import Unit
from gfpipe.report.tables import CORRECTED, DEBIASED, SHARE, DataTable

PANELS_SHOWN: Final = 12
_HOLLOW: Final = N_("hollow: no interval")
_ONE_CELL: Final = {
    "day": N_("One cell is one day; the colour is the share of the scheduled hours that was analysed."),
    "week": N_("One cell is one week; the colour is the share of the scheduled hours that was analysed."),
    "month": N_("One cell is one month; the colour is the share of the scheduled hours that was analysed."),
}


@dataclass(frozen=True)
class Figure:
    """A figure with its text.

    Attributes:
        identity: id in the page.
        title: name of the figure.
        sentence: summary, which is also the text alternative.
        plan: the figure for a width; None if the sentence suffices.
        notes: caption; empty notes are dropped.
        legend: name, shape and colour of each entry.
    """

    identity: str
    title: str
    sentence: Markup
    plan: Callable[[Size], Plan] | None
    table: DataTable
    notes: Sequence[str] = ()
    legend: Sequence[tuple[str, str, str]] = ()


def figures(contents: Contents, channels: Sequence[Row]) -> Iterable[Figure | None]:
    """All figures; None for those that have nothing to show."""
    rows, unit = contents.series.to_pylist(), contents.unit
    yield _trend([row for row in rows if row.get("channel") is None], unit)
    yield _trend_by_channel([row for row in rows if row.get("channel") is not None], unit, channels)
    yield _kinds_of_time(contents.headline, channels)
    yield _weekday_hours(contents.weekday_hours)
    yield _channels(channels)
    yield _coverage(contents.coverage, contents.headline)
    yield _sensitivity(contents.sensitivity, contents.headline)


def _trend(series: Sequence[Row], unit: Unit) -> Figure | None:
    rows = periods.series(series, unit)
    if not rows:
        return None
    title = {"day": _("Women’s share by day"), "week": _("Women’s share by week"), "month": _("Women’s share by month")}
    name = measure(rows)
    sentence, table = sentences.trend(rows, unit, name), tables.series(rows, unit, name)
    if with_value(rows, name) < 2:
        return Figure("trend", title[unit], sentence, None, table)
    notes = [_method(rows, name), *_interval_notes(rows, name), _scale_note(share_domain(rows, [name]))]
    if any(not known(row.get("hours_analysed")) for row in rows):
        notes.append(_("×: nothing was analysed."))
    return Figure(
        "trend",
        title[unit],
        sentence,
        lambda size: trend.trend(rows, unit, name, size),
        table,
        notes,
        _hollow(rows, [name], "circle"),
    )


def _trend_by_channel(series: Sequence[Row], unit: Unit, channels: Sequence[Row]) -> Figure | None:
    shown = [str(row["channel"]) for row in channels[:PANELS_SHOWN]]
    key = periods.KEY[unit]
    rows_of = {channel: [row for row in series if row["channel"] == channel] for channel in shown}
    span = [{key: pick((row[key] for row in series if row[key] is not None), default=None)} for pick in (min, max)]
    if len(channels) < 2 or span[0] == span[1]:
        return None
    panels = {channel: periods.series([*span, *rows_of[channel]], unit) for channel in shown if rows_of[channel]}
    rows = [row for panel in panels.values() for row in panel]
    name = measure(rows)
    notes = [_method(rows, name), *_interval_notes(rows, name)]
    more = len(channels) - len(shown)
    if more > 0:
        notes.append(
            say_n(
                "The channels with the most hours; {count} more channel is not shown.",
                "The channels with the most hours; {count} more channels are not shown.",
                more,
            )
        )
    return Figure(
        "trend-by-channel",
        _("Women’s share by channel over time"),
        sentences.trend_by_channel(panels, name),
        lambda size: trend.trend_by_channel(panels, unit, name, size),
        tables.series([row for row in rows if "channel" in row], unit, name),
        notes,
        _hollow(rows, [name], "circle"),
    )


def _kinds_of_time(headline: Row, channels: Sequence[Row]) -> Figure | None:
    rows = channels if len(channels) > 1 else []
    everything = {**headline, "channel": _("all")}
    if not known(headline.get("analysed_seconds")):
        return None
    return Figure(
        "kinds-of-time",
        _("Women only, men only, both, or no face"),
        sentences.kinds_of_time(headline),
        lambda size: shares.kinds_of_time([everything, *rows], size),
        tables.kinds_of_time(headline, rows),
        [_("In % of the time analysed. Women and men: at least one face of each at the same time.")],
        tuple((_(words), "square", colour) for words, colour in shares.KINDS_OF_TIME.values()),
    )


def _weekday_hours(table: pa.Table) -> Figure | None:
    rows = [row for row in table.to_pylist() if row.get("weekday") is not None and row.get("hour") is not None]
    if not any(known(row.get("hours_analysed")) for row in rows):
        return None
    name = measure(rows)
    analysed = [row for row in rows if known(row.get("hours_analysed"))]
    legend = [(_("no time analysed"), "dot", GREY)] if len(analysed) < 7 * 24 else []
    if any(not is_certain(row, name) for row in analysed):
        points = round(100 * UNCERTAIN)
        thin = text("uncertain: no 95 % interval, or one wider than {points} points", points=points)
        legend.append((thin, "square", shares.THIN))
    return Figure(
        "weekday-hours",
        _("Women’s share by weekday and hour"),
        sentences.weekday_hours(rows, name),
        lambda size: shares.weekday_hours(rows, name, size),
        tables.weekday_hours(rows, name),
        [_("Women’s share of face time in %; the darker a green cell, the higher its share."), _method(rows, name)],
        legend,
    )


def _channels(channels: Sequence[Row]) -> Figure | None:
    methods = [method for method in shares.METHODS if any(known(row.get(method)) is not None for row in channels)]
    if not methods:
        return None
    name = measure(channels)
    order = sorted(channels, key=lambda row: -(known(row.get(name)) or 0))
    notes = [*_interval_notes(order, name), _scale_note(share_domain(order, methods))]
    if 0 < with_value(order, CORRECTED) < with_value(order, SHARE):
        notes.append(_("Corrected figures need enough labelled faces."))
    legend = [(_(words), shape, colour) for words, shape, colour in (shares.METHODS[method] for method in methods)]
    return Figure(
        "channels",
        _("Women’s share by channel"),
        sentences.channels(order, name),
        lambda size: shares.channels(order, methods, size),
        tables.channels(order, methods),
        notes,
        [*legend, *_hollow(order, methods, "circle")],
    )


def _coverage(table: pa.Table, headline: Row) -> Figure | None:
    days = calendar(table)
    if not days.cells:
        return None
    states = {cell["state"] for cell in days.cells}
    notes = [_(_ONE_CELL[days.unit])]
    if any(cell["short"] for cell in days.cells):
        notes.append(_("Half-height cells: less than half of the channel’s median hours."))
    if is_folded(days):
        notes.append(_("On phones the calendar has several lines per channel."))
    if days.undated:
        notes.append(
            say_n(
                "{count} entry of the schedule has no date and is not shown.",
                "{count} entries of the schedule have no date and are not shown.",
                days.undated,
            )
        )
    shapes = {"nothing": "cross", "none": "line"}
    legend = [
        (_(STATES[state][0]), shapes.get(state, "square"), STATES[state][1]) for state in STATES if state in states
    ]
    if any(cell["unread"] and cell["state"] != "nothing" for cell in days.cells):
        legend.append((_("hatched: recordings failed, are missing or of unknown length"), "hatched", GREY))
    return Figure(
        "coverage",
        _("Coverage"),
        sentences.coverage(days, headline),
        lambda size: coverage_calendar(days, size),
        tables.coverage(days),
        notes,
        legend,
    )


def _sensitivity(table: pa.Table, headline: Row) -> Figure | None:
    rows = table.to_pylist()
    if all(known(row.get("share")) is None for row in rows):
        return None
    notes = [_("As counted, not corrected."), _("The same recordings counted in other ways, without intervals.")]
    if elements.has_interval(headline, SHARE):
        notes.append(_("Grey band: 95 % interval of the headline."))
    notes.append(_scale_note(share_domain([*({SHARE: row.get("share")} for row in rows), headline], [SHARE])))
    return Figure(
        "sensitivity",
        _("Women’s share under other ways of counting"),
        sentences.sensitivity(rows),
        lambda size: shares.sensitivity(rows, headline, size),
        tables.sensitivity(rows),
        notes,
    )


def measure(rows: Sequence[Row]) -> str:
    """The debiased share, else the corrected one, if all rows with a share have it, as a series must not mix them."""
    shares = with_value(rows, SHARE)
    return next((name for name in (DEBIASED, CORRECTED) if 0 < shares == with_value(rows, name)), SHARE)


def with_value(rows: Iterable[Row], name: str) -> int:
    """Number of rows with a value."""
    return sum(known(row.get(name)) is not None for row in rows)


def _method(rows: Sequence[Row], name: str) -> str:
    if name != SHARE:
        return _("Corrected for the classifier’s errors.")
    corrected, total = with_value(rows, CORRECTED), with_value(rows, SHARE)
    if corrected:
        return text("As counted: only {corrected} of {total} have a corrected value.", corrected=corrected, total=total)
    return _("As counted, not corrected for the classifier’s errors.")


def _interval_notes(rows: Sequence[Row], name: str) -> list[str]:
    valued = [row for row in rows if known(row.get(name)) is not None]
    without = [row for row in valued if not elements.has_interval(row, name)]
    if len(without) == len(valued):
        return [text("No intervals{reasons}.", reasons=sentences.reasons(without))]
    return [_("Bars or shading: 95 % intervals.")]


def _hollow(rows: Sequence[Row], names: Sequence[str], shape: str) -> list[tuple[str, str, str]]:
    """The legend of values without an interval, if there are any."""
    drawn = any(
        known(row.get(name)) is not None and not elements.has_interval(row, name) for row in rows for name in names
    )
    return [(_(_HOLLOW), f"hollow-{shape}", GREY)] if drawn else []


def _scale_note(domain: tuple[float, float]) -> str:
    if not domain[0]:
        return ""
    return text("The scale starts at {start}, not at zero.", start=language.number(domain[0], WHOLE_PERCENT))

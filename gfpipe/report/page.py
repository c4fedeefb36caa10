"""The report as one self-contained HTML document.

Contents ─► figures (SVG), sentences, tables ─► report.html.jinja ─► HTML
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from gfpipe.output import formats
from gfpipe.output.drawing import GREY
from gfpipe.output.formats import known
from gfpipe.report import elements, figures, periods, sentences, tables
from gfpipe.report.calendar_figure import STATES, coverage_calendar, is_folded
from gfpipe.report.contents import Contents, Facts
from gfpipe.report.drawing import Drawing, draw, share_domain
from gfpipe.report.elements import Row
from gfpipe.report.figures import METHODS
from gfpipe.report.tables import CORRECTED, SHARE, TRACKS, DataTable

__all__ = ["Contents", "Facts", "render"]

PROGRAMMES_SHOWN: Final = 50
PANELS_SHOWN: Final = 12


@dataclass(frozen=True)
class Figure:
    """A figure with its text.

    Attributes:
        identity: id in the page.
        sentence: summary, which is also the text alternative.
        drawing: None if the sentence suffices.
        notes: caption; empty notes are dropped.
        legend: name, shape and colour of each entry.
    """

    identity: str
    sentence: Markup
    drawing: Drawing | None
    table: DataTable
    notes: Sequence[str] = ()
    legend: Sequence[tuple[str, str, str]] = ()


def render(contents: Contents) -> str:
    """Render the page; it loads no resources and needs no JavaScript."""
    contents = contents.legible()
    channels = _most_hours(contents.channels)
    return _template().render(
        headline=contents.headline,
        share=CORRECTED if known(contents.headline.get(CORRECTED)) is not None else SHARE,
        facts=contents.facts,
        period=_period(contents),
        channels=[row["channel"] for row in channels],
        measures=tables.measures(contents.headline),
        figures={figure.identity: figure for figure in _figures(contents, channels) if figure},
        programmes=_programmes(contents.programmes),
        confusion=tables.confusion(contents.confusion.to_pylist()) if contents.confusion.num_rows else None,
        labelled=_total(contents.confusion, "faces"),
        recall=_recall(contents.recall),
        elements=elements,
        formats=formats,
        SHARE=SHARE,
        CORRECTED=CORRECTED,
        TRACKS=TRACKS,
    )


def _figures(contents: Contents, channels: Sequence[Row]) -> Iterable[Figure | None]:
    months = contents.months.to_pylist()
    yield _trend([row for row in months if row.get("channel") is None])
    yield _trend_by_channel([row for row in months if row.get("channel") is not None], channels)
    yield _kinds_of_time(contents.headline, channels)
    yield _weekday_hours(contents.weekday_hours)
    yield _channels(channels)
    yield _coverage(contents.coverage, contents.headline)
    yield _sensitivity(contents.sensitivity, contents.headline)


def _trend(months: Sequence[Row]) -> Figure | None:
    rows = periods.with_missing_months(months)
    if not rows:
        return None
    name = _measure(rows)
    sentence, table = sentences.trend(rows, name), tables.months(rows, name)
    if _with_value(rows, name) < 2:
        return Figure("trend", sentence, None, table)
    scale = _scale_note(share_domain(rows, [name]))
    notes = [_method(rows, name), *_interval_notes(rows, name, "Bars or shading"), scale]
    if any((known(row.get("coverage")) or 1) < figures.LOW_COVERAGE for row in rows):
        notes.append(f"Hollow dots: coverage below {_percent(figures.LOW_COVERAGE)}.")
    if any(not known(row.get("hours_analysed")) for row in rows):
        notes.append("×: no time analysed in this month.")
    return Figure("trend", sentence, draw("trend", lambda size: figures.trend(rows, name, size)), table, notes)


def _trend_by_channel(months: Sequence[Row], channels: Sequence[Row]) -> Figure | None:
    shown = [str(row["channel"]) for row in channels[:PANELS_SHOWN]]
    rows_of = {channel: [row for row in months if row["channel"] == channel] for channel in shown}
    span = [{"month": pick((row["month"] for row in months), default=None)} for pick in (min, max)]
    if len(channels) < 2 or span[0] == span[1]:
        return None
    panels = {channel: periods.with_missing_months([*span, *rows_of[channel]]) for channel in shown if rows_of[channel]}
    rows = [row for panel in panels.values() for row in panel]
    name = _measure(rows)
    more = len(channels) - len(shown)
    notes = [_method(rows, name), *_interval_notes(rows, name, "Shading"), "Hollow dots and gaps as above."]
    if more > 0:
        notes.append(f"The {len(shown)} channels with the most hours; {more} more channels are not shown.")
    drawing = draw("trend-by-channel", lambda size: figures.trend_by_channel(panels, name, size))
    table = tables.months([row for row in rows if "channel" in row], name)
    return Figure("trend-by-channel", sentences.trend_by_channel(panels, name), drawing, table, notes)


def _kinds_of_time(headline: Row, channels: Sequence[Row]) -> Figure | None:
    rows = channels if len(channels) > 1 else []
    everything = {**headline, "channel": "all"}
    if not known(headline.get("analysed_seconds")):
        return None
    drawing = draw("kinds-of-time", lambda size: figures.kinds_of_time([everything, *rows], size))
    notes = ["In % of the time analysed. Women and men: at least one face of each at the same time."]
    legend = tuple((words, "square", colour) for words, colour in figures.KINDS_OF_TIME.values())
    table = tables.kinds_of_time(headline, rows)
    return Figure("kinds-of-time", sentences.kinds_of_time(headline), drawing, table, notes, legend)


def _weekday_hours(table: pa.Table) -> Figure | None:
    rows = [row for row in table.to_pylist() if row.get("weekday") is not None and row.get("hour") is not None]
    if not any(known(row.get("hours_analysed")) for row in rows):
        return None
    name = _measure(rows)
    notes = ["Women’s share of face time in %; darker cells have a higher share.", _method(rows, name)]
    if any(known(row.get(name)) is not None and not figures.is_certain(row, name) for row in rows):
        points = round(100 * figures.UNCERTAIN)
        notes.append(f"In brackets: no 95 % interval, or one wider than {points} points.")
    analysed = [row for row in rows if known(row.get("hours_analysed"))]
    legend = [("no time analysed", "dot", GREY)] if len(analysed) < 7 * 24 else []
    if _with_value(analysed, name) < len(analysed):
        legend.append(("time analysed, no share", "square", figures.NO_FACE))
    sentence, table = sentences.weekday_hours(rows, name), tables.weekday_hours(rows, name)
    drawing = draw("weekday-hours", lambda size: figures.weekday_hours(rows, name, size))
    return Figure("weekday-hours", sentence, drawing, table, notes, legend)


def _channels(channels: Sequence[Row]) -> Figure | None:
    methods = [method for method in METHODS if any(known(row.get(method)) is not None for row in channels)]
    if not methods:
        return None
    name = _measure(channels)
    order = sorted(channels, key=lambda row: -(known(row.get(name)) or 0))
    notes = [*_interval_notes(order, name, "Bars"), _scale_note(share_domain(order, methods))]
    if 0 < _with_value(order, CORRECTED) < _with_value(order, SHARE):
        notes.append("Corrected figures need enough labelled faces.")
    drawing = draw("channels", lambda size: figures.channels(order, methods, size))
    legend = [METHODS[method] for method in methods]
    return Figure("channels", sentences.channels(order, name), drawing, tables.channels(order, methods), notes, legend)


def _coverage(table: pa.Table, headline: Row) -> Figure | None:
    calendar = periods.calendar(table)
    if not calendar.cells:
        return None
    states = {cell["state"] for cell in calendar.cells}
    notes = [f"One cell is one {calendar.unit}; the colour is the share of the scheduled hours that was analysed."]
    if any(cell["short"] for cell in calendar.cells):
        notes.append("Half-height cells: less than half of the channel’s median hours.")
    if is_folded(calendar):
        notes.append("On phones the calendar has several lines per channel.")
    if calendar.undated:
        notes.append(f"{calendar.undated} entries of the schedule have no date and are not shown.")
    shapes = {"nothing": "cross", "none": "line"}
    legend = [(STATES[state][0], shapes.get(state, "square"), STATES[state][1]) for state in STATES if state in states]
    drawing = draw("coverage", lambda size: coverage_calendar(calendar, size))
    sentence, table = sentences.coverage(calendar, headline), tables.coverage(calendar)
    return Figure("coverage", sentence, drawing, table, notes, legend)


def _sensitivity(table: pa.Table, headline: Row) -> Figure | None:
    rows = table.to_pylist()
    if all(known(row.get("share")) is None for row in rows):
        return None
    notes = ["As counted, not corrected."]
    if elements.has_interval(headline, SHARE):
        notes.append("Grey band: 95 % interval of the headline.")
    notes.append(_scale_note(share_domain([*({SHARE: row.get("share")} for row in rows), headline], [SHARE])))
    drawing = draw("sensitivity", lambda size: figures.sensitivity(rows, headline, size))
    return Figure("sensitivity", sentences.sensitivity(rows), drawing, tables.sensitivity(rows), notes)


def _programmes(table: pa.Table) -> Mapping[str, Any]:
    order = table.sort_by([("hours_analysed", "descending")]) if table.num_rows else table
    shown, rest = order.slice(0, PROGRAMMES_SHOWN).to_pylist(), order.slice(PROGRAMMES_SHOWN)
    return {
        "table": tables.programmes(shown, _with_value(shown, CORRECTED) > 0) if shown else None,
        "more": rest.num_rows,
        "more_hours": _total(rest, "hours_analysed"),
    }


def _recall(table: pa.Table) -> Mapping[str, Any]:
    rows = table.to_pylist()
    annotated = any(known(row.get(name)) is not None for row in rows for name in ("recall_female", "recall_male"))
    reasons = sorted({str(row["reason"]) for row in rows if row.get("reason")})
    return {
        "table": tables.recall(rows) if annotated else None,
        "reasons": reasons or ["in no picture all faces were marked"],
    }


def _measure(rows: Sequence[Row]) -> str:
    """The corrected share if all rows with a share have it, as a series must not mix both."""
    return CORRECTED if 0 < _with_value(rows, SHARE) == _with_value(rows, CORRECTED) else SHARE


def _method(rows: Sequence[Row], name: str) -> str:
    if name == CORRECTED:
        return "Corrected for the classifier’s errors."
    corrected, total = _with_value(rows, CORRECTED), _with_value(rows, SHARE)
    if corrected:
        return f"As counted: only {corrected} of {total} have a corrected value."
    return "As counted, not corrected for the classifier’s errors."


def _interval_notes(rows: Sequence[Row], name: str, drawn: str) -> list[str]:
    valued = [row for row in rows if known(row.get(name)) is not None]
    without = [row for row in valued if not elements.has_interval(row, name)]
    if not without:
        return [f"{drawn}: 95 % intervals."]
    notes = "; ".join(sorted({str(row["interval_note"]) for row in without if row.get("interval_note")}))
    reasons = f" ({notes})" if notes else ""
    if len(without) == len(valued):
        return [f"No intervals{reasons}."]
    return [f"{drawn}: 95 % intervals; {len(without)} of {len(valued)} have none{reasons}."]


def _scale_note(domain: tuple[float, float]) -> str:
    return f"The scale starts at {_percent(domain[0])}, not at zero." if domain[0] else ""


def _percent(share: float) -> str:
    return formats.Format(0, 100, "%").text(share)


def _with_value(rows: Iterable[Row], name: str) -> int:
    return sum(known(row.get(name)) is not None for row in rows)


def _most_hours(channels: pa.Table) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = channels.to_pylist()
    named = [{**row, "channel": row.get("channel") or periods.UNKNOWN} for row in rows]
    return sorted(named, key=lambda row: -(known(row.get("hours_analysed")) or 0))


def _period(contents: Contents) -> str | None:
    if contents.facts.period:
        return periods.span(*contents.facts.period)
    days = [day for day in contents.coverage["air_date"].unique().to_pylist() if day is not None]
    return periods.span(min(days), max(days)) if days else None


def _total(table: pa.Table, column: str) -> float:
    return float(pc.sum(table[column]).as_py() or 0) if table.num_rows else 0.0


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["day"] = periods.day
    return environment.from_string(files("gfpipe.report").joinpath("report.html.jinja").read_text(encoding="utf-8"))

"""Figures of the report, declared for a given width."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from gfpipe.output.drawing import (
    BLUE,
    DARK_GREEN,
    FILL,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    TEXT_COLOUR,
    VERMILION,
    WHITE,
    Plan,
    blend,
    layered,
    readable_on,
    share_axis,
)
from gfpipe.output.formats import PERCENT, known
from gfpipe.report.drawing import Size, category_x, names_y, share_domain, share_x
from gfpipe.report.elements import Row, has_interval
from gfpipe.report.periods import WEEKDAYS, month_labels

NO_FACE: Final = "#e8e8e8"
KINDS_OF_TIME: Final = {
    "share_only_female_time": ("women only", GREEN),
    "share_both_time": ("women and men", BLUE),
    "share_only_male_time": ("men only", ORANGE),
    "share_only_undecided_time": ("undecided faces only", "#949494"),
    "share_no_face_time": ("no face", NO_FACE),
}
METHODS: Final = {
    "share_female_face_time_corrected": ("corrected", "square", DARK_GREEN),
    "share_female_face_time": ("as counted", "circle", "#555555"),
    "share_female_face_time_tracks": ("as counted, over tracks", "triangle-up", BLUE),
}
UNCERTAIN: Final = 0.2  # shares with wider intervals are shown in brackets
LOW_COVERAGE: Final = 0.8

_PALEST: Final = "#eef6f3"
_DARKEST: Final = "#004d38"


def trend(rows: Sequence[Row], name: str, size: Size) -> Plan:
    """A share by month, above the hours analysed and scheduled; `rows` include every month."""
    months = [str(row["month"]) for row in rows]
    left, plot = 50, size.width - 62
    labels = month_labels(months, plot // 36)
    domain = share_domain(rows, [name])
    y = _share_y(domain, share_axis(domain, 6, minExtent=left, maxExtent=left))
    totals = [
        {
            "month": month,
            "scheduled": known(row.get("hours_scheduled")),
            "analysed": known(row.get("hours_analysed")) or 0,
        }
        for month, row in zip(months, rows, strict=True)
    ]
    share = _share_layers(category_x("month", months, None), y, domain, crowded=len(months) > plot // 16)
    hours = _hours_layers(category_x("month", months, labels), left)
    return Plan(
        alt.vconcat(
            share.properties(width=plot, height=230, title="Women’s share of face time", data=alt.NamedData("points")),
            hours.properties(width=plot, height=62, title="Hours analysed (dark), scheduled (light)"),
            spacing=16,
        ),
        {"points": _points(rows, name), "parity": [{"half": 0.5}], "hours": totals},
    )


def trend_by_channel(panels: Mapping[str, Sequence[Row]], name: str, size: Size) -> Plan:
    """Small multiples: a trend for each channel on common scales."""
    months = [str(row["month"]) for row in next(iter(panels.values()))]
    columns = 2 if size.narrow else 3
    plot = (size.width - 48) // columns - 18
    domain = share_domain((row for rows in panels.values() for row in rows), [name])
    x = category_x("month", months, month_labels(months, plot // 48))
    layers = _share_layers(x, _share_y(domain, share_axis(domain, 4)), domain, crowded=True)
    panel = alt.Facet("panel:N", sort=list(panels), title=None, header=alt.Header(labelLimit=int(plot * 0.85)))
    chart = layers.properties(width=plot, height=100).facet(
        facet=panel, columns=columns, data=alt.NamedData("points"), spacing={"row": 14, "column": 18}
    )
    points = [{**point, "panel": panel} for panel in panels for point in _points(panels[panel], name)]
    return Plan(chart, {"points": points, "parity": [{"half": 0.5}]})


def weekday_hours(rows: Sequence[Row], name: str, size: Size) -> Plan:
    """A cell for each weekday and hour with its share; a dot if nothing was analysed."""
    row_of_hour = {(row.get("weekday"), row.get("hour")): row for row in rows}
    shares = [value for row in rows if (value := known(row.get(name))) is not None] or [0.0]
    scale = min(shares), max(*shares, min(shares) + 0.01)
    cells = [
        {"weekday": weekday[:3], "hour": hour, **_week_cell(row_of_hour.get((number, hour), {}), name, scale)}
        for number, weekday in enumerate(WEEKDAYS, start=1)
        for hour in range(24)
    ]
    days: dict[str, Any] = {"shorthand": "weekday:O", "sort": [weekday[:3] for weekday in WEEKDAYS], "title": None}
    clock: dict[str, Any] = {"shorthand": "hour:O", "sort": list(range(24)), "title": "hour of the day, local time"}
    top = alt.Axis(labelAngle=0, orient="top", ticks=False, titleAnchor="start")
    side = alt.Axis(ticks=False, minExtent=34, maxExtent=34, title=None)
    x, y = (alt.X(**days, axis=top), alt.Y(**clock, axis=side)) if size.narrow else (
        alt.X(**clock, axis=top), alt.Y(**days, axis=side)
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("cells")).encode(x=x, y=y)
    band = {"band": 0.94}
    return Plan(
        layered(
            base.transform_filter("datum.fill != null").mark_rect(width=band, height=band).encode(fill=FILL),
            base.mark_text(fontSize=12 if size.narrow else 11).encode(text="text:N", color=TEXT_COLOUR),
        ).properties(width=size.width - 48, height=24 * 20 if size.narrow else 7 * 28),
        {"cells": cells},
    )


def channels(rows: Sequence[Row], names: Sequence[str], size: Size) -> Plan:
    """The share of each channel by each method, as a dot with its interval."""
    order = [str(row["channel"]) for row in rows]
    methods = [METHODS[name][0] for name in names]
    base = alt.Chart(alt.NamedData("points")).encode(
        y=names_y("channel", order, size.left, tickBand="extent", grid=True),
        yOffset=alt.YOffset("method:N", sort=methods, scale=alt.Scale(domain=methods, paddingOuter=0.6)),
        stroke=alt.Stroke("colour:N", scale=None),
    )
    x = share_x(share_domain(rows, names), size)
    shapes = alt.Scale(domain=methods, range=[METHODS[name][1] for name in names])
    rule = base.mark_rule(strokeWidth=2).encode(x=x, x2="high:Q").transform_calculate(share="datum.low")
    dots = base.mark_point(size=64, opacity=1, strokeWidth=1.8).encode(
        x=x, shape=alt.Shape("method:N", scale=shapes, legend=None), fill=FILL
    )
    height = (15 * len(names) + 14) * len(order)
    return Plan(
        layered(rule, dots).properties(width=size.plot, height=height),
        {"points": [_method_point(row, name) for row in rows for name in names if known(row.get(name)) is not None]},
    )


def kinds_of_time(rows: Sequence[Row], size: Size) -> Plan:
    """Stacked bars: time with women only, both, men only, undecided faces only, and no face."""
    order = [str(row["channel"]) for row in rows]
    base = alt.Chart(alt.NamedData("parts")).encode(y=names_y("channel", order, size.left))
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("begin:Q", scale=scale, axis=share_axis((0, 1), 4 if size.narrow else 5), title=None)
    bars = base.mark_bar(height={"band": 0.74}, stroke=WHITE, strokeWidth=1)
    written = base.transform_filter(f"datum.end - datum.begin >= {22 / size.plot}").mark_text(fontSize=11)
    return Plan(
        layered(
            bars.encode(x=x, x2="end:Q", fill=FILL),
            written.encode(x="middle:Q", text="text:N", color=TEXT_COLOUR),
        ).properties(width=size.plot, height=28 * len(order)),
        {"parts": [part for row in rows for part in _parts(row)]},
    )


def sensitivity(rows: Sequence[Row], headline: Row, size: Size) -> Plan:
    """The share under each variant, over the interval of the headline."""
    name = "share_female_face_time"
    domain = share_domain([*({name: row.get("share")} for row in rows), headline], [name])
    left = 142 if size.narrow else 156
    x, y = share_x(domain, size), names_y("variant", [str(row["variant"]) for row in rows], left, grid=True)
    points = alt.Chart(alt.NamedData("points")).encode(x=x, y=y)
    dots = points.mark_point(size=56, filled=True, opacity=1, color=INK)
    written = points.mark_text(align="left", dx=9).encode(text="text:N")
    band = alt.Chart(alt.NamedData("band")).mark_rect(color=PALE, opacity=0.7).encode(x=x, x2="high:Q")
    ends = _ends(headline, name)
    return Plan(
        layered(band, dots, written).properties(width=size.width - left - 12, height=25 * len(rows)),
        {
            "points": [_variant(row) for row in rows],
            "band": [{"share": ends["low"], "high": ends["high"]}] if has_interval(headline, name) else [],
        },
    )


def is_certain(row: Row, name: str) -> bool:
    """Whether a share has an interval of at most :data:`UNCERTAIN`."""
    return has_interval(row, name) and row[f"{name}_high"] - row[f"{name}_low"] <= UNCERTAIN


# --- parts of figures ---------------------------------------------------------------------------------------------


def _share_y(domain: tuple[float, float], axis: alt.Axis) -> dict[str, Any]:
    return {"scale": alt.Scale(domain=list(domain), nice=False, zero=False), "axis": axis, "title": None}


def _share_layers(x: alt.X, y: dict[str, Any], domain: tuple[float, float], crowded: bool) -> alt.LayerChart:
    """A line with gaps at missing months, intervals, dots, and a rule at parity."""
    points = alt.Chart()  # data of the enclosing chart or panel
    bars = points.mark_area(color=GREEN, opacity=0.28) if crowded else points.mark_rule(color=DARK_GREEN, strokeWidth=2)
    line = points.mark_line(color=DARK_GREEN, strokeWidth=1.7 if crowded else 1, opacity=1 if crowded else 0.6)
    dots = points.transform_filter(f"{'datum.lonely || datum.hollow' if crowded else 'true'}")
    layers = [
        bars.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"),
        line.encode(x=x, y=alt.Y("share:Q", **y)),
        dots.mark_point(size=22 if crowded else 60, opacity=1, strokeWidth=1.5, stroke=DARK_GREEN).encode(
            x=x, y=alt.Y("share:Q", **y), fill=FILL
        ),
    ]
    if domain[0] <= 0.5 <= domain[1]:
        parity = alt.Chart(alt.NamedData("parity")).mark_rule(color=GREY, strokeDash=[4, 3])
        layers.insert(0, parity.encode(y=alt.Y("half:Q", **y)))
    return layered(*layers)


def _points(rows: Sequence[Row], name: str) -> list[Row]:
    """Points of a line; `lonely` points have no neighbour."""
    shares = [None, *(known(row.get(name)) for row in rows), None]
    points: list[Row] = []
    for index, row in enumerate(rows, start=1):
        coverage = known(row.get("coverage"))
        hollow = coverage is not None and coverage < LOW_COVERAGE
        points.append(
            {
                "month": row["month"],
                "share": shares[index],
                "hollow": hollow,
                "lonely": shares[index - 1] is None and shares[index + 1] is None,
                "fill": WHITE if hollow else DARK_GREEN,
                **_ends(row, name),
            }
        )
    return points


def _hours_layers(x: alt.X, left: int) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("hours")).encode(x=x)
    axis = alt.Axis(tickCount=2, minExtent=left, maxExtent=left, format=",.3~r")
    wide = {"band": 0.86}
    return layered(
        base.mark_bar(color=PALE, width=wide).encode(y=alt.Y("scheduled:Q", title=None, axis=axis)),
        base.mark_bar(color="#5f6b73", width=wide).encode(y=alt.Y("analysed:Q", title=None, axis=axis)),
        base.transform_filter("datum.analysed == 0")
        .mark_text(text="×", color=VERMILION, baseline="bottom", fontSize=16, fontWeight="bold")
        .encode(y=alt.value(66)),
    )


def _method_point(row: Row, name: str) -> Row:
    method, _, colour = METHODS[name]
    fill = colour if method == "corrected" else WHITE
    point = {"channel": row["channel"], "method": method, "colour": colour, "fill": fill}
    return {**point, "share": known(row[name]), **_ends(row, name)}


def _ends(row: Row, name: str) -> dict[str, float | None]:
    known_both = has_interval(row, name)
    return {end: known(row[f"{name}_{end}"]) if known_both else None for end in ("low", "high")}


def _parts(row: Row) -> list[Row]:
    parts: list[Row] = []
    begin = 0.0
    for name, (_, colour) in KINDS_OF_TIME.items():
        share = known(row.get(name)) or 0.0
        part = {"channel": row["channel"], "begin": begin, "end": begin + share, "middle": begin + share / 2}
        parts.append({**part, "text": f"{share * 100:.0f}", "fill": colour, "ink": readable_on(colour)})
        begin += share
    return parts


def _variant(row: Row) -> Row:
    share = known(row.get("share"))
    return {"variant": row["variant"], "share": share, "text": "" if share is None else PERCENT.text(share, unit=False)}


def _week_cell(row: Row, name: str, scale: tuple[float, float]) -> Row:
    if not known(row.get("hours_analysed")):
        return {"fill": None, "text": "•", "ink": "#9a9a9a"}
    share = known(row.get(name))
    if share is None:
        return {"fill": NO_FACE, "text": "–", "ink": INK}
    at = (share - scale[0]) / (scale[1] - scale[0])
    fill = blend(_PALEST, _DARKEST, at)
    text = f"{share * 100:.0f}" if is_certain(row, name) else f"({share * 100:.0f})"
    return {"fill": fill, "text": text, "ink": readable_on(fill)}

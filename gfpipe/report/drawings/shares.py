"""Shares by hour of the week, by channel, by kind of time and by way of counting."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from gfpipe.output.drawing import (
    BLUE,
    DARK_GREEN,
    FILL,
    GREEN,
    INK,
    ORANGE,
    PALE,
    TEXT_COLOUR,
    WHITE,
    Plan,
    blend,
    layered,
    readable_on,
)
from gfpipe.output.formats import COUNT, PERCENT, known
from gfpipe.report import language, notes, periods
from gfpipe.report.drawings.axes import (
    HOVER,
    HOVERED,
    Size,
    ends,
    names_y,
    percent_axis,
    share_domain,
    share_x,
)
from gfpipe.report.elements import Row, has_interval, share_text
from gfpipe.report.findings import is_certain
from gfpipe.report.language import N_, _

NO_FACE: Final = "#e8e8e8"
KINDS_OF_TIME: Final = {
    "share_only_female_time": (N_("women only"), GREEN),
    "share_both_time": (N_("women and men"), BLUE),
    "share_only_male_time": (N_("men only"), ORANGE),
    "share_only_undecided_time": (N_("undecided faces only"), "#949494"),
    "share_no_face_time": (N_("no face"), NO_FACE),
}
METHODS: Final = {
    "share_female_face_time_debiased": (N_("corrected by random labels"), "diamond", INK),
    "share_female_face_time_corrected": (N_("corrected"), "square", DARK_GREEN),
    "share_female_face_time": (N_("as counted"), "circle", "#555555"),
    "share_female_face_time_tracks": (N_("as counted, over tracks"), "triangle-up", BLUE),
}
THIN: Final = "#c9c9c9"
_THIN_INK: Final = "#454545"
_PALEST: Final = "#eef6f3"
_DARKEST: Final = "#004d38"


def weekday_hours(rows: Sequence[Row], name: str, size: Size) -> Plan:
    """A cell for each weekday and hour with its share, grey if it is uncertain; a dot if nothing was analysed."""
    row_of_hour = {(row.get("weekday"), row.get("hour")): row for row in rows}
    shares = [row[name] for row in rows if is_certain(row, name)] or [0.0]
    scale = min(shares), max(*shares, min(shares) + 0.01)
    weekdays = [periods.weekday(number, short=True) for number in range(1, 8)]
    cells = [
        {"weekday": weekday, "hour": hour, **_week_cell(row_of_hour.get((number, hour), {}), name, scale)}
        for number, weekday in enumerate(weekdays, start=1)
        for hour in range(24)
    ]
    days: dict[str, Any] = {"shorthand": "weekday:O", "sort": weekdays, "title": None}
    clock: dict[str, Any] = {
        "shorthand": "hour:O",
        "sort": list(range(24)),
        "title": _("hour of the day, local time"),
    }
    top = alt.Axis(labelAngle=0, orient="top", ticks=False, titleAnchor="start")
    side = alt.Axis(ticks=False, minExtent=34, maxExtent=34, title=None)
    x, y = (alt.X(**days, axis=top), alt.Y(**clock, axis=side)) if size.narrow else (
        alt.X(**clock, axis=top), alt.Y(**days, axis=side)
    )  # fmt: skip
    base = alt.Chart(alt.NamedData("cells")).encode(x=x, y=y, **HOVER)
    band = {"band": 0.94}
    return Plan(
        layered(
            base.transform_filter("datum.fill != null").mark_rect(width=band, height=band, **HOVERED).encode(fill=FILL),
            base.mark_text(fontSize=12 if size.narrow else 11, **HOVERED).encode(text="text:N", color=TEXT_COLOUR),
        ).properties(width=size.width - 48, height=24 * 20 if size.narrow else 7 * 28),
        {"cells": cells},
    )


def channels(rows: Sequence[Row], names: Sequence[str], size: Size) -> Plan:
    """The share of each channel by each method, as a dot with its interval; hollow without one."""
    order = [str(row["channel"]) for row in rows]
    methods = [METHODS[name][0] for name in names]
    base = alt.Chart(alt.NamedData("points")).encode(
        y=names_y("channel", order, size.left, tickBand="extent", grid=True),
        yOffset=alt.YOffset("method:N", sort=methods, scale=alt.Scale(domain=methods, paddingOuter=0.6)),
        stroke=alt.Stroke("colour:N", scale=None),
        **HOVER,
    )
    x = share_x(share_domain(rows, names), size)
    shapes = alt.Scale(domain=methods, range=[METHODS[name][1] for name in names])
    rule = base.mark_rule(strokeWidth=2, **HOVERED).encode(x=x, x2="high:Q").transform_calculate(share="datum.low")
    dots = base.mark_point(size=64, opacity=1, strokeWidth=1.8, **HOVERED).encode(
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
    base = alt.Chart(alt.NamedData("parts")).encode(y=names_y("channel", order, size.left), **HOVER)
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("begin:Q", scale=scale, axis=percent_axis((0, 1), 4 if size.narrow else 5), title=None)
    bars = base.mark_bar(height={"band": 0.74}, stroke=WHITE, strokeWidth=1, **HOVERED)
    written = base.transform_filter(f"datum.end - datum.begin >= {22 / size.plot}").mark_text(fontSize=11, **HOVERED)
    return Plan(
        layered(
            bars.encode(x=x, x2="end:Q", fill=FILL),
            written.encode(x="middle:Q", text="text:N", color=TEXT_COLOUR),
        ).properties(width=size.plot, height=28 * len(order)),
        {"parts": [part for row in rows for part in _parts(row)]},
    )


def sensitivity(rows: Sequence[Row], headline: Row, size: Size) -> Plan:
    """The share under each variant, hollow as it has no interval of its own, over the interval of the headline."""
    name = "share_female_face_time"
    domain = share_domain([*({name: row.get("share")} for row in rows), headline], [name])
    left = 142 if size.narrow else 156
    order = [notes.variant(row["variant"]) for row in rows]
    x, y = share_x(domain, size), names_y("variant", order, left, grid=True)
    points = alt.Chart(alt.NamedData("points")).encode(x=x, y=y, **HOVER)
    dots = points.mark_point(size=56, opacity=1, color=INK, fill=WHITE, strokeWidth=1.8, **HOVERED)
    written = points.mark_text(align="left", dx=9).encode(text="text:N")
    band = alt.Chart(alt.NamedData("band")).mark_rect(color=PALE, opacity=0.7).encode(x=x, x2="high:Q")
    both = ends(headline, name)
    return Plan(
        layered(band, dots, written).properties(width=size.width - left - 12, height=25 * len(rows)),
        {
            "points": [_variant(row) for row in rows],
            "band": [{"share": both["low"], "high": both["high"]}] if has_interval(headline, name) else [],
        },
    )


def _method_point(row: Row, name: str) -> Row:
    method, _shape, colour = METHODS[name]
    point = {"channel": row["channel"], "method": method, "colour": colour, "share": known(row[name])}
    says = f"{row['channel']}, {_(method)}: {share_text(row, name)}"
    return point | ends(row, name) | {"fill": colour if has_interval(row, name) else WHITE, "says": says}


def _parts(row: Row) -> list[Row]:
    parts: list[Row] = []
    begin = 0.0
    for name, (words, colour) in KINDS_OF_TIME.items():
        share = known(row.get(name)) or 0.0
        part = {"channel": row["channel"], "begin": begin, "end": begin + share, "middle": begin + share / 2}
        says = f"{row['channel']}, {_(words)}: {language.number(share, PERCENT)}"
        text = language.number(share * 100, COUNT)
        parts.append({**part, "text": text, "fill": colour, "ink": readable_on(colour), "says": says})
        begin += share
    return parts


def _variant(row: Row) -> Row:
    variant, share = notes.variant(row["variant"]), known(row.get("share"))
    text = "" if share is None else language.number(share, PERCENT, unit=False)
    return {"variant": variant, "share": share, "text": text, "says": f"{variant}: {language.number(share, PERCENT)}"}


def _week_cell(row: Row, name: str, scale: tuple[float, float]) -> Row:
    if not known(row.get("hours_analysed")):
        return {"fill": None, "text": "•", "ink": "#9a9a9a", "says": ""}
    share = known(row.get(name))
    hour = f"{periods.weekday(row['weekday'])}, {periods.clock(row['hour'])}"
    says = f"{hour}: {share_text(row, name)}"
    if share is None:
        return {"fill": THIN, "text": "–", "ink": _THIN_INK, "says": says}
    text = language.number(share * 100, COUNT)
    if not is_certain(row, name):
        return {"fill": THIN, "text": text, "ink": _THIN_INK, "says": says}
    fill = blend(_PALEST, _DARKEST, (share - scale[0]) / (scale[1] - scale[0]))
    return {"fill": fill, "text": text, "ink": readable_on(fill), "says": says}

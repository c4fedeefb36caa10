"""Shares by day, week or month: one series, or one for each channel."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from gfpipe.output.drawing import DARK_GREEN, FILL, GREEN, GREY, PALE, VERMILION, Plan, layered
from gfpipe.output.formats import HOURS, known
from gfpipe.report import language, periods
from gfpipe.report.drawings.axes import (
    HOVER,
    HOVERED,
    Size,
    category_x,
    ends,
    exact,
    percent_axis,
    share_domain,
)
from gfpipe.report.elements import Row, has_interval, share_text
from gfpipe.report.language import _, text
from gfpipe.report.periods import Unit

_ANALYSED: Final = "#5f6b73"


def trend(rows: Sequence[Row], unit: Unit, name: str, size: Size) -> Plan:
    """A share by period, above the hours analysed and scheduled; `rows` include every period."""
    starts = [row["start"] for row in rows]
    left, plot = 50, size.width - 62
    names = [f"{start}" for start in starts]
    labels = periods.labels(starts, unit, plot / len(starts))
    domain = share_domain(rows, [name])
    y = _share_y(domain, percent_axis(domain, 6, minExtent=left, maxExtent=left))
    totals = [
        {
            "start": f"{row['start']}",
            "scheduled": known(row.get("hours_scheduled")),
            "analysed": known(row.get("hours_analysed")) or 0,
            "says": _hours(row, unit),
        }
        for row in rows
    ]
    share = _share_layers(category_x("start", names, None), y, domain, crowded=len(names) > plot // 16)
    hours = _hours_layers(category_x("start", names, labels), left)
    return Plan(
        alt.vconcat(
            share.properties(
                width=plot, height=230, title=_("Women’s share of face time"), data=alt.NamedData("points")
            ),
            hours.properties(width=plot, height=62, title=_("Hours analysed (dark), scheduled (light)")),
            spacing=16,
        ),
        {"points": _points(rows, unit, name), "parity": [{"half": 0.5}], "hours": totals},
    )


def trend_by_channel(panels: Mapping[str, Sequence[Row]], unit: Unit, name: str, size: Size) -> Plan:
    """Small multiples: a trend for each channel on common scales."""
    starts = [row["start"] for row in next(iter(panels.values()))]
    columns = 2 if size.narrow else 3
    plot = (size.width - 48) // columns - 18
    domain = share_domain((row for rows in panels.values() for row in rows), [name])
    labels = periods.labels(starts, unit, plot * 0.75 / len(starts))
    x = category_x("start", [f"{start}" for start in starts], labels)
    layers = _share_layers(x, _share_y(domain, percent_axis(domain, 4)), domain, crowded=len(starts) > plot // 16)
    panel = alt.Facet("panel:N", sort=list(panels), title=None, header=alt.Header(labelLimit=int(plot * 0.85)))
    chart = layers.properties(width=plot, height=100).facet(
        facet=panel, columns=columns, data=alt.NamedData("points"), spacing={"row": 14, "column": 18}
    )
    points = [{**point, "panel": panel} for panel, rows in panels.items() for point in _points(rows, unit, name)]
    return Plan(chart, {"points": points, "parity": [{"half": 0.5}]})


def _share_y(domain: tuple[float, float], axis: alt.Axis) -> dict[str, Any]:
    return {"scale": exact(domain), "axis": axis, "title": None}


def _share_layers(x: alt.X, y: dict[str, Any], domain: tuple[float, float], crowded: bool) -> alt.LayerChart:
    """A line through the values with an interval, intervals, dots, a rule at parity, and where to hover."""
    points = alt.Chart()  # data of the enclosing chart or panel
    rules = points.mark_rule(color=DARK_GREEN, strokeWidth=2)
    bars = points.mark_area(color=GREEN, opacity=0.28) if crowded else rules
    line = points.mark_line(color=DARK_GREEN, strokeWidth=1.7 if crowded else 1, opacity=1 if crowded else 0.6)
    dots = points.transform_filter("datum.lonely || !datum.certain" if crowded else "true")
    layers = [
        bars.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"),
        line.encode(x=x, y=alt.Y("joined:Q", **y)),
        dots.mark_point(size=22 if crowded else 60, opacity=1, strokeWidth=1.5, stroke=DARK_GREEN).encode(
            x=x, y=alt.Y("share:Q", **y), fill=FILL
        ),
        points.transform_filter("datum.share != null")
        .mark_rect(opacity=0, width={"band": 1}, **HOVERED)
        .encode(x=x, y=alt.Y("bottom:Q", **y), y2="top:Q", **HOVER)
        .transform_calculate(bottom=f"{domain[0]}", top=f"{domain[1]}"),
    ]
    if crowded:  # an area shows no single value
        lonely = rules.transform_filter("datum.lonely && datum.certain")
        layers.append(lonely.encode(x=x, y=alt.Y("low:Q", **y), y2="high:Q"))
    if domain[0] <= 0.5 <= domain[1]:
        parity = alt.Chart(alt.NamedData("parity")).mark_rule(color=GREY, strokeDash=[4, 3])
        layers.insert(0, parity.encode(y=alt.Y("half:Q", **y)))
    return layered(*layers)


def _points(rows: Sequence[Row], unit: Unit, name: str) -> list[Row]:
    """Points of a series; only values with an interval are joined, `lonely` ones have no such neighbour."""
    joined = [None, *(row[name] if has_interval(row, name) else None for row in rows), None]
    return [
        {
            "start": f"{row['start']}",
            "share": known(row.get(name)),
            "joined": joined[index],
            "certain": joined[index] is not None,
            "lonely": joined[index - 1] is None and joined[index + 1] is None,
            "says": f"{periods.name(row['start'], unit)}: {share_text(row, name)}",
            **ends(row, name),
        }
        for index, row in enumerate(rows, start=1)
    ]


def _hours(row: Row, unit: Unit) -> str:
    analysed, scheduled = (row.get(f"hours_{what}") for what in ("analysed", "scheduled"))
    return text(
        "{period}: {analysed} of {scheduled} hours analysed",
        period=periods.name(row["start"], unit),
        analysed=language.number(known(analysed) or 0, HOURS),
        scheduled=language.number(scheduled, HOURS),
    )


def _hours_layers(x: alt.X, left: int) -> alt.LayerChart:
    base = alt.Chart(alt.NamedData("hours")).encode(x=x)
    axis = alt.Axis(tickCount=2, minExtent=left, maxExtent=left, format=",.3~r")
    wide = {"band": 0.86}
    bars = {"scheduled": PALE, "analysed": _ANALYSED}
    return layered(
        *(
            base.mark_bar(color=colour, width=wide, **HOVERED).encode(
                y=alt.Y(f"{what}:Q", title=None, axis=axis), **HOVER
            )
            for what, colour in bars.items()
        ),
        base.transform_filter("datum.analysed == 0")
        .mark_text(text="×", color=VERMILION, baseline="bottom", fontSize=16, fontWeight="bold")
        .encode(y=alt.value(66)),
    )

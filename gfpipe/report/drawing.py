"""How figures are drawn: colours, scales and axes in one place, and altair's declarations made into inline SVG."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import vl_convert
from markupsafe import Markup

from gfpipe.report.numbers import Row, known
from gfpipe.report.periods import Label

Chart = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.FacetChart

# Okabe and Ito's palette, told apart with every kind of colour vision, and its bluish green darkened for lines.
GREEN: Final = "#009e73"
DARK_GREEN: Final = "#00674b"
BLUE: Final = "#0072b2"
ORANGE: Final = "#e69f00"
VERMILION: Final = "#d55e00"
INK: Final = "#222222"
GREY: Final = "#767676"
PALE: Final = "#d9d9d9"
WHITE: Final = "#ffffff"

_CONFIG: Final[dict[str, Any]] = {
    "aria": False,  # the page names each figure itself
    "background": None,
    "font": "Helvetica Neue, Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "titleColor": INK,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": "#e6e6e6",
        "domain": False,
        "tickColor": "#b0b0b0",
        "labelPadding": 5,
        "labelFlush": False,
    },
    "title": {"anchor": "start", "fontSize": 12, "fontWeight": "normal", "color": INK, "frame": "group", "offset": 8},
    "header": {"labelFontSize": 12, "labelFontWeight": "bold", "labelColor": INK, "labelAnchor": "start"},
    "text": {"fontSize": 11, "color": INK},
}
_PADDING: Final = {"left": 0, "right": 10, "top": 2, "bottom": 4}
_WIDER: Final = 1.18  # by how much a reader's own font may be wider than the one that was measured
_GROWTH: Final = 1.3  # how much larger than drawn a figure may be shown


@dataclass(frozen=True)
class Size:
    """How wide a figure is, in CSS pixels, and how much of it the names at its left take."""

    width: int
    left: int

    @property
    def narrow(self) -> bool:
        """Whether it is the one for phones."""
        return self.width < 500

    @property
    def plot(self) -> int:
        """Width of what is right of the names."""
        return self.width - self.left - 12


PAGE: Final = Size(720, 140)
PHONE: Final = Size(328, 98)


@dataclass(frozen=True)
class Plan:
    """A figure declared: the chart, and the rows that it calls by name (altair would copy them at every step)."""

    chart: Chart
    data: Mapping[str, Sequence[Row]]


@dataclass(frozen=True)
class Drawing:
    """One figure as two inline SVGs, of which the style sheet shows one."""

    wide: Markup
    narrow: Markup


def draw(identity: str, figure: Callable[[Size], Plan]) -> Drawing:
    """Draw a figure for a page and for a phone; `identity` keeps its SVG's own ids apart from other figures'."""
    return Drawing(_svg(figure(PAGE), identity, "wide"), _svg(figure(PHONE), identity, "narrow"))


def share_domain(rows: Iterable[Row], names: Sequence[str]) -> tuple[float, float]:
    """Give the scale of a share that holds all values and intervals, from one round number to another.

    Dots and lines need no zero, so a scale has one only where its values come near it; but it is never so short that
    chance looks like movement: four points at least.
    """
    fields = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    values = [value for row in rows for field in fields if (value := known(row.get(field))) is not None] or [0.0, 0.5]
    low, high = min(values), max(values)
    step = 0.05 if high - low > 0.1 else 0.02
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    if high - low < 0.04:
        low, high = low - 0.02, high + 0.02
    return (0.0 if low <= high / 3 else round(low, 2), round(min(1.0, high), 2))


def share_axis(domain: tuple[float, float], most: int, **options: Any) -> alt.Axis:
    """Give an axis in per cent with at most `most` round numbers and one."""
    length = domain[1] - domain[0]
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if length / step <= most), 0.25)
    first, last = math.ceil(domain[0] / step - 1e-9), math.floor(domain[1] / step + 1e-9)
    values = [round(at * step, 2) for at in range(first, last + 1)]
    return alt.Axis(values=values, labelExpr="round(datum.value * 100) + ' %'", title=None, **options)


def share_x(domain: tuple[float, float], size: Size) -> alt.X:
    """Give a share along the bottom."""
    scale = alt.Scale(domain=list(domain), nice=False, zero=False)
    return alt.X("share:Q", scale=scale, title=None, axis=share_axis(domain, 4 if size.narrow else 8))


def category_x(field: str, names: Sequence[str], labels: Mapping[str, Label] | None, gap: float = 0.0) -> alt.X:
    """Give an axis of equal places, one for each name, of which only those in `labels` are named; none for None.

    The names are given, not left to the rows: where a row has no value, its place must stay.
    """
    axis = None
    if labels is not None:
        named = f"({json.dumps(labels)})[datum.value]"
        options: dict[str, Any] = {"labelAngle": 0, "labelOverlap": False, "labelLimit": 0, "tickSize": 4}
        axis = alt.Axis(values=list(labels), labelExpr=named, **options)
    scale = alt.Scale(type="band", domain=list(names), paddingInner=gap, paddingOuter=0)
    return alt.X(f"{field}:O", scale=scale, axis=axis, title=None)


def names_y(field: str, names: Sequence[str], left: int, **options: Any) -> alt.Y:
    """Give names down the left, cut where they are longer than there is room, also in a reader's wider font."""
    limit = int((left - 8) / _WIDER)
    axis = alt.Axis(labelLimit=limit, minExtent=left - 5, maxExtent=left - 5, ticks=False, **options)
    return alt.Y(f"{field}:N", sort=list(names), scale=alt.Scale(domain=list(names)), title=None, axis=axis)


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """Lay charts over one another."""
    return alt.LayerChart(layer=list(charts))


def readable_on(colour: str) -> str:
    """Black or white, whichever contrasts more (WCAG 2.2, relative luminance); at least 4.5 : 1 on any colour."""
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in (value / 255 for value in bytes.fromhex(colour.removeprefix("#")))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else WHITE


def _svg(plan: Plan, identity: str, kind: str) -> Markup:
    spec = plan.chart.to_dict(validate=False) | {"config": _CONFIG, "padding": _PADDING, "datasets": dict(plan.data)}
    drawn = vl_convert.vegalite_to_svg(spec)
    head = re.match(r'<svg [^>]*?width="([\d.]+)"[^>]*?(viewBox="[^"]+")[^>]*>', drawn)
    if head is None:
        raise ValueError(f"vl_convert has drawn something else than an SVG: {drawn[:200]}")
    widest = round(float(head[1]) * (_GROWTH if kind == "narrow" else 1))
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{identity}-{kind}-", drawn[head.end() :])
    return Markup(  # noqa: S704 - Vega has escaped the text in it
        f'<svg class="{kind}" {head[2]} style="max-width:{widest}px" aria-hidden="true" focusable="false">{body}'
    )

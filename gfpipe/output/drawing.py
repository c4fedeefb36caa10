"""Colours, fonts and axes of all figures, and rendering to SVG and PNG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt
import vl_convert

Datum = Mapping[str, Any]
Chart = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart | alt.FacetChart

# Okabe and Ito's palette for colour vision deficiency, with a darker bluish green for lines.
GREEN: Final = "#009e73"
DARK_GREEN: Final = "#00674b"
BLUE: Final = "#0072b2"
SKY: Final = "#56b4e9"
ORANGE: Final = "#e69f00"
VERMILION: Final = "#d55e00"
PURPLE: Final = "#cc79a7"
INK: Final = "#222222"
GREY: Final = "#767676"
PALE: Final = "#d9d9d9"
WHITE: Final = "#ffffff"
PALETTE: Final = (BLUE, VERMILION, DARK_GREEN, ORANGE, PURPLE, INK, SKY)
# Encodings by columns that hold colours.
FILL, TEXT_COLOUR = alt.Fill("fill:N", scale=None), alt.Color("ink:N", scale=None)

_CONFIG: Final[dict[str, Any]] = {
    "aria": False,  # pages provide the accessible names
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
_SEPARATORS: Final = {"decimal": ".", "thousands": ","}
_PADDING: Final = {"left": 0, "right": 10, "top": 2, "bottom": 4}


@dataclass(frozen=True)
class Plan:
    """A chart and its named data, separate because altair would copy the data at every step."""

    chart: Chart
    data: Mapping[str, Sequence[Datum]]


def standalone(plan: Plan) -> Chart:
    """The chart with its data and configuration, for notebooks and other programs."""
    spec = _spec(plan)
    spec["config"] = {name: value for name, value in spec["config"].items() if name not in {"aria", "background"}}
    chart: Chart = type(plan.chart).from_dict(spec, validate=False)
    return chart


def svg(plan: Plan, separators: Mapping[str, str] = _SEPARATORS, **properties: Any) -> str:
    """Render a figure; `properties` are top-level Vega-Lite properties such as ``background`` and ``padding``.

    `separators` are the ``decimal`` separator of numbers and that of ``thousands``.
    """
    spec = _spec(plan) | {"padding": _PADDING}
    numbers = {**separators, "grouping": [3], "currency": ["", ""]}
    drawn: str = vl_convert.vegalite_to_svg(spec | properties, format_locale=numbers)
    return drawn


def _spec(plan: Plan) -> dict[str, Any]:
    spec: dict[str, Any] = plan.chart.to_dict(validate=False)
    return spec | {"config": _CONFIG, "datasets": dict(plan.data)}


def png(drawn: str, scale: float) -> bytes:
    """Rasterize an SVG with `scale` pixels per SVG pixel."""
    pixels: bytes = vl_convert.svg_to_png(drawn, scale=scale)
    return pixels


def layered(*charts: alt.Chart) -> alt.LayerChart:
    """Layer charts."""
    return alt.LayerChart(layer=list(charts))


def share_axis(
    domain: tuple[float, float], most: int, title: str | None = None, unit: str = " %", **options: Any
) -> alt.Axis:
    """An axis in per cent with at most `most` + 1 round numbers, each followed by `unit`."""
    length = domain[1] - domain[0]
    step = next((step for step in (0.01, 0.02, 0.05, 0.1, 0.2) if length / step <= most), 0.25)
    first, last = math.ceil(domain[0] / step - 1e-9), math.floor(domain[1] / step + 1e-9)
    values = [round(index * step, 2) for index in range(first, last + 1)]
    return alt.Axis(values=values, labelExpr=f"round(datum.value * 100) + '{unit}'", title=title, **options)


def blend(pale: str, dark: str, share: float) -> str:
    """Interpolate two colours; `share` 0 is `pale`, 1 is `dark`."""
    ends = (bytes.fromhex(colour.removeprefix("#")) for colour in (pale, dark))
    return "#" + "".join(f"{round(start + share * (end - start)):02x}" for start, end in zip(*ends, strict=True))


def readable_on(colour: str) -> str:
    """Black or white, whichever contrasts more (WCAG 2.2, relative luminance); at least 4.5 : 1 on any colour."""
    linear = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in (value / 255 for value in bytes.fromhex(colour.removeprefix("#")))
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else WHITE

"""Building blocks of the figures of evaluation and training: titles, legends, lines, and SVG and PNG files.

Figures fit a paper's column. Models differ in colour, dash and shape.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import altair as alt

from gfpipe.base import files
from gfpipe.output.drawing import INK, PALETTE, WHITE, Chart, Datum, Plan, layered, png, svg

WIDTH: Final = 360  # pixels; in a column of 88 mm, text of 12 pixels is 8 points high
LEFT: Final = 58  # width of the labels of a vertical axis
PLOT: Final = WIDTH - LEFT - 12
_SCALE: Final = 4  # PNG pixels per pixel: 400 dpi in that column

# Encodings by the columns of `Style`.
COLOUR, COLOUR_FILL = alt.Color("colour:N", scale=None), alt.Fill("colour:N", scale=None)
DASH, SHAPE = alt.StrokeDash("dash:N", scale=None), alt.Shape("shape:N", scale=None)
_DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 2], [10, 3], [1, 3])
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")


@dataclass(frozen=True)
class Style:
    """Colour, dash and shape of one model or line in all figures."""

    colour: str
    dash: Sequence[int]
    shape: str

    def __or__(self, row: Datum) -> dict[str, Any]:
        """The row with the fields of this style."""
        return {"colour": self.colour, "dash": list(self.dash), "shape": self.shape, **row}


def save(plan: Plan, folder: Path, name: str) -> tuple[Path, Path]:
    """Write a figure as ``NAME.svg`` and ``NAME.png``, on white; raises OSError."""
    drawing = svg(plan, background=WHITE, padding=6)
    vector, pixels = folder / f"{name}.svg", folder / f"{name}.png"
    files.write(vector, drawing)
    files.write(pixels, png(drawing, _SCALE))
    return vector, pixels


def styles_of(models: Iterable[str]) -> dict[str, Style]:
    """A style for each model; colours repeat after seven, with another dash and shape."""
    count = len(PALETTE)
    return {
        model: Style(PALETTE[n % count], _DASHES[(n + n // count) % count], _SHAPES[(n + n // count) % count])
        for n, model in enumerate(models)
    }


def figure(
    title: str,
    subtitle: str,
    parts: Sequence[Chart],
    data: Mapping[str, Sequence[Datum]],
    legend: Mapping[str, Style] | None = None,
    left: float = LEFT,
) -> Plan:
    """Stack a title, a legend and the parts vertically; `left` is the width of the parts' axis labels."""
    words = alt.TitleParams(title, subtitle=_wrapped(subtitle), frame="bounds", fontSize=13, subtitleColor=INK)
    if not legend:
        return Plan(alt.VConcatChart(vconcat=list(parts), title=words, spacing=12), data)
    chart = alt.VConcatChart(vconcat=[_legend(len(legend), left), *parts], title=words, spacing=12)
    rows = [style | {"name": name, "at": 8 + 16 * index} for index, (name, style) in enumerate(legend.items())]
    return Plan(chart, {"legend": rows, **data})


def _legend(count: int, left: float) -> alt.LayerChart:
    """Names with their line and dot, aligned with the left edge of the figure."""
    base = alt.Chart(alt.NamedData("legend")).encode(y=alt.Y("at:Q", scale=None, axis=None))
    x, end = alt.value(-left), alt.value(26 - left)
    return layered(
        base.mark_rule(strokeWidth=2).encode(x=x, x2=end, color=COLOUR, strokeDash=DASH),
        base.mark_point(size=40, opacity=1, stroke=WHITE, strokeWidth=1).encode(
            x=alt.value(13 - left), shape=SHAPE, fill=COLOUR_FILL
        ),
        base.mark_text(align="left", baseline="middle", fontSize=12, limit=WIDTH - 34).encode(
            x=alt.value(34 - left), text="name:N"
        ),
    ).properties(width=WIDTH - left - 16, height=16 * count)


def lines(data: str, x: alt.X, y: alt.Y, size: int = 40) -> list[alt.Chart]:
    """A line with dots for each ``model`` of the rows; ``hollow`` rows have a dot, but no line."""
    base = alt.Chart(alt.NamedData(data)).encode(x=x, y=y, detail="model:N")
    full = base.transform_filter("!datum.hollow")
    dots: dict[str, Any] = {"size": size, "opacity": 1, "strokeWidth": 1}
    return [
        full.mark_line(strokeWidth=2).encode(color=COLOUR, strokeDash=DASH),
        full.mark_point(**dots).encode(shape=SHAPE, fill=COLOUR_FILL, stroke=alt.value(WHITE)),
        base.transform_filter("datum.hollow")
        .mark_point(**dots)
        .encode(shape=SHAPE, fill=alt.value(WHITE), stroke=COLOUR),
    ]


def intervals(rows: alt.Chart, x: alt.X) -> alt.Chart:
    """Pale bars from ``low`` to ``high``, in the rows' colour; `x` is of the field ``value``."""
    bars = rows.transform_filter("isValid(datum.low)").transform_calculate(value="datum.low")
    bars = bars.mark_rule(strokeWidth=5, opacity=0.4, clip=True)
    chart: alt.Chart = bars.encode(x=x, x2="high:Q", color=alt.Color("colour:N", scale=None))
    return chart


def exact(domain: tuple[float, float]) -> alt.Scale:
    """A scale with exactly this domain."""
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def plain_axis(**options: Any) -> alt.Axis:
    """An axis of horizontal names without ticks."""
    return alt.Axis(**({"ticks": False, "labelAngle": 0} | options))


def header(models: Sequence[str], width: int) -> alt.Header:
    """Model ids above panels, wrapped at hyphens."""
    return alt.Header(labelExpr=written_as({model: broken(model, width) for model in models}), labelLimit=0, title=None)


def written_as(names: Mapping[str, Sequence[str]]) -> str:
    """A Vega expression that replaces each label by its lines."""
    return f"({json.dumps(names)})[datum.label]"


def broken(name: str, width: float) -> list[str]:
    """Wrap a bold model id after hyphens and similar characters; `width` in pixels."""
    return _joined(re.split(r"(?<=[-_./ ])", name), int(width / 6.8))


def _wrapped(words: str, most: int = 62) -> list[str]:
    """Wrap at spaces."""
    return [line.rstrip(" ") for line in _joined(re.split("(?<= )", words), most)]


def _joined(pieces: Sequence[str], most: int) -> list[str]:
    joined = [""]
    for piece in pieces:
        if len(joined[-1]) + len(piece.rstrip(" ")) > most and joined[-1]:
            joined.append("")
        joined[-1] += piece
    return joined

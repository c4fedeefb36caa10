"""What the figures of evaluation and training are put together from: titles, legends, lines, and files of both kinds.

All are for a paper's column. Models are told apart by colour, dash and shape.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import altair as alt

from gfpipe.drawing import (
    BLUE,
    DARK_GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    WHITE,
    Chart,
    Datum,
    Plan,
    layered,
    png,
    svg,
)

WIDTH: Final = 360  # at a column of 88 mm, text of 12 pixels is 8 points high
LEFT: Final = 58  # what the names and numbers of a vertical axis take
PLOT: Final = WIDTH - LEFT - 12
_SCALE: Final = 4  # pixels of the PNG for each of the figure: 400 an inch at that column

_COLOURS: Final = (BLUE, VERMILION, DARK_GREEN, ORANGE, PURPLE, INK, SKY)
_DASHES: Final = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2], [4, 2], [10, 3], [1, 3])
_SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")


@dataclass(frozen=True)
class Style:
    """How one model, or one line, looks in all figures."""

    colour: str
    dash: Sequence[int]
    shape: str

    def __or__(self, row: Datum) -> dict[str, Any]:
        """A row to draw in this style."""
        return {"colour": self.colour, "dash": list(self.dash), "shape": self.shape, **row}


def save(plan: Plan, folder: Path, name: str) -> tuple[Path, Path]:
    """Write one figure as ``NAME.svg`` and ``NAME.png``, on white."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = svg(plan, background=WHITE, padding=6)
    vector, pixels = folder / f"{name}.svg", folder / f"{name}.png"
    vector.write_text(drawn, encoding="utf-8")
    pixels.write_bytes(png(drawn, _SCALE))
    return vector, pixels


def styles_of(models: Iterable[str]) -> dict[str, Style]:
    """Each model its colour, dash and shape; after seven, colours come again with another dash and shape."""
    count = len(_COLOURS)
    return {
        model: Style(_COLOURS[at % count], _DASHES[(at + at // count) % count], _SHAPES[(at + at // count) % count])
        for at, model in enumerate(models)
    }


def figure(
    title: str,
    subtitle: str,
    parts: Sequence[Chart],
    data: Mapping[str, Sequence[Datum]],
    legend: Mapping[str, Style] | None = None,
    left: float = LEFT,
) -> Plan:
    """A title, a legend where there is one, and the parts, one below another; `left` is what their axes take."""
    words = alt.TitleParams(title, subtitle=_wrapped(subtitle), frame="bounds", fontSize=13, subtitleColor=INK)
    if not legend:
        return Plan(alt.VConcatChart(vconcat=list(parts), title=words, spacing=12), data)
    chart = alt.VConcatChart(vconcat=[_legend(len(legend), left), *parts], title=words, spacing=12)
    rows = [style | {"name": name, "at": 8 + 16 * at} for at, (name, style) in enumerate(legend.items())]
    return Plan(chart, {"legend": rows, **data})


def _legend(count: int, left: float) -> alt.LayerChart:
    """Names with the line and the dot that they have in the figure, from its left edge on."""
    base = alt.Chart(alt.NamedData("legend")).encode(y=alt.Y("at:Q", scale=None, axis=None))
    colour, dash = alt.Color("colour:N", scale=None), alt.StrokeDash("dash:N", scale=None)
    x, end = alt.value(-left), alt.value(26 - left)
    return layered(
        base.mark_rule(strokeWidth=2).encode(x=x, x2=end, color=colour, strokeDash=dash),
        base.mark_point(size=40, opacity=1, stroke=WHITE, strokeWidth=1).encode(
            x=alt.value(13 - left), shape=alt.Shape("shape:N", scale=None), fill=alt.Fill("colour:N", scale=None)
        ),
        base.mark_text(align="left", baseline="middle", fontSize=12, limit=WIDTH - 34).encode(
            x=alt.value(34 - left), text="name:N"
        ),
    ).properties(width=WIDTH - left - 16, height=16 * count)


def lines(data: str, x: alt.X, y: alt.Y, size: int = 40) -> list[alt.Chart]:
    """A line with dots for each ``model`` among the rows; those that are ``hollow`` are left out of the line."""
    base = alt.Chart(alt.NamedData(data)).encode(x=x, y=y, detail="model:N")
    colour, dash = alt.Color("colour:N", scale=None), alt.StrokeDash("dash:N", scale=None)
    shape, fill = alt.Shape("shape:N", scale=None), alt.Fill("colour:N", scale=None)
    full = base.transform_filter("!datum.hollow")
    dots: dict[str, Any] = {"size": size, "opacity": 1, "strokeWidth": 1}
    return [
        full.mark_line(strokeWidth=2).encode(color=colour, strokeDash=dash),
        full.mark_point(**dots).encode(shape=shape, fill=fill, stroke=alt.value(WHITE)),
        base.transform_filter("datum.hollow")
        .mark_point(**dots)
        .encode(shape=shape, fill=alt.value(WHITE), stroke=colour),
    ]


def exact(domain: tuple[float, float]) -> alt.Scale:
    """From one end of the domain to the other, without rounding."""
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def plain_axis(**options: Any) -> alt.Axis:
    """Names, upright and without ticks."""
    return alt.Axis(**({"ticks": False, "labelAngle": 0} | options))


def header(models: Sequence[str], width: int) -> alt.Header:
    """Models' ids over panels, broken at hyphens where they are wider."""
    return alt.Header(labelExpr=written_as({model: broken(model, width) for model in models}), labelLimit=0, title=None)


def written_as(names: Mapping[str, Sequence[str]]) -> str:
    """The expression by which an axis or a header writes each name on several lines."""
    return f"({json.dumps(names)})[datum.label]"


def broken(name: str, width: float) -> list[str]:
    """A model's id in bold, broken behind hyphens and the like into lines that are as wide as a panel."""
    return _joined(re.split(r"(?<=[-_./ ])", name), int(width / 6.8))


def known(value: float) -> float | None:
    """A number as JSON can hold it."""
    return float(value) if math.isfinite(value) else None


def _wrapped(words: str, most: int = 62) -> list[str]:
    """Broken at spaces where it is longer than a column is wide."""
    return [line.rstrip(" ") for line in _joined(re.split("(?<= )", words), most)]


def _joined(pieces: Sequence[str], most: int) -> list[str]:
    joined = [""]
    for piece in pieces:
        if len(joined[-1]) + len(piece.rstrip(" ")) > most and joined[-1]:
            joined.append("")
        joined[-1] += piece
    return joined

"""Figure of a study of systems: accuracy with intervals, parameters and training time, one row per system.

The most accurate system comes first; colours distinguish groups.
"""

import math
from collections.abc import Mapping
from typing import Final

import altair as alt

from gfpipe.evaluation.figures.plotting import exact, figure, intervals, plain_axis
from gfpipe.output.drawing import BLUE, DARK_GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, Plan, layered, share_axis
from gfpipe.output.formats import Interval, Value, known
from gfpipe.studies.systems.outcome import Outcome

_ROW_HEIGHT: Final = 18  # pixels
_WIDE, _NARROW = 260, 160  # widths of the panels in pixels
_COLOURS: Final = (INK, BLUE, VERMILION, DARK_GREEN, ORANGE, PURPLE, SKY)  # of groups


def draw(outcome: Outcome, accuracy: Mapping[str, Value]) -> Plan:
    """Draw the systems that were run, with their accuracy by name."""
    colours = dict(zip(outcome.groups, _COLOURS, strict=False))
    estimates = {name: value for name, value in accuracy.items() if isinstance(value, Interval)}
    names = sorted(estimates, key=lambda name: -estimates[name].value)
    rows = [
        {
            "system": row.system.name,
            "colour": colours.get(row.system.group, INK),
            **{key: known(getattr(estimates[row.system.name], key)) for key in ("value", "low", "high")},
            "parameters": row.run.parameters,
            "train_seconds": row.run.train_seconds,
        }
        for row in outcome.rows
        if row.run
    ]
    lowest = min(value.low if math.isfinite(value.low) else value.value for value in estimates.values())
    panels = alt.HConcatChart(
        hconcat=[
            _accuracy(names, (math.floor(20 * lowest) / 20, 1.0)),
            _logarithmic("parameters", "parameters", names, "~s"),
            _logarithmic("train_seconds", "training, seconds", names, ",~g"),
        ],
        spacing=14,
    )
    subtitle = f"{len(outcome.trial.labels):,} test faces of {outcome.trial.data}; 95 % intervals; one colour per group"
    return figure("Systems: accuracy, parameters, training time", subtitle, [panels], {"rows": rows})


def _accuracy(names: list[str], domain: tuple[float, float]) -> alt.LayerChart:
    x = alt.X("value:Q", scale=exact(domain), axis=share_axis(domain, 8, "accuracy"))
    y = alt.Y("system:N", sort=names, title=None, axis=plain_axis(grid=True, tickBand="extent", labelLimit=190))
    base = alt.Chart(alt.NamedData("rows")).encode(y=y, color=alt.Color("colour:N", scale=None))
    dots = base.mark_point(size=46, filled=True, opacity=1).encode(x=x)
    return layered(intervals(base, x), dots).properties(width=_WIDE, height=_ROW_HEIGHT * len(names))


def _logarithmic(name: str, title: str, names: list[str], number: str) -> alt.Chart:
    axis = alt.Axis(title=title, tickCount=4, format=number)
    rows = plain_axis(grid=True, tickBand="extent", labels=False)
    x = alt.X(f"{name}:Q", scale=alt.Scale(type="log", nice=True), axis=axis)
    y = alt.Y("system:N", sort=names, scale=alt.Scale(domain=names), title=None, axis=rows)
    dots = alt.Chart(alt.NamedData("rows"), mark=alt.MarkDef("point", size=46, filled=True, opacity=1))
    chart = dots.transform_filter(f"datum.{name} > 0").encode(x=x, y=y, color=alt.Color("colour:N", scale=None))
    return chart.properties(width=_NARROW, height=_ROW_HEIGHT * len(names))

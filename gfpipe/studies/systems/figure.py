"""The systems of the field as a picture: accuracy with its interval, parameters and training time, a row a system.

outcome -> a row a system, the most accurate first -> three panels side by side -> systems.svg and .png
"""

import math
from typing import Final

import altair as alt

from gfpipe.drawing import BLUE, DARK_GREEN, INK, ORANGE, PURPLE, SKY, VERMILION, Datum, Plan, layered, share_axis
from gfpipe.evaluation.figures.plotting import exact, figure, plain_axis
from gfpipe.formats import Interval, known
from gfpipe.studies.systems.outcome import Outcome, Row, answers_of
from gfpipe.studies.systems.tables import figures

_EACH: Final = 18  # pixels down for each system
_WIDE, _NARROW = 260, 160  # pixels of the panels
_COLOURS: Final = (INK, BLUE, VERMILION, DARK_GREEN, ORANGE, PURPLE, SKY)  # of groups


def picture(outcome: Outcome) -> Plan:
    """Declare accuracy and costs of the systems that were run; colours tell the groups apart."""
    colours = dict(zip(outcome.groups, _COLOURS, strict=False))
    run = [row for row in outcome.rows if row.run]
    found = {row.system.name: figures(outcome.trial.labels, answers_of(row)).accuracy for row in run}
    run.sort(key=lambda row: -found[row.system.name].value)
    rows = [_datum(row, found[row.system.name], colours.get(row.system.group, INK)) for row in run]
    names = [row.system.name for row in run]
    lowest = min(interval.low if math.isfinite(interval.low) else interval.value for interval in found.values())
    domain = (math.floor(20 * lowest) / 20, 1.0)
    panels = alt.HConcatChart(
        hconcat=[
            _accuracy(names, domain),
            _logarithmic("parameters", "parameters", names, "~s"),
            _logarithmic("train_seconds", "training, seconds", names, ",~g"),
        ],
        spacing=14,
    )
    subtitle = f"{len(outcome.trial.labels):,} test faces of {outcome.trial.data}; 95 % intervals; a colour a group"
    return figure("Systems side by side: accuracy, parameters, training time", subtitle, [panels], {"rows": rows})


def _accuracy(names: list[str], domain: tuple[float, float]) -> alt.LayerChart:
    x = alt.X("accuracy:Q", scale=exact(domain), axis=share_axis(domain, 8, "accuracy"))
    y = alt.Y("system:N", sort=names, title=None, axis=plain_axis(grid=True, tickBand="extent", labelLimit=190))
    base = alt.Chart(alt.NamedData("rows")).encode(y=y, color=alt.Color("colour:N", scale=None))
    bars = base.transform_filter("isValid(datum.low)").transform_calculate(accuracy="datum.low")
    return layered(
        bars.mark_rule(strokeWidth=5, opacity=0.4, clip=True).encode(x=x, x2="high:Q"),
        base.mark_point(size=46, filled=True, opacity=1).encode(x=x),
    ).properties(width=_WIDE, height=_EACH * len(names))


def _logarithmic(name: str, title: str, names: list[str], written: str) -> alt.Chart:
    axis = alt.Axis(title=title, tickCount=4, format=written)
    rows = plain_axis(grid=True, tickBand="extent", labels=False)
    dots = alt.Chart(alt.NamedData("rows"), mark=alt.MarkDef("point", size=46, filled=True, opacity=1))
    return (
        dots.transform_filter(f"datum.{name} > 0")
        .encode(
            x=alt.X(f"{name}:Q", scale=alt.Scale(type="log", nice=True), axis=axis),
            y=alt.Y("system:N", sort=names, scale=alt.Scale(domain=names), title=None, axis=rows),
            color=alt.Color("colour:N", scale=None),
        )
        .properties(width=_NARROW, height=_EACH * len(names))
    )


def _datum(row: Row, accuracy: Interval, colour: str) -> Datum:
    run = row.run
    return {
        "system": row.system.name,
        "colour": colour,
        "accuracy": known(accuracy.value),
        "low": known(accuracy.low),
        "high": known(accuracy.high),
        "parameters": run.parameters if run else None,
        "train_seconds": run.train_seconds if run else None,
    }

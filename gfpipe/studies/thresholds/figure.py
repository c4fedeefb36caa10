"""Figure of a study of thresholds: accuracy and gap of each setting with 95 % intervals, in two panels."""

from typing import Final

import altair as alt

from gfpipe.evaluation.figures.plotting import WIDTH, Style, exact, figure, intervals, plain_axis
from gfpipe.output.drawing import BLUE, DARK_GREEN, GREY, INK, ORANGE, Datum, Plan, layered, share_axis
from gfpipe.output.formats import known
from gfpipe.studies.thresholds.measures import Kind, Outcome, Row

_ROW_HEIGHT: Final = 25  # pixels
_STYLES: Final = {
    "all, 95 % interval": Style(INK, [1, 0], "circle"),
    "women": Style(DARK_GREEN, [1, 0], "triangle-up"),
    "men": Style(ORANGE, [1, 0], "square"),
}


def picture(outcome: Outcome) -> Plan:
    """Draw accuracy and gap on the reporting faces; dashed lines show the source model."""
    rows = [row for row in outcome.rows if row.models]
    names = [outcome.label(row) for row in rows]
    dots = [dot for row in rows for dot in _dots(row, outcome)]
    left = min(max(14 + 6.3 * max(map(len, names)), 70), 150)
    width = WIDTH - left - 16
    faces = len(outcome.reporting.trial.labels)
    chosen = f"; * chosen on {len(outcome.choosing.trial.labels):,} others" if outcome.chosen else ""
    return figure(
        "Pseudo-labels: accuracy and gap by least confidence",
        f"{faces:,} faces, {outcome.group}{chosen}; dashed: the source model",
        [_panel(measure, names, _domain(dots, measure), width) for measure in ("accuracy", "gap")],
        {
            "dots": dots,
            "source": [dot for dot in dots if dot["kind"] == Kind.SOURCE.value and dot["faces"] == "all"],
            "equal": [{"measure": "gap", "value": 0.0}],
        },
        _STYLES,
        left,
    )


def _panel(measure: str, names: list[str], domain: tuple[float, float], width: float) -> alt.LayerChart:
    axis = share_axis(domain, 7, "accuracy" if measure == "accuracy" else "gap: women’s accuracy minus men’s, points")
    if measure == "gap":
        axis.labelExpr = "(datum.value > 0.001 ? '+' : datum.value < -0.001 ? '−' : '') + round(abs(datum.value) * 100)"
    x = alt.X("value:Q", scale=exact(domain), axis=axis)
    y = alt.Y("setting:N", sort=names, title=None, axis=plain_axis(grid=True, tickBand="extent", labelLimit=160))
    only = f"datum.measure == '{measure}'"
    base = alt.Chart(alt.NamedData("dots")).transform_filter(only)
    dashed = alt.Chart(alt.NamedData("source")).transform_filter(only)
    layers = [
        dashed.mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=x),
        intervals(base.transform_filter("datum.faces == 'all'").encode(y=y), x),
    ]
    if measure == "gap":
        layers.insert(0, alt.Chart(alt.NamedData("equal")).mark_rule(color=INK, strokeWidth=1).encode(x=x))
    for name, size, offset in (("women", 34, -6), ("men", 26, 6), ("all", 46, 0)):  # side by side
        marks = base.transform_filter(f"datum.faces == '{name}'")
        marks = marks.mark_point(size=size, opacity=1, strokeWidth=0, yOffset=offset)
        shape, fill = alt.Shape("shape:N", scale=None), alt.Fill("colour:N", scale=None)
        layers.append(marks.encode(x=x, y=y, shape=shape, fill=fill))
    return layered(*layers).properties(width=width, height=_ROW_HEIGHT * len(names))


def _dots(row: Row, outcome: Outcome) -> list[Datum]:
    setting = {"setting": outcome.label(row), "kind": row.kind.value}
    overall = Style(BLUE if row is outcome.chosen else INK, [1, 0], "circle")
    dots: list[Datum] = []
    for faces, measure, name in (
        ("all", "accuracy", "accuracy"),
        ("all", "gap", "gap"),
        ("women", "accuracy", "accuracy_female"),
        ("men", "accuracy", "accuracy_male"),
    ):
        interval = outcome.reporting.figure(row, name)
        dot = {**setting, "measure": measure, "faces": faces, "value": known(interval.value)}
        if faces == "all":
            dot |= {"low": known(interval.low), "high": known(interval.high)}
        dots.append(_STYLES.get(faces, overall) | dot)
    return dots


def _domain(dots: list[Datum], measure: str) -> tuple[float, float]:
    """Round limits around all values."""
    values = [dot.get(end) for dot in dots if dot["measure"] == measure for end in ("value", "low", "high")]
    finite = [value for value in values if value is not None] + ([0.0] if measure == "gap" else [])
    step = 0.05
    low, high = step * int(min(finite) / step - 1 + 1e-9), step * int(max(finite) / step + 1 - 1e-9)
    if measure == "accuracy":
        low, high = max(step * int(min(finite) / step + 1e-9), 0.0), min(high, 1.0)
    return round(low, 2), round(high, 2)

"""Figures of accuracy by group."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import altair as alt
import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.figures.plotting import COLOUR, COLOUR_FILL, SHAPE, WIDTH, exact, figure, plain_axis, styles_of
from gfpipe.evaluation.measures import subgroups
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES, Groups
from gfpipe.output.drawing import WHITE, Datum, Plan, layered, share_axis
from gfpipe.output.formats import known

FADED: Final = 0.3  # opacity of groups with few faces
FEW_FACES: Final = f"<\N{NO-BREAK SPACE}{MIN_GROUP_FACES}\N{NO-BREAK SPACE}faces"


def subgroup_bars(trial: Trial, attributes: Sequence[str], draws: int = DRAWS) -> Plan:
    """Accuracy by group: for each model a bar for the 95 % interval with a dot at the estimate.

    Groups with few faces are faded. There are no bars from 0, in which differences would hardly show.
    """
    results = {
        answers.model_id: subgroups.measure(trial.labels, answers, attributes, draws) for answers in trial.answers
    }
    styles = styles_of(trial.models)
    rows = [styles[model] | row for model, groups in results.items() for row in _group_rows(model, groups)]
    grouping = next(iter(results.values())).grouping
    groups = [_group_name(name, faces) for name, faces in zip(grouping.names, grouping.faces, strict=True)]
    domain = accuracy_domain(rows)
    left = min(max(8 + 6.2 * max(map(len, groups), default=0), 60), 170)
    base = alt.Chart(alt.NamedData("groups")).encode(
        y=alt.Y("group:N", sort=groups, title=None, axis=plain_axis(labelLimit=left, grid=True, tickBand="extent")),
        yOffset=alt.YOffset("model:N", sort=list(styles), scale=alt.Scale(domain=list(styles), paddingOuter=0.5)),
        color=COLOUR,
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    width = WIDTH - left - 16
    x = alt.X("value:Q", scale=exact(domain), axis=share_axis(domain, 6 if width > 200 else 4, "accuracy"))
    bars = (
        base.transform_filter("isValid(datum.low)")
        .transform_calculate(value="datum.low")
        .mark_rule(strokeWidth=5, clip=True)
    )
    dots = base.mark_point(size=34, strokeWidth=1, stroke=WHITE)
    chart = layered(
        bars.encode(x=x, x2="high:Q", opacity=alt.Opacity("pale:Q", scale=None)),
        dots.encode(x=x, shape=SHAPE, fill=COLOUR_FILL),
    ).properties(width=width, height=(10 * len(styles) + 8) * max(len(groups), 1))
    words = " and ".join("perceived gender" if name == "gender" else name for name in attributes)
    return figure(
        f"Accuracy of perceived gender by {words}",
        f"{faces_of(trial)}; bars: 95 % intervals; faded: {FEW_FACES}",
        [chart],
        {"groups": rows},
        styles,
        left,
    )


def _group_name(name: str, faces: int) -> str:
    return f"{name} ({faces:,})"


def _group_rows(model: str, groups: Groups) -> list[Datum]:
    grouping = groups.grouping
    rows: list[Datum] = []
    for name, faces, counted, accuracy in zip(
        grouping.names, grouping.faces, grouping.counted, groups.accuracy, strict=True
    ):
        opacity = 1 if counted else FADED
        interval = {end: known(value) for end, value in vars(accuracy).items()}
        style = {"opacity": opacity, "pale": 0.4 * opacity, "counted": bool(counted)}
        rows.append({"model": model, "group": _group_name(name, faces), **interval, **style})
    return rows


def accuracy_domain(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """A round number to 1, including all values and the intervals of groups with enough faces."""
    ends = [row["low"] if row.get("counted", True) else None for row in rows]
    lowest = min([value for value in (*ends, *(row["value"] for row in rows)) if value is not None], default=0.5)
    step = 0.1 if lowest < 0.8 else 0.05
    return max(0.0, round(step * float(np.floor(lowest / step + 1e-9)), 2)), 1.0


def faces_of(trial: Trial) -> str:
    """Name of the data set, without its path, and number of faces."""
    name = re.split("[:=]", trial.data, maxsplit=1)[0]
    aged = re.search(r", aged [\d.]+ and over$", trial.data)
    return f"{name}{aged[0] if aged and aged[0] not in name else ''}, {len(trial.labels):,} faces"

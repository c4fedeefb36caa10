"""The pictures of an evaluation, for a paper's column: models side by side, told apart by colour, dash and shape.

trial -> rows to draw -> a plan -> NAME.svg and NAME.png
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import altair as alt
import numpy as np

from gfpipe.drawing import (
    GREY,
    WHITE,
    Datum,
    Plan,
    blend,
    layered,
    readable_on,
    share_axis,
)
from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures.plotting import (
    PLOT,
    WIDTH,
    exact,
    figure,
    header,
    known,
    lines,
    plain_axis,
    save,
    styles_of,
    written_as,
)
from gfpipe.evaluation.measures import calibration, comparison, metrics, subgroups
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES, Grid, Groups

_FADED: Final = 0.3
_FEW: Final = f"<\N{NO-BREAK SPACE}{MIN_GROUP_FACES}\N{NO-BREAK SPACE}faces"

_PALEST, _RIGHT, _WRONG = "#f3f3f3", "#00674b", "#b34a00"
_GROUPINGS: Final = (("ethnicity",), ("age",), ("gender",), ("ethnicity", "gender"), ("age", "gender"))
_WORDS: Final = {"gender": "perceived gender"}
_CORNER: Final = 0.2  # of the ROC plot: how much of each axis its upper left corner is drawn larger from


def write(trial: Trial, folder: Path, draws: int = DRAWS) -> tuple[Path, ...]:
    """Draw everything that a trial has data for.

    Args:
        trial: the models' answers.
        folder: made where it is missing; gets ``roc``, ``confusion``, ``subgroups-ethnicity`` and other groups,
            ``heatmap``, ``reliability`` and ``sizes``, each as ``.svg`` and ``.png``.
        draws: of the bootstrap behind the intervals.

    Returns:
        The files written; none where all models tell ages alone.
    """
    trial = trial.reading_gender
    if not trial.answers:
        return ()
    plans: dict[str, Plan | None] = {"roc": roc_curves(trial), "confusion": confusion_matrices(trial)}
    attributes_known = set(subgroups.known(trial.labels))
    for attributes in _GROUPINGS:
        if attributes_known.issuperset(attributes):
            plans[f"subgroups-{'-'.join(attributes)}"] = subgroup_bars(trial, attributes, draws)
    plans |= {"heatmap": heat_maps(trial), "reliability": reliability_plot(trial), "sizes": by_face_size(trial, draws)}
    return tuple(path for name, plan in plans.items() if plan for path in save(plan, folder, name))


def roc_curves(trial: Trial) -> Plan | None:
    """Declare ROC curves, whole and their upper left corner; None where nobody gives probabilities."""
    curves = {answers.model_id: metrics.roc(trial.labels.female, answers.p_female) for answers in trial.answers}
    styles = styles_of(trial.models)
    names = {model: f"{model}, AUC {curve.area:.3f}" for model, curve in curves.items() if curve}
    if not names:
        return None
    points = [
        styles[model] | {"model": model, "false": x, "true": y}
        for model, curve in curves.items()
        if curve
        for x, y in _thinned(curve.false_positive_rate, curve.true_positive_rate)
    ]
    whole = _roc_panel((0, 1), (0, 1), "women called women")
    corner = _roc_panel((0, _CORNER), (1 - _CORNER, 1), "upper left corner")
    return figure(
        "ROC curves of perceived gender",
        f"{_faces(trial)}; dashed: chance",
        [alt.hconcat(whole, corner, spacing=14)],
        {"points": points, "chance": [{"false": 0, "true": 0}, {"false": 1, "true": 1}]},
        {name: styles[model] for model, name in names.items()},
    )


def confusion_matrices(trial: Trial) -> Plan:
    """Declare a matrix for each model: as labelled down, as answered across, counts over row per cent."""
    cells = [cell for answers in trial.answers for cell in _confusion_cells(trial, answers)]
    columns = min(2, len(trial.answers))
    width = 134 if columns > 1 else 200
    band = {"band": 0.96}
    labelled, answered = ["women", "men"], ["women", "men", "undetected"]
    base = alt.Chart().encode(
        x=alt.X("answered:N", sort=answered, title="as answered", axis=plain_axis(labelFontSize=10)),
        y=alt.Y("labelled:N", sort=labelled, title="as labelled", axis=plain_axis()),
    )
    ink = alt.Color("ink:N", scale=None)
    layers = layered(
        base.mark_rect(width=band, height=band).encode(fill=alt.Fill("fill:N", scale=None)),
        base.mark_text(dy=-7, fontSize=12).encode(text="count:N", color=ink),
        base.mark_text(dy=9, fontSize=11).encode(text="share:N", color=ink),
    )
    chart = layers.properties(width=width, height=84).facet(
        facet=alt.Facet("model:N", sort=list(trial.models), title=None, header=header(trial.models, width)),
        columns=columns,
        data=alt.NamedData("cells"),
        spacing={"row": 20, "column": 16},
    )
    return figure("Perceived gender as labelled and as answered", _faces(trial), [chart], {"cells": cells})


def subgroup_bars(trial: Trial, attributes: Sequence[str], draws: int = DRAWS) -> Plan:
    """Declare accuracy by group: a bar for each model's 95 % interval, with a dot at the figure.

    A bar from 0 to the figure would make all groups look alike. Groups under 20 faces are faded.
    """
    measured = {
        answers.model_id: subgroups.measure(trial.labels, answers, attributes, draws) for answers in trial.answers
    }
    styles = styles_of(trial.models)
    rows = [styles[model] | row for model, groups in measured.items() for row in _group_rows(model, groups)]
    grouping = next(iter(measured.values())).grouping
    groups = [_group_name(name, faces) for name, faces in zip(grouping.names, grouping.faces, strict=True)]
    domain = _share_domain(rows)
    left = min(max(8 + 6.2 * max(map(len, groups), default=0), 60), 170)
    base = alt.Chart(alt.NamedData("groups")).encode(
        y=alt.Y("group:N", sort=groups, title=None, axis=plain_axis(labelLimit=left, grid=True, tickBand="extent")),
        yOffset=alt.YOffset("model:N", sort=list(styles), scale=alt.Scale(domain=list(styles), paddingOuter=0.5)),
        color=alt.Color("colour:N", scale=None),
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    width = WIDTH - left - 16
    x = alt.X("value:Q", scale=exact(domain), axis=share_axis(domain, 6 if width > 200 else 4, "accuracy"))
    shape, fill = alt.Shape("shape:N", scale=None), alt.Fill("colour:N", scale=None)
    bars = (
        base.transform_filter("isValid(datum.low)")
        .transform_calculate(value="datum.low")
        .mark_rule(strokeWidth=5, clip=True)
    )
    dots = base.mark_point(size=34, strokeWidth=1, stroke=WHITE)
    chart = layered(
        bars.encode(x=x, x2="high:Q", opacity=alt.Opacity("pale:Q", scale=None)),
        dots.encode(x=x, shape=shape, fill=fill),
    ).properties(width=width, height=(10 * len(styles) + 8) * max(len(groups), 1))
    words = " and ".join(_WORDS.get(name, name) for name in attributes)
    return figure(
        f"Accuracy of perceived gender by {words}",
        f"{_faces(trial)}; bars: 95 % intervals; faded: {_FEW}",
        [chart],
        {"groups": rows},
        styles,
        left,
    )


def heat_maps(trial: Trial) -> Plan | None:
    """Declare accuracy by age and ethnicity, a map for each model; None where one of them is not known.

    Darker cells have more errors, on one scale for all models. Each cell has its accuracy over its number of faces;
    cells under 20 faces are faded.
    """
    if not {"age", "ethnicity"} <= set(subgroups.known(trial.labels)):
        return None
    grids = {answers.model_id: subgroups.grid(trial.labels, answers) for answers in trial.answers}
    large = [grid.accuracy[grid.faces >= MIN_GROUP_FACES] for grid in grids.values()]
    worst = min((float(value) for values in large for value in values), default=0.5)
    maps = [_heat_map(f"map {at}", model, grid) for at, (model, grid) in enumerate(grids.items())]
    return figure(
        "Accuracy of perceived gender by age and ethnicity",
        f"{_faces(trial)}; per cent right over faces; darker: more errors; faded: {_FEW}",
        maps,
        {f"map {at}": _heat_cells(grid, min(worst, 0.9)) for at, grid in enumerate(grids.values())},
    )


def reliability_plot(trial: Trial) -> Plan | None:
    """Declare accuracy by confidence, with the expected calibration error; None where nobody gives probabilities."""
    styles = styles_of(trial.models)
    curves = {
        answers.model_id: calibration.reliability(answers.p_female, trial.labels.female)
        for answers in trial.answers
        if metrics.graded(answers.p_female)
    }
    if not curves:
        return None
    rows = [
        styles[model]
        | {"model": model, "confidence": at, "accuracy": right}
        | {"share": faces / curve.faces.sum(), "hollow": faces < MIN_GROUP_FACES}
        for model, curve in curves.items()
        for at, right, faces in zip(
            curve.confidence.tolist(), curve.accuracy.tolist(), curve.faces.tolist(), strict=True
        )
        if faces
    ]
    down = 0.1 * np.floor(10 * min(row["accuracy"] for row in rows) + 1e-9), 1.0
    x = alt.X("confidence:Q", scale=exact((0.5, 1)), axis=share_axis((0.5, 1), 5))
    named = alt.X("confidence:Q", scale=exact((0.5, 1)), axis=share_axis((0.5, 1), 5, "confidence in the answer"))
    y = alt.Y("accuracy:Q", scale=exact(down), axis=share_axis(down, 6, "accuracy"))
    share = alt.Y("share:Q", scale=exact((0, 1)), axis=share_axis((0, 1), 2, "faces"))
    ideal = alt.Chart(alt.NamedData("ideal")).mark_line(color=GREY, strokeWidth=1, strokeDash=[3, 3])
    return figure(
        "Reliability: accuracy of perceived gender by confidence",
        f"{_faces(trial)}; dashed: as confident as right; hollow: {_FEW}",
        [
            layered(ideal.encode(x=x, y=y), *lines("bins", x, y)).properties(width=PLOT, height=200),
            layered(*lines("bins", named, share)).properties(width=PLOT, height=64),
        ],
        {"bins": rows, "ideal": [{"confidence": end, "accuracy": end} for end in (0.5, 1)]},
        {f"{model}, ECE {100 * curve.error:.1f} %": styles[model] for model, curve in curves.items()},
    )


def by_face_size(trial: Trial, draws: int = DRAWS) -> Plan | None:
    """Declare accuracy by the height of the face, with 95 % intervals; None where sizes were not measured."""
    styles = styles_of(trial.models)
    rows = []
    for answers in trial.answers:
        for pixels, p_female in sorted(answers.by_size.items()):
            reduced = Answers(answers.model_id, p_female)
            found = comparison.estimates(trial.labels, reduced, ["accuracy"], draws)["accuracy"]
            row = {"model": answers.model_id, "pixels": pixels, "value": found.value}
            rows.append(styles[answers.model_id] | {**row, "low": known(found.low), "high": known(found.high)})
    if not rows:
        return None
    sizes = sorted({row["pixels"] for row in rows})
    domain = _share_domain(rows)
    axis = alt.Axis(values=sizes, labelAngle=0, labelOverlap="greedy", grid=False)
    scale = alt.Scale(type="log", domain=[sizes[0] * 0.95, sizes[-1] * 1.05], nice=False)
    x = alt.X("pixels:Q", title="height of the face in pixels", scale=scale, axis=axis)
    y = alt.Y("value:Q", scale=exact(domain), axis=share_axis(domain, 7, "accuracy"))
    band = alt.Chart(alt.NamedData("sizes")).mark_area(opacity=0.16).transform_calculate(value="datum.low")
    band = band.encode(x=x, y=y, y2="high:Q", fill=alt.Fill("colour:N", scale=None), detail="model:N")
    return figure(
        "Accuracy of perceived gender by face size",
        f"{_faces(trial)}; bands: 95 % intervals",
        [layered(band, *lines("sizes", x, y)).properties(width=PLOT, height=220)],
        {"sizes": rows},
        styles,
    )


# --- parts of figures ---------------------------------------------------------------------------------------------


def _roc_panel(across: tuple[float, float], down: tuple[float, float], title: str) -> alt.LayerChart:
    side = (WIDTH - 2 * 48 - 36) // 2
    x = alt.X("false:Q", scale=exact(across), axis=share_axis(across, 2, "men called women"))
    y = alt.Y("true:Q", scale=exact(down), axis=share_axis(down, 4))
    chance = alt.Chart(alt.NamedData("chance")).mark_line(color=GREY, strokeWidth=1, strokeDash=[3, 3], clip=True)
    curves = alt.Chart(alt.NamedData("points")).mark_line(strokeWidth=1.8, clip=True)
    return layered(
        chance.encode(x=x, y=y),
        curves.encode(
            x=x,
            y=y,
            detail="model:N",
            order="false:Q",
            color=alt.Color("colour:N", scale=None),
            strokeDash=alt.StrokeDash("dash:N", scale=None),
        ),
    ).properties(width=side, height=side, title=title)


def _thinned(x: metrics.Floats, y: metrics.Floats) -> list[tuple[float, float]]:
    """Points of a curve, those left out that no eye could tell from their neighbours."""
    rounded = np.round(np.column_stack((x, y)), 3)
    changed = np.append(np.any(np.diff(rounded, axis=0) != 0, axis=1), True)
    return [(float(across), float(up)) for across, up in rounded[changed]]


def _confusion_cells(trial: Trial, answers: Answers) -> list[Datum]:
    counts = metrics.Tally(trial.labels.female, answers.p_female).counts
    matrix = {
        "women": {"women": counts.tp, "men": counts.fn, "undetected": counts.undetected_female},
        "men": {"women": counts.fp, "men": counts.tn, "undetected": counts.undetected_male},
    }
    cells: list[Datum] = []
    for labelled, row in matrix.items():
        faces = sum(float(count[0]) for count in row.values())
        for answered, count in row.items():
            share = float(count[0]) / faces if faces else 0.0
            fill = blend(_PALEST, _RIGHT if answered == labelled else _WRONG, share)
            words = {"count": f"{int(count[0]):,}", "share": f"{100 * share:.1f} %" if faces else "–"}
            place = {"model": answers.model_id, "labelled": labelled, "answered": answered}
            cells.append({**place, **words, "fill": fill, "ink": readable_on(fill)})
    return cells


def _group_name(name: str, faces: int) -> str:
    return f"{name} ({faces:,})"


def _group_rows(model: str, groups: Groups) -> list[Datum]:
    grouping = groups.grouping
    rows: list[Datum] = []
    for name, faces, counted, found in zip(
        grouping.names, grouping.faces, grouping.counted, groups.accuracy, strict=True
    ):
        place = {"model": model, "group": _group_name(name, faces), "value": known(found.value)}
        faded = {"opacity": 1 if counted else _FADED, "pale": 0.4 if counted else 0.4 * _FADED}
        rows.append({**place, **faded, "low": known(found.low), "high": known(found.high), "counted": bool(counted)})
    return rows


def _heat_map(data: str, model: str, grid: Grid) -> alt.LayerChart:
    names = {name: name.split(" ") for name in grid.columns}
    most = max(map(len, names.values()))
    across = plain_axis(
        orient="top",
        labelExpr=written_as({name: [""] * (most - len(words)) + words for name, words in names.items()}),
        labelFontSize=11 if len(names) < 6 else 9.5,
        labelLimit=0,
        labelPadding=5 + 12 * (most - 1),
    )
    base = alt.Chart(alt.NamedData(data)).encode(
        x=alt.X("column:N", sort=list(grid.columns), title=None, axis=across),
        y=alt.Y("row:N", sort=list(grid.rows), title=None, axis=plain_axis()),
    )
    ink, band = alt.Color("ink:N", scale=None), {"band": 0.96}
    fill, title = alt.Fill("fill:N", scale=None), alt.TitleParams(model, fontWeight="bold", limit=WIDTH)
    return layered(
        base.mark_rect(width=band, height=band).encode(fill=fill, opacity=alt.Opacity("opacity:Q", scale=None)),
        base.mark_text(dy=-6, fontSize=12).encode(text="value:N", color=ink),
        base.mark_text(dy=8, fontSize=10).encode(text="count:N", color=ink),
    ).properties(width=PLOT, height=31 * len(grid.rows), title=title)


def _heat_cells(grid: Grid, worst: float) -> list[Datum]:
    cells: list[Datum] = []
    for row, values, counts in zip(grid.rows, grid.accuracy.tolist(), grid.faces.tolist(), strict=True):
        for column, value, faces in zip(grid.columns, values, counts, strict=True):
            if not faces:
                continue
            fill = blend(_PALEST, _WRONG, min((1 - value) / (1 - worst), 1))
            look = (1, readable_on(fill)) if faces >= MIN_GROUP_FACES else (_FADED, GREY)
            words = {"value": f"{100 * value:.1f}", "count": f"{faces:,}", "fill": fill}
            cells.append({"row": row, "column": column, **words, "opacity": look[0], "ink": look[1]})
    return cells


def _share_domain(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """From one round number to 100 %, low enough for all figures, and for intervals of groups that count."""
    ends = [row["low"] if row.get("counted", True) else None for row in rows]
    lowest = min([value for value in (*ends, *(row["value"] for row in rows)) if value is not None], default=0.5)
    step = 0.1 if lowest < 0.8 else 0.05
    return max(0.0, round(step * float(np.floor(lowest / step + 1e-9)), 2)), 1.0


def _faces(trial: Trial) -> str:
    """What was measured on, in a few words: a data set's place on disk is nobody's concern."""
    name = re.split("[:=]", trial.data, maxsplit=1)[0]
    aged = re.search(r", aged [\d.]+ and over$", trial.data)
    return f"{name}{aged[0] if aged and aged[0] not in name else ''}, {len(trial.labels):,} faces"

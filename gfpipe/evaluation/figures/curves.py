"""Figures of curves: ROC, reliability, and accuracy by face size."""

from typing import Final

import altair as alt
import numpy as np

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures.groups import FEW_FACES, accuracy_domain, faces_of
from gfpipe.evaluation.figures.plotting import COLOUR, COLOUR_FILL, DASH, PLOT, WIDTH, exact, figure, lines, styles_of
from gfpipe.evaluation.measures import calibration, comparison, metrics
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES
from gfpipe.output.drawing import GREY, Plan, layered, share_axis
from gfpipe.output.formats import known

_CORNER: Final = 0.2  # part of each axis shown in the enlarged upper left corner of the ROC plot


def roc_curves(trial: Trial) -> Plan | None:
    """ROC curves and their upper left corner; None if no model outputs probabilities."""
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
    whole = _roc_panel((0, 1), (0, 1), "women classified as women")
    corner = _roc_panel((0, _CORNER), (1 - _CORNER, 1), "upper left corner")
    return figure(
        "ROC curves of perceived gender",
        f"{faces_of(trial)}; dashed: chance",
        [alt.hconcat(whole, corner, spacing=14)],
        {"points": points, "chance": [{"false": 0, "true": 0}, {"false": 1, "true": 1}]},
        {name: styles[model] for model, name in names.items()},
    )


def reliability_plot(trial: Trial) -> Plan | None:
    """Accuracy by confidence, with the expected calibration error; None if no model outputs probabilities."""
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
        | {"model": model, "confidence": confidence, "accuracy": accuracy}
        | {"share": faces / curve.faces.sum(), "hollow": faces < MIN_GROUP_FACES}
        for model, curve in curves.items()
        for confidence, accuracy, faces in zip(
            curve.confidence.tolist(), curve.accuracy.tolist(), curve.faces.tolist(), strict=True
        )
        if faces
    ]
    down = 0.1 * np.floor(10 * min(row["accuracy"] for row in rows) + 1e-9), 1.0
    x = alt.X("confidence:Q", scale=exact((0.5, 1)), axis=share_axis((0.5, 1), 5))
    named = alt.X("confidence:Q", scale=exact((0.5, 1)), axis=share_axis((0.5, 1), 5, "confidence of the prediction"))
    y = alt.Y("accuracy:Q", scale=exact(down), axis=share_axis(down, 6, "accuracy"))
    share = alt.Y("share:Q", scale=exact((0, 1)), axis=share_axis((0, 1), 2, "faces"))
    ideal = alt.Chart(alt.NamedData("ideal")).mark_line(color=GREY, strokeWidth=1, strokeDash=[3, 3])
    return figure(
        "Reliability: accuracy of perceived gender by confidence",
        f"{faces_of(trial)}; dashed: perfect calibration; hollow: {FEW_FACES}",
        [
            layered(ideal.encode(x=x, y=y), *lines("bins", x, y)).properties(width=PLOT, height=200),
            layered(*lines("bins", named, share)).properties(width=PLOT, height=64),
        ],
        {"bins": rows, "ideal": [{"confidence": end, "accuracy": end} for end in (0.5, 1)]},
        {f"{model}, ECE {100 * curve.error:.1f} %": styles[model] for model, curve in curves.items()},
    )


def by_face_size(trial: Trial, draws: int = DRAWS) -> Plan | None:
    """Accuracy by face height, with 95 % intervals; None if sizes were not measured."""
    styles = styles_of(trial.models)
    rows = []
    for answers in trial.answers:
        for pixels, p_female in sorted(answers.by_size.items()):
            reduced = Answers(answers.model_id, p_female)
            accuracy = comparison.estimates(trial.labels, reduced, ["accuracy"], draws)["accuracy"]
            interval = {end: known(value) for end, value in vars(accuracy).items()}
            rows.append(styles[answers.model_id] | {"model": answers.model_id, "pixels": pixels, **interval})
    if not rows:
        return None
    sizes = sorted({row["pixels"] for row in rows})
    domain = accuracy_domain(rows)
    axis = alt.Axis(values=sizes, labelAngle=0, labelOverlap="greedy", grid=False)
    scale = alt.Scale(type="log", domain=[sizes[0] * 0.95, sizes[-1] * 1.05], nice=False)
    x = alt.X("pixels:Q", title="face height in pixels", scale=scale, axis=axis)
    y = alt.Y("value:Q", scale=exact(domain), axis=share_axis(domain, 7, "accuracy"))
    band = alt.Chart(alt.NamedData("sizes")).mark_area(opacity=0.16).transform_calculate(value="datum.low")
    band = band.encode(x=x, y=y, y2="high:Q", fill=COLOUR_FILL, detail="model:N")
    return figure(
        "Accuracy of perceived gender by face size",
        f"{faces_of(trial)}; bands: 95 % intervals",
        [layered(band, *lines("sizes", x, y)).properties(width=PLOT, height=220)],
        {"sizes": rows},
        styles,
    )


def _roc_panel(across: tuple[float, float], down: tuple[float, float], title: str) -> alt.LayerChart:
    side = (WIDTH - 2 * 48 - 36) // 2
    x = alt.X("false:Q", scale=exact(across), axis=share_axis(across, 2, "men classified as women"))
    y = alt.Y("true:Q", scale=exact(down), axis=share_axis(down, 4))
    chance = alt.Chart(alt.NamedData("chance")).mark_line(color=GREY, strokeWidth=1, strokeDash=[3, 3], clip=True)
    curves = alt.Chart(alt.NamedData("points")).mark_line(strokeWidth=1.8, clip=True)
    curves = curves.encode(x=x, y=y, detail="model:N", order="false:Q", color=COLOUR, strokeDash=DASH)
    return layered(chance.encode(x=x, y=y), curves).properties(width=side, height=side, title=title)


def _thinned(x: metrics.Floats, y: metrics.Floats) -> list[tuple[float, float]]:
    """Points of a curve, without those that round to the same place as their neighbour."""
    rounded = np.round(np.column_stack((x, y)), 3)
    changed = np.append(np.any(np.diff(rounded, axis=0) != 0, axis=1), True)
    return [(float(across), float(up)) for across, up in rounded[changed]]

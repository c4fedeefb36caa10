"""Figures of coloured cells: confusion matrices and heat maps."""

import altair as alt

from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.figures.groups import FADED, FEW_FACES, faces_of
from gfpipe.evaluation.figures.plotting import PLOT, WIDTH, figure, header, plain_axis, written_as
from gfpipe.evaluation.measures import metrics, subgroups
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES, Grid
from gfpipe.output.drawing import FILL, GREY, TEXT_COLOUR, Datum, Plan, blend, layered, readable_on
from gfpipe.output.formats import COUNT, PERCENT

_PALEST, _RIGHT, _WRONG = "#f3f3f3", "#00674b", "#b34a00"


def confusion_matrices(trial: Trial) -> Plan:
    """A matrix for each model: labels down, predictions across, counts above per cent of the row."""
    cells = [cell for answers in trial.answers for cell in _confusion_cells(trial, answers)]
    columns = min(2, len(trial.answers))
    width = 134 if columns > 1 else 200
    band = {"band": 0.96}
    labelled, predicted = ["women", "men"], ["women", "men", "undetected"]
    base = alt.Chart().encode(
        x=alt.X("predicted:N", sort=predicted, title="as predicted", axis=plain_axis(labelFontSize=10)),
        y=alt.Y("labelled:N", sort=labelled, title="as labelled", axis=plain_axis()),
    )
    layers = layered(
        base.mark_rect(width=band, height=band).encode(fill=FILL),
        base.mark_text(dy=-7, fontSize=12).encode(text="count:N", color=TEXT_COLOUR),
        base.mark_text(dy=9, fontSize=11).encode(text="share:N", color=TEXT_COLOUR),
    )
    chart = layers.properties(width=width, height=84).facet(
        facet=alt.Facet("model:N", sort=list(trial.models), title=None, header=header(trial.models, width)),
        columns=columns,
        data=alt.NamedData("cells"),
        spacing={"row": 20, "column": 16},
    )
    return figure("Perceived gender as labelled and as predicted", faces_of(trial), [chart], {"cells": cells})


def heat_maps(trial: Trial) -> Plan | None:
    """Accuracy by age and ethnicity, a map for each model; None if age or ethnicity is unknown.

    All maps share one colour scale; darker cells have more errors. Cells show the accuracy above the number of faces;
    cells with few faces are faded.
    """
    if not {"age", "ethnicity"} <= set(subgroups.known(trial.labels)):
        return None
    grids = {answers.model_id: subgroups.grid(trial.labels, answers) for answers in trial.answers}
    large = [grid.accuracy[grid.faces >= MIN_GROUP_FACES] for grid in grids.values()]
    worst = min((float(value) for values in large for value in values), default=0.5)
    maps = [_heat_map(f"map {index}", model, grid) for index, (model, grid) in enumerate(grids.items())]
    return figure(
        "Accuracy of perceived gender by age and ethnicity",
        f"{faces_of(trial)}; accuracy in % above faces; darker: more errors; faded: {FEW_FACES}",
        maps,
        {f"map {index}": _heat_cells(grid, min(worst, 0.9)) for index, grid in enumerate(grids.values())},
    )


def _confusion_cells(trial: Trial, answers: Answers) -> list[Datum]:
    counts = metrics.Tally(trial.labels.female, answers.p_female).counts
    matrix = {
        "women": {"women": counts.tp, "men": counts.fn, "undetected": counts.undetected_female},
        "men": {"women": counts.fp, "men": counts.tn, "undetected": counts.undetected_male},
    }
    cells: list[Datum] = []
    for labelled, row in matrix.items():
        faces = sum(float(count[0]) for count in row.values())
        for predicted, count in row.items():
            share = float(count[0]) / faces if faces else 0.0
            fill = blend(_PALEST, _RIGHT if predicted == labelled else _WRONG, share)
            text = {"count": COUNT.text(count[0]), "share": PERCENT.text(share if faces else None)}
            position = {"model": answers.model_id, "labelled": labelled, "predicted": predicted}
            cells.append({**position, **text, "fill": fill, "ink": readable_on(fill)})
    return cells


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
    band, title = {"band": 0.96}, alt.TitleParams(model, fontWeight="bold", limit=WIDTH)
    return layered(
        base.mark_rect(width=band, height=band).encode(fill=FILL, opacity=alt.Opacity("opacity:Q", scale=None)),
        base.mark_text(dy=-6, fontSize=12).encode(text="value:N", color=TEXT_COLOUR),
        base.mark_text(dy=8, fontSize=10).encode(text="count:N", color=TEXT_COLOUR),
    ).properties(width=PLOT, height=31 * len(grid.rows), title=title)


def _heat_cells(grid: Grid, worst: float) -> list[Datum]:
    cells: list[Datum] = []
    for row, values, counts in zip(grid.rows, grid.accuracy.tolist(), grid.faces.tolist(), strict=True):
        for column, value, faces in zip(grid.columns, values, counts, strict=True):
            if not faces:
                continue
            fill = blend(_PALEST, _WRONG, min((1 - value) / (1 - worst), 1))
            opacity, ink = (1, readable_on(fill)) if faces >= MIN_GROUP_FACES else (FADED, GREY)
            text = {"value": PERCENT.text(value, unit=False), "count": COUNT.text(faces)}
            cells.append({"row": row, "column": column, **text, "fill": fill, "opacity": opacity, "ink": ink})
    return cells

"""Learning curves: loss, and accuracy by perceived gender, after each epoch of all stages."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import altair as alt

from gfpipe.errors import UsageError
from gfpipe.evaluation.epochs import Epoch
from gfpipe.evaluation.figures.plotting import PLOT, Style, exact, figure, lines, save
from gfpipe.output.drawing import GREEN, GREY, INK, ORANGE, Datum, Plan, layered, share_axis
from gfpipe.output.formats import cut, known

_TRAINING, _VALIDATION = "training faces", "validation faces"
_WOMEN, _MEN = "women among them", "men among them"
_STYLES: Final = {
    _TRAINING: Style(GREY, [5, 3], "diamond"),
    _VALIDATION: Style(INK, [1, 0], "circle"),
    _WOMEN: Style(GREEN, [2, 2], "triangle-up"),
    _MEN: Style(ORANGE, [8, 2, 2, 2], "square"),
}
_CROWDED: Final = 40  # epochs from which lines have no dots


def learning_curves(epochs: Sequence[Epoch]) -> Plan:
    """Accuracy and loss over all epochs, with borders and names of the stages; without accuracies, loss only.

    Raises:
        UsageError: there is no epoch.
    """
    if not epochs:
        raise UsageError("no learning curves: no epoch of this training is finished")
    count, stages = len(epochs), _stages(epochs)
    measure = "validation_accuracy"
    accuracy = _rows(epochs, {_VALIDATION: measure, _WOMEN: f"{measure}_women", _MEN: f"{measure}_men"})
    loss = _rows(epochs, {_TRAINING: "train_loss", _VALIDATION: "validation_loss"})
    accuracies = [row["value"] for row in accuracy if row["value"] is not None]
    lowest = min(accuracies, default=0.5)
    domain = (min(0.05 * int(20 * lowest), 0.9), 1.0)
    percent = alt.Y("value:Q", scale=exact(domain), axis=share_axis(domain, 6, "accuracy"))
    plain = alt.Y("value:Q", scale=alt.Scale(zero=False), axis=alt.Axis(title="loss", tickCount=5))
    size = 36 if count < _CROWDED else 0
    beginnings = alt.Chart(alt.NamedData("stages"))
    border = beginnings.transform_filter("datum.epoch > 1").mark_rule(color=GREY, strokeDash=[3, 3])
    named = beginnings.mark_text(align="left", baseline="bottom", dx=4, fontSize=11, color=INK)
    across, below = _epochs(count, None), _epochs(count, "epoch")
    above = [border.encode(x=across), named.encode(x=across, y=alt.value(-4), text="name:N")]
    subtitle = f"{count} epoch{'s' * (count > 1)}{'; accuracy of validation faces' * bool(accuracies)}"
    losses = lines("loss", below, plain, size)
    if accuracies:
        parts = [
            layered(*above, *lines("accuracy", across, percent, size)).properties(width=PLOT, height=180),
            layered(border.encode(x=below), *losses).properties(width=PLOT, height=130),
        ]
    else:
        marks = [mark.encode(x=below) for mark in (border, named.encode(y=alt.value(-4), text="name:N"))]
        parts = [layered(*marks, *losses).properties(width=PLOT, height=180)]
    shown = [_TRAINING, _VALIDATION, *([_WOMEN, _MEN] if accuracies else [])]
    return figure(
        f"Learning curves: {'accuracy of perceived gender, and ' * bool(accuracies)}loss",
        f"{subtitle}; dashed: a new stage" if len(stages) > 1 else subtitle,
        parts,
        {"accuracy": accuracy, "loss": loss, "stages": stages},
        {name: _STYLES[name] for name in shown},
    )


def write(epochs: Sequence[Epoch], folder: Path) -> tuple[Path, Path]:
    """Write ``learning-curves.svg`` and ``.png``."""
    return save(learning_curves(epochs), folder, "learning-curves")


def _rows(epochs: Sequence[Epoch], fields: dict[str, str]) -> list[Datum]:
    """Rows of a curve for each field of an epoch."""
    return [
        _STYLES[name] | {"model": name, "epoch": number, "value": known(getattr(epoch, field))}
        for name, field in fields.items()
        for number, epoch in enumerate(epochs, start=1)
    ]


def _epochs(count: int, title: str | None) -> alt.X:
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, 1_000) if count / step <= 12 or step == 1_000)
    values = [1, *range(step, count + 1, step)] if step > 1 else list(range(1, count + 1))
    axis = alt.Axis(values=values, format="d", grid=False, title=title)
    return alt.X("epoch:Q", scale=exact((0.5, count + 0.5)), axis=axis)


def _stages(epochs: Sequence[Epoch]) -> list[Datum]:
    """Start of each stage, half an epoch before its first, and its name shortened to fit."""
    stages, done = list[Datum](), 0
    for name, members in groupby(epochs, key=lambda epoch: epoch.stage):
        length = len(list(members))
        letters = max(int((PLOT * length / len(epochs) - 6) / 5.8), 1)
        shown = cut(name, letters)
        stages.append({"epoch": done + 0.5, "name": shown})
        done += length
    return stages

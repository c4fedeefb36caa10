"""The history of a training, epoch by epoch: ``history.csv``."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Final

from gfpipe.base import files
from gfpipe.errors import UsageError
from gfpipe.evaluation.epochs import Epoch
from gfpipe.output.formats import Format, clock
from gfpipe.tables.formulas import guarded, unguarded

HISTORY: Final = "history.csv"
_PERCENT: Final = Format(2, 100, "%")


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write the history as CSV, atomically."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([column.name for column in fields(Epoch)])
    table.writerows([_field(value) for value in astuple(epoch)] for epoch in history)
    files.write(path, text.getvalue())


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read ``history.csv``.

    Raises:
        UsageError: the file is missing or not a history.
    """
    types: dict[str, Callable[[str], Any]] = {column.name: float for column in fields(Epoch)}
    types |= {"stage": unguarded, "epoch": int}
    try:
        with path.open(newline="", encoding="utf-8") as text:
            return tuple(
                Epoch(**{name: convert(row[name]) for name, convert in types.items()}) for row in csv.DictReader(text)
            )
    except (OSError, KeyError, TypeError, ValueError) as exc:
        raise UsageError(f"{path} is not the history of a training: {exc}") from exc


def _field(value: str | float) -> str:
    return f"{value:.6g}" if isinstance(value, float) else guarded(str(value))


def rows(history: Sequence[Epoch]) -> list[dict[str, str | int]]:
    """A table of the training, one row per epoch."""
    return [
        {
            "stage": epoch.stage,
            "epoch": epoch.epoch,
            "loss": f"{epoch.train_loss:.4f}",
            "validation loss": Format(4).text(epoch.validation_loss),
            "validation accuracy": _PERCENT.text(epoch.validation_accuracy),
            "women": _PERCENT.text(epoch.validation_accuracy_women),
            "men": _PERCENT.text(epoch.validation_accuracy_men),
            "time": clock(epoch.seconds),
            "images a second": f"{epoch.images_per_second:.0f}",
        }
        for epoch in history
    ]


def summary(history: Sequence[Epoch]) -> str:
    """The training in one line."""
    return f"{len(history)} epochs; validation accuracy {_PERCENT.text(history[-1].validation_accuracy)}"

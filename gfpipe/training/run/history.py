"""How training went, epoch by epoch: ``history.csv``; and how far it is at the moment."""

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Final

from gfpipe.errors import UsageError

HISTORY: Final = "history.csv"


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Attributes:
        doing: ``cutting chips`` or ``training``.
        stage: its name; empty while chips are cut.
        epoch: the present one, from 1; 0 while chips are cut.
        done, total: faces of this epoch, or of all while chips are cut.
        loss: mean of this epoch so far; NaN before the first step.
        validation_accuracy: of the epoch before; NaN before there is one.
    """

    doing: str
    done: int
    total: int
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    loss: float = math.nan
    validation_accuracy: float = math.nan


@dataclass(frozen=True)
class Epoch:
    """What came out of one epoch; one line of ``history.csv``.

    Attributes:
        epoch: from 1.
        train_loss: mean over the steps, all heads, of varied faces.
        validation_loss: mean negative log-likelihood of perceived gender; NaN without validation faces.
        validation_accuracy: of all validation faces, of women and of men.
        seconds: of the whole epoch, validation included.
        images_per_second: while it learned.
        waited_seconds: for batches that were not ready in time.
        rate: the learning rate at its end.
    """

    stage: str
    epoch: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    validation_accuracy_women: float
    validation_accuracy_men: float
    seconds: float
    images_per_second: float
    waited_seconds: float
    rate: float


def write_history(path: Path, history: Sequence[Epoch]) -> None:
    """Write the history as CSV, in one step."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as text:
        table = csv.writer(text)
        table.writerow([each.name for each in fields(Epoch)])
        table.writerows(
            [f"{value:.6g}" if isinstance(value, float) else value for value in astuple(row)] for row in history
        )
    part.replace(path)


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read ``history.csv`` back.

    Raises:
        UsageError: it is no history.
    """
    kinds: dict[str, Callable[[str], Any]] = {each.name: float for each in fields(Epoch)} | {"stage": str, "epoch": int}
    try:
        with path.open(newline="", encoding="utf-8") as text:
            return tuple(
                Epoch(**{name: kind(row[name]) for name, kind in kinds.items()}) for row in csv.DictReader(text)
            )
    except (OSError, KeyError, TypeError, ValueError) as exc:
        raise UsageError(f"{path} is no history of a training: {exc}") from exc

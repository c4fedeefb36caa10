"""Progress of long-running work, reported through one kind of callback."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """The state of the work under way.

    Attributes:
        activity: what is done, such as ``cutting chips`` or ``training``.
        done, total: items (files, faces, bytes) done and in all; in training, faces of the current epoch. ``total`` is
            None where it is unknown.
        stage: name of the training stage; empty for other work.
        epoch, epochs: current epoch, from 1, and epochs of the stage; 0 for other work.
        loss: mean loss of the epoch so far; NaN before the first step.
        validation_accuracy: accuracy after the previous epoch, in [0, 1]; NaN before there is one.
        item: the item that was finished last, such as a recording's summary; None where items are not passed on.
    """

    activity: str
    done: int
    total: int | None
    stage: str = ""
    epoch: int = 0
    epochs: int = 0
    loss: float = math.nan
    validation_accuracy: float = math.nan
    item: object = None


OnProgress = Callable[[Progress], None]


def no_progress(_: Progress) -> None:
    """Ignore progress: the default callback."""

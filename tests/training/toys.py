"""Faces that a tiny network tells apart in seconds, and a run on them that a test may kill.

``python -m tests.training.toys FOLDER`` trains slowly, and prints each step.
"""

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.base.progress import Progress
from gfpipe.training.data.chips import margin
from gfpipe.training.recipe import Stage
from gfpipe.training.run import loop
from gfpipe.training.run.augment import seed_of
from gfpipe.training.run.job import Job, Lesson
from gfpipe.training.run.objective import Examples, Objective
from gfpipe.training.tables import Augment, Heads, Input

SIZE = 20
EVERYTHING = Augment(
    flip=0.5,
    scale=0.18,
    rotate_degrees=15,
    shift=0.07,
    contrast=0.3,
    brightness=0.3,
    saturation=0.3,
    tint=0.05,
    grey=0.1,
    reduce=0.2,
    reduce_pixels=(5, 12),
    erase=0.3,
    mixup=0.2,
)


class Tiny(nn.Module):
    """A network with all that a checkpoint must hold: batch norm, dropout, a last layer."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))  # type: ignore[no-any-return]


def faces(count: int = 96, seed: int = 0) -> Examples:
    """Noise; that of women is redder."""
    chance = np.random.default_rng(seed)
    side = SIZE + 2 * margin(SIZE)
    female = np.arange(count) % 2 == 0
    pixels = chance.integers(60, 160, (count, 3, side, side))
    pixels[female, 0] += 60
    ages = np.where(chance.random(count) < 0.8, chance.uniform(0, 90, count), np.nan)
    ethnicity = np.where(chance.random(count) < 0.8, np.where(female, "asian", "white"), "")
    return Examples(pixels.astype(np.uint8), female, ages.astype(np.float32), ethnicity)


def order(epoch: int) -> NDArray[np.int64]:
    """The first 64 faces, in another order each epoch."""
    return np.random.default_rng(epoch).permutation(64).astype(np.int64)


def job(folder: Path, *stages: Stage, heads: Heads | None = None, augment: Augment | None = None) -> Job:
    """A run on the toy faces; validated on those that no stage shows."""
    objective = Objective(heads or Heads(), ("asian", "white") if heads and heads.ethnicity else ())
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(1))
        network = Tiny(objective.outputs)
    examples = faces()
    lessons = [Lesson(stage, order, np.arange(64, 96)) for stage in stages]
    return Job(network, objective, examples, lessons, Input(SIZE).spec, augment or Augment(), folder)


def stage(**changes: object) -> Stage:
    """One stage that learns the toy faces."""
    return replace(Stage("one", "utkface", epochs=4, rate=0.02, batch=16), **changes)  # type: ignore[arg-type]


def everything(folder: Path) -> Job:
    """A run with everything that could be forgotten on the way."""
    first = stage(average=0.9, label_smoothing=0.1, epochs=3)
    second = stage(name="two", optimiser="sgd", average=0.5, epochs=2)
    return job(folder, first, second, heads=Heads(1.0, 0.3, 0.2), augment=EVERYTHING)


def slowly(folder: Path) -> None:
    """Train, and say after each step where it is, before the checkpoint of that step is written."""

    def tell(now: Progress) -> None:
        print(now.stage, now.epoch, now.done, flush=True)
        time.sleep(0.05)

    torch.set_num_threads(1)
    loop.train(replace(everything(folder), checkpoint_seconds=0.0), tell)


if __name__ == "__main__":
    slowly(Path(sys.argv[1]))

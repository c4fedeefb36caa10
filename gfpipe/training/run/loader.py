"""Batches made ready in a thread while the network learns."""

import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.classifier import Normalisation
from gfpipe.errors import UsageError
from gfpipe.training.run.augment import augment, centre, seed_of
from gfpipe.training.run.job import Job, Lesson

_AHEAD: Final = 2  # batches made ready before they are needed


def batches(faces: int, batch: int) -> list[slice]:
    """The batches of an epoch; a rest that is too small for one is left for another epoch.

    Raises:
        UsageError: there are fewer than two faces, of which no batch norm can learn.
    """
    if faces < 2:
        raise UsageError(f"an epoch of {faces} faces: nothing can be learned from fewer than two")
    if faces < batch:
        return [slice(0, faces)]
    return [slice(first, first + batch) for first in range(0, faces - batch + 1, batch)]


class Preparation:
    """From chips with a margin, on disk, to what the network takes, on its device."""

    def __init__(self, job: Job, size: int) -> None:
        self._job = job
        self._size = size
        self._normalised = Normalisation(job.chip, job.device)

    def plain(self, pixels: NDArray[np.uint8], which: NDArray[np.int64]) -> Tensor:
        """(B, 3, S, S) normalised chips as they are."""
        return self._normalised(centre(self._load(pixels, which), self._job.size, self._size))

    def varied(self, pixels: NDArray[np.uint8], which: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """(B, 3, S, S) normalised chips, augmented."""
        return self._normalised(
            augment(self._load(pixels, which), self._job.size, self._size, self._job.augment, generator)
        )

    def _load(self, pixels: NDArray[np.uint8], which: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels[which])).to(self._job.device)


class Loader:
    """The batches of an epoch from its present step on, made ready in a thread while the network learns."""

    def __init__(self, job: Job, lesson: Lesson, order: NDArray[np.int64], place: tuple[int, int, int]) -> None:
        self._job = job
        self._lesson = lesson
        self._order = order
        stage, epoch, step = place
        self._position = (stage, epoch)
        self._slices = batches(len(order), lesson.stage.batch)
        self._steps = iter(range(step, len(self._slices)))
        self._prepare = Preparation(job, lesson.size(job.size))
        self._thread = _modest_thread()
        self._ready: deque[Future[tuple[Tensor, Tensor]]] = deque()

    def __enter__(self) -> Self:
        for _ in range(_AHEAD):
            self._order_another()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def next(self) -> tuple[Tensor, Tensor, float]:
        """Chips (B, 3, S, S), wanted distributions (B, outputs), and the seconds that they were waited for."""
        begin = time.monotonic()
        x, targets = self._ready.popleft().result()
        waited = time.monotonic() - begin
        self._order_another()
        return x, targets, waited

    def _order_another(self) -> None:
        step = next(self._steps, None)
        if step is not None:
            self._ready.append(self._thread.submit(self._batch, step))

    @torch.no_grad()
    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        job, stage = self._job, self._lesson.stage
        which = self._order[self._slices[step]]
        seed = seed_of(job.seed, *self._position, step)
        x = self._prepare.varied(job.examples.pixels, which, torch.Generator().manual_seed(seed))
        targets = job.objective.targets(
            job.examples, which, stage.label_smoothing, self._lesson.teacher, stage.teacher_weight
        ).to(job.device)
        return _mixed(x, targets, job.augment.mixup, seed) if job.augment.mixup else (x, targets)


def _modest_thread() -> ThreadPoolExecutor:
    """A thread whose torch takes a quarter of the cores: two teams that each want all only wait for each other.

    Augmenting a batch costs a twentieth of learning it with ResNet-18.
    """
    threads = torch.get_num_threads()
    thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
    thread.submit(torch.set_num_threads, max(threads // 4, 1)).result()
    torch.set_num_threads(threads)  # OpenMP's count is each thread's own, but MKL's is everybody's
    return thread


def _mixed(x: Tensor, targets: Tensor, alpha: float, seed: int) -> tuple[Tensor, Tensor]:
    """Each face mixed with another of its batch, and their labels likewise (Zhang et al. 2018, equation 2)."""
    chance = np.random.default_rng(seed)
    share = float(chance.beta(alpha, alpha))
    other = torch.from_numpy(chance.permutation(len(x))).to(x.device)
    return torch.lerp(x[other], x, share), torch.lerp(targets[other], targets, share)

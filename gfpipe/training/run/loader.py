"""Batches prepared in a thread while the network trains."""

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

_PREFETCH: Final = 2  # batches


def batches(faces: int, batch: int) -> list[slice]:
    """The batches of an epoch; an incomplete last batch is dropped.

    Raises:
        UsageError: there are fewer than two faces, too few for batch norm.
    """
    if faces < 2:
        raise UsageError(f"an epoch of {faces} faces is too small: batch norm needs at least two")
    if faces < batch:
        return [slice(0, faces)]
    return [slice(first, first + batch) for first in range(0, faces - batch + 1, batch)]


class Preparation:
    """Turns stored chips with a margin into the network's input on its device."""

    def __init__(self, job: Job, size: int) -> None:
        self._job = job
        self._size = size
        self._normalised = Normalisation(job.chip, job.device)

    def plain(self, pixels: NDArray[np.uint8], indices: NDArray[np.int64]) -> Tensor:
        """(B, 3, S, S) normalised chips without augmentation."""
        return self._normalised(centre(self._load(pixels, indices), self._job.size, self._size))

    def augmented(self, pixels: NDArray[np.uint8], indices: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """(B, 3, S, S) normalised chips with augmentation."""
        return self._normalised(
            augment(self._load(pixels, indices), self._job.size, self._size, self._job.augment, generator)
        )

    def _load(self, pixels: NDArray[np.uint8], indices: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(pixels[indices])).to(self._job.device)


class Loader:
    """The batches of an epoch from a step on, prepared in a thread while the network trains."""

    def __init__(self, job: Job, lesson: Lesson, order: NDArray[np.int64], position: tuple[int, int, int]) -> None:
        self._job = job
        self._lesson = lesson
        self._order = order
        stage, epoch, step = position
        self._position = (stage, epoch)
        self._slices = batches(len(order), lesson.stage.batch)
        self._steps = iter(range(step, len(self._slices)))
        self._prepare = Preparation(job, lesson.size(job.size))
        self._thread = _single_thread()
        self._ready: deque[Future[tuple[Tensor, Tensor]]] = deque()

    def __enter__(self) -> Self:
        for _ in range(_PREFETCH):
            self._prefetch()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def next(self) -> tuple[Tensor, Tensor, float]:
        """Chips (B, 3, S, S), targets (B, outputs), and the seconds spent waiting for them."""
        begin = time.monotonic()
        x, targets = self._ready.popleft().result()
        waited = time.monotonic() - begin
        self._prefetch()
        return x, targets, waited

    def _prefetch(self) -> None:
        step = next(self._steps, None)
        if step is not None:
            self._ready.append(self._thread.submit(self._batch, step))

    @torch.no_grad()
    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        job, stage = self._job, self._lesson.stage
        indices = self._order[self._slices[step]]
        seed = seed_of(job.seed, *self._position, step)
        x = self._prepare.augmented(job.examples.pixels, indices, torch.Generator().manual_seed(seed))
        targets = job.objective.targets(
            job.examples, indices, stage.label_smoothing, self._lesson.teacher, stage.teacher_weight
        ).to(job.device)
        return _mixed(x, targets, job.augment.mixup, seed) if job.augment.mixup else (x, targets)


def _single_thread() -> ThreadPoolExecutor:
    """A worker thread whose torch uses a quarter of the cores, so that it does not compete with training.

    Augmenting a batch costs a twentieth of training on it with ResNet-18.
    """
    threads = torch.get_num_threads()
    thread = ThreadPoolExecutor(1, thread_name_prefix="loader")
    thread.submit(torch.set_num_threads, max(threads // 4, 1)).result()
    torch.set_num_threads(threads)  # OpenMP's count is per thread, but MKL's is global
    return thread


def _mixed(x: Tensor, targets: Tensor, alpha: float, seed: int) -> tuple[Tensor, Tensor]:
    """Mix each face and its label with another of the batch (Zhang et al. 2018, equation 2)."""
    random = np.random.default_rng(seed)
    share = float(random.beta(alpha, alpha))
    other = torch.from_numpy(random.permutation(len(x))).to(x.device)
    return torch.lerp(x[other], x, share), torch.lerp(targets[other], targets, share)

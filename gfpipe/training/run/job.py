"""The input of the training loop: network, faces, stages and precision."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes.networks import pretext_of
from gfpipe.attributes.spec import InputSpec
from gfpipe.training.recipe import PRETEXT, Stage
from gfpipe.training.run.objective import Examples, Objective
from gfpipe.training.tables import Augment


@dataclass(frozen=True)
class Lesson:
    """One stage with its faces.

    Attributes:
        draw: maps an epoch's number, from 0, to its faces in order.
        validation: faces for early stopping and the choice of the best epoch; may be empty.
        teacher: (N,) another model's p_female of every face; None for no teacher.
    """

    stage: Stage
    draw: Callable[[int], NDArray[np.int64]]
    validation: NDArray[np.int64]
    teacher: NDArray[np.float32] | None = None

    def size(self, chip: int) -> int:
        """Side of this stage's chips, given the network's."""
        return self.stage.size or chip


@dataclass(frozen=True)
class Job:
    """A training run.

    Attributes:
        network: with its initial weights; it is trained in place.
        chip: the network's input; the examples have a margin around it.
        folder: of the checkpoint and the history.
        key: digest of everything that the result depends on; a checkpoint with another key is refused.
        bf16: whether to compute in bfloat16, with torch's autocast.
        checkpoint_seconds: interval between checkpoints.
    """

    network: nn.Module
    objective: Objective
    examples: Examples
    lessons: Sequence[Lesson]
    chip: InputSpec
    augment: Augment
    folder: Path
    key: str = ""
    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    bf16: bool = False
    checkpoint_seconds: float = 180.0

    @property
    def size(self) -> int:
        """Side of the network's chips, in pixels."""
        if self.chip.size is None:
            raise ValueError("the size of the chips is not known")
        return self.chip.size


def bf16_for(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16; ``auto`` if the processor has instructions for it."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def autocast(job: Job) -> AbstractContextManager[object]:
    """The context of the job's precision."""
    return torch.autocast(job.device.type, dtype=torch.bfloat16, enabled=job.bf16)


def stage_loss(job: Job, stage: Stage, network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    """The loss of a batch in a stage: of its labels, or of the network's pretext task."""
    with autocast(job):
        if stage.task == PRETEXT:
            return pretext_of(network).pretext(x)
        outputs = network(x)
    return job.objective.loss(outputs.float(), targets, stage.learns)

"""What a run of training is told: the network, the faces, the stages, and how to compute."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gfpipe.attributes.spec import InputSpec
from gfpipe.training.recipe import Stage
from gfpipe.training.run.objective import Examples, Objective
from gfpipe.training.tables import Augment


@dataclass(frozen=True)
class Lesson:
    """One stage with its faces.

    Attributes:
        stage: as the recipe has it.
        draw: an epoch's number, from 0, to the faces it shows, in order.
        validation: the faces it is stopped by; may be empty.
        teacher: (N,) another model's p_female of every face; None for no teacher.
    """

    stage: Stage
    draw: Callable[[int], NDArray[np.int64]]
    validation: NDArray[np.int64]
    teacher: NDArray[np.float32] | None = None

    def size(self, chip: int) -> int:
        """Side of the chips that this stage shows."""
        return self.stage.size or chip


@dataclass(frozen=True)
class Job:
    """All that a run is told.

    Attributes:
        network: with its initial weights; it is trained in place.
        chip: what the network takes; the examples have a margin around it.
        folder: where the checkpoint and the history lie.
        key: of all that the result depends on; a checkpoint of another key is refused.
        bf16: whether to compute in bfloat16 where torch's autocast holds that safe.
        checkpoint_seconds: at most so much work is lost by a kill.
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
        """Side of the network's chips."""
        if self.chip.size is None:
            raise ValueError("the size of the chips is not known")
        return self.chip.size


def bf16_for(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: ``auto`` where the processor has instructions for it."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def autocast(job: Job) -> AbstractContextManager[object]:
    """Compute as the job asks."""
    return torch.autocast(job.device.type, dtype=torch.bfloat16, enabled=job.bf16)

"""Loss and accuracy on the validation faces, without augmentation."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes.spec import Attribute
from gfpipe.training.recipe import LABELS
from gfpipe.training.run.augment import seed_of
from gfpipe.training.run.job import Job, Lesson, autocast, stage_loss
from gfpipe.training.run.loader import Preparation

_BATCH: Final = 256


@dataclass(frozen=True)
class Validation:
    """Loss, and accuracy of all, women and men; NaN where not measured."""

    loss: float = math.nan
    accuracy: float = math.nan
    accuracy_women: float = math.nan
    accuracy_men: float = math.nan


def validate(network: nn.Module, job: Job, stage: int) -> Validation:
    """Measure the network on a stage's validation faces.

    Where the stage learns perceived gender, the loss is its negative log-likelihood; else it is the stage's own loss.
    """
    lesson = job.lessons[stage]
    indices = lesson.validation
    if not len(indices):
        return Validation()
    if not _learns_perceived_gender(job, lesson):
        return Validation(_mean_loss(network, job, lesson, seed_of(job.seed, stage)))
    margin = margins(network, job.examples.pixels, indices, job, lesson.size(job.size))
    female = job.examples.female[indices]
    loss = np.logaddexp(0, np.where(female, -margin, margin)).mean()
    correct = (margin >= 0) == female
    return Validation(float(loss), _mean(correct), _mean(correct[female]), _mean(correct[~female]))


def margins(
    network: nn.Module, pixels: NDArray[np.uint8], indices: NDArray[np.int64], job: Job, size: int | None = None
) -> NDArray[np.float64]:
    """The logit of female over male, (B,), on chips without augmentation; raises ValueError without such a head.

    `pixels` are (N, 3, C, C) chips with a margin, `indices` (B,) of them; `size` is the side of the input in pixels, if
    not the network's own.
    """
    prepare = Preparation(job, size or job.size)
    results: list[Tensor] = []
    network.eval()
    with torch.inference_mode(), autocast(job):
        for batch in np.split(indices, range(_BATCH, len(indices), _BATCH)):
            x = prepare.plain(pixels, batch)
            views = (x, x.flip(-1)) if job.chip.flipped_view else (x,)
            outputs = torch.stack([network(view).float() for view in views]).mean(dim=0)
            margin = job.objective.margins(outputs)
            if margin is None:
                raise ValueError("no head for perceived gender")
            results.append(margin.cpu())
    return torch.cat(results).double().numpy() if len(indices) else np.zeros(0)


def _learns_perceived_gender(job: Job, lesson: Lesson) -> bool:
    stage, heads = lesson.stage, job.objective.config
    learns = not stage.learns or Attribute.PERCEIVED_GENDER.value in stage.learns
    return stage.task == LABELS and heads.perceived_gender > 0 and learns


@torch.inference_mode()
def _mean_loss(network: nn.Module, job: Job, lesson: Lesson, seed: int) -> float:
    """The stage's own loss; the fixed seed gives a pretext task the same random choices in every epoch."""
    prepare = Preparation(job, lesson.size(job.size))
    torch.manual_seed(seed)
    network.eval()
    total = 0.0
    for batch in np.split(lesson.validation, range(_BATCH, len(lesson.validation), _BATCH)):
        targets = job.objective.targets(job.examples, batch).to(job.device)
        x = prepare.plain(job.examples.pixels, batch)
        total += float(stage_loss(job, lesson.stage, network, x, targets)) * len(batch)
    return total / len(lesson.validation)


def _mean(correct: NDArray[np.bool_]) -> float:
    return float(correct.mean()) if len(correct) else math.nan

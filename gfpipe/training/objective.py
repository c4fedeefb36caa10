"""What a network is asked to learn: every label as a distribution over the outputs of its head, and one loss.

Labels, smoothing, a teacher's answers and mixed faces all are such distributions, so the loss stays one line: the sum
over heads of the cross-entropy, each with its weight. What is unknown of a face is a row of zeros and adds nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.spec import FEMALE, MALE, Attribute, Head
from gfpipe.training.recipe import Heads

AGES: Final = 81  # 0 to 80 years, as cydral-age-v1 has them
_AGE_SIGMA: Final = 3.0  # years; an age is a bell over its neighbours (Gao et al. 2017, label distribution learning)
GENDERS: Final = (FEMALE, MALE)


@dataclass(frozen=True)
class Examples:
    """N faces and what is known of them.

    Attributes:
        pixels: (N, 3, C, C) uint8 RGB chips with a margin, maybe on disk.
        female: (N,) bool, the perceived gender.
        age_years: (N,) float32, NaN where unknown.
        ethnicity: (N,) names; empty where unknown.
        p_female: (N,) float32 soft labels, NaN where there is only a plain one; None where there is none at all.
    """

    pixels: NDArray[np.uint8]
    female: NDArray[np.bool_]
    age_years: NDArray[np.float32]
    ethnicity: NDArray[np.str_]
    p_female: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        soft = len(self.female) if self.p_female is None else len(self.p_female)
        lengths = {len(self.pixels), len(self.female), len(self.age_years), len(self.ethnicity), soft}
        if len(lengths) != 1:
            raise ValueError(f"pixels and labels of {sorted(lengths)} faces")
        if self.pixels.ndim != 4 or self.pixels.shape[1] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(f"chips must be (N, 3, C, C) uint8, got {self.pixels.shape} {self.pixels.dtype}")

    def __len__(self) -> int:
        return len(self.female)


@dataclass(frozen=True)
class Objective:
    """The heads, in the order of the network's outputs: perceived gender, age, ethnicity.

    Attributes:
        weights: of the heads in the loss.
        ethnicities: the classes of the last head; empty for no such head.
    """

    weights: Heads
    ethnicities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.ethnicities) != bool(self.weights.ethnicity):
            raise ValueError(
                f"ethnicity has the weight {self.weights.ethnicity:g}, but {len(self.ethnicities)} classes"
            )

    @property
    def heads(self) -> tuple[tuple[str, tuple[str, ...], float], ...]:
        """Name, classes and weight of each head."""
        ages = tuple(map(str, range(AGES)))
        heads = (
            (Attribute.PERCEIVED_GENDER.value, GENDERS, self.weights.perceived_gender),
            (Attribute.AGE.value, ages, self.weights.age),
            ("ethnicity", self.ethnicities, self.weights.ethnicity),
        )
        return tuple(head for head in heads if head[2])

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for a chip."""
        return len(self.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each output, such as ``perceived_gender: female``."""
        return tuple(f"{name}: {each}" for name, classes, _ in self.heads for each in classes)

    def kept(self, temperature: float = 1.0) -> tuple[Head, ...]:
        """The heads of the stored model, which come first in the outputs; ethnicity is not among them."""
        heads = [Head(Attribute.PERCEIVED_GENDER, GENDERS, temperature=temperature)]
        if self.weights.age:
            heads.append(Head(Attribute.AGE, tuple(map(str, range(AGES))), years=tuple(map(float, range(AGES)))))
        return tuple(heads)

    def targets(
        self,
        examples: Examples,
        which: NDArray[np.int64],
        label_smoothing: float = 0.0,
        teacher: NDArray[np.float32] | None = None,
        teacher_weight: float = 0.0,
    ) -> Tensor:
        """The wanted distributions of some faces, heads side by side.

        A soft label is a distribution already, (p, 1 - p) over female and male: it stands as it is, and is not
        smoothed on top. Smoothing stands for a doubt that nobody measured; a soft label's doubt was.

        Args:
            examples: N faces.
            which: (B,) of them.
            label_smoothing: share of a label that is spread evenly (Szegedy et al. 2016), not for ages.
            teacher: (N,) another model's p_female; NaN where it gave none.
            teacher_weight: share of the label that the teacher's answer takes (Hinton et al. 2015).

        Returns:
            (B, outputs) float32.
        """
        female = torch.from_numpy(examples.female[which]).float()
        gender = _smooth(torch.stack([female, 1 - female], dim=1), label_smoothing)
        if examples.p_female is not None:
            soft = torch.from_numpy(examples.p_female[which]).float()[:, None]
            gender = torch.where(soft.isfinite(), torch.cat([soft, 1 - soft], dim=1), gender)
        if teacher is not None and teacher_weight:
            answer = torch.from_numpy(teacher[which])
            answer = torch.where(answer.isfinite(), answer, gender[:, 0])
            gender = (1 - teacher_weight) * gender + teacher_weight * torch.stack([answer, 1 - answer], dim=1)
        parts = [gender]
        if self.weights.age:
            parts.append(age_targets(torch.from_numpy(examples.age_years[which])))
        if self.ethnicities:
            names = examples.ethnicity[which][:, None] == np.array(self.ethnicities)[None]
            known = torch.from_numpy(names).float()
            parts.append(_smooth(known, label_smoothing) * known.sum(1, keepdim=True))
        return torch.cat(parts, dim=1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The weighted sum of the heads' mean cross-entropies; both arguments (B, outputs)."""
        total = outputs.new_zeros(())
        for weight, logits, wanted in self._heads(outputs, targets):
            total = total - weight * (wanted * F.log_softmax(logits, dim=1)).sum() / len(outputs)
        return total

    def _heads(self, outputs: Tensor, targets: Tensor) -> Iterator[tuple[float, Tensor, Tensor]]:
        lengths = [len(classes) for _, classes, _ in self.heads]
        weights = [weight for _, _, weight in self.heads]
        return zip(weights, torch.split(outputs, lengths, dim=1), torch.split(targets, lengths, dim=1), strict=True)


def age_targets(years: Tensor) -> Tensor:
    """Ages (B,) as bells over 0 to 80 years, (B, 81); zeros where the age is NaN, 80 for all that are older."""
    centres = torch.arange(AGES, dtype=torch.float32)
    known = years.isfinite()
    mean = torch.where(known, years, torch.zeros_like(years)).clamp(0, AGES - 1)
    bell = F.softmax(-((mean[:, None] - centres) ** 2) / (2 * _AGE_SIGMA**2), dim=1)
    return bell * known[:, None]


def _smooth(target: Tensor, share: float) -> Tensor:
    return target * (1 - share) + share / target.shape[1]

"""Training targets and the loss.

Labels, smoothing, a teacher's predictions and mixup are all distributions over the classes of a head, so the loss is
the weighted sum of the heads' cross-entropies; for an age in years it is the squared error. Unknown labels are rows of
zeros (or NaN) and do not contribute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gfpipe.attributes.spec import FEMALE, MALE, Activation, Attribute, Head
from gfpipe.base.arrays import array_dataclass
from gfpipe.training.tables import Heads

AGES: Final = 81  # 0 to 80 years, as cydral-age-v1 has them
_AGE_SIGMA: Final = 3.0  # years; the width of the bell over an age (Gao et al. 2017, label distribution learning)
_CENTURY: Final = 100.0  # years; unit of the head for age in years, so that its error has the size of the others
GENDERS: Final = (FEMALE, MALE)


class Kind(Enum):
    """The loss of a head, summed over (B, classes)."""

    CLASSES = "cross-entropy"
    YES_OR_NO = "binary cross-entropy"
    NUMBER = "squared error"


@array_dataclass
class Examples:
    """N faces with their labels.

    Attributes:
        pixels: (N, 3, C, C) uint8 RGB chips with a margin, possibly memory-mapped.
        female: (N,) bool, whether perceived as female.
        age_years: (N,) float32, NaN if unknown.
        ethnicity: (N,) names, empty if unknown.
        p_female: (N,) float32 soft labels, NaN for hard ones; None if no face has any.
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
class Learned:
    """A head in training: one output per class, and the weight and kind of its loss."""

    name: str
    classes: tuple[str, ...]
    weight: float
    kind: Kind


@dataclass(frozen=True)
class Objective:
    """The heads, in the order of the network's outputs: perceived gender, age, ethnicity.

    Attributes:
        config: the recipe's heads.
        ethnicities: the classes of the ethnicity head; empty for no such head.
    """

    config: Heads
    ethnicities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.ethnicities) != bool(self.config.ethnicity):
            raise ValueError(f"ethnicity has the weight {self.config.ethnicity:g}, but {len(self.ethnicities)} classes")

    @cached_property
    def heads(self) -> tuple[Learned, ...]:
        """The heads with a weight above 0."""
        gender = Kind.YES_OR_NO if self._sigmoids else Kind.CLASSES
        ages = Kind.NUMBER if self.config.age_as == "years" else Kind.CLASSES
        heads = (
            Learned(Attribute.PERCEIVED_GENDER.value, GENDERS, self.config.perceived_gender, gender),
            Learned(Attribute.AGE.value, self._ages[0], self.config.age, ages),
            Learned("ethnicity", self.ethnicities, self.config.ethnicity, Kind.CLASSES),
        )
        return tuple(head for head in heads if head.weight)

    @property
    def outputs(self) -> int:
        """The number of outputs of the network."""
        return len(self.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each output, such as ``perceived_gender: female``."""
        return tuple(f"{head.name}: {name}" for head in self.heads for name in head.classes)

    def stored_heads(self, temperature: float = 1.0) -> tuple[Head, ...]:
        """The heads of the stored model, without ethnicity; they come first in the outputs."""
        activation = Activation.SIGMOID if self._sigmoids else Activation.SOFTMAX
        heads = []
        if self.config.perceived_gender:
            heads.append(Head(Attribute.PERCEIVED_GENDER, GENDERS, activation=activation, temperature=temperature))
        if self.config.age:
            classes, years = self._ages
            activation = Activation.NONE if self.config.age_as == "years" else Activation.SOFTMAX
            heads.append(Head(Attribute.AGE, classes, years, activation))
        return tuple(heads)

    def margins(self, outputs: Tensor) -> Tensor | None:
        """The log odds of female over male, (B,); None without a head for perceived gender."""
        if not self.config.perceived_gender:
            return None
        logits = F.logsigmoid(outputs[:, :2]) if self._sigmoids else outputs
        return logits[:, 0] - logits[:, 1]

    def targets(
        self,
        examples: Examples,
        indices: NDArray[np.int64],
        label_smoothing: float = 0.0,
        teacher: NDArray[np.float32] | None = None,
        teacher_weight: float = 0.0,
    ) -> Tensor:
        """Targets of some faces, heads side by side: distributions over classes, or numbers with NaN for unknown.

        A soft label is used as it is, (p, 1 - p) over female and male, without smoothing.

        Args:
            examples: N faces.
            indices: (B,) of them.
            label_smoothing: share of a label that is spread evenly (Szegedy et al. 2016), not for ages.
            teacher: (N,) another model's p_female; NaN for no prediction.
            teacher_weight: weight of the teacher's prediction in the target (Hinton et al. 2015).

        Returns:
            (B, outputs) float32.
        """
        parts = []
        if self.config.perceived_gender:
            gender = _genders(examples, indices, label_smoothing)
            if teacher is not None and teacher_weight:
                p_female = torch.from_numpy(teacher[indices])
                p_female = torch.where(p_female.isfinite(), p_female, gender[:, 0])
                gender = (1 - teacher_weight) * gender + teacher_weight * torch.stack([p_female, 1 - p_female], dim=1)
            parts.append(gender)
        if self.config.age:
            parts.append(self._age_targets(torch.from_numpy(examples.age_years[indices])))
        if self.ethnicities:
            names = examples.ethnicity[indices][:, None] == np.array(self.ethnicities)[None]
            known = torch.from_numpy(names).float()
            parts.append(_smooth(known, label_smoothing) * known.sum(1, keepdim=True))
        return torch.cat(parts, dim=1)

    def loss(self, outputs: Tensor, targets: Tensor, learns: Sequence[str] = ()) -> Tensor:
        """The weighted sum of the heads' mean losses, from (B, outputs) tensors; of all heads if `learns` is empty."""
        total = outputs.new_zeros(())
        lengths = [len(head.classes) for head in self.heads]
        parts = zip(torch.split(outputs, lengths, dim=1), torch.split(targets, lengths, dim=1), strict=True)
        for head, (output, target) in zip(self.heads, parts, strict=True):
            if not learns or head.name in learns:
                total = total + head.weight * _LOSSES[head.kind](output, target) / len(outputs)
        return total

    @property
    def divides_by_temperature(self) -> bool:
        """Whether a temperature applies: to a softmax over perceived gender, not to two sigmoids."""
        return self.config.perceived_gender > 0 and not self._sigmoids

    @property
    def _sigmoids(self) -> bool:
        return self.config.perceived_gender_as == "sigmoids"

    @property
    def _ages(self) -> tuple[tuple[str, ...], tuple[float, ...]]:
        """Names of the outputs for age, and the years that each represents."""
        if self.config.age_as == "years":
            return ("centuries",), (_CENTURY,)
        if self.config.age_as == "bell":
            return tuple(map(str, range(AGES))), tuple(map(float, range(AGES)))
        starts = self.config.age_bands
        # The open last band is taken to be as long as the one before.
        ends = (*starts[1:], 2 * starts[-1] - starts[-2] if len(starts) > 1 else _CENTURY)
        names = (*(f"{a:g}–{b - 1:g}" for a, b in pairwise(starts)), f"{starts[-1]:g}+")
        return names, tuple((a + b) / 2 for a, b in zip(starts, ends, strict=True))

    def _age_targets(self, years: Tensor) -> Tensor:
        match self.config.age_as:
            case "years":
                return years[:, None] / _CENTURY
            case "bell":
                return age_targets(years)
        starts = torch.tensor(self.config.age_bands)
        band = torch.bucketize(years.nan_to_num(0.0), starts, right=True) - 1
        return F.one_hot(band, len(starts)) * years.isfinite()[:, None].float()


def age_targets(years: Tensor) -> Tensor:
    """Ages (B,) as bells over 0 to 80 years, (B, 81); zeros for NaN, and older ages count as 80."""
    centres = torch.arange(AGES, dtype=torch.float32)
    known = years.isfinite()
    mean = torch.where(known, years, torch.zeros_like(years)).clamp(0, AGES - 1)
    bell = F.softmax(-((mean[:, None] - centres) ** 2) / (2 * _AGE_SIGMA**2), dim=1)
    return bell * known[:, None]


def _genders(examples: Examples, indices: NDArray[np.int64], label_smoothing: float) -> Tensor:
    """(B, 2) targets of female and male."""
    female = torch.from_numpy(examples.female[indices]).float()
    gender = _smooth(torch.stack([female, 1 - female], dim=1), label_smoothing)
    if examples.p_female is None:
        return gender
    soft = torch.from_numpy(examples.p_female[indices]).float()[:, None]
    return torch.where(soft.isfinite(), torch.cat([soft, 1 - soft], dim=1), gender)


def _smooth(target: Tensor, share: float) -> Tensor:
    return target * (1 - share) + share / target.shape[1]


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return -(targets * F.log_softmax(outputs, dim=1)).sum()


def _binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(outputs, targets, reduction="sum") / outputs.shape[1]


def _squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    known = targets.isfinite()
    return ((outputs - targets.nan_to_num(0.0)) ** 2 * known).sum()


_LOSSES: Final = {
    Kind.CLASSES: _cross_entropy,
    Kind.YES_OR_NO: _binary_cross_entropy,
    Kind.NUMBER: _squared_error,
}

"""Classification of chips: perceived gender, and age if the model predicts it."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes import networks
from gfpipe.attributes.device import full_precision
from gfpipe.attributes.spec import FEMALE, Activation, Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import ModelError

BATCH = 256  # chips per forward pass: bounds memory at 224 pixels, and is fast enough at 32


@array_dataclass
class Attributes:
    """Predictions for F faces.

    Attributes:
        p_female: (F,) float32 in [0, 1]; all NaN if the model has no head for perceived gender.
        age_years: (F,) float32, the expected age; None if the model has no head for age.
    """

    p_female: NDArray[np.float32]
    age_years: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.age_years is not None and self.age_years.shape != self.p_female.shape:
            raise ValueError(f"{self.p_female.shape} faces, but {self.age_years.shape} ages")

    def __len__(self) -> int:
        return len(self.p_female)


class Normalisation:
    """Conversion of chips to a network's planes, ``(value - mean) / std``."""

    _LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, section 2.5.1

    def __init__(self, spec: InputSpec, device: torch.device) -> None:
        self._channels = spec.channels
        self._mean = torch.tensor(spec.mean[: spec.planes], device=device).view(1, -1, 1, 1)
        self._std = torch.tensor(spec.std[: spec.planes], device=device).view(1, -1, 1, 1)
        self._luma = torch.tensor(self._LUMA, device=device).view(1, 3, 1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) float32 RGB in 0..255 -> (N, planes, S, S), channels last."""
        if self._channels == "BGR":
            x = x.flip(1)
        elif self._channels == "GREY":
            x = (x * self._luma).sum(dim=1, keepdim=True)
        return ((x - self._mean) / self._std).contiguous(memory_format=torch.channels_last)


class Classifier:
    """A network with the interpretation of its outputs; see :func:`load`."""

    def __init__(self, spec: ClassifierSpec, network: nn.Module, device: torch.device) -> None:
        if spec.input.size is None:
            raise ModelError("the card has no chip size")
        self.spec = spec
        self.network = network
        self.device = device
        self.chip_size = spec.input.size
        self._normalised = Normalisation(spec.input, device)

    @property
    def model_id(self) -> str:
        """Id of the model."""
        return self.spec.model_id

    @property
    def attributes(self) -> frozenset[Attribute]:
        """Attributes that the model predicts."""
        return frozenset(head.attribute for head in self.spec.heads)

    def __call__(self, chips: Tensor) -> Attributes:
        """Classify chips: (F, 3, S, S) float32, RGB in 0..255, S = ``chip_size``, on any device; F may be 0.

        Or (F, V, 3, S, S): V views of each face, whose outputs are averaged.
        """
        if chips.ndim == 5:
            outputs = self._outputs(chips.flatten(0, 1)).view(*chips.shape[:2], self.spec.outputs)
            return self._attributes(outputs.mean(dim=1))
        return self._attributes(self._outputs(chips))

    def _outputs(self, chips: Tensor) -> Tensor:
        """Raw outputs for any number of chips, (F, outputs), on the CPU."""
        size = self.chip_size
        if chips.ndim != 4 or tuple(chips.shape[1:]) != (3, size, size):
            raise ValueError(f"{self.model_id} takes chips of shape (F, 3, {size}, {size}), got {tuple(chips.shape)}")
        with torch.inference_mode(), full_precision(self.device):
            batches = torch.split(chips, BATCH) if len(chips) else ()
            return torch.cat([torch.zeros(0, self.spec.outputs), *(self.outputs(b).float().cpu() for b in batches)])

    def outputs(self, chips: Tensor) -> Tensor:
        """Raw outputs for one batch of chips, (F, outputs)."""
        y: Tensor = self.network(self._normalised(chips.to(self.device, torch.float32)))
        if tuple(y.shape) != (len(chips), self.spec.outputs):
            raise ModelError(
                f"{self.model_id}: the network's output for {len(chips)} chips has shape {tuple(y.shape)}, "
                f"but the card's heads have {self.spec.outputs} outputs"
            )
        return y

    def _attributes(self, outputs: Tensor) -> Attributes:
        p_female = np.full(len(outputs), np.nan, np.float32)
        age_years = None
        by_head = torch.split(outputs, [len(head.classes) for head in self.spec.heads], dim=1)
        for head, values in zip(self.spec.heads, by_head, strict=True):
            probabilities = _probabilities(head, values)
            if head.attribute is Attribute.PERCEIVED_GENDER:
                p_female = _p_female(head, probabilities).contiguous().numpy()
            else:
                age_years = (probabilities @ torch.tensor(head.years)).numpy()
        return Attributes(p_female, age_years)


def load(spec: ClassifierSpec, weights: Mapping[str, Tensor], device: torch.device) -> Classifier:
    """Build a classifier on ``device``.

    Raises:
        ModelError: the network is unknown, or the weights do not fit it.
    """
    try:
        return Classifier(spec, networks.restore(spec.network, spec.outputs, weights, device), device)
    except ModelError as exc:
        raise ModelError(f"{spec.model_id}: {exc}") from exc


def _probabilities(head: Head, outputs: Tensor) -> Tensor:
    match head.activation:
        case Activation.SOFTMAX:
            return (outputs / head.temperature).softmax(dim=1)
        case Activation.SIGMOID:
            p = (outputs / head.temperature).sigmoid()
            return p / p.sum(dim=1, keepdim=True) if len(head.classes) > 1 else p
        case Activation.NONE:
            return outputs


def _p_female(head: Head, probabilities: Tensor) -> Tensor:
    """(F,) probability of the class female; its complement if the head has only the class male."""
    return probabilities[:, head.classes.index(FEMALE)] if FEMALE in head.classes else 1 - probabilities[:, 0]

"""Chips in, perceived gender (and age, where the model has it) out."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.arrays import array_dataclass
from gfpipe.attributes import networks
from gfpipe.attributes.spec import FEMALE, Activation, Attribute, ClassifierSpec, Head, InputSpec
from gfpipe.errors import ModelError

BATCH = 256  # chips at once: bounds memory at 224 px and is past the knee of throughput at 32 px


@array_dataclass
class Attributes:
    """What a classifier says of F faces.

    Attributes:
        p_female: (F,) float32 in [0, 1]; all NaN where the model has no head for perceived gender.
        age_years: (F,) float32, the expected age; None where the model has no head for age.
    """

    p_female: NDArray[np.float32]
    age_years: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.age_years is not None and self.age_years.shape != self.p_female.shape:
            raise ValueError(f"{self.p_female.shape} faces, but {self.age_years.shape} ages")

    def __len__(self) -> int:
        return len(self.p_female)


class Normalisation:
    """Chips as a network takes them: its planes, ``(value - mean) / std``."""

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
    """A network and the way to read its outputs; make one with :func:`load`."""

    def __init__(self, spec: ClassifierSpec, network: nn.Module, device: torch.device) -> None:
        if spec.input.size is None:
            raise ModelError(f"{spec.model_id}: the card does not say how large a chip the classifier takes")
        self.spec = spec
        self.network = network
        self.device = device
        self.chip_size = spec.input.size
        self._normalised = Normalisation(spec.input, device)

    @property
    def model_id(self) -> str:
        """The model that answers."""
        return self.spec.model_id

    @property
    def attributes(self) -> frozenset[Attribute]:
        """What the model can say of a face."""
        return frozenset(head.attribute for head in self.spec.heads)

    def __call__(self, chips: Tensor) -> Attributes:
        """Read chips.

        Args:
            chips: (F, 3, S, S) float32, RGB in 0..255, S = ``chip_size``; F may be 0. Moved to the device if elsewhere.
                Or (F, V, 3, S, S): V views of each face, whose outputs are averaged.
        """
        if chips.ndim == 5:
            faces, views = chips.shape[:2]
            return self._read(self._outputs(chips.flatten(0, 1)).view(faces, views, self.spec.outputs).mean(dim=1))
        return self._read(self._outputs(chips))

    def _outputs(self, chips: Tensor) -> Tensor:
        """The network's raw outputs for any number of chips, (F, outputs), on the CPU."""
        size = self.chip_size
        if chips.ndim != 4 or tuple(chips.shape[1:]) != (3, size, size):
            raise ValueError(f"{self.model_id} takes chips of shape (F, 3, {size}, {size}), got {tuple(chips.shape)}")
        with torch.inference_mode(), _full_precision(self.device):
            outputs = [self.outputs(batch) for batch in torch.split(chips, BATCH)] if len(chips) else []
        if not outputs:
            outputs = [torch.zeros(0, self.spec.outputs)]
        return torch.cat(outputs).float().cpu()

    def outputs(self, chips: Tensor) -> Tensor:
        """The network's raw outputs for one batch of chips, (F, outputs): logits, or what its graph gives."""
        y: Tensor = self.network(self._normalised(chips.to(self.device, torch.float32)))
        if tuple(y.shape) != (len(chips), self.spec.outputs):
            raise ModelError(
                f"{self.model_id}: the network gives {tuple(y.shape)} for {len(chips)} chips, "
                f"but the card's heads read {self.spec.outputs} numbers a chip"
            )
        return y

    def _read(self, outputs: Tensor) -> Attributes:
        p_female = np.full(len(outputs), np.nan, np.float32)
        age_years = None
        parts = torch.split(outputs, [len(head.classes) for head in self.spec.heads], dim=1)
        for head, part in zip(self.spec.heads, parts, strict=True):
            probabilities = _probabilities(head, part)
            if head.attribute is Attribute.PERCEIVED_GENDER:
                p_female = _of_female(head, probabilities).contiguous().numpy()
            else:
                age_years = (probabilities @ torch.tensor(head.years)).numpy()
        return Attributes(p_female, age_years)


def load(spec: ClassifierSpec, weights: Mapping[str, Tensor], device: torch.device) -> Classifier:
    """Make a classifier that is ready to answer on ``device``.

    Raises:
        ModelError: the network is unknown, or the weights are another network's.
    """
    return Classifier(spec, networks.restore(spec.network, spec.outputs, weights, device), device)


def _probabilities(head: Head, outputs: Tensor) -> Tensor:
    match head.activation:
        case Activation.SOFTMAX:
            return (outputs / head.temperature).softmax(dim=1)
        case Activation.SIGMOID:
            yes = (outputs / head.temperature).sigmoid()
            return yes / yes.sum(dim=1, keepdim=True) if len(head.classes) > 1 else yes
        case Activation.NONE:
            return outputs


def _of_female(head: Head, probabilities: Tensor) -> Tensor:
    """(F,) of the class female, or what is left of male where a head has that alone."""
    return probabilities[:, head.classes.index(FEMALE)] if FEMALE in head.classes else 1 - probabilities[:, 0]


def _full_precision(device: torch.device) -> AbstractContextManager[None]:
    """Convolutions in full float32: cuDNN's default (TF32) moves probabilities by 1e-3, which no test could pin."""
    if device.type == "cuda":
        return torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False)
    return nullcontext()

"""Grad-CAM maps of the predicted class, and the share of a map inside the face's box.

    chips -> predicted class -> gradients at the last feature map -> weighted sum -> map

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization (ICCV 2017),
equations 1 and 2. A map shows where the evidence is, not whether it is valid.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.networks import CoarseAndFine, OnnxGraph
from gfpipe.attributes.spec import FEMALE, MALE, Attribute
from gfpipe.base import extras
from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import ModelError

Map = NDArray[np.float32]

_BATCH: Final = 16  # chips; gradients through a network of 224 px need about 100 MB per chip
_SUBPIXELS: Final = 8  # along each side of a pixel, for the part of it inside a box


@array_dataclass
class Explanation:
    """Predictions and Grad-CAM maps for F faces.

    Attributes:
        p_female: (F,) float32 in [0, 1].
        maps: (F, S, S) float32 in chip coordinates, scaled to a maximum of 1; all 0 without positive evidence.
    """

    p_female: NDArray[np.float32]
    maps: Map

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or len(self.maps) != len(self.p_female):
            raise ValueError(f"p_female has shape {self.p_female.shape}, but maps {self.maps.shape}")

    @property
    def female(self) -> NDArray[np.bool_]:
        """(F,) whether the predicted class, which the map explains, is female."""
        return self.p_female >= 0.5


def explain(classify: Classifier, chips: Tensor) -> Explanation:
    """Compute a Grad-CAM map of the predicted perceived gender of each face.

    Scores are the network's outputs before softmax, as in the paper; if one output serves both classes, its negative is
    the score of the other class. With several views the map is that of the middle view; for a sum of two networks, the
    maps are added.

    Args:
        classify: a convolutional network that predicts perceived gender.
        chips: (F, 3, S, S) or (F, V, 3, S, S), the classifier's input.

    Raises:
        ModelError: the model has no gradients (an ONNX graph) or no feature map (a transformer), or does not predict
            perceived gender.
    """
    female, male = _outputs_of(classify)
    _check(classify)
    p_female = classify(chips).p_female
    middle = chips[:, 0] if chips.ndim == 5 else chips
    maps = [np.zeros((0, classify.chip_size, classify.chip_size), np.float32)]
    if len(middle):
        parts = _parts(classify, middle[:1])
        scores = [female if p >= 0.5 else male for p in p_female]
        for start in range(0, len(middle), _BATCH):
            batch = slice(start, start + _BATCH)
            maps.append(_maps(classify, parts, middle[batch], scores[batch]))
    return Explanation(p_female, np.concatenate(maps))


def share_inside(weights: Map, corners: NDArray[np.floating]) -> float:
    """The share of a map's weight inside the face's box; NaN if the map is all 0.

    Args:
        weights: (S, S), non-negative.
        corners: (4, 2) x and y of the box's corners in pixels of the chip, in order around the box. The box is tilted
            in a chip that was rotated upright, and may extend beyond the chip.
    """
    total = float(weights.sum())
    if not total > 0:
        return float("nan")
    return float((weights * _covered(weights.shape[0], np.asarray(corners, np.float64))).sum()) / total


@dataclass(frozen=True)
class _Score:
    """The score of one class: a signed output of the network."""

    output: int
    sign: int = 1

    def __call__(self, outputs: Tensor) -> Tensor:
        return self.sign * outputs[self.output]


@dataclass(frozen=True)
class _Part:
    """A layer to explain, and the central part of the chip's width and height that is its input."""

    layer: nn.Module
    middle: float


class _Outputs(nn.Module):
    """The classifier's outputs as a module."""

    def __init__(self, classify: Classifier) -> None:
        super().__init__()
        self.network = classify.network
        self._classify = classify

    def forward(self, chips: Tensor) -> Tensor:
        return self._classify.outputs(chips)


def _outputs_of(classify: Classifier) -> tuple[_Score, _Score]:
    first = 0
    for head in classify.spec.heads:
        if head.attribute is Attribute.PERCEIVED_GENDER:
            names = head.classes
            female = _Score(first + names.index(FEMALE)) if FEMALE in names else _Score(first, -1)
            male = _Score(first + names.index(MALE)) if MALE in names else _Score(female.output, -1)
            return female, male
        first += len(head.classes)
    raise ModelError(f"{classify.model_id} does not predict perceived gender: choose another model")


def _check(classify: Classifier) -> None:
    network = classify.network
    if isinstance(network, OnnxGraph):
        raise ModelError(
            f"{classify.model_id} is an ONNX graph, which has no gradients: choose a model with a network of gfpipe or "
            "torchvision"
        )
    if any("Attention" in type(module).__name__ for module in network.modules()):
        raise ModelError(
            f"{classify.model_id}: {classify.spec.network} is a transformer; Grad-CAM needs a convolutional network"
        )


def _parts(classify: Classifier, chip: Tensor) -> list[_Part]:
    network = classify.network
    networks = {network: 1.0}
    if isinstance(network, CoarseAndFine):  # the coarse network's input is the central part of the chip
        networks = {network.fine: 1.0, network.coarse: network.MIDDLE}
    return [_Part(_last_feature_map(classify, part, chip), middle) for part, middle in networks.items()]


def _last_feature_map(classify: Classifier, network: nn.Module, chip: Tensor) -> nn.Module:
    """The last module with a spatial output when the classifier runs, such as ``layer4`` in a ResNet."""
    ran: list[nn.Module] = []

    def note(module: nn.Module, _: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) > 1:
            ran.append(module)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        with torch.no_grad():
            classify.outputs(chip)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ModelError(f"{classify.model_id}: {classify.spec.network} has no feature map for Grad-CAM")
    return ran[-1]


def _maps(classify: Classifier, parts: list[_Part], chips: Tensor, scores: list[_Score]) -> Map:
    """Maps of one batch, (B, S, S)."""
    size = classify.chip_size
    evidence = torch.zeros(len(chips), size, size)
    for part in parts:
        weighted = _weighted(classify, part.layer, chips, scores).relu()
        edge = round(size * (1 - part.middle) / 2)
        inner = (size - 2 * edge, size - 2 * edge)
        fine = F.interpolate(weighted[:, None], inner, mode="bilinear", align_corners=False)[:, 0]
        # A cell's weight is divided among the pixels that it covers.
        evidence += F.pad(fine, (edge,) * 4) * (weighted[0].numel() / fine[0].numel())
    largest = evidence.amax(dim=(1, 2), keepdim=True)
    scaled: Map = (evidence / torch.where(largest > 0, largest, 1)).numpy()
    return scaled


def _weighted(classify: Classifier, layer: nn.Module, chips: Tensor, scores: list[_Score]) -> Tensor:
    """Sum of the feature maps, each weighted by its mean gradient: (B, H, W), on the CPU."""
    with extras.needed_for("Grad-CAM"):
        from pytorch_grad_cam import GradCAM  # noqa: PLC0415 - optional, and takes seconds

    camera = GradCAM(_Outputs(classify), [layer])
    recorded = camera.activations_and_grads
    try:
        with torch.enable_grad():  # parameters are frozen, so gradients start from the chips
            camera(chips.detach().clone().requires_grad_(), scores)
        if not recorded.gradients:
            raise ModelError(f"{classify.model_id}: its prediction does not depend on its last feature map")
        features, gradients = recorded.activations[-1].numpy(), recorded.gradients[-1].numpy()
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            features = np.maximum(features, 0)  # the ReLU that follows
        # Not the library's result, which subtracts the minimum of each map and so distorts small maps.
        summed = camera.get_cam_image(chips, layer, scores, features, gradients)
    finally:
        recorded.release()
    return torch.from_numpy(summed).float()


def _covered(size: int, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, S) part of each pixel inside a convex polygon."""
    centres = (np.arange(size * _SUBPIXELS) + 0.5) / _SUBPIXELS
    x, y = np.meshgrid(centres, centres)
    inside = np.ones_like(x, dtype=bool)
    turn = np.sign(np.linalg.det([corners[1] - corners[0], corners[2] - corners[1]]))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        inside &= turn * (along[0] * (y - start[1]) - along[1] * (x - start[0])) >= 0
    covered: NDArray[np.float64] = inside.reshape(size, _SUBPIXELS, size, _SUBPIXELS).mean(axis=(1, 3))
    return covered

"""Where a classifier looks: the map of what speaks for its answer, and how much of that map lies on the face.

    chips -> the class that was answered -> gradients at the last feature map -> weighted sum -> map

Selvaraju et al., Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization (ICCV 2017),
equations 1 and 2. A map says where the evidence was, not whether it was good evidence.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe import extras
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.networks import CoarseAndFine, OnnxGraph
from gfpipe.attributes.spec import FEMALE, MALE, Attribute
from gfpipe.errors import ModelError

Map = NDArray[np.float32]

_BATCH: Final = 16  # chips at once: gradients through a network of 224 px hold some 100 MB a chip
_FINER: Final = 8  # points along each side of a pixel, to tell how much of it lies inside a box


@dataclass(frozen=True)
class Explanation:
    """What a classifier answers about F faces, and where it found the answer.

    Attributes:
        p_female: (F,) float32 in [0, 1].
        maps: (F, S, S) float32 on the chip, each from 0 to 1, which its largest value is; all 0 where no part of the
            chip speaks for the answer.
    """

    p_female: NDArray[np.float32]
    maps: Map

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or len(self.maps) != len(self.p_female):
            raise ValueError(f"{self.p_female.shape} answers, but {self.maps.shape} maps")

    @property
    def female(self) -> NDArray[np.bool_]:
        """(F,) the class that was answered and that the map is of."""
        return self.p_female >= 0.5


def explain(classify: Classifier, chips: Tensor) -> Explanation:
    """Map what speaks for the perceived gender that a classifier answers.

    The classes' scores are the network's outputs before softmax, as in the paper; a network with one output for both
    classes speaks for men by its negative. Where a classifier looks from several views, the map is of the middle one;
    where it adds up two networks, so are their maps.

    Args:
        classify: a network of convolutions that answers perceived gender.
        chips: (F, 3, S, S) or (F, V, 3, S, S), as the classifier takes them.

    Raises:
        ModelError: the model gives no gradients (an ONNX graph), has no feature map (a transformer), or does not answer
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
            some = slice(start, start + _BATCH)
            maps.append(_maps(classify, parts, middle[some], scores[some]))
    return Explanation(p_female, np.concatenate(maps))


def share_inside(weights: Map, corners: NDArray[np.floating]) -> float:
    """The share of a map's weight that lies inside a face's box; NaN for a map without weight.

    Args:
        weights: (S, S), 0 or more.
        corners: (4, 2) x and y of the box's corners in pixels of the chip, one after another around it. In a chip that
            was turned upright the box is tilted; it may reach beyond the chip.
    """
    total = float(weights.sum())
    if not total > 0:
        return float("nan")
    return float((weights * _covered(weights.shape[0], np.asarray(corners, np.float64))).sum()) / total


@dataclass(frozen=True)
class _Score:
    """One class's score among a network's outputs for one chip."""

    output: int
    sign: int = 1

    def __call__(self, outputs: Tensor) -> Tensor:
        return self.sign * outputs[self.output]


@dataclass(frozen=True)
class _Part:
    """A feature map to explain, and how much of the chip's width and height, around its middle, it is of."""

    layer: nn.Module
    middle: float


class _Answering(nn.Module):
    """The network with what a classifier does around it."""

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
    raise ModelError(f"{classify.model_id} says nothing about perceived gender: choose another model")


def _check(classify: Classifier) -> None:
    network = classify.network
    if isinstance(network, OnnxGraph):
        raise ModelError(
            f"{classify.model_id} is an ONNX graph, which gives no gradients to explain: choose a model whose network "
            "is one of gfpipe's or torchvision's"
        )
    if any("Attention" in type(module).__name__ for module in network.modules()):
        raise ModelError(
            f"{classify.model_id}: {classify.spec.network} is a transformer; Grad-CAM explains networks of convolutions"
        )


def _parts(classify: Classifier, chip: Tensor) -> list[_Part]:
    network = classify.network
    if isinstance(network, CoarseAndFine):
        middle = network.MIDDLE  # the coarse network sees no more of the chip
        return [
            _Part(_last_feature_map(classify, network.fine, chip), 1.0),
            _Part(_last_feature_map(classify, network.coarse, chip), middle),
        ]
    return [_Part(_last_feature_map(classify, network, chip), 1.0)]


def _last_feature_map(classify: Classifier, network: nn.Module, chip: Tensor) -> nn.Module:
    """The module whose output is the last that still has rows and columns, found by running the classifier once.

    In a ResNet that is ``layer4``, in a MobileNet ``features``, in ``cydral-gender`` the last convolution.
    """
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
        raise ModelError(f"{classify.model_id}: {classify.spec.network} has no feature map that Grad-CAM could explain")
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
        # Per pixel of the chip: what a cell says is shared out among the pixels that it covers.
        evidence += F.pad(fine, (edge,) * 4) * (weighted[0].numel() / fine[0].numel())
    largest = evidence.amax(dim=(1, 2), keepdim=True)
    scaled: Map = (evidence / torch.where(largest > 0, largest, 1)).numpy()
    return scaled


def _weighted(classify: Classifier, layer: nn.Module, chips: Tensor, scores: list[_Score]) -> Tensor:
    """The feature maps, each weighted by its mean gradient, added up: (B, H, W), on the CPU."""
    with extras.needed_for("Grad-CAM"):
        from pytorch_grad_cam import GradCAM  # noqa: PLC0415 - optional, and takes seconds

    camera = GradCAM(_Answering(classify), [layer])
    recorded = camera.activations_and_grads
    try:
        with torch.enable_grad():  # the network's own parameters are frozen: gradients start from the chips
            camera(chips.detach().clone().requires_grad_(), scores)
        if not recorded.gradients:
            raise ModelError(f"{classify.model_id}: its answer does not depend on its last feature map")
        features, gradients = recorded.activations[-1].numpy(), recorded.gradients[-1].numpy()
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d):
            features = np.maximum(features, 0)  # as the network does next; what is switched off speaks for nothing
        # The library's own result has each map's least value subtracted, which would move weight about in small maps.
        summed = camera.get_cam_image(chips, layer, scores, features, gradients)
    finally:
        recorded.release()
    return torch.from_numpy(summed).float()


def _covered(size: int, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(S, S) how much of each pixel lies inside a convex polygon."""
    places = (np.arange(size * _FINER) + 0.5) / _FINER
    x, y = np.meshgrid(places, places)
    inside = np.ones_like(x, dtype=bool)
    turn = np.sign(_cross(corners[1] - corners[0], corners[2] - corners[1]))
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        inside &= turn * (along[0] * (y - start[1]) - along[1] * (x - start[0])) >= 0
    covered: NDArray[np.float64] = inside.reshape(size, _FINER, size, _FINER).mean(axis=(1, 3))
    return covered


def _cross(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(first[0] * second[1] - first[1] * second[0])

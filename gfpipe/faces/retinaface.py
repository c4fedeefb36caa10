"""RetinaFace (Deng et al., CVPR 2020): networks, anchors and loading of weights.

All but the MobileNet backbone (Howard et al. 2017, table 1, width multiplier 0.25) comes from ``retinaface-pytorch``.
Batch norm is folded into the convolutions, so that weights published with or without it give the same network.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Final

import torch
from retinaface.net import FPN, SSH, conv_bn, conv_dw
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gfpipe.errors import ModelError

AnchorSizes = tuple[tuple[float, float], ...]

STRIDES: Final = (8, 16, 32)
PUBLISHED_ANCHORS: Final[AnchorSizes] = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))
CENTRE_VARIANCE: Final = 0.1
SIZE_VARIANCE: Final = 0.2


class MobileNetQuarter(nn.Module):
    """Backbone MobileNetV1 with a width multiplier of 0.25: features at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        leaky = 0.1
        self.stage1 = nn.Sequential(
            conv_bn(3, 8, 2, leaky),
            conv_dw(8, 16, 1, leaky),
            conv_dw(16, 32, 2, leaky),
            conv_dw(32, 32, 1, leaky),
            conv_dw(32, 64, 2, leaky),
            conv_dw(64, 64, 1, leaky),
        )
        self.stage2 = nn.Sequential(conv_dw(64, 128, 2, leaky), *(conv_dw(128, 128, 1, leaky) for _ in range(5)))
        self.stage3 = nn.Sequential(conv_dw(128, 256, 2, leaky), conv_dw(256, 256, 1, leaky))

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """(N, 3, H, W) to 64, 128 and 256 channels, finest first."""
        fine = self.stage1(inputs)
        middle = self.stage2(fine)
        return {"fine": fine, "middle": middle, "coarse": self.stage3(middle)}


class Head(nn.Module):
    """Outputs of ``values`` numbers for each of the two anchors of a cell."""

    def __init__(self, channels: int, values: int) -> None:
        super().__init__()
        self.values = values
        self.conv1x1 = nn.Conv2d(channels, 2 * values, 1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, h, w) to (N, 2 h w, values), by row, column and anchor."""
        outputs: Tensor = self.conv1x1(features)
        return outputs.permute(0, 2, 3, 1).reshape(len(features), -1, self.values)


class RetinaFaceMobileNet(nn.Module):
    """RetinaFace with the MobileNet backbone; the slope of its activations is not part of a state dict.

    Names of the modules are those of the published state dicts. The package's own class supports only ResNet-50.
    """

    def __init__(self, slope: float = 0.1) -> None:
        super().__init__()
        channels = 64
        self.body = MobileNetQuarter()
        self.fpn = FPN([64, 128, 256], channels)
        self.ssh1, self.ssh2, self.ssh3 = (SSH(channels, channels) for _ in STRIDES)
        self.ClassHead = nn.ModuleList(Head(channels, 2) for _ in STRIDES)
        self.BboxHead = nn.ModuleList(Head(channels, 4) for _ in STRIDES)
        self.LandmarkHead = nn.ModuleList(Head(channels, 10) for _ in STRIDES)
        for module in self.modules():
            if isinstance(module, nn.LeakyReLU):
                module.negative_slope = slope

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(N, 3, H, W) to boxes (N, P, 4), logits (N, P, 2) and landmarks (N, P, 10) at P anchors."""
        maps = zip((self.ssh1, self.ssh2, self.ssh3), self.fpn(self.body(inputs)), strict=True)
        features = [ssh(pyramid) for ssh, pyramid in maps]
        boxes, logits, landmarks = (
            torch.cat([head(level) for head, level in zip(heads, features, strict=True)], dim=1)
            for heads in (self.BboxHead, self.ClassHead, self.LandmarkHead)
        )
        return boxes, logits, landmarks


def _resnet50() -> nn.Module:
    from retinaface.network import RetinaFace  # noqa: PLC0415 - imports torchvision, which takes seconds

    layers = {"layer2": 1, "layer3": 2, "layer4": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the package uses deprecated arguments of torchvision
        network: nn.Module = RetinaFace("Resnet50", False, in_channels=256, return_layers=layers, out_channels=256)
    return network


@dataclass(frozen=True)
class Architecture:
    """Properties of a network that are not part of its state dict."""

    build: Callable[[], nn.Module]  # with random weights
    working_pixels: int  # area to which frames are resized before detection
    anchor_sizes: AnchorSizes = PUBLISHED_ANCHORS  # sides at each stride, in pixels of the network's input


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "retinaface-mobilenet0.25": Architecture(RetinaFaceMobileNet, working_pixels=640 * 360),
    # Trained with ReLU and smaller anchors, neither of which is recorded in a checkpoint. Only with the right slope do
    # the running means of its batch norms agree with the means on real images.
    "retinaface-mobilenet0.25-relu": Architecture(
        partial(RetinaFaceMobileNet, slope=0.0),
        working_pixels=640 * 360,
        anchor_sizes=((10.0, 20.0), (32.0, 64.0), (128.0, 256.0)),
    ),
    # 960 is retinaface-pytorch's maximum side.
    "retinaface-resnet50": Architecture(_resnet50, working_pixels=960 * 540),
}


def load_network(architecture: Architecture, weights: Mapping[str, Tensor]) -> nn.Module:
    """Load a network in inference mode, with folded batch norm, channels last.

    Batch norm may be folded in the weights already (convolutions with a bias).

    Raises:
        ModelError: names or shapes of the weights do not fit the network.
    """
    network = architecture.build().eval()
    has_batch_norm = any(name.endswith("running_var") for name in weights)
    if not has_batch_norm:
        fold_batch_norm(network)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as exc:
        first = str(exc).splitlines()[:3]
        raise ModelError(f"weights do not fit {type(network).__name__}: {' '.join(first)}") from exc
    if has_batch_norm:
        fold_batch_norm(network)
    network.requires_grad_(requires_grad=False)
    return network.to(memory_format=torch.channels_last)


def exchange_channels(network: nn.Module) -> None:
    """Make a network for BGR pictures take RGB, in place: exchanging weights once is cheaper than pixels of each."""
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    first.weight.copy_(first.weight.flip(1))


def fold_batch_norm(module: nn.Module) -> None:
    """Replace each convolution followed by batch norm by a convolution with a bias, in place."""
    children = list(module.named_children())
    for (conv_name, conv), (norm_name, norm) in pairwise(children):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
            setattr(module, norm_name, nn.Identity())
    for _, child in children:
        fold_batch_norm(child)


@lru_cache(maxsize=16)
def anchors(height: int, width: int, anchor_sizes: AnchorSizes, device: torch.device) -> Tensor:
    """Anchors of a (height, width) input, (P, 3): centre x, centre y and side in pixels, in the order of the heads."""
    levels = []
    for stride, sizes in zip(STRIDES, anchor_sizes, strict=True):
        rows, columns = -(-height // stride), -(-width // stride)
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = ((torch.stack((x, y), dim=-1) + 0.5) * stride).view(-1, 1, 2).expand(-1, len(sizes), -1)
        sides = torch.tensor(sizes).view(1, -1, 1).expand(rows * columns, -1, -1)
        levels.append(torch.cat((centres, sides), dim=-1).view(-1, 3))
    return torch.cat(levels).to(device)


def decode_boxes(regression: Tensor, priors: Tensor) -> Tensor:
    """(K, 4) regressions at (K, 3) anchors to (K, 4) boxes x1, y1, x2, y2 in pixels (Liu et al. 2016, eq. 2)."""
    centres = priors[:, :2] + regression[:, :2] * CENTRE_VARIANCE * priors[:, 2:]
    halves = priors[:, 2:] * torch.exp(regression[:, 2:] * SIZE_VARIANCE) / 2
    return torch.cat((centres - halves, centres + halves), dim=1)


def decode_landmarks(regression: Tensor, priors: Tensor) -> Tensor:
    """(K, 10) regressions at (K, 3) anchors to (K, 5, 2) points in pixels: eyes, nose, corners of the mouth."""
    offsets = regression.view(-1, 5, 2) * CENTRE_VARIANCE * priors[:, None, 2:]
    return priors[:, None, :2] + offsets

"""Networks of classifiers, by name.

cydral-gender, cydral-age    dlib's two small networks
faceres                      a MobileNet pre-trained for face recognition
portrait-128, tfc, …         entry points of the group gfpipe.networks, called with (name, outputs)
onnx                         any ONNX graph; needs onnxruntime
resnet18, resnet34, …        torchvision's classification networks
cydral-gender+mobilenet_v2   CoarseAndFine of both
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfpipe.attributes.faceres import FaceRes
from gfpipe.base import extras
from gfpipe.errors import ModelError

CYDRAL_GENDER = "cydral-gender"
FACERES = "faceres"
COARSE = f"{CYDRAL_GENDER}+"  # prefix of the fine network's name
ONNX = "onnx"
ENTRY_POINTS = "gfpipe.networks"  # networks of other packages and of gfpipe.studies
_LONGEST_DETAILS = 200
GRAPH = "onnx_graph"  # name of the uint8 tensor that holds an ONNX file


@runtime_checkable
class Pretext(Protocol):
    """A network with self-supervised training, for recipe stages with ``task = "pretext"``."""

    def begin(self, masking: str) -> None:
        """Begin a stage; ``masking`` names the choice of masked patches, or is empty."""

    def pretext(self, x: Tensor) -> Tensor:
        """Loss of the pretext task on normalised chips (N, planes, S, S), a scalar."""


def pretext_of(network: nn.Module) -> Pretext:
    """Check that a network has a pretext task.

    Raises:
        ModelError: it has none.
    """
    if not isinstance(network, Pretext):
        raise ModelError(f"{type(network).__name__} has no pretext task: its stages need labels")
    return network


class CydralGender(nn.Module):
    """Four convolutions and two dense layers on 32x32 chips: dlib's ``dnn_gender_classifier_v1``.

    dlib's affine layers are folded into the convolutions, and its ``multiply`` layers (dropout at inference) into the
    dense layers. Outputs: logits of female and male, (N, 2); newly trained networks may have more.
    """

    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 32), (32, 32), (32, 64), (64, 64))
        )
        self.hidden = nn.Linear(64 * 8 * 8, 16)
        self.head = nn.Linear(16, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 32, 32) normalised chips -> (N, outputs) logits."""
        for index, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x))
            if index % 2:
                x = F.avg_pool2d(x, 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))  # type: ignore[no-any-return]


class CoarseAndFine(nn.Module):
    """Sum of two networks' logits of perceived gender, the first two outputs.

    A frozen :class:`CydralGender`, on the chip reduced to 32 pixels, with a learned weight, and a fine network on the
    full chip, which learns the residual, as in boosting (Friedman 2001, algorithm 1). Input: chips of any size with
    FairFace's margin (dlib's padding 0.25), normalised as for ImageNet.
    """

    _MEAN, _STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    _COARSE_MEAN, _COARSE_STD = (122.782, 117.001, 104.298), 256.0
    _COARSE_SIZE, _OVERSAMPLING = 32, 3
    _COARSE_SHARE = 0.3  # initial value
    # Share of the fine chip that the coarse chip covers: padding 0.2 of 0.25, (1 + 2 * 0.2) / (1 + 2 * 0.25).
    MIDDLE = 1.4 / 1.5

    def __init__(self, fine: nn.Module) -> None:
        super().__init__()
        self.coarse = CydralGender().requires_grad_(False)
        self.coarse_share = nn.Parameter(torch.tensor(self._COARSE_SHARE))
        self.fine = fine

    @classmethod
    def weights(cls, coarse: Mapping[str, Tensor], fine: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The combined state dict, before training."""
        states = {"coarse": coarse, "fine": fine}
        combined = {f"{part}.{name}": value for part, state in states.items() for name, value in state.items()}
        return {"coarse_share": torch.tensor(cls._COARSE_SHARE), **combined}

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs)."""
        fine = self.fine(x)
        with torch.autocast(x.device.type, enabled=False):
            coarse = self.coarse(self.coarse_chip(x.float()))
        logits = fine[:, :2] + self.coarse_share * coarse
        return torch.cat((logits, fine[:, 2:]), dim=1)

    def coarse_chip(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, 3, 32, 32), the input of the coarse network."""
        mean, std, coarse_mean = (
            x.new_tensor(values).view(1, 3, 1, 1) for values in (self._MEAN, self._STD, self._COARSE_MEAN)
        )
        side = self._COARSE_SIZE * self._OVERSAMPLING
        theta = x.new_tensor([[self.MIDDLE, 0, 0], [0, self.MIDDLE, 0]]).expand(len(x), 2, 3)
        grid = F.affine_grid(theta, [len(x), 3, side, side], align_corners=False)
        cut = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        return (F.avg_pool2d(cut, self._OVERSAMPLING) * std + mean - coarse_mean) / self._COARSE_STD


class DlibBlock(nn.Module):
    """dlib's residual block: an average-pooled shortcut, with zero padding at the end of each axis (``add_prev``)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = outputs != inputs
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2 if self.down else 1, padding=0 if self.down else 1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W), or half of H and W if the channels change."""
        y = self.second(F.relu(self.first(x)))
        shortcut = F.avg_pool2d(x, 2) if self.down else x
        shape = [max(sizes) for sizes in zip(shortcut.shape[1:], y.shape[1:], strict=True)]
        return F.relu(_pad_end(shortcut, shape) + _pad_end(y, shape))


class CydralAge(nn.Module):
    """dlib's ResNet-10 on 64x64 chips, ``dnn_age_predictor_v1``: logits of the ages 0 to 80, (N, 81)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 64, 7, stride=2)
        self.blocks = nn.Sequential(
            *(DlibBlock(i, o) for i, o in ((64, 64), (64, 128), (128, 128), (128, 256), (256, 256)))
        )
        self.head = nn.Linear(256, 81)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 64, 64) normalised chips -> (N, 81) logits."""
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2)
        return self.head(self.blocks(x).mean((2, 3)))  # type: ignore[no-any-return]


class OnnxGraph(nn.Module):
    """An ONNX graph run by onnxruntime; its outputs are concatenated, (N, outputs)."""

    def __init__(self, graph: bytes, device: torch.device) -> None:
        super().__init__()
        with extras.needed_for("this model, an ONNX graph,", "onnx"):
            import onnxruntime as ort  # noqa: PLC0415 - optional, and slow to import
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        preferred = ["CUDAExecutionProvider"] if device.type == "cuda" else []
        providers = [p for p in (*preferred, "CPUExecutionProvider") if p in ort.get_available_providers()]
        try:
            self.session = ort.InferenceSession(graph, options, providers=providers)
        except Exception as exc:  # onnxruntime's errors share no public base class
            raise ModelError(f"onnxruntime cannot open the graph: {exc}") from exc
        first = self.session.get_inputs()[0]
        self.input_name = first.name
        # Channels last, (N, S, S, 3), as in Keras models converted by tf2onnx.
        self._channels_last = len(first.shape) == 4 and first.shape[3] in (1, 3) and first.shape[1] not in (1, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs)."""
        inputs = np.ascontiguousarray((x.permute(0, 2, 3, 1) if self._channels_last else x).cpu().numpy())
        outputs = self.session.run(None, {self.input_name: inputs})
        return torch.from_numpy(np.concatenate([o.reshape(len(x), -1) for o in outputs], axis=1)).to(x.device)


def build(name: str, outputs: int) -> nn.Module:
    """Build a network with random weights and ``outputs`` outputs per chip.

    Raises:
        ModelError: the name is unknown.
    """
    if name.startswith(COARSE):
        return CoarseAndFine(build(name.removeprefix(COARSE), outputs))
    if name == CYDRAL_GENDER:
        return CydralGender(outputs)
    if name == "cydral-age":
        return CydralAge()
    if name == FACERES:
        return FaceRes(outputs)
    if registered := extras.plugin(ENTRY_POINTS, name):
        network: nn.Module = registered(name, outputs)
        return network
    import torchvision  # noqa: PLC0415 - takes seconds, and the embedded models do without

    if name not in torchvision.models.list_models(module=torchvision.models):
        plugins = ", ".join(sorted(entry_points(group=ENTRY_POINTS).names))
        raise ModelError(
            f"unknown network {name!r}: choose cydral-gender, cydral-age, faceres, onnx, {plugins}, one of "
            "torchvision's such as resnet18, or cydral-gender+ followed by one of those"
        )
    backbone: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=outputs)
    return backbone


def restore(name: str, outputs: int, weights: Mapping[str, Tensor], device: torch.device) -> nn.Module:
    """Build a network with the given weights for inference on ``device``.

    Raises:
        ModelError: the network is unknown, or the weights do not fit it.
    """
    if name == ONNX:
        if GRAPH not in weights:
            names = ", ".join([*weights][:4]) + (" …" if len(weights) > 4 else "")
            raise ModelError(f"no ONNX graph among the weights {names}")
        return OnnxGraph(weights[GRAPH].numpy().tobytes(), device)
    network = build(name, outputs)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as exc:
        details = "; ".join(line.strip() for line in str(exc).splitlines()[1:])
        shown = details if len(details) <= _LONGEST_DETAILS else f"{details[:_LONGEST_DETAILS]} …"
        raise ModelError(f"these weights do not fit the network {name} with {outputs} outputs: {shown}") from exc
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _pad_end(x: Tensor, shape: list[int]) -> Tensor:
    channels, rows, columns = (new - old for new, old in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x

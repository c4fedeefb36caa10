"""The classifiers' networks as torch modules, built by name.

cydral-gender, cydral-age    the two small networks of the embedded models
onnx                         any ONNX graph, run by onnxruntime where it is installed
resnet18, resnet34, …        every classification network of torchvision, with a head of the size asked for
"""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gfpipe.errors import ModelError

ONNX = "onnx"
GRAPH = "onnx_graph"  # the tensor (uint8) that holds an ONNX file among a model's weights


class CydralGender(nn.Module):
    """Four convolutions and two dense layers on 32x32 chips: dlib's ``dnn_gender_classifier_v1``.

    Affine layers are folded into the convolutions, and dlib's ``multiply`` layers (its dropout, at rest)
    into the dense layers, so the outputs are the published network's: logits of female and male, (N, 2).
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 32), (32, 32), (32, 64), (64, 64))
        )
        self.hidden = nn.Linear(64 * 8 * 8, 16)
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, 32, 32) normalised chips -> (N, 2) logits."""
        for index, convolution in enumerate(self.convolutions):
            x = F.relu(convolution(x))
            if index % 2:
                x = F.avg_pool2d(x, 2)
        return self.head(F.relu(self.hidden(x.flatten(1))))  # type: ignore[no-any-return]


class DlibBlock(nn.Module):
    """dlib's residual block: the shortcut is average-pooled, and the smaller map padded with zeros.

    Zeros are added behind: in channels, rows and columns (dlib's ``add_prev``).
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.down = outputs != inputs
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2 if self.down else 1, padding=0 if self.down else 1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W), or half of H and W where the channels change."""
        y = self.second(F.relu(self.first(x)))
        shortcut = F.avg_pool2d(x, 2) if self.down else x
        shape = [max(sizes) for sizes in zip(shortcut.shape[1:], y.shape[1:], strict=True)]
        return F.relu(_pad_behind(shortcut, shape) + _pad_behind(y, shape))


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
    """A network that onnxruntime runs: chips in, the graph's outputs side by side out, (N, all outputs)."""

    def __init__(self, graph: bytes, device: torch.device) -> None:
        super().__init__()
        try:
            import onnxruntime as ort  # noqa: PLC0415 - optional, and slow to import
        except ImportError as exc:
            raise ModelError("this model is an ONNX graph and needs onnxruntime: pip install 'gfpipe[onnx]'") from exc
        options = ort.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        wanted = ["CUDAExecutionProvider"] if device.type == "cuda" else []
        providers = [p for p in (*wanted, "CPUExecutionProvider") if p in ort.get_available_providers()]
        try:
            self.session = ort.InferenceSession(graph, options, providers=providers)
        except Exception as exc:  # onnxruntime's errors share no public base class
            raise ModelError(f"onnxruntime cannot open the graph: {exc}") from exc
        self.input_name = self.session.get_inputs()[0].name

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, S, S) normalised chips -> (N, outputs)."""
        inputs = np.ascontiguousarray(x.cpu().numpy())
        outputs = self.session.run(None, {self.input_name: inputs})
        return torch.from_numpy(np.concatenate([o.reshape(len(x), -1) for o in outputs], axis=1)).to(x.device)


def build(name: str, outputs: int) -> nn.Module:
    """Make a network with ``outputs`` numbers a chip, its weights still random.

    Raises:
        ModelError: there is no network of that name.
    """
    if name == "cydral-gender":
        return CydralGender()
    if name == "cydral-age":
        return CydralAge()
    import torchvision  # noqa: PLC0415 - takes seconds, and the embedded models do without

    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ModelError(
            f"unknown network {name!r}: choose cydral-gender, cydral-age, onnx or one of torchvision's, as resnet18"
        )
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=outputs)
    return network


def restore(name: str, outputs: int, weights: Mapping[str, Tensor], device: torch.device) -> nn.Module:
    """Build a network and give it its weights, ready to answer on ``device``.

    Raises:
        ModelError: the network is unknown, or the weights are another network's.
    """
    if name == ONNX:
        if GRAPH not in weights:
            raise ModelError(f"no ONNX graph among the weights {_some(weights)}")
        return OnnxGraph(weights[GRAPH].numpy().tobytes(), device)
    network = build(name, outputs)
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as exc:
        raise ModelError(f"these weights do not fit the network {name} with {outputs} outputs: {exc}") from exc
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def _pad_behind(x: Tensor, shape: list[int]) -> Tensor:
    channels, rows, columns = (wanted - had for wanted, had in zip(shape, x.shape[1:], strict=True))
    return F.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x


def _some(weights: Mapping[str, Tensor]) -> str:
    names = list(weights)
    return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")

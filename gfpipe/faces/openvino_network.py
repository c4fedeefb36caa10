"""A face detector's network in OpenVINO, an optional dependency: the outputs of PyTorch, sooner, on one core.

The frontend of OpenVINO reads the network from memory: `openvino.convert_model` would report its use over the network.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from gfpipe.base import extras

_PROPERTIES = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"}


class OpenVinoNetwork:
    """Calls a network, which takes (N, 3, H, W) and gives tensors of N rows, frame by frame.

    Raises:
        ModelError: OpenVINO is not installed.
    """

    def __init__(self, network: nn.Module) -> None:
        with extras.needed_for("device 'openvino'", "openvino"):
            from openvino import Core  # noqa: PLC0415 - an optional dependency
            from openvino.frontend import FrontEndManager  # noqa: PLC0415
            from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: PLC0415
        frontend = FrontEndManager().load_by_framework("pytorch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of the length of a tensor, which is always 1
            decoder = TorchScriptPythonDecoder(network, example_input=torch.zeros(1, 3, 64, 64))
        self._model, self._core = frontend.convert(frontend.load(decoder)), Core()
        self._calls: dict[tuple[int, ...], Callable[..., Any]] = {}

    def __call__(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs, of float32 inputs on the CPU."""
        shape = (1, *inputs.shape[1:])
        if shape not in self._calls:
            self._model.reshape(list(shape))
            self._calls[shape] = self._core.compile_model(self._model, "CPU", _PROPERTIES)
        call = self._calls[shape]
        frames = [list(call(frame.contiguous().numpy()).values()) for frame in torch.split(inputs, 1)]
        return tuple(
            torch.cat([torch.from_numpy(output) for output in outputs]) for outputs in zip(*frames, strict=True)
        )

"""ONNX files: read for their weights, or kept whole for onnxruntime."""

from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from gfpipe.attributes.networks import GRAPH
from gfpipe.errors import ModelError


def graph(data: bytes) -> dict[str, torch.Tensor]:
    """Keep a graph as it is: one uint8 tensor, so that it lies in safetensors as every other model does.

    Raises:
        ModelError: the bytes are no valid ONNX model, or keep their weights in other files.
    """
    try:
        onnx.checker.check_model(data)
    except Exception as exc:  # the checker's errors come from C++ and share no base class
        raise ModelError(f"not a valid ONNX model: {exc}") from exc
    return {GRAPH: torch.frombuffer(bytearray(data), dtype=torch.uint8)}


def initialisers(data: bytes) -> dict[str, NDArray[Any]]:
    """The named weights of an ONNX graph.

    Raises:
        ModelError: the bytes are no ONNX model.
    """
    try:
        model = onnx.load_from_string(data)
    except Exception as exc:  # protobuf's errors are another package's
        raise ModelError(f"not an ONNX model: {exc}") from exc
    return {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}

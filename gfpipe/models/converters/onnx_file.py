"""ONNX files: read for their weights, or kept whole for onnxruntime."""

import io
import zipfile
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
    if _is_keras(data):
        raise ModelError(
            "a Keras file, which only TensorFlow can read; where that is installed, make an ONNX file of it: "
            "python -m tf2onnx.convert --keras model.h5 --output model.onnx"
        )
    try:
        onnx.checker.check_model(data)
    except Exception as exc:  # the checker's errors come from C++ and share no base class
        raise ModelError(f"not a valid ONNX model: {exc}") from exc
    return {GRAPH: torch.frombuffer(bytearray(data), dtype=torch.uint8)}


def _is_keras(data: bytes) -> bool:
    """Whether it is HDF5 (``.h5``), or a zip file with Keras's ``model.weights.h5`` in it (``.keras``)."""
    if data.startswith(b"PK"):
        try:
            return "model.weights.h5" in zipfile.ZipFile(io.BytesIO(data)).namelist()
        except zipfile.BadZipFile:
            return False
    return data.startswith(b"\x89HDF\r\n\x1a\n")


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

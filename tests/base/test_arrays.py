"""Dataclasses that hold arrays print shapes and dtypes and are compared by identity."""

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass


@array_dataclass
class Batch:
    pixels: NDArray[np.uint8]
    weights: torch.Tensor
    names: tuple[str, ...]
    fps: float = 25.0


def batch() -> Batch:
    return Batch(np.zeros((2, 4, 4, 3), np.uint8), torch.zeros(5), ("a", "b"))


def test_repr_gives_shapes_and_dtypes() -> None:
    assert repr(batch()) == "Batch(pixels=uint8(2, 4, 4, 3), weights=torch.float32(5,), names=tuple(2), fps=25.0)"


def test_equality_is_identity() -> None:
    first = batch()
    assert first == first  # noqa: PLR0124
    assert first != batch()
    assert len({first, batch()}) == 2

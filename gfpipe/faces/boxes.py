"""Boxes of faces and their overlap."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

CORNERS: Final = ("x1", "y1", "x2", "y2")  # columns of a box in the lake's tables
SAME_FACE_IOU: Final = 0.5  # boxes that overlap at least this much are one face, in the warehouse too

Box = tuple[float, float, float, float]


def iou(first: ArrayLike, second: ArrayLike) -> NDArray[Any]:
    """Intersection over union of every pair of boxes (x1, y1, x2, y2): (F, 4) and (S, 4) give (F, S)."""
    one, other = np.reshape(first, (-1, 1, 4)), np.reshape(second, (-1, 4))
    sides = np.minimum(one[..., 2:], other[:, 2:]) - np.maximum(one[..., :2], other[:, :2])
    intersection = np.clip(sides, 0, None).prod(axis=2)
    union = (one[..., 2:] - one[..., :2]).prod(axis=2) + (other[:, 2:] - other[:, :2]).prod(axis=1) - intersection
    return np.asarray(intersection / np.maximum(union, np.finfo(np.float32).tiny))  # 0 for boxes without an area

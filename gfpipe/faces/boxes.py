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


def strongest(
    frame: NDArray[np.int64], boxes: NDArray[np.float32], scores: NDArray[np.float32], threshold: float
) -> NDArray[np.int64]:
    """Non-maximum suppression in each frame: positions of the boxes that remain, by descending score, (K,) int64.

    Importing the same function of torchvision takes longer than importing torch.

    Args:
        frame: (N,) frame of each box.
        boxes: (N, 4).
        scores: (N,).
        threshold: intersection over union above which the weaker of two boxes of a frame is removed.
    """
    kept = []
    left = np.argsort(-scores, kind="stable")
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        covered = (iou(boxes[best], boxes[left])[0] > threshold) & (frame[left] == frame[best])
        left = left[~covered]
    return np.array(kept, np.int64)

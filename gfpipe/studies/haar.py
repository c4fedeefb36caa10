"""OpenCV's Haar cascade for frontal faces, used by a published system: boxes without landmarks.

frames -> grey -> windows of many sizes through the cascade -> overlapping windows merged -> square boxes

Viola and Jones (2001); ``haarcascade_frontalface_alt2``: Lienhart and Maydt (2002). For pictures of one face each.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.base import extras
from gfpipe.errors import ModelError
from gfpipe.faces.detector import Detections

ID: Final = "haar-frontalface-alt2"
_FILE: Final = "haarcascade_frontalface_alt2.xml"
# The published system does not state its parameters. These detect 98.7 % of 150 faces of UTKFace; OpenCV's default
# step of 1.1 detects 95 %, five neighbours 98 %.
_STEP: Final = 1.05  # ratio of successive window sizes
_NEIGHBOURS: Final = 3  # overlapping windows required
_LEAST_SIDE: Final = 0.25  # of a face, in shorter sides of the frame: smaller windows cost most


class HaarDetector:
    """The cascade on frames of any size; same interface as :class:`gfpipe.faces.detector.Detector`."""

    model_id = ID

    def __init__(self) -> None:
        """Load the cascade; raises ModelError if OpenCV or its cascade is not installed."""
        with extras.needed_for(ID):
            import cv2  # noqa: PLC0415 - optional
            from cv2 import data  # noqa: PLC0415
        path = Path(data.haarcascades) / _FILE
        if not path.is_file():
            raise ModelError(f"{path}: OpenCV's wheel lacks this cascade: install opencv-python-headless 4.14")
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._cascade = cv2.CascadeClassifier(str(path))
        self._cv2 = cv2

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """Detect the faces in `pixels`, (N, H, W, 3) uint8 RGB; N may be 0.

        Landmarks are NaN. A score is n / (n + 1) for n overlapping windows, not a probability.
        """
        boxes, scores = zip(*map(self._boxes, pixels), strict=True) if len(pixels) else ((), ())
        count = sum(map(len, boxes))
        return Detections(
            np.repeat(np.arange(len(boxes)), [len(rows) for rows in boxes]).astype(np.int64),
            np.concatenate([np.zeros((0, 4), np.float32), *boxes]),
            np.full((count, 5, 2), np.nan, np.float32),
            np.concatenate([np.zeros(0, np.float32), *scores]),
        )

    def _boxes(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes and scores of one frame, by descending score."""
        least = max(round(min(frame.shape[:2]) * _LEAST_SIDE), 1)
        grey = self._cv2.cvtColor(frame, self._cv2.COLOR_RGB2GRAY)
        corners, counts = self._cascade.detectMultiScale2(grey, _STEP, _NEIGHBOURS, minSize=(least, least))
        x, y, width, height = np.reshape(corners, (-1, 4)).astype(np.float32).T
        windows = np.reshape(counts, -1).astype(np.float32)
        order = np.argsort(-windows, kind="stable")
        return np.stack((x, y, x + width, y + height), axis=1)[order], (windows / (windows + 1))[order]

"""OpenCV's Haar cascade for frontal faces, as a published system has it for its face step: boxes, and no landmarks.

frames -> grey -> windows of many sizes through the cascade -> windows that agree, merged -> square boxes

Boosted cascades of Haar features are Viola and Jones's (2001); this one, ``haarcascade_frontalface_alt2``, is
Lienhart's (Lienhart and Maydt 2002), and lies in OpenCV's own wheel. For pictures that one face fills, not broadcasts.
"""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.errors import ModelError
from gfpipe.faces.detector import Detections

ID: Final = "haar-frontalface-alt2"
_FILE: Final = "haarcascade_frontalface_alt2.xml"
# The published system does not say what it chose. Of 150 faces of UTKFace these find 98.7 %; OpenCV's own step of 1.1
# finds 95 %, and five neighbours 98 %.
_STEP: Final = 1.05  # from one size of window to the next
_NEIGHBOURS: Final = 3  # windows that must agree
_LEAST_SIDE: Final = 0.25  # of a face, in shorter sides of the frame: smaller ones are not meant, and cost most


class HaarDetector:
    """The cascade on frames of any size; used as :class:`gfpipe.faces.detector.Detector` is."""

    model_id = ID

    def __init__(self) -> None:
        """Read the cascade.

        Raises:
            ModelError: OpenCV, or its cascade, is not there.
        """
        path = _path()
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        import cv2  # noqa: PLC0415 - only who asks for this detector needs it

        self._cascade = cv2.CascadeClassifier(str(path))

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """Detect the faces in ``pixels``, (N, H, W, 3) uint8 RGB; N may be 0.

        Landmarks are NaN. A score is no probability, but n / (n + 1) for n windows that agreed.
        """
        found = [self._boxes(frame) for frame in pixels]
        count = sum(len(boxes) for boxes, _ in found)
        return Detections(
            np.repeat(np.arange(len(found)), [len(boxes) for boxes, _ in found]).astype(np.int64),
            np.concatenate([np.zeros((0, 4), np.float32), *(boxes for boxes, _ in found)]),
            np.full((count, 5, 2), np.nan, np.float32),
            np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in found)]),
        )

    def _boxes(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes and scores of one frame, by falling score."""
        import cv2  # noqa: PLC0415 - as above

        least = max(round(min(frame.shape[:2]) * _LEAST_SIDE), 1)
        places, agreed = self._cascade.detectMultiScale2(
            cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY),
            scaleFactor=_STEP,
            minNeighbors=_NEIGHBOURS,
            minSize=(least, least),
        )
        x, y, width, height = np.reshape(places, (-1, 4)).astype(np.float32).T
        windows = np.reshape(agreed, -1).astype(np.float32)
        order = np.argsort(-windows, kind="stable")
        return np.stack((x, y, x + width, y + height), axis=1)[order], (windows / (windows + 1))[order]


def _path() -> Path:
    try:
        from cv2 import data  # noqa: PLC0415 - as above
    except ImportError as exc:
        raise ModelError(f"{ID} needs OpenCV: pip install 'gfpipe[research]'") from exc
    path = Path(data.haarcascades) / _FILE
    if not path.is_file():
        raise ModelError(f"{path}: OpenCV's wheel does not bring this cascade: install opencv-python-headless 4.14")
    return path

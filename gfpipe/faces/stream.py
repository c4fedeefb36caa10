"""Classifies the faces of a recording batch by batch: the common steps of the stages `analyse` and `reclassify`.

frame batches -> detections -> shots and tracks -> chips -> p_female
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Attributes, Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.faces import portraits
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Tracker, Tracks
from gfpipe.recording import Clock
from gfpipe.video.frames import FrameBatch, Reader

ClassifiedBatch = tuple[FrameBatch, Detections, Tracks, Attributes]


@lru_cache(maxsize=2)
def load_classifier(model: str, device: str) -> Classifier:
    """Load a classifier of perceived gender once per worker."""
    return portraits.open_classifier(model, resolve_device(device))


def classify(
    reader: Reader, detect: Callable[[FrameBatch], Detections], classifier: Classifier, clock: Clock
) -> Iterator[ClassifiedBatch]:
    """Yield the frames, detections, tracks and attributes of each batch, and time the steps."""
    tracker = Tracker()
    for frames in clock.each("decode", reader):
        with clock("detect"):
            detections = detect(frames)
            tracks = tracker(frames, detections)
        with clock("chips"):
            chips = chips_for(
                classifier.spec.input,
                frames.pictures,
                detections.frame_index,
                detections.landmarks,
                detections.boxes,
                classifier.device,
            )
        with clock("classify"):
            attributes = classifier(chips)
        yield frames, detections, tracks, attributes


def to_source(frames: FrameBatch) -> NDArray[np.float32]:
    """(2,) factors from pixels of the frames to pixels of the source."""
    (source_width, source_height), (width, height) = frames.source_size, frames.size
    return np.array([source_width / width, source_height / height], np.float32)

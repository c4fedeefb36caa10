"""Classifies the faces of a recording batch by batch: the common steps of the stages `analyse` and `reclassify`.

frame batches -> detections -> chips -> p_female
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Attributes, Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.base.arrays import array_dataclass
from gfpipe.faces import portraits
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections
from gfpipe.faces.tracks import Samples
from gfpipe.recording import REFERENCE_LINES, Clock
from gfpipe.video.frames import FrameBatch, Reader


@array_dataclass
class Findings:
    """What a batch of frames shows, without their pictures.

    Attributes:
        size: width and height of the pictures, in whose pixels faces are detected.
        source_size: width and height of the stored frames.
    """

    samples: Samples
    detections: Detections
    attributes: Attributes
    size: tuple[int, int]
    source_size: tuple[int, int]

    @property
    def to_source(self) -> NDArray[np.float32]:
        """(2,) factors from pixels of the pictures to pixels of the source."""
        return to_source(self.size, self.source_size)

    @property
    def height_360(self) -> NDArray[np.float32]:
        """(F,) height of faces in frames scaled to 360 lines."""
        height: NDArray[np.float32] = self.detections.boxes[:, 3] - self.detections.boxes[:, 1]
        return height * np.float32(REFERENCE_LINES / self.size[1])


@lru_cache(maxsize=2)
def load_classifier(model: str, device: str) -> Classifier:
    """Load a classifier of perceived gender once per worker."""
    return portraits.open_classifier(model, resolve_device(device))


def classify(
    reader: Reader, detect: Callable[[FrameBatch], Detections], classifier: Classifier, clock: Clock
) -> Iterator[tuple[FrameBatch, Findings]]:
    """Yield each batch of frames with what it shows, and time the steps."""
    for frames in clock.each("decode", reader):
        with clock("detect"):
            detections = detect(frames)
            samples = Samples.of(frames)
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
        yield frames, Findings(samples, detections, attributes, frames.size, frames.source_size)


def to_source(size: tuple[int, int], source_size: tuple[int, int]) -> NDArray[np.float32]:
    """(2,) factors from pixels of pictures to pixels of their source."""
    return np.array([source_size[0] / size[0], source_size[1] / size[1]], np.float32)

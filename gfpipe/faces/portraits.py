"""Pictures of one face each, as benchmarks hold them: the face is found by our own detector, and cut as in broadcasts.

picture -> padded by reflection -> detections -> the one in the middle -> chip
"""

import io
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gfpipe import extras
from gfpipe.arrays import array_dataclass
from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.spec import Attribute, InputSpec
from gfpipe.errors import UsageError
from gfpipe.faces import detector
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections
from gfpipe.models import store
from gfpipe.settings import Analysis

ENTRY_POINTS: Final = "gfpipe.detectors"  # the group of detectors of still pictures that other packages provide
_BATCH: Final = 16
# Of each side: data sets crop so close that faces touch the edges, which broadcasts rarely do. More of it only adds
# reflected faces; 5 to 50 % were tried on two samples of UTKFace.
_PADDING: Final = 0.15


class Picture(Protocol):
    """Anything that gives an encoded picture."""

    def read(self) -> bytes:
        """The file's bytes; raises OSError where there are none."""


@array_dataclass
class Portraits:
    """B pictures of one size, padded, and the face that each is about.

    Attributes:
        index: (B,) which of the given pictures.
        pixels: (B, H, W, 3) uint8 RGB.
        landmarks: (B, 5, 2) float32 in pixels; NaN where no face was found, or the detector marks none.
        boxes: (B, 4) float32 in pixels (x1, y1, x2, y2); NaN where no face was found.
        detector: id of the detector that found them.
    """

    index: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    boxes: NDArray[np.float32]
    detector: str = ""

    def __post_init__(self) -> None:
        count = len(self.index)
        if self.pixels.ndim != 4 or self.landmarks.shape != (count, 5, 2) or self.boxes.shape != (count, 4):
            raise ValueError(f"{count} pictures, but {self.pixels.shape}, {self.landmarks.shape}, {self.boxes.shape}")

    @property
    def detected(self) -> NDArray[np.bool_]:
        """(B,) whether a face was found."""
        return np.isfinite(self.boxes[:, 0])


class FaceDetector(Protocol):
    """Anything that finds faces in pictures, as :class:`gfpipe.faces.detector.Detector` does."""

    @property
    def model_id(self) -> str:
        """The detector's id."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """The faces in (N, H, W, 3) uint8 RGB; landmarks may be NaN where it marks none."""


class RegisteredDetector(FaceDetector, Protocol):
    """A detector that another package provides."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the detector's weights."""


def open_detector(model: str, device: torch.device) -> FaceDetector:
    """The detector as recordings have it, but for the enlargement: a face fills these pictures already.

    Or one that is registered as an entry point of the group ``gfpipe.detectors``, such as ``haar-frontalface-alt2``.
    """
    if registered := _registered(model):
        return registered
    return detector.load(store.open_model(model), device, Analysis().min_score, upscaling=1.0)


def detector_for(asked: str, own: str) -> str:
    """The detector that a recipe or a stored model names, ``own``, unless another than the pipeline's is asked for.

    A chip by box is another chip where another detector draws the box, so a model is asked about the boxes it knows.
    """
    return own if own and asked == Analysis().detector else asked


def sha256_of(model: str) -> str:
    """Of a detector's weights: what chips depend on."""
    registered = _registered(model)
    return registered.sha256 if registered else store.card(model).sha256


def _registered(model: str) -> RegisteredDetector | None:
    make = extras.plugin(ENTRY_POINTS, model)
    return make() if make else None


def open_classifier(
    model: str, device: torch.device, attribute: Attribute | None = Attribute.PERCEIVED_GENDER
) -> Classifier:
    """A stored model, ready to answer.

    Args:
        model: its id or folder.
        device: where it is to answer.
        attribute: what it must be able to say of a face; None for anything.

    Raises:
        UsageError: it says nothing about that.
        ModelError: it is unknown or cannot be fetched.
    """
    stored = store.open_model(model)
    found = classifier.load(stored.card.classifier, stored.weights, device)
    if attribute and attribute not in found.attributes:
        raise UsageError(f"{model} says nothing about {attribute.value.replace('_', ' ')}: choose another model")
    return found


def find(pictures: Iterable[Picture], detect: FaceDetector, unreadable: list[tuple[int, str]]) -> Iterator[Portraits]:
    """Find the face of every picture, in batches of pictures that follow one another and are of one size.

    Args:
        pictures: one face each, near the middle.
        detect: see :func:`open_detector`.
        unreadable: is given the place and the reason of each picture that cannot be read.
    """
    for index, pixels in _batches(pictures, unreadable):
        count, height, width, _ = pixels.shape
        found = detect(pixels)
        chosen = centred_face(found, count, height, width)
        landmarks = np.full((count, 5, 2), np.nan, np.float32)
        boxes = np.full((count, 4), np.nan, np.float32)
        has_face = chosen >= 0
        landmarks[has_face], boxes[has_face] = found.landmarks[chosen[has_face]], found.boxes[chosen[has_face]]
        yield Portraits(np.array(index, np.int64), pixels, landmarks, boxes, detect.model_id)


def chips(
    portraits: Portraits, wanted: InputSpec, device: str | torch.device = "cpu", face_pixels: float | None = None
) -> Tensor:
    """Cut what a classifier wants to see of each face that was found, in the order of ``index[detected]``.

    Args:
        portraits: B pictures.
        wanted: the classifier's input.
        device: where the chips are cut.
        face_pixels: the picture is reduced first, until its face (the box) is so many pixels high; smaller ones stay.

    Returns:
        (F, 3, S, S) or (F, V, 3, S, S) float32, RGB in 0..255; see :func:`gfpipe.faces.alignment.chips_for`.

    Raises:
        UsageError: the chip is cut by landmarks, and the detector marks none.
    """
    faces = np.flatnonzero(portraits.detected)
    if not wanted.box_scale and np.isnan(portraits.landmarks[faces]).any():
        raise UsageError(
            f"chips are cut here by the places of eyes, nose and mouth, which {portraits.detector} does not mark: give "
            "the recipe box_scale under [input], or choose another detector"
        )
    if face_pixels is None or not len(faces):
        return chips_for(wanted, portraits.pixels, faces, portraits.landmarks[faces], portraits.boxes[faces], device)
    cut = []
    for face in faces:
        pixels, landmarks, boxes = _reduced(portraits, face, face_pixels)
        cut.append(chips_for(wanted, pixels, np.zeros(1, np.int64), landmarks, boxes, device))
    return torch.cat(cut)


def centred_face(detections: Detections, count: int, height: int, width: int) -> NDArray[np.int64]:
    """For each of ``count`` frames which face is meant: the large one near the middle; -1 where there is none.

    What counts is a box's height less twice its distance from the centre, so that a bystander, or a reflection of the
    face in the padding, loses.
    """
    boxes = detections.boxes
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distance = np.hypot(*(centres - (width / 2, height / 2)).T)
    merit = boxes[:, 3] - boxes[:, 1] - 2 * distance
    chosen = np.full(count, -1)
    for face in np.argsort(merit):  # later ones overwrite: the best comes last
        chosen[detections.frame_index[face]] = face
    return chosen


def _reduced(
    portraits: Portraits, face: np.intp, face_pixels: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """One picture, its face brought down to ``face_pixels``, its landmarks and its box there.

    (1, H, W, 3), (1, 5, 2) and (1, 4).
    """
    pixels, landmarks, box = portraits.pixels[face], portraits.landmarks[face], portraits.boxes[face]
    factor = face_pixels / float(box[3] - box[1])
    if factor >= 1:
        return pixels[None], landmarks[None], box[None]
    size = [max(round(side * factor), 1) for side in pixels.shape[:2]]
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    small = F.interpolate(tensor, size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
    scale = np.array([size[1] / pixels.shape[1], size[0] / pixels.shape[0]], np.float32)
    return (
        small[0].permute(1, 2, 0).contiguous().numpy()[None],
        (landmarks * scale)[None],
        (box * np.tile(scale, 2))[None],
    )


def _batches(
    pictures: Iterable[Picture], unreadable: list[tuple[int, str]]
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    batch: list[int] = []
    pixels: list[NDArray[np.uint8]] = []
    for place, picture in enumerate(pictures):
        try:
            decoded = _padded(picture.read())
        except (OSError, ValueError, Image.DecompressionBombError) as exc:
            unreadable.append((place, _reason(exc)))
            continue
        if batch and (len(batch) == _BATCH or decoded.shape != pixels[0].shape):
            yield batch, np.stack(pixels)
            batch, pixels = [], []
        batch.append(place)
        pixels.append(decoded)
    if batch:
        yield batch, np.stack(pixels)


def _reason(exc: Exception) -> str:
    """What to tell people; Pillow's words for what is no picture name an object in memory."""
    return "not a readable image" + ("" if isinstance(exc, UnidentifiedImageError) else f": {exc}")


def _padded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as opened:
        pixels = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    above, beside = (round(side * _PADDING) for side in pixels.shape[:2])
    return np.pad(pixels, ((above, above), (beside, beside), (0, 0)), mode="reflect")

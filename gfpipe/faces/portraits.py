"""Still images of one face each, as in benchmark data sets, processed as frames of broadcasts are.

image -> padded by reflection -> detections -> the centred face -> chip
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

from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.spec import Attribute, InputSpec
from gfpipe.base import extras
from gfpipe.base.arrays import array_dataclass
from gfpipe.counting import Counting
from gfpipe.errors import UsageError
from gfpipe.faces import detector
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections
from gfpipe.models import store
from gfpipe.settings import Analysis

ENTRY_POINTS: Final = "gfpipe.detectors"  # detectors of other packages, for still images
_BATCH: Final = 16
# Share of each side: in data sets faces touch the edges, in broadcasts rarely. Larger padding adds reflected faces;
# 5 to 50 % were tried on two samples of UTKFace.
_PADDING: Final = 0.15


class Picture(Protocol):
    """A source of an encoded image."""

    def read(self) -> bytes:
        """The file's bytes; raises OSError."""


@array_dataclass
class Portraits:
    """B padded images of one size, and the face of each.

    Attributes:
        index: (B,) position in the input.
        pixels: (B, H, W, 3) uint8 RGB.
        landmarks: (B, 5, 2) float32 in pixels; NaN without a face, or with a detector without landmarks.
        boxes: (B, 4) float32 in pixels (x1, y1, x2, y2); NaN without a face.
        detector: id of the detector.
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
        """(B,) whether a face was detected."""
        return np.isfinite(self.boxes[:, 0])


class FaceDetector(Protocol):
    """The interface of :class:`gfpipe.faces.detector.Detector`."""

    @property
    def model_id(self) -> str:
        """The detector's id."""

    def __call__(self, pixels: NDArray[np.uint8]) -> Detections:
        """Detect the faces in (N, H, W, 3) uint8 RGB; detectors without landmarks return NaN."""


class RegisteredDetector(FaceDetector, Protocol):
    """A detector registered as an entry point."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the detector's weights."""


def open_detector(model: str, device: torch.device) -> FaceDetector:
    """The pipeline's detector without upscaling, or a registered one such as ``haar-frontalface-alt2``."""
    if registered := _registered(model):
        return registered
    return detector.load(store.open_model(model), device, Counting.min_score, upscaling=1.0)


def detector_for(requested: str, own: str) -> str:
    """The detector named by a recipe or a stored model, ``own``, unless another than the pipeline's is requested.

    Chips cut by box depend on the detector, so a model is evaluated with the detector it was trained with.
    """
    return own if own and requested == Analysis().detector else requested


def sha256_of(model: str) -> str:
    """SHA-256 of a detector's weights."""
    registered = _registered(model)
    return registered.sha256 if registered else store.card(model).sha256


def _registered(model: str) -> RegisteredDetector | None:
    build = extras.plugin(ENTRY_POINTS, model)
    return build() if build else None


def open_classifier(
    model: str, device: torch.device, attribute: Attribute | None = Attribute.PERCEIVED_GENDER
) -> Classifier:
    """Load a stored model, by id or folder.

    Raises:
        UsageError: the model does not predict ``attribute``.
        ModelError: it is unknown or cannot be fetched.
    """
    stored = store.open_model(model)
    loaded = classifier.load(stored.card.classifier, stored.weights, device)
    if attribute and attribute not in loaded.attributes:
        raise UsageError(f"{model} does not predict {attribute.value.replace('_', ' ')}: choose another model")
    return loaded


def find(pictures: Iterable[Picture], detect: FaceDetector, unreadable: list[tuple[int, str]]) -> Iterator[Portraits]:
    """Detect the face near the centre of every image, in batches of consecutive images of one size.

    The position and the error of each unreadable image are appended to ``unreadable``.
    """
    for index, pixels in _batches(pictures, unreadable):
        count, height, width, _ = pixels.shape
        detections = detect(pixels)
        faces = centred_face(detections, count, height, width)
        landmarks = np.full((count, 5, 2), np.nan, np.float32)
        boxes = np.full((count, 4), np.nan, np.float32)
        has_face = faces >= 0
        landmarks[has_face] = detections.landmarks[faces[has_face]]
        boxes[has_face] = detections.boxes[faces[has_face]]
        yield Portraits(np.array(index, np.int64), pixels, landmarks, boxes, detect.model_id)


def chips(
    portraits: Portraits, spec: InputSpec, device: str | torch.device = "cpu", face_pixels: float | None = None
) -> Tensor:
    """Cut a classifier's chips of the detected faces, in the order of ``index[detected]``.

    With ``face_pixels``, each image is reduced first until its face's box is this high; smaller faces are unchanged.

    Returns:
        (F, 3, S, S) or (F, V, 3, S, S) float32, RGB in 0..255; see :func:`gfpipe.faces.alignment.chips_for`.

    Raises:
        UsageError: chips are cut by landmarks, and the detector has none.
    """
    faces = np.flatnonzero(portraits.detected)
    if not spec.box_scale and np.isnan(portraits.landmarks[faces]).any():
        raise UsageError(
            f"chips are cut by landmarks, which {portraits.detector} does not detect: set box_scale under [input] in "
            "the recipe, or choose another detector"
        )
    if face_pixels is None or not len(faces):
        return chips_for(spec, portraits.pixels, faces, portraits.landmarks[faces], portraits.boxes[faces], device)
    reduced = (_reduced(portraits, face, face_pixels) for face in faces)
    first = np.zeros(1, np.int64)
    return torch.cat([chips_for(spec, pixels, first, points, boxes, device) for pixels, points, boxes in reduced])


def centred_face(detections: Detections, count: int, height: int, width: int) -> NDArray[np.int64]:
    """Index of the largest, most central face of each of ``count`` frames; -1 without a face.

    Faces are ranked by the height of their box minus twice its distance from the centre, which excludes bystanders and
    reflections in the padding.
    """
    boxes = detections.boxes
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    distance = np.hypot(*(centres - (width / 2, height / 2)).T)
    merit = boxes[:, 3] - boxes[:, 1] - 2 * distance
    faces = np.full(count, -1)
    for face in np.argsort(merit):  # the best comes last and overwrites the others
        faces[detections.frame_index[face]] = face
    return faces


def _reduced(
    portraits: Portraits, face: np.intp, face_pixels: float
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
    """Image (1, H, W, 3) with a face reduced to ``face_pixels``, landmarks (1, 5, 2) and box (1, 4)."""
    pixels, landmarks, box = portraits.pixels[face], portraits.landmarks[face], portraits.boxes[face]
    factor = face_pixels / float(box[3] - box[1])
    if factor >= 1:
        return pixels[None], landmarks[None], box[None]
    size = [max(round(side * factor), 1) for side in pixels.shape[:2]]
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    small = F.interpolate(tensor, size, mode="bilinear", antialias=True).round().clamp(0, 255).to(torch.uint8)
    scale = np.array([size[1] / pixels.shape[1], size[0] / pixels.shape[0]], np.float32)
    return small.permute(0, 2, 3, 1).contiguous().numpy(), (landmarks * scale)[None], (box * np.tile(scale, 2))[None]


def _batches(
    pictures: Iterable[Picture], unreadable: list[tuple[int, str]]
) -> Iterator[tuple[list[int], NDArray[np.uint8]]]:
    batch: list[int] = []
    pixels: list[NDArray[np.uint8]] = []
    for index, picture in enumerate(pictures):
        try:
            decoded = _padded(picture.read())
        except (OSError, ValueError, Image.DecompressionBombError) as exc:
            details = "" if isinstance(exc, UnidentifiedImageError) else f": {exc}"  # its message names an object
            unreadable.append((index, f"not a readable image{details}"))
            continue
        if batch and (len(batch) == _BATCH or decoded.shape != pixels[0].shape):
            yield batch, np.stack(pixels)
            batch, pixels = [], []
        batch.append(index)
        pixels.append(decoded)
    if batch:
        yield batch, np.stack(pixels)


def _padded(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as opened:
        pixels = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    rows, columns = (round(side * _PADDING) for side in pixels.shape[:2])
    return np.pad(pixels, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")

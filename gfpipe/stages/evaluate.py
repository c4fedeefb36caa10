"""Measures a classifier of perceived gender on labelled face images, with chips cut by our own detector.

images -> padded by reflection -> faces -> the one in the middle -> chip -> p_female -> accuracy

A face that is not found is an error of the whole way from image to answer, so it counts as one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gfpipe.attributes import classifier
from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import Attribute
from gfpipe.errors import UsageError
from gfpipe.evaluation import datasets
from gfpipe.evaluation.datasets import LabelledImage, Skipped
from gfpipe.evaluation.metrics import Estimate, MetricFrame, accuracy_by
from gfpipe.faces import detector
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.detector import Detections, Detector
from gfpipe.models import store
from gfpipe.settings import Analysis

Progress = Callable[[int, int], None]

_PIPELINE: Final = Analysis()  # faces are found here as they are in recordings
UNDETECTED: Final = "undetected"
_BATCH: Final = 16
# Of each side: data sets crop so close that faces touch the edges, which broadcasts rarely do. More of it only adds
# reflected faces; 5 to 50 % were tried on two samples of UTKFace.
_PADDING: Final = 0.15


@dataclass(frozen=True)
class Config:
    """What to measure on what.

    Attributes:
        model: a model's id, or a folder with a card and weights.
        data: ``utkface=FOLDER`` or ``csv=FILE``.
        detector: the model that finds the faces.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    model: str
    data: str
    detector: str = _PIPELINE.detector
    device: str = _PIPELINE.device


@dataclass(frozen=True)
class Report:
    """What came out.

    Attributes:
        accuracy: overall and by perceived gender as labelled; a face that was not detected counts as an error.
        undetected: images in which the detector found no face.
        skipped: images left out because their name, row or content could not be understood.
    """

    model_id: str
    detector_id: str
    data: str
    accuracy: MetricFrame
    undetected: int
    skipped: tuple[Skipped, ...]


def run(config: Config, progress: Progress | None = None) -> Report:
    """Measure ``config.model``; ``progress`` is told the images done and in all.

    Raises:
        UsageError: the data cannot be found, or the model says nothing about perceived gender.
        ModelError: a model is unknown or cannot be fetched.
    """
    dataset = datasets.read(config.data)
    device = resolve_device(config.device)
    stored = store.open_model(config.model)
    classify = classifier.load(stored.card.classifier, stored.weights, device)
    if Attribute.PERCEIVED_GENDER not in classify.attributes:
        raise UsageError(f"{config.model} says nothing about perceived gender: choose another model")
    # A face fills these images: enlarged it would only outgrow what the detector marks best.
    detect = detector.load(store.open_model(config.detector), device, _PIPELINE.min_score, enlargement=1.0)

    labels: list[str] = []
    predictions: list[str] = []
    unreadable: list[Skipped] = []
    done = 0
    for images, pixels in _batches(dataset.images, unreadable):
        labels += [image.perceived_gender for image in images]
        predictions += _predict(pixels, detect, classify, device)
        done += len(images)
        if progress:
            progress(done + len(unreadable), len(dataset.images))
    return Report(
        model_id=stored.card.id,
        detector_id=detect.model_id,
        data=dataset.name,
        accuracy=accuracy_by(labels, predictions, labels),
        undetected=predictions.count(UNDETECTED),
        skipped=(*dataset.skipped, *unreadable),
    )


def table(report: Report) -> str:
    """The report as lines of text."""
    lines = [
        f"{report.model_id} on {report.data}, faces found by {report.detector_id}",
        f"{'':10}{'accuracy':>10}{'95 % interval':>20}{'images':>9}",
        _line("all", report.accuracy.overall),
        *(_line(group, estimate) for group, estimate in report.accuracy.by_group.items()),
        f"{report.undetected} faces were not detected and count as errors; {len(report.skipped)} images were skipped",
    ]
    lines += [f"  {skipped.name}: {skipped.reason}" for skipped in report.skipped[:10]]
    return "\n".join(lines)


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


def _predict(pixels: NDArray[np.uint8], detect: Detector, classify: Classifier, device: torch.device) -> list[str]:
    count, height, width, _ = pixels.shape
    found = detect(pixels)
    chosen = centred_face(found, count, height, width)
    faces = chosen[chosen >= 0]
    chips = chips_for(classify.spec.input, pixels, found.frame_index[faces], found.landmarks[faces], device)
    predictions = np.full(count, UNDETECTED, dtype="<U10")
    predictions[chosen >= 0] = np.where(classify(chips).p_female >= 0.5, "female", "male")
    return [str(prediction) for prediction in predictions]


def _batches(
    images: tuple[LabelledImage, ...], unreadable: list[Skipped]
) -> Iterator[tuple[list[LabelledImage], NDArray[np.uint8]]]:
    """Images that follow one another and are of one size, decoded and padded; the others go to ``unreadable``."""
    batch: list[LabelledImage] = []
    pixels: list[NDArray[np.uint8]] = []
    for image in images:
        try:
            decoded = _padded(image)
        except (OSError, ValueError, Image.DecompressionBombError) as exc:
            unreadable.append(Skipped(str(image.path), f"not a readable image: {exc}"))
            continue
        if batch and (len(batch) == _BATCH or decoded.shape != pixels[0].shape):
            yield batch, np.stack(pixels)
            batch, pixels = [], []
        batch.append(image)
        pixels.append(decoded)
    if batch:
        yield batch, np.stack(pixels)


def _padded(image: LabelledImage) -> NDArray[np.uint8]:
    with Image.open(image.path) as opened:
        pixels = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    above, beside = (round(side * _PADDING) for side in pixels.shape[:2])
    return np.pad(pixels, ((above, above), (beside, beside), (0, 0)), mode="reflect")


def _line(group: str, estimate: Estimate) -> str:
    interval = f"{estimate.low:.2%} – {estimate.high:.2%}"
    return f"{group:10}{estimate.value:>10.2%}{interval:>20}{estimate.count:>9,}"

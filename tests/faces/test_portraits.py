"""Detection and cutting of centred faces in still images."""

import io
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image

from gfpipe.attributes.spec import InputSpec
from gfpipe.faces import portraits
from gfpipe.faces.detector import Detections
from gfpipe.faces.portraits import FaceDetector
from gfpipe.models import store

SPEC = InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1))


@dataclass(frozen=True)
class Picture:
    data: bytes

    def read(self) -> bytes:
        return self.data


@pytest.fixture(scope="module")
def detect() -> FaceDetector:
    return portraits.open_detector("retinaface-mobilenet0.25", torch.device("cpu"))


@pytest.fixture(scope="module")
def face() -> Image.Image:
    """An astronaut's face, 200 pixels wide."""
    return Image.open(store.fetch_source("astronaut")).convert("RGB").crop((124, 0, 324, 220))


def encoded(image: Image.Image) -> Picture:
    buffer = io.BytesIO()
    image.save(buffer, "png")
    return Picture(buffer.getvalue())


def test_faces_are_detected_in_order_and_unreadable_images_are_reported(
    face: Image.Image, detect: FaceDetector
) -> None:
    wall = Image.new("RGB", face.size, (90, 90, 90))
    pictures = [encoded(face), Picture(b"\xff\xd8 no picture"), encoded(wall), encoded(face.resize((100, 110)))]
    unreadable: list[tuple[int, str]] = []
    found = list(portraits.find(pictures, detect, unreadable))
    assert [batch.index.tolist() for batch in found] == [[0, 2], [3]]  # a batch is of one size
    assert [batch.detected.tolist() for batch in found] == [[True, False], [True]]
    assert [place for place, _ in unreadable] == [1]
    assert unreadable[0][1] == "not a readable image"
    assert len(portraits.chips(found[0], SPEC)) == 1  # of faces only


def test_reduced_faces(face: Image.Image, detect: FaceDetector) -> None:
    (batch,) = portraits.find([encoded(face)], detect, [])
    full, small, tiny = (portraits.chips(batch, SPEC, face_pixels=pixels)[0] for pixels in (None, 40, 10))
    assert float((full - small).abs().mean()) < float((full - tiny).abs().mean()) < 40
    height = float(batch.boxes[0, 3] - batch.boxes[0, 1])
    assert torch.equal(full, portraits.chips(batch, SPEC, face_pixels=2 * height)[0])  # none is enlarged


def test_chip_by_box_needs_no_landmarks(face: Image.Image, detect: FaceDetector) -> None:
    (batch,) = portraits.find([encoded(face)], detect, [])
    wanted = InputSpec(size=96, mean=(0, 0, 0), std=(1, 1, 1), box_scale=1.1)
    chip = portraits.chips(batch, wanted)[0]
    again = detect(chip.permute(1, 2, 0).round().byte().numpy()[None])
    x1, y1, x2, y2 = again.boxes[0]
    assert len(again) == 1
    assert y2 - y1 == pytest.approx(96 / 1.1, rel=0.1)  # a face is higher than wide
    assert [(x1 + x2) / 2, (y1 + y2) / 2] == pytest.approx([48, 48], abs=4)
    blind = replace(batch, landmarks=np.full_like(batch.landmarks, np.nan))
    assert torch.equal(portraits.chips(blind, wanted)[0], chip)
    small = portraits.chips(blind, wanted, face_pixels=40)[0]
    assert 0 < float((chip - small).abs().mean()) < 12  # the same, with less in it


def test_centred_face_is_selected() -> None:
    boxes = np.array([[0, 0, 50, 60], [70, 60, 130, 140], [95, 95, 105, 105], [0, 0, 50, 50]], np.float32)
    scores = np.array([0.99, 0.9, 0.999, 0.9], np.float32)
    found = Detections(np.array([0, 0, 0, 2]), boxes, np.zeros((4, 5, 2), np.float32), scores)
    np.testing.assert_array_equal(portraits.centred_face(found, 3, 200, 200), [1, -1, 3])

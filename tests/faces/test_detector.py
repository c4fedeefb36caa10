"""The detector on frames of any size and number, compared with another training."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from gfpipe.choices import Sampling
from gfpipe.counting import MIN_STORED_SCORE, Counting
from gfpipe.errors import UnknownModelError
from gfpipe.faces import detector, portraits
from gfpipe.faces.alignment import chips_for
from gfpipe.faces.boxes import strongest
from gfpipe.faces.detector import Detections, Detector
from gfpipe.models import champion
from gfpipe.models.store import StoredModel
from gfpipe.stages.analysis import demo
from gfpipe.video.encode import write_video
from gfpipe.video.reader import open_video
from tests.fixtures.detectors import clip

LEAST_HEIGHT = 24  # pixels, the frame scaled to 360 lines


@pytest.fixture(scope="module")
def detect(mobilenet: StoredModel) -> Detector:
    return detector.load(mobilenet)


@pytest.fixture(scope="module")
def portrait(photos: list[NDArray[np.uint8]], detect: Detector) -> NDArray[np.uint8]:
    """A photograph of one face, (1, H, W, 3)."""
    return next(photo for photo in photos if len(detect(photo)) == 1)


def overlaps(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of (A, 4) and (B, 4) boxes, (A, B)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared_area = sides.clip(0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - shared_area
    return np.asarray(shared_area / union, np.float32)


def matched(found: Detections, others: Detections, frame_height: int) -> tuple[int, int]:
    """Number of faces of at least 24 pixels that the others contain at an overlap of 0.5, and number of faces."""
    tall = (found.boxes[:, 3] - found.boxes[:, 1]) * 360 / frame_height >= LEAST_HEIGHT
    hits = 0
    for frame in np.unique(found.frame_index[tall]):
        mine, theirs = found.boxes[tall & (found.frame_index == frame)], others.boxes[others.frame_index == frame]
        hits += int((overlaps(mine, theirs).max(axis=1, initial=0) >= 0.5).sum())
    return hits, int(tall.sum())


def test_a_lower_threshold_leaves_the_certain_faces_as_they_are(
    mobilenet: StoredModel, detect: Detector, photos: list[NDArray[np.uint8]]
) -> None:
    lenient = detector.load(mobilenet, score_threshold=MIN_STORED_SCORE)
    for photo in photos:
        certain, faces = detect(photo), lenient(photo)
        is_certain = faces.scores > Counting.min_score
        for name in ("frame_index", "boxes", "landmarks", "scores"):
            np.testing.assert_allclose(getattr(faces, name)[is_certain], getattr(certain, name), atol=1e-3)


@pytest.mark.slow
def test_another_training_detects_the_same_faces(
    detect: Detector, other_training: StoredModel, photos: list[NDArray[np.uint8]], shared: Path
) -> None:
    oracle = detector.load(other_training)
    clips = [clip(path, every=50) for path in sorted((shared / "video").glob("*.mp4"))]
    counts = np.zeros((2, 2), int)
    for pixels in [*photos, *clips]:
        ours, theirs = detect(pixels), oracle(pixels)
        counts += [matched(ours, theirs, pixels.shape[1]), matched(theirs, ours, pixels.shape[1])]
    (ours_too, ours_all), (theirs_too, theirs_all) = counts
    assert ours_all >= 80
    assert ours_too / ours_all >= 0.9, f"the other training misses {ours_all - ours_too} of {ours_all}"
    assert theirs_too / theirs_all >= 0.9, f"ours misses {theirs_all - theirs_too} of {theirs_all}"


@pytest.mark.slow
def test_clip_with_one_person(detect: Detector, shared: Path) -> None:
    found = set(detect(clip(shared / "video" / "bowing.mp4", every=5)).frame_index * 5)
    assert not [frame for frame in found if not 35 <= frame <= 215]
    assert {60, 80, 100, 120, 160, 180, 195} <= found  # he faces the camera; between 135 and 155 he bows


def test_clip_of_a_news_anchor(detect: Detector, shared: Path) -> None:
    pixels = clip(shared / "video" / "akiyo_cif.mp4", every=30)
    np.testing.assert_array_equal(detect(pixels).frame_index, np.arange(len(pixels)))


def test_no_frames_and_no_faces(detect: Detector) -> None:
    for pixels in (np.zeros((0, 90, 160, 3), np.uint8), np.full((2, 90, 160, 3), 127, np.uint8)):
        found = detect(pixels)
        assert len(found) == 0
        assert (found.boxes.shape, found.landmarks.shape) == ((0, 4), (0, 5, 2))
        assert found.frame_index.dtype == np.int64
        assert found.boxes.dtype == np.float32


@pytest.mark.parametrize("size", [(1, 1), (2, 4000), (3000, 8), (33, 31)])
def test_frame_sizes(detect: Detector, size: tuple[int, int]) -> None:
    assert len(detect(np.zeros((1, *size, 3), np.uint8))) == 0


def test_position_does_not_depend_on_frame_format(detect: Detector, portrait: NDArray[np.uint8]) -> None:
    alone = detect(portrait)
    for above, beside in ((0, 300), (300, 0), (17, 5)):
        framed = detect(np.pad(portrait, ((0, 0), (above, above), (beside, beside), (0, 0))))
        assert len(framed) == 1
        moved = framed.boxes - np.array([beside, above] * 2, np.float32)
        assert overlaps(moved, alone.boxes)[0, 0] > 0.8


def test_frame_index(detect: Detector, portrait: NDArray[np.uint8]) -> None:
    empty, turned = np.zeros_like(portrait), portrait[:, :, ::-1]
    found = detect(np.concatenate((portrait, empty, turned, portrait)))
    np.testing.assert_array_equal(found.frame_index, [0, 2, 3])
    np.testing.assert_allclose(found.boxes[0], found.boxes[2], atol=1e-2)
    width = portrait.shape[2]
    np.testing.assert_allclose(width - found.boxes[1, [2, 0]], found.boxes[0, [0, 2]], atol=0.03 * width)


def test_order_of_landmarks(detect: Detector, portrait: NDArray[np.uint8]) -> None:
    left_eye, right_eye, nose, left_mouth, right_mouth = detect(portrait).landmarks[0]
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


def test_boxes_are_clipped_to_the_frame(detect: Detector, portrait: NDArray[np.uint8]) -> None:
    x1, y1, x2, y2 = detect(portrait).boxes[0]
    cut = portrait[:, int(y1 + 0.15 * (y2 - y1)) :, int(x1 + 0.1 * (x2 - x1)) :]
    found = detect(cut)
    assert len(found) == 1
    assert found.boxes.min() >= 0
    assert (found.boxes[:, 2:] <= [cut.shape[2], cut.shape[1]]).all()


def test_higher_threshold_detects_a_subset(
    mobilenet: StoredModel, detect: Detector, photos: list[NDArray[np.uint8]]
) -> None:
    strict = detector.load(mobilenet, score_threshold=0.999)
    kept = [strict(photo) for photo in photos]
    assert 0 < sum(map(len, kept)) < sum(len(detect(photo)) for photo in photos)
    assert min(found.scores.min() for found in kept if len(found)) > 0.999


@pytest.mark.parametrize(("height", "width"), [(1080, 1920), (360, 640), (1920, 1080), (576, 768), (540, 1280)])
def test_working_size(height: int, width: int) -> None:
    area = 640 * 360
    rows, columns = detector.working_size(height, width, area)
    assert (rows % 32, columns % 32) == (0, 0)
    assert rows * columns == pytest.approx(area, rel=0.1)
    assert rows / columns == pytest.approx(height / width, rel=0.1)


def test_classifier_is_not_a_detector(mobilenet: StoredModel) -> None:
    stored = StoredModel(replace(mobilenet.card, id="mine", network="resnet18"), mobilenet.weights)
    with pytest.raises(UnknownModelError, match=r"mine: 'resnet18' is not a face detector; choose one of retinaface"):
        detector.load(stored)


def test_detections_of_unequal_length() -> None:
    one = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match="2 faces, but"):
        Detections(np.zeros(2, np.int64), np.zeros((1, 4), np.float32), np.zeros((2, 5, 2), np.float32), one)


@pytest.mark.parametrize("count", [0, 1, 400])
def test_suppression_in_each_frame_is_that_of_torchvision(count: int) -> None:
    chance = np.random.default_rng(count)
    frame = chance.integers(0, 3, count)
    corners = chance.uniform(0, 100, (count, 2))
    boxes = np.hstack([corners, corners + chance.uniform(5, 40, (count, 2))]).astype(np.float32)
    scores = chance.random(count).astype(np.float32)
    import torchvision

    expected = torchvision.ops.batched_nms(*map(torch.from_numpy, (boxes, scores, frame)), 0.4)
    assert strongest(frame, boxes, scores, 0.4).tolist() == expected.tolist()


def test_an_analysis_imports_neither_torchvision_nor_pandas() -> None:
    """Importing them takes longer than importing torch, in every worker."""
    script = (
        "import sys, gfpipe.stages.analysis.analyse; sys.exit('torchvision' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_faces_of_a_recording_are_those_of_its_whole_pictures(detect: Detector, tmp_path: Path) -> None:
    """Frames are decoded in the size of the network's input, and chips cut from their planes."""
    frames = [
        np.asarray(Image.fromarray(frame).resize((1280, 720), Image.Resampling.BILINEAR))
        for frame in demo.footage().frames((("both", 1), ("woman", 1)))
    ]
    path = write_video(tmp_path / "people.mp4", frames[::5], 5, bit_rate=4_000_000, gop=5)
    (batch,) = open_video(path, Sampling.KEYFRAMES, 1.0)
    found, expected = detect.in_frames(batch), detect(batch.pixels)
    assert found.frame_index.tolist() == expected.frame_index.tolist()
    assert len(found) >= len(batch)
    shared_area = overlaps(expected.boxes, found.boxes) * (expected.frame_index[:, None] == found.frame_index)
    order = shared_area.argmax(axis=1)
    assert shared_area.max(axis=1).min() >= 0.9
    classifier = portraits.open_classifier(champion.FIRST, torch.device("cpu"))
    p_female, p_expected = (
        classifier(chips_for(classifier.spec.input, pixels, faces.frame_index, faces.landmarks, faces.boxes)).p_female
        for pixels, faces in ((batch.pictures, found), (batch.pixels, expected))
    )
    np.testing.assert_allclose(p_female[order], p_expected, atol=0.02)

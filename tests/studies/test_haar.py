"""OpenCV's cascade in the place of our own detector, on photographs of faces."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from gfpipe.attributes.spec import InputSpec
from gfpipe.errors import UsageError
from gfpipe.faces import portraits
from gfpipe.faces.portraits import Portraits
from gfpipe.studies import haar
from gfpipe.training.data import cutting
from gfpipe.training.tables import Input

OWN = "retinaface-mobilenet0.25"
CPU = torch.device("cpu")
LANDMARKS, BOX = Input(size=48).spec, Input(size=48, box_scale=1.0).spec


@dataclass(frozen=True)
class Photograph:
    path: Path

    def read(self) -> bytes:
        return self.path.read_bytes()


@pytest.fixture(scope="module")
def photographs(shared: Path) -> list[Photograph]:
    return [Photograph(path) for path in sorted((shared / "london_faces").rglob("*.jpg"))[::26]]


@pytest.fixture(scope="module")
def found(photographs: list[Photograph]) -> Portraits:
    (batch,) = portraits.find(photographs, portraits.open_detector(haar.ID, CPU), [])
    return batch


def test_every_photograph_of_a_face_shows_one_where_our_own_detector_sees_it(
    photographs: list[Photograph], found: Portraits
) -> None:
    assert len(photographs) == 8
    assert found.detected.all()
    (ours,) = portraits.find(photographs, portraits.open_detector(OWN, CPU), [])
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    middles, own_middles = ((each.boxes[:, 2:] + each.boxes[:, :2]) / 2 for each in (found, ours))
    assert np.allclose(sides[:, 0], sides[:, 1]), "its boxes are square"
    assert (np.abs(middles - own_middles) < 0.15 * sides).all()
    own_heights = ours.boxes[:, 3] - ours.boxes[:, 1]
    assert (np.abs(sides[:, 1] / own_heights - 1) < 0.3).all()


def test_chips_are_cut_by_its_boxes_and_never_by_landmarks_it_has_not(found: Portraits) -> None:
    assert np.isnan(found.landmarks).all()
    chips = portraits.chips(found, BOX)
    assert chips.shape == (8, 3, 48, 48)
    assert float(chips.std(dim=(1, 2, 3)).min()) > 15, "faces, not plain walls"
    with pytest.raises(UsageError, match=r"landmarks, which haar-frontalface-alt2 does not detect: .*box_scale"):
        portraits.chips(found, LANDMARKS)


def test_nothing_is_found_on_a_wall_and_in_no_picture() -> None:
    detect = haar.HaarDetector()
    for pixels in (np.full((2, 90, 120, 3), 90, np.uint8), np.zeros((0, 90, 120, 3), np.uint8)):
        nothing = detect(pixels)
        assert (len(nothing), nothing.boxes.shape, nothing.landmarks.shape) == (0, (0, 4), (0, 5, 2))


def test_its_chips_are_never_taken_for_those_of_another_detector() -> None:
    assert haar.HaarDetector().sha256 == portraits.sha256_of(haar.ID) != portraits.sha256_of(OWN)
    keys = {cutting.Cutter(BOX, detector, CPU).digest for detector in (haar.ID, OWN)}
    assert len(keys) == 2


def test_a_model_is_asked_about_the_boxes_it_knows_unless_a_detector_is_asked_for() -> None:
    assert portraits.detector_for(OWN, haar.ID) == haar.ID
    assert portraits.detector_for(OWN, "") == OWN
    assert portraits.detector_for("retinaface-resnet50", haar.ID) == "retinaface-resnet50"


def test_a_chip_without_a_face_needs_no_landmarks() -> None:
    nothing = Portraits(
        np.zeros(1, np.int64),
        np.zeros((1, 60, 60, 3), np.uint8),
        np.full((1, 5, 2), np.nan, np.float32),
        np.full((1, 4), np.nan, np.float32),
    )
    assert len(portraits.chips(nothing, InputSpec(size=32, mean=(0, 0, 0), std=(1, 1, 1)))) == 0

"""The whole way from labelled images to accuracy, with the embedded models on real faces."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfpipe.errors import UnknownModelError, UsageError
from gfpipe.faces.detector import Detections
from gfpipe.models import store
from gfpipe.stages import evaluate

MODEL = "cydral-gender-v1"


@pytest.mark.slow
def test_the_london_faces_are_read_as_they_call_themselves(shared: Path) -> None:
    seen: list[tuple[int, int]] = []
    table = shared / "london_faces" / "labels.csv"
    report = evaluate.run(
        evaluate.Config(MODEL, f"csv={table}", device="cpu"), lambda done, total: seen.append((done, total))
    )
    assert report.accuracy.overall.count == 204
    assert round(report.accuracy.overall.value * 204) >= 203
    assert report.undetected == 0
    assert seen[-1] == (204, 204)


@pytest.mark.slow
def test_a_sample_of_utkface_is_read_as_labelled(shared: Path, tmp_path: Path) -> None:
    """Chosen by the hash of the name: the accuracy on all is 92.2 %, and 300 of them differ from that by chance."""
    names = sorted(
        (shared / "utkface" / "images").iterdir(), key=lambda path: hashlib.sha256(path.name.encode()).digest()
    )
    for path in names[:300]:
        (tmp_path / path.name).symlink_to(path)
    report = evaluate.run(evaluate.Config(MODEL, f"utkface={tmp_path}", device="cpu"))
    assert report.accuracy.overall.count == 300
    assert report.accuracy.overall.value > 0.90
    assert report.undetected <= 3


@pytest.fixture
def two_women(shared: Path, tmp_path: Path) -> Path:
    """A table of two faces and a picture of nothing, in a folder of its own."""
    for name in ("neutral_001_03.jpg", "neutral_002_03.jpg"):
        shutil.copy(shared / "london_faces" / name, tmp_path)
    Image.fromarray(np.full((100, 80, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    table = tmp_path / "labels.csv"
    table.write_text("file,perceived_gender\nneutral_001_03.jpg,female\nwall.png,female\nneutral_002_03.jpg,female\n")
    return table


def test_a_face_that_is_not_found_is_counted_and_is_an_error(two_women: Path) -> None:
    report = evaluate.run(evaluate.Config(MODEL, f"csv={two_women}", device="cpu"))
    assert report.undetected == 1
    assert report.accuracy.overall.value == pytest.approx(2 / 3)
    text = evaluate.table(report)
    assert "1 faces were not detected" in text
    assert "66.67%" in text


def test_a_broken_image_is_reported_and_does_not_stop_the_others(two_women: Path) -> None:
    (two_women.parent / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    with two_women.open("a") as table:
        table.write("broken.jpg,male\nabsent.jpg,male\n")
    report = evaluate.run(evaluate.Config(MODEL, f"csv={two_women}", device="cpu"))
    assert report.accuracy.overall.count == 3
    assert [Path(skipped.name).name for skipped in report.skipped] == ["broken.jpg", "absent.jpg"]
    assert "broken.jpg" in evaluate.table(report)


def test_a_model_may_be_a_folder(two_women: Path, tmp_path: Path) -> None:
    stored = store.open_model(MODEL)
    folder = shutil.copytree(store.models_folder() / MODEL, tmp_path / "mine")
    report = evaluate.run(evaluate.Config(str(folder), f"csv={two_women}", device="cpu"))
    assert report.model_id == stored.card.id
    assert report.accuracy.overall.count == 3


def test_models_that_cannot_answer_are_refused(two_women: Path) -> None:
    with pytest.raises(UnknownModelError, match="no model 'nobody'"):
        evaluate.run(evaluate.Config("nobody", f"csv={two_women}"))
    with pytest.raises(UsageError, match="not a classifier"):
        evaluate.run(evaluate.Config("retinaface-mobilenet0.25", f"csv={two_women}"))


def test_of_several_faces_the_one_in_the_middle_is_meant() -> None:
    boxes = np.array([[0, 0, 50, 60], [70, 60, 130, 140], [95, 95, 105, 105], [0, 0, 50, 50]], np.float32)
    scores = np.array([0.99, 0.9, 0.999, 0.9], np.float32)
    found = Detections(np.array([0, 0, 0, 2]), boxes, np.zeros((4, 5, 2), np.float32), scores)
    np.testing.assert_array_equal(evaluate.centred_face(found, 3, 200, 200), [1, -1, 3])

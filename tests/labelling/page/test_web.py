"""The page's routes on a real lake: what is asked, shown and stored, and what is kept from the annotator."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gfpipe.labelling.design.queues import FACE, FRAME
from gfpipe.lake import crops
from tests.labelling.broadcasts import SCRIPT, items, mixed, queue, rows
from tests.labelling.page.pages import Visitor, visiting

HIDDEN = ("stratum", "confident", "p_female", "isRepeat", "is_repeat", "score", "weight", "model")


@pytest.fixture
def page(broadcasts: str) -> Iterator[Visitor]:
    with visiting(broadcasts, mixed(broadcasts)) as visitor:
        yield visitor.enter()


def test_a_face_is_shown_large_in_the_middle_of_its_surroundings(page: Visitor, broadcasts: str) -> None:
    answer = page.get("/api/items/0/face.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width == picture.height
        height = picture.height
    left, top, right, bottom = json.loads(answer.headers["x-face"])
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.02)
    assert (top + bottom) / 2 == pytest.approx(0.5, abs=0.02)
    assert max(right - left, bottom - top) == pytest.approx(0.5, abs=0.02)
    face = items(broadcasts, FACE)[0]
    assert face.box
    assert height == pytest.approx(2 * (face.box[3] - face.box[1]), abs=2)


def test_the_frame_is_the_samples_own(page: Visitor, broadcasts: str) -> None:
    from gfpipe.choices import Sampling
    from gfpipe.video.reader import open_video

    face = items(broadcasts, FACE)[0]
    wanted = next(iter(open_video(face.path, Sampling.KEYFRAMES, 1.0))).pixels[face.sample_index]
    with Image.open(io.BytesIO(page.get("/api/items/0/frame.jpg").content)) as picture:
        shown = np.asarray(picture)
    assert shown.shape == wanted.shape
    assert np.abs(shown.astype(int) - wanted.astype(int)).mean() < 3


def test_nothing_says_what_a_model_thinks_or_that_a_face_comes_again(page: Visitor) -> None:
    for position in range(5):
        told = page.get(f"/api/items/{position}").text
        assert [word for word in HIDDEN if word in told] == []
    assert [word for word in HIDDEN if word in page.post("/api/items/0/answer", {"answer": "male"}).text] == []
    first, again = page.get("/api/items/0").json(), page.get("/api/items/4").json()
    assert first["reply"]["answer"] == "male"
    assert again["reply"] is None
    assert set(first) == set(again)


def test_the_models_answer_comes_after_ones_own_where_that_is_wanted(broadcasts: str) -> None:
    with visiting(broadcasts, mixed(broadcasts), shows_answers=True) as visitor:
        visitor.enter()
        assert [word for word in HIDDEN if word in visitor.get("/api/items/0").text] == []
        (told,) = visitor.post("/api/items/0/answer", {"answer": "male"}).json()["model"]
        assert 0 <= told < 0.5
        faces = visitor.get("/api/items/2").json()["faces"]
        found = {str(face["index"]): "male" for face in faces}
        assert len(visitor.post("/api/items/2/whole", {"found": found}).json()["model"]) == len(faces) == 2


def test_answers_are_stored_when_the_response_comes_and_lead_to_the_next(page: Visitor, broadcasts: str) -> None:
    for position, answer in enumerate(("male", "undecided")):
        said = page.post(f"/api/items/{position}/answer", {"answer": answer}).json()
        assert said["next"] == position + 1
        assert said["progress"]["done"] == position + 1
        assert [row["answer"] for row in rows(broadcasts, "labels")][position] == answer
    faces = items(broadcasts, FACE)
    stored = rows(broadcasts, "labels")[0]
    assert (stored["recording_id"], stored["seconds"]) == (faces[0].recording_id, faces[0].seconds)
    assert tuple(stored[corner] for corner in ("x1", "y1", "x2", "y2")) == faces[0].box


def test_a_frame_is_answered_face_by_face_and_saved_whole(page: Visitor, broadcasts: str) -> None:
    told = page.get("/api/items/2").json()
    (one, other) = told["faces"]
    assert one["box"][0] < other["box"][0]  # from left to right
    found = {str(one["index"]): "male", str(other["index"]): "no_face"}
    assert page.post("/api/items/2/whole", {"found": {str(one["index"]): "male"}}).status_code == 400
    missed = [{"box": [0.4, 0.5, 0.6, 1.2], "answer": "female"}]
    assert page.post("/api/items/2/whole", {"found": found, "missed": missed}).json()["next"] == 3
    stored = rows(broadcasts, "labels")
    assert {row["answer"] for row in stored} == {"male", "no_face", "female"}
    assert all(row["whole_picture"] for row in stored)
    (drawn,) = (row for row in stored if row["answer"] == "female")
    width, height = told["size"]
    assert (drawn["x1"], drawn["y1"], drawn["x2"], drawn["y2"]) == pytest.approx(
        (0.4 * width, 0.5 * height, 0.6 * width, height), rel=1e-5
    )
    again = page.get("/api/items/2").json()["reply"]
    assert again["found"] == found
    assert again["missed"][0]["answer"] == "female"


def test_a_frame_without_faces_is_done_without_a_label(page: Visitor, broadcasts: str) -> None:
    assert page.get("/api/items/3").json()["faces"] == []
    assert page.post("/api/items/3/whole", {"found": {}, "missed": []}).json()["progress"]["done"] == 1
    assert rows(broadcasts, "labels") == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"found": []},
        {"found": {"0": "male"}},
        {"found": {"0": "male", "1": "lady"}},
        {"found": {"0": "male", "1": "male", "7": "male"}},
        {"found": {"0": "male", "1": 1}},
        {"found": {"0": "male", "1": "male"}, "missed": [{"box": [0, 0, 1], "answer": "male"}]},
        {"found": {"0": "male", "1": "male"}, "missed": [{"box": [0, 0, "1", 1], "answer": "male"}]},
        {"found": {"0": "male", "1": "male"}, "missed": [{"box": [0.4, 0.5, 0.6, 1e300], "answer": "male"}]},
        {"found": {"0": "male", "1": "male"}, "missed": [{"box": [0.4, 0.5, 0.6, 0.9]}]},
        {"found": {"0": "male", "1": "male"}, "missed": ["x"]},
    ],
)
def test_a_frame_that_is_not_right_changes_nothing(page: Visitor, broadcasts: str, given: dict[str, object]) -> None:
    assert page.post("/api/items/2/whole", given).status_code == 400
    assert not Path(broadcasts, "labels").exists() or rows(broadcasts, "labels") == []


@pytest.mark.parametrize("body", ["", "[]", "{", '{"answer": NaN', "null", '"male"', "{" + " " * 70_000 + "}"])
def test_what_is_no_change_is_refused(page: Visitor, body: str) -> None:
    assert page.client.post("/api/items/0/answer", content=body, headers=page.headers).status_code == 400


def test_undo_takes_back_the_latest_and_tells_what_it_was(page: Visitor, broadcasts: str) -> None:
    page.post("/api/items/1/answer", {"answer": "male"})
    faces = {str(face["index"]): "male" for face in page.get("/api/items/2").json()["faces"]}
    page.post("/api/items/2/whole", {"found": faces})
    said = page.post("/api/undo").json()
    assert (said["undone"], said["was"]["found"]) == (2, faces)
    assert len(rows(broadcasts, "labels")) == 1
    assert page.post("/api/undo").json()["undone"] == 1
    assert page.post("/api/undo").json()["undone"] is None
    assert rows(broadcasts, "labels") == []


def test_annotators_do_not_see_each_others_answers(broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with visiting(broadcasts, asked, "AB") as one:
        one.enter().post("/api/items/0/answer", {"answer": "male"})
    with visiting(broadcasts, asked, "CD") as other:
        state = other.enter().get("/api/desk").json()
        assert (state["annotator"], state["progress"]["done"], state["next"]) == ("CD", 0, 0)
        assert other.get("/api/items/0").json()["reply"] is None


def test_script_in_a_programmes_name_is_text(page: Visitor) -> None:
    assert page.get("/api/items/0").json()["programme"] == SCRIPT
    assert page.get("/api/items/0").headers["content-type"] == "application/json"
    assert "<script>alert" not in page.get("/").text


def test_a_recording_that_is_gone_is_said_skipped_and_counted(broadcasts: str, tmp_path: Path) -> None:
    face, frame = items(broadcasts, FACE)[0], items(broadcasts, FRAME)[0]
    gone = (replace(each, channel="nowhere", recording_id="nowhere-1") for each in (face, frame))
    with visiting(broadcasts, queue(broadcasts, *gone, face)) as page:
        page.enter()
        for position, kind in ((0, "face"), (1, "frame")):
            refused = page.get(f"/api/items/{position}/{kind}.jpg")
            assert refused.status_code in (410, 500)
            assert "no analysis of this recording" in refused.json()["problem"]
            assert page.post(f"/api/items/{position}/skip").json()["progress"]["skipped"] == position + 1
        assert "can be shown" in page.post("/api/items/2/skip").json()["problem"]
        state = page.get("/api/desk").json()
        assert (state["next"], state["firstSkipped"], state["progress"]["left"]) == (2, 0, 1)


def test_a_file_that_is_gone_or_another_by_now_is_not_shown(broadcasts: str) -> None:
    face = items(broadcasts, FACE)[0]
    file, content = Path(face.path), Path(face.path).read_bytes()
    asked = queue(broadcasts, face)
    try:
        file.unlink()
        with visiting(broadcasts, asked) as page:
            assert "no such file" in page.enter().get("/api/items/0/face.jpg").json()["problem"]
            file.write_bytes(content[:-1] + b"x")
        with visiting(broadcasts, asked) as page:
            assert "not the file that was analysed" in page.enter().get("/api/items/0/face.jpg").json()["problem"]
            file.write_bytes(content)
        with visiting(broadcasts, asked) as page:
            assert page.enter().get("/api/items/0/face.jpg").status_code == 200
    finally:
        file.write_bytes(content)


def test_a_crop_that_the_lake_keeps_needs_no_recording(broadcasts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    face = items(broadcasts, FACE)[0]
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(buffer, "JPEG")
    asked_for: list[tuple[object, ...]] = []

    def kept(*key: object) -> bytes:
        asked_for.append(key)
        return buffer.getvalue()

    monkeypatch.setattr(crops, "jpeg", kept)
    gone = replace(face, path="/gone.mp4", channel="nowhere")
    with visiting(broadcasts, queue(broadcasts, gone)) as page:
        answer = page.enter().get("/api/items/0/face.jpg")
        assert answer.content == buffer.getvalue()
        assert page.get("/api/items/0").json()["problem"] is None
        assert page.post("/api/items/0/answer", {"answer": "female"}).status_code == 200
    assert asked_for[0] == (broadcasts, face.recording_id, face.sample_index, face.face_index, face.config_digest)


def test_no_picture_is_left_on_the_disk(page: Visitor, broadcasts: str) -> None:
    for position, kind in ((0, "face"), (0, "frame"), (2, "frame")):
        page.get(f"/api/items/{position}/{kind}.jpg")
    page.post("/api/items/0/answer", {"answer": "male"})
    files = [path for path in Path(broadcasts).rglob("*") if path.is_file()]
    assert [path for path in files if b"\xff\xd8\xff" in path.read_bytes() or b"JFIF" in path.read_bytes()] == []

"""Tests of the page's routes on a real lake: items, images, stored answers, and what is hidden from annotators."""

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
from gfpipe.recording import Recording
from tests.labelling.broadcasts import SCRIPT, items, mixed, queue, rows
from tests.pages.label.pages import Visitor, visiting

HIDDEN = ("stratum", "confident", "p_female", "isRepeat", "is_repeat", "score", "weight", "model")


@pytest.fixture
def page(broadcasts: str) -> Iterator[Visitor]:
    with visiting(broadcasts, mixed(broadcasts)) as visitor:
        yield visitor.log_in()


def test_a_face_image_is_centred_on_the_face(page: Visitor, broadcasts: str) -> None:
    response = page.get("/api/items/0/face.jpg")
    assert response.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(response.content)) as picture:
        assert picture.width == picture.height
        height = picture.height
    left, top, right, bottom = json.loads(response.headers["x-face"])
    assert (left + right) / 2 == pytest.approx(0.5, abs=0.02)
    assert (top + bottom) / 2 == pytest.approx(0.5, abs=0.02)
    assert max(right - left, bottom - top) == pytest.approx(0.5, abs=0.02)
    face = items(broadcasts, FACE)[0]
    assert face.box
    assert height == pytest.approx(2 * (face.box[3] - face.box[1]), abs=2)


def test_the_frame_image_is_the_frame_of_the_sample(page: Visitor, broadcasts: str) -> None:
    from gfpipe.choices import Sampling
    from gfpipe.video.reader import open_video

    face = items(broadcasts, FACE)[0]
    expected = next(iter(open_video(face.path, Sampling.KEYFRAMES, 1.0))).pixels[face.sample_index]
    with Image.open(io.BytesIO(page.get("/api/items/0/frame.jpg").content)) as picture:
        shown = np.asarray(picture)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected.astype(int)).mean() < 3


def test_model_output_and_repeats_are_hidden(page: Visitor) -> None:
    for position in range(5):
        message = page.get(f"/api/items/{position}").text
        assert [word for word in HIDDEN if word in message] == []
    assert [word for word in HIDDEN if word in page.post("/api/items/0/face", {"answer": "male"}).text] == []
    first, again = page.get("/api/items/0").json(), page.get("/api/items/4").json()
    assert first["reply"]["answer"] == "male"
    assert again["reply"] is None
    assert set(first) == set(again)


def test_model_output_follows_the_answer_with_show_answers(broadcasts: str) -> None:
    with visiting(broadcasts, mixed(broadcasts), shows_answers=True) as visitor:
        visitor.log_in()
        assert [word for word in HIDDEN if word in visitor.get("/api/items/0").text] == []
        (p_female,) = visitor.post("/api/items/0/face", {"answer": "male"}).json()["model"]
        assert 0 <= p_female < 0.5
        faces = visitor.get("/api/items/2").json()["faces"]
        detected = {str(face["index"]): "male" for face in faces}
        assert len(visitor.post("/api/items/2/frame", {"detected": detected}).json()["model"]) == len(faces) == 2


def test_answers_are_stored_before_the_response(page: Visitor, broadcasts: str) -> None:
    for position, answer in enumerate(("male", "undecided")):
        state = page.post(f"/api/items/{position}/face", {"answer": answer}).json()
        assert state["next"] == position + 1
        assert state["progress"]["done"] == position + 1
        assert [row["answer"] for row in rows(broadcasts, "labels")][position] == answer
    faces = items(broadcasts, FACE)
    stored = rows(broadcasts, "labels")[0]
    assert (stored["recording_id"], stored["seconds"]) == (faces[0].recording_id, faces[0].seconds)
    assert tuple(stored[corner] for corner in ("x1", "y1", "x2", "y2")) == faces[0].box


def test_a_frame_is_saved_as_a_whole(page: Visitor, broadcasts: str) -> None:
    item = page.get("/api/items/2").json()
    (one, other) = item["faces"]
    assert one["box"][0] < other["box"][0]  # from left to right
    detected = {str(one["index"]): "male", str(other["index"]): "no_face"}
    assert page.post("/api/items/2/frame", {"detected": {str(one["index"]): "male"}}).status_code == 400
    missed = [{"box": [0.4, 0.5, 0.6, 1.2], "answer": "female"}]
    assert page.post("/api/items/2/frame", {"detected": detected, "missed": missed}).json()["next"] == 3
    stored = rows(broadcasts, "labels")
    assert {row["answer"] for row in stored} == {"male", "no_face", "female"}
    assert all(row["whole_picture"] for row in stored)
    (missed_face,) = (row for row in stored if row["answer"] == "female")
    width, height = item["size"]
    assert (missed_face["x1"], missed_face["y1"], missed_face["x2"], missed_face["y2"]) == pytest.approx(
        (0.4 * width, 0.5 * height, 0.6 * width, height), rel=1e-5
    )
    again = page.get("/api/items/2").json()["reply"]
    assert again["detected"] == detected
    assert again["missed"][0]["answer"] == "female"


def test_a_page_that_knows_an_earlier_state_changes_nothing(page: Visitor, broadcasts: str) -> None:
    known = {"revision": page.get("/api/session").json()["revision"]}
    state = page.post("/api/items/0/face", {"answer": "male", **known}).json()
    faces = {str(face["index"]): "male" for face in page.get("/api/items/2").json()["faces"]}
    for path, body in (
        ("/api/items/0/face", {"answer": "female", **known}),
        ("/api/items/2/frame", {"detected": faces, **known}),
        ("/api/undo", known),
    ):
        refused = page.post(path, body)
        assert refused.status_code == 400
        assert "another tab" in refused.json()["problem"]
    assert [row["answer"] for row in rows(broadcasts, "labels")] == ["male"]
    state = page.post("/api/undo", {"revision": state["revision"]}).json()
    assert page.post("/api/items/0/face", {"answer": "female", "revision": state["revision"]}).status_code == 200


def test_an_empty_frame_has_no_labels(page: Visitor, broadcasts: str) -> None:
    assert page.get("/api/items/3").json()["faces"] == []
    assert page.post("/api/items/3/frame", {"detected": {}, "missed": []}).json()["progress"]["done"] == 1
    assert rows(broadcasts, "labels") == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"detected": []},
        {"detected": {"0": "male"}},
        {"detected": {"0": "male", "1": "lady"}},
        {"detected": {"0": "male", "1": "male", "7": "male"}},
        {"detected": {"0": "male", "1": 1}},
        {"detected": {"0": "male", "1": "male"}, "missed": [{"box": [0, 0, 1], "answer": "male"}]},
        {"detected": {"0": "male", "1": "male"}, "missed": [{"box": [0, 0, "1", 1], "answer": "male"}]},
        {"detected": {"0": "male", "1": "male"}, "missed": [{"box": [0.4, 0.5, 0.6, 1e300], "answer": "male"}]},
        {"detected": {"0": "male", "1": "male"}, "missed": [{"box": [0.4, 0.5, 0.6, 0.9]}]},
        {"detected": {"0": "male", "1": "male"}, "missed": ["x"]},
    ],
)
def test_invalid_frame_answers_change_nothing(page: Visitor, broadcasts: str, body: dict[str, object]) -> None:
    assert page.post("/api/items/2/frame", body).status_code == 400
    assert not Path(broadcasts, "labels").exists() or rows(broadcasts, "labels") == []


@pytest.mark.parametrize("body", ["", "[]", "{", '{"answer": NaN', "null", '"male"', "{" + " " * 70_000 + "}"])
def test_invalid_bodies_are_refused(page: Visitor, body: str) -> None:
    assert page.client.post("/api/items/0/face", content=body, headers=page.headers).status_code == 400


@pytest.mark.parametrize("digits", [101, 4_400])
@pytest.mark.parametrize("path", ["", "/face.jpg", "/frame.jpg", "/face", "/frame", "/skip"])
def test_positions_of_absurd_length_are_not_found(page: Visitor, digits: int, path: str) -> None:
    address = f"/api/items/{'9' * digits}{path}"
    assert (page.post if path in {"/face", "/frame", "/skip"} else page.get)(address).status_code == 404


@pytest.mark.parametrize("number", ["9" * 4_400, "-" + "9" * 4_400, "9" * 4_200, "1e999", "NaN", "[" * 30_000])
def test_no_number_in_a_body_is_an_error_of_the_server(page: Visitor, number: str) -> None:
    for position, kind in ((0, "face"), (2, "frame")):
        body = f'{{"answer": {number}, "detected": {{}}, "missed": [{{"box": [0, 0, 1, {number}], "answer": "male"}}]}}'
        assert page.client.post(f"/api/items/{position}/{kind}", content=body, headers=page.headers).status_code == 400


def test_undo_removes_and_returns_the_latest_reply(page: Visitor, broadcasts: str) -> None:
    page.post("/api/items/1/face", {"answer": "male"})
    faces = {str(face["index"]): "male" for face in page.get("/api/items/2").json()["faces"]}
    page.post("/api/items/2/frame", {"detected": faces})
    state = page.post("/api/undo").json()
    assert (state["undone"], state["reply"]["detected"]) == (2, faces)
    assert len(rows(broadcasts, "labels")) == 1
    assert page.post("/api/undo").json()["undone"] == 1
    assert page.post("/api/undo").json()["undone"] is None
    assert rows(broadcasts, "labels") == []


def test_annotators_do_not_see_each_others_answers(broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with visiting(broadcasts, label_queue, "AB") as one:
        one.log_in().post("/api/items/0/face", {"answer": "male"})
    with visiting(broadcasts, label_queue, "CD") as other:
        state = other.log_in().get("/api/session").json()
        assert (state["annotator"], state["progress"]["done"], state["next"]) == ("CD", 0, 0)
        assert other.get("/api/items/0").json()["reply"] is None


def test_scripts_in_programme_names_are_text(page: Visitor) -> None:
    assert page.get("/api/items/0").json()["programme"] == SCRIPT
    assert page.get("/api/items/0").headers["content-type"] == "application/json"
    assert "<script>alert" not in page.get("/").text


def test_items_of_missing_recordings_are_skipped_and_counted(broadcasts: str, tmp_path: Path) -> None:
    face, frame = items(broadcasts, FACE)[0], items(broadcasts, FRAME)[0]
    other = Recording(face.path, "nowhere", face.programme, face.started_at).recording_id
    gone = (replace(each, channel="nowhere", recording_id=other) for each in (face, frame))
    with visiting(broadcasts, queue(broadcasts, *gone, face)) as page:
        page.log_in()
        for position, kind in ((0, "face"), (1, "frame")):
            refused = page.get(f"/api/items/{position}/{kind}.jpg")
            assert refused.status_code == 410
            assert "no analysis of nowhere · 2024-03-07" in refused.json()["problem"]
            assert page.post(f"/api/items/{position}/skip").json()["progress"]["skipped"] == position + 1
        assert "can be shown" in page.post("/api/items/2/skip").json()["problem"]
        state = page.get("/api/session").json()
        assert (state["next"], state["firstSkipped"], state["progress"]["left"]) == (2, 0, 1)


def test_missing_and_changed_files_are_not_shown(broadcasts: str) -> None:
    face = items(broadcasts, FACE)[0]
    file, content = Path(face.path), Path(face.path).read_bytes()
    label_queue = queue(broadcasts, face)
    try:
        file.unlink()
        with visiting(broadcasts, label_queue) as page:
            assert "no such file" in page.log_in().get("/api/items/0/face.jpg").json()["problem"]
            file.write_bytes(content[:-1] + b"x")
        with visiting(broadcasts, label_queue) as page:
            assert "not the file that was analysed" in page.log_in().get("/api/items/0/face.jpg").json()["problem"]
            file.write_bytes(content)
        with visiting(broadcasts, label_queue) as page:
            assert page.log_in().get("/api/items/0/face.jpg").status_code == 200
    finally:
        file.write_bytes(content)


def test_a_stored_crop_needs_no_recording(broadcasts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    face = items(broadcasts, FACE)[0]
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 30)).save(buffer, "JPEG")
    keys: list[tuple[object, ...]] = []

    def crop(*key: object) -> bytes:
        keys.append(key)
        return buffer.getvalue()

    monkeypatch.setattr(crops, "jpeg", crop)
    gone = replace(face, path="/gone.mp4")
    with visiting(broadcasts, queue(broadcasts, gone)) as page:
        response = page.log_in().get("/api/items/0/face.jpg")
        assert response.content == buffer.getvalue()
        assert page.get("/api/items/0").json()["problem"] is None
        assert page.post("/api/items/0/face", {"answer": "female"}).status_code == 200
    assert keys[0] == (broadcasts, face.recording_id, face.sample_index, face.face_index, face.config_digest)


def test_no_image_is_written_to_disk(page: Visitor, broadcasts: str) -> None:
    for position, kind in ((0, "face"), (0, "frame"), (2, "frame")):
        page.get(f"/api/items/{position}/{kind}.jpg")
    page.post("/api/items/0/face", {"answer": "male"})
    files = [path for path in Path(broadcasts).rglob("*") if path.is_file()]
    assert [path for path in files if b"\xff\xd8\xff" in path.read_bytes() or b"JFIF" in path.read_bytes()] == []

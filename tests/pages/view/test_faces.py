"""Tests of the sheet of faces, and of faces that are marked as wrong."""

import re
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.labelling.design import queues
from gfpipe.pages.view import faces
from gfpipe.pages.view.figures import Figures
from gfpipe.pages.view.filters import Filter
from gfpipe.pages.view.marks import QUEUE
from tests.labelling.broadcasts import items
from tests.labelling.broadcasts import queue as stored_queue
from tests.pages.label.pages import Script, Visitor, serving
from tests.pages.view.pages import viewing


@pytest.fixture
def figures(made: Path) -> Figures:
    return Figures(str(made))


def shown(page: str) -> list[tuple[str, str, str]]:
    return re.findall(r'data-recording="([^"]*)" data-sample="(\d+)" data-face="(\d+)"', page)


def test_the_seed_in_the_address_determines_the_draw(archive: Visitor) -> None:
    first, again, other = (shown(archive.get(f"/faces?seed={seed}").text) for seed in (1, 1, 2))
    assert len(first) == 48
    assert first == again != other


@pytest.mark.parametrize(
    ("selection", "number"),
    [
        (faces.Selection(), 96),
        (faces.Selection(read="female"), 32),
        (faces.Selection(read="undecided"), 32),
        (faces.Selection(confidence="unsure", size="large"), 32),
        (faces.Selection(read="male", min_score=0.95), 0),
        (faces.Selection(min_track=4, max_track=4), 96),
        (faces.Selection(min_track=5), 0),
    ],
)
def test_faces_are_chosen_by_what_was_read(figures: Figures, selection: faces.Selection, number: int) -> None:
    sheet = faces.draw(figures, Filter(), selection)
    assert sheet.population == number
    assert len(sheet.faces) == min(number, faces.SHOWN)
    assert all(face.read == (selection.read or face.read) for face in sheet.faces)


def test_the_filter_restricts_faces(figures: Figures) -> None:
    sheet = faces.draw(figures, Filter(channel="Two", weekday=7), faces.Selection())
    assert {face.place.partition(" ")[0] for face in sheet.faces} == {"Two"}
    assert (sheet.population, sheet.recordings) == (8, 2)


def test_answers_of_people_choose_labelled_faces(figures: Figures) -> None:
    sheet = faces.draw(figures, Filter(), faces.Selection(read="female", label="male"))
    assert [(face.read, face.label, face.sample) for face in sheet.faces] == [("female", "male", 0)]
    assert faces.draw(figures, Filter(), faces.Selection(read="male", label="female")).faces == ()


def test_of_many_recordings_those_with_more_face_time_are_drawn_more_often(
    figures: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces, "_MOST_RECORDINGS", 4)
    monkeypatch.setattr(faces, "SHOWN", 4)
    drawn = [faces.draw(figures, Filter(), faces.Selection(seed=seed)) for seed in range(60)]
    assert {(sheet.recordings, sheet.of) for sheet in drawn} == {(4, 16)}
    places = [face.place.partition(" ")[0] for sheet in drawn for face in sheet.faces]
    assert 0.55 < places.count("One") / len(places) < 0.8  # two of three faces are on this channel


def test_marked_faces_are_queued_once(footage: str) -> None:
    with viewing(footage) as visitor:
        found = shown(visitor.get("/faces").text)
        for recording, sample, face in (found[0], found[0], found[1]):
            body = {"recording": recording, "sample": int(sample), "face": int(face)}
            response = visitor.post("/marks", body)
        assert response.json() == {"queue": QUEUE, "faces": 2}
        assert visitor.post("/marks", body | {"face": 99}).status_code == 410
        assert visitor.post("/marks", body, headers={"content-type": "application/json"}).status_code == 403
    marked = queues.read(footage, QUEUE).items
    assert [(item.recording_id, str(item.sample_index), str(item.face_index)) for item in marked] == found[:2]


def test_answers_about_marked_faces_never_enter_the_figures(footage: str) -> None:
    with viewing(footage) as visitor:
        (recording, sample, face), *_ = shown(visitor.get("/faces").text)
        visitor.post("/marks", {"recording": recording, "sample": int(sample), "face": int(face)})
    with serving(footage, queues.read(footage, QUEUE)) as served, Script(served) as script:
        script.answer(0, "female")
    warehouse.build(Path(footage))
    with warehouse.open(footage) as db:
        assert db.query("select count(*) as n from labelled_faces").to_pylist() == [{"n": 0}]
        (unused,) = db.query("from unused_labels").to_pylist()
    assert unused["reason"] == "the face was marked by a viewer, not drawn at random"


def test_a_queue_that_was_drawn_at_random_is_left_alone(footage: str) -> None:
    stored_queue(footage, items(footage, queues.FACE)[0], name=QUEUE)
    with viewing(footage) as visitor:
        (recording, sample, face), *_ = shown(visitor.get("/faces").text)
        response = visitor.post("/marks", {"recording": recording, "sample": int(sample), "face": int(face)})
    assert response.status_code == 400
    assert "drawn at random" in response.json()["problem"]
    assert queues.read(footage, QUEUE).items[0].weight == 25.0

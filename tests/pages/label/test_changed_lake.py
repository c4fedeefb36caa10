"""A queue and a lake that disagree: recordings are renamed, removed or replaced while a page is open."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import FACE, FRAME, Item
from gfpipe.lake import identity
from gfpipe.stages.analysis import forget
from tests.labelling.broadcasts import NAME, items, queue, rows
from tests.pages.label.pages import Visitor, visiting


@pytest.fixture
def face(broadcasts: str) -> Item:
    return items(broadcasts, FACE)[0]


@pytest.fixture
def page(broadcasts: str, face: Item) -> Iterator[Visitor]:
    """A page with a face and its frame, whose pictures were shown."""
    frame = next(item for item in items(broadcasts, FRAME) if item.recording_id == face.recording_id)
    with visiting(broadcasts, queue(broadcasts, face, frame)) as visitor:
        visitor.log_in()
        for position, kind in ((0, FACE), (1, FRAME)):
            assert visitor.get(f"/api/items/{position}").json()["problem"] is None
            assert visitor.get(f"/api/items/{position}/{kind}.jpg").status_code == 200
        yield visitor


@pytest.mark.parametrize(
    "other", [{"channel": "north"}, {"programme": "film"}, {"started_at": timedelta(hours=6)}, {"recording_id": "a"}]
)
def test_an_item_whose_id_is_of_another_recording_is_refused(
    broadcasts: str, face: Item, other: dict[str, object]
) -> None:
    if "started_at" in other:
        other = {"started_at": face.started_at + timedelta(hours=6)}
    frame = next(item for item in items(broadcasts, FRAME) if item.recording_id == face.recording_id)
    with visiting(broadcasts, queue(broadcasts, *(replace(item, **other) for item in (face, frame)))) as page:  # type: ignore[arg-type]
        page.log_in()
        answers: dict[str, dict[str, Any]] = {FACE: {"answer": "male"}, FRAME: {"detected": {"0": "male"}}}
        for position, kind in ((0, FACE), (1, FRAME)):
            assert page.get(f"/api/items/{position}").status_code == 200
            picture = page.get(f"/api/items/{position}/{kind}.jpg")
            answer = page.post(f"/api/items/{position}/{kind}", answers[kind])
            for response in (picture, answer):
                assert response.status_code == 410
                assert "of another channel, start or programme; draw it again" in response.json()["problem"]
            assert page.post(f"/api/items/{position}/skip").status_code == 200
    assert rows(broadcasts, "labels") == []


def test_answers_about_a_recording_that_was_renamed_meanwhile_are_refused(
    broadcasts: str, face: Item, page: Visitor
) -> None:
    renamed = replace(face.recording, channel="north")
    identity.apply(broadcasts, identity.changes(broadcasts, [renamed]))
    detected = {"detected": {"0": "male"}}
    for response in (page.post("/api/items/0/face", {"answer": "male"}), page.post("/api/items/1/frame", detected)):
        assert response.status_code == 410
        assert "start this page again" in response.json()["problem"]
    with visiting(broadcasts, queues.read(broadcasts, NAME), "CD") as again:
        assert again.log_in().get("/api/items/0").json()["channel"] == "north"
        assert again.post("/api/items/0/face", {"answer": "male"}).status_code == 200
    assert [row["recording_id"] for row in rows(broadcasts, "labels")] == [renamed.recording_id]


def test_items_of_a_recording_that_was_removed_meanwhile_are_skipped(
    broadcasts: str, face: Item, page: Visitor
) -> None:
    forget.run(broadcasts, [face.recording])
    assert page.post("/api/items/0/face", {"answer": "male"}).status_code == 410
    assert page.post("/api/items/0/skip").json()["progress"]["skipped"] == 1

"""Answers are labels like any others, whole on disk at every moment, and belong to one annotator at a time."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.labelling import store
from gfpipe.labelling.design.queues import FACE
from gfpipe.labelling.page import sheet
from gfpipe.labelling.page.session import Desk, FaceAnswer, Outcome
from gfpipe.labelling.page.answer_file import Sheet
from gfpipe.stages.figures import publish
from tests.conftest import Command
from tests.labelling.broadcasts import NAME, items, mixed, queue, rows


def now() -> datetime:
    return datetime.now(UTC)


def test_answers_are_labels_that_the_figures_are_corrected_with(broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with Sheet(broadcasts, asked, "AB") as kept:
        at = Desk(asked, "AB", kept.replies)
        for reply in (at.answer(0, "male", now()), at.answer(1, "female", now())):
            kept.keep(reply)
            at.keep(reply)
        frame = at.whole(2, [], [FaceAnswer((10.0, 10.0, 60.0, 90.0), "female")], (352, 144), now())
        kept.keep(frame)
    labels = rows(broadcasts, "labels")
    assert [label["answer"] for label in labels] == ["male", "female", "female"]
    assert [label["whole_picture"] for label in labels] == [False, False, True]
    assert {(label["annotator"], label["weight"], label["queue"]) for label in labels} == {("AB", 25.0, NAME)}
    assert [label["position"] for label in labels] == [0, 1, 2]
    publish.run(Path(broadcasts))
    with warehouse.open(Path(broadcasts)) as db:
        found = db.query("select answer, perceived_gender, whole_picture from labelled_faces order by all").to_pylist()
    assert {(row["answer"], row["perceived_gender"]) for row in found} >= {("male", "male"), ("female", "male")}


def test_everything_is_there_when_the_sheet_is_opened_again(broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with Sheet(broadcasts, asked, "AB") as kept:
        at = Desk(asked, "AB")
        replies = [
            at.answer(0, "male", now()),
            at.whole(2, [FaceAnswer((1.0, 2.0, 30.0, 40.0), "male")], [], (352, 144), now()),
            at.whole(3, [], [], (176, 144), now()),
            at.skip(1, now()),
        ]
        for reply in replies:
            kept.keep(reply)
        kept.drop(0)
    with Sheet(broadcasts, asked, "AB") as again:
        found = {reply.position: reply for reply in again.replies}
    assert found == {reply.position: reply for reply in replies[1:]}
    assert [found[place].outcome for place in (1, 2, 3)] == [Outcome.SKIPPED, Outcome.ANSWERED, Outcome.EMPTY]


def test_an_answer_given_anew_replaces_and_a_repeat_stands_beside(broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with Sheet(broadcasts, asked, "AB") as kept:
        at = Desk(asked, "AB")
        for position, answer in ((0, "male"), (0, "female"), (4, "male")):
            kept.keep(at.answer(position, answer, now()))
    labels = rows(broadcasts, "labels")
    assert [(label["position"], label["answer"]) for label in labels] == [(0, "female"), (4, "male")]
    assert len({(label["recording_id"], label["seconds"], label["x1"]) for label in labels}) == 1


def test_each_annotator_has_a_file_and_one_program_at_a_time(broadcasts: str) -> None:
    asked = mixed(broadcasts)
    with Sheet(broadcasts, asked, "AB") as one, Sheet(broadcasts, asked, "CD") as other:
        one.keep(Desk(asked, "AB").answer(0, "male", now()))
        assert other.replies == ()
        with pytest.raises(UsageError, match="already"):
            Sheet(broadcasts, asked, "AB")
    with Sheet(broadcasts, asked, "AB") as again:
        assert len(again.replies) == 1


def test_a_full_disk_is_said_and_what_was_stored_stays(broadcasts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = mixed(broadcasts)
    with Sheet(broadcasts, asked, "AB") as kept:
        at = Desk(asked, "AB")
        kept.keep(at.answer(0, "male", now()))

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("gfpipe.lake.storage.os.fsync", full)
            with pytest.raises(LakeError, match="no space left"):
                kept.keep(at.answer(1, "male", now()))
        assert [reply.position for reply in kept.replies] == [0]
    assert len(rows(broadcasts, "labels")) == 1
    assert [path.suffix for path in Path(broadcasts, "labels/v1").iterdir() if path.suffix == ".tmp"] == []


def test_a_queue_drawn_anew_finds_the_answers_to_what_it_asks_again(broadcasts: str) -> None:
    faces = items(broadcasts, FACE)
    first = queue(broadcasts, *faces[:3])
    with Sheet(broadcasts, first, "AB") as kept:
        for position, answer in enumerate(("male", "female", "undecided")):
            kept.keep(Desk(first, "AB").answer(position, answer, now()))
    second = queue(broadcasts, faces[3], faces[2], faces[0])
    with Sheet(broadcasts, second, "AB") as again:
        assert {reply.position: reply.faces[0].answer for reply in again.replies} == {1: "undecided", 2: "male"}
        again.keep(Desk(second, "AB", again.replies).answer(0, "male", now()))
    assert len(rows(broadcasts, "labels")) == 4  # an answer that is not asked for is an answer all the same


def test_label_list_and_remove_know_queues(gfpipe: Command, broadcasts: str) -> None:
    asked = mixed(broadcasts)
    for annotator, position in (("AB", 0), ("Zoë K.", 3)):
        with Sheet(broadcasts, asked, annotator) as kept:
            at = Desk(asked, annotator)
            kept.keep(at.answer(0, "male", now()) if position == 0 else at.whole(3, [], [], (176, 144), now()))
    assert [(each.source, each.labels) for each in store.imports(broadcasts)] == [
        ("queue look by AB", 1),
        ("queue look by Zoë K.", 0),
    ]
    assert "queue look by Zoë K." in gfpipe("label", "list", "--lake", broadcasts).stdout
    with Sheet(broadcasts, asked, "AB"):
        refused = gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts)
    assert refused.code == 2
    assert "stop it first" in refused.stderr
    said = gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts, "--dry-run")
    assert "1 labels would be removed" in said.stderr
    assert gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts).code == 0
    assert [each.source for each in store.imports(broadcasts)] == ["queue look by Zoë K."]
    assert gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts).code == 2


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "A\nB", "A\x00B"])
def test_an_annotator_has_a_name(name: str) -> None:
    with pytest.raises(UsageError, match="annotator"):
        sheet.annotator_named(name)

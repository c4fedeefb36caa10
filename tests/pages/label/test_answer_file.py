"""Tests of the answer file: answers are labels, written atomically, locked by one process."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.labelling import store
from gfpipe.labelling.design.queues import FACE
from gfpipe.pages.label.answer_file import AnswerFile, annotator_named
from gfpipe.pages.label.session import FaceAnswer, Outcome, Session
from gfpipe.stages.figures import publish
from tests.conftest import Command
from tests.labelling.broadcasts import NAME, items, mixed, queue, rows


def now() -> datetime:
    return datetime.now(UTC)


def test_answers_are_labels_that_correct_the_figures(broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with AnswerFile(broadcasts, label_queue, "AB") as answers:
        session = Session(label_queue, "AB", answers.replies)
        for reply in (session.answer_face(0, "male", now()), session.answer_face(1, "female", now())):
            answers.write(reply)
            session.record(reply)
        frame = session.answer_frame(2, [], [FaceAnswer((10.0, 10.0, 60.0, 90.0), "female")], (352, 144), now())
        answers.write(frame)
    labels = rows(broadcasts, "labels")
    assert [label["answer"] for label in labels] == ["male", "female", "female"]
    assert [label["whole_picture"] for label in labels] == [False, False, True]
    assert {(label["annotator"], label["weight"], label["queue"]) for label in labels} == {("AB", 25.0, NAME)}
    assert [label["position"] for label in labels] == [0, 1, 2]
    publish.run(Path(broadcasts))
    with warehouse.open(Path(broadcasts)) as db:
        labelled = db.query(
            "select answer, perceived_gender, whole_picture from labelled_faces order by all"
        ).to_pylist()
    assert {(row["answer"], row["perceived_gender"]) for row in labelled} >= {("male", "male"), ("female", "male")}


def test_replies_are_read_back(broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with AnswerFile(broadcasts, label_queue, "AB") as answers:
        session = Session(label_queue, "AB")
        replies = [
            session.answer_face(0, "male", now()),
            session.answer_frame(2, [FaceAnswer((1.0, 2.0, 30.0, 40.0), "male")], [], (352, 144), now()),
            session.answer_frame(3, [], [], (176, 144), now()),
            session.skip(1, now()),
        ]
        for reply in replies:
            answers.write(reply)
        answers.remove(0)
    with AnswerFile(broadcasts, label_queue, "AB") as again:
        stored = {reply.position: reply for reply in again.replies}
    assert stored == {reply.position: reply for reply in replies[1:]}
    assert [stored[position].outcome for position in (1, 2, 3)] == [Outcome.SKIPPED, Outcome.ANSWERED, Outcome.EMPTY]


def test_a_new_answer_replaces_and_a_repeat_is_added(broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with AnswerFile(broadcasts, label_queue, "AB") as answers:
        session = Session(label_queue, "AB")
        for position, answer in ((0, "male"), (0, "female"), (4, "male")):
            answers.write(session.answer_face(position, answer, now()))
    labels = rows(broadcasts, "labels")
    assert [(label["position"], label["answer"]) for label in labels] == [(0, "female"), (4, "male")]
    assert len({(label["recording_id"], label["seconds"], label["x1"]) for label in labels}) == 1


def test_each_annotator_has_a_file_locked_by_one_process(broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    with AnswerFile(broadcasts, label_queue, "AB") as one, AnswerFile(broadcasts, label_queue, "CD") as other:
        one.write(Session(label_queue, "AB").answer_face(0, "male", now()))
        assert other.replies == ()
        with pytest.raises(UsageError, match="already"):
            AnswerFile(broadcasts, label_queue, "AB")
    with AnswerFile(broadcasts, label_queue, "AB") as again:
        assert len(again.replies) == 1


def test_a_full_disk_is_reported_and_keeps_stored_answers(broadcasts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    label_queue = mixed(broadcasts)
    with AnswerFile(broadcasts, label_queue, "AB") as answers:
        session = Session(label_queue, "AB")
        answers.write(session.answer_face(0, "male", now()))

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("gfpipe.base.files.os.fsync", full)
            with pytest.raises(LakeError, match="no space left"):
                answers.write(session.answer_face(1, "male", now()))
        assert [reply.position for reply in answers.replies] == [0]
    assert len(rows(broadcasts, "labels")) == 1
    assert [path.suffix for path in Path(broadcasts, "labels/v1").iterdir() if path.suffix == ".tmp"] == []


def test_a_redrawn_queue_keeps_answers_to_the_same_faces(broadcasts: str) -> None:
    faces = items(broadcasts, FACE)
    first = queue(broadcasts, *faces[:3])
    with AnswerFile(broadcasts, first, "AB") as answers:
        for position, answer in enumerate(("male", "female", "undecided")):
            answers.write(Session(first, "AB").answer_face(position, answer, now()))
    second = queue(broadcasts, faces[3], faces[2], faces[0])
    with AnswerFile(broadcasts, second, "AB") as again:
        assert {reply.position: reply.faces[0].answer for reply in again.replies} == {1: "undecided", 2: "male"}
        again.write(Session(second, "AB", again.replies).answer_face(0, "male", now()))
    assert len(rows(broadcasts, "labels")) == 4  # including one that is not in the second queue


def test_label_list_and_remove_support_queues(gfpipe: Command, broadcasts: str) -> None:
    label_queue = mixed(broadcasts)
    for annotator, position in (("AB", 0), ("Zoë K.", 3)):
        with AnswerFile(broadcasts, label_queue, annotator) as answers:
            session = Session(label_queue, annotator)
            answers.write(
                session.answer_face(0, "male", now())
                if position == 0
                else session.answer_frame(3, [], [], (176, 144), now())
            )
    assert [(item.source, item.labels) for item in store.imports(broadcasts)] == [
        ("queue look by AB", 1),
        ("queue look by Zoë K.", 0),
    ]
    assert "queue look by Zoë K." in gfpipe("label", "list", "--lake", broadcasts).stdout
    with AnswerFile(broadcasts, label_queue, "AB"):
        refused = gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts)
    assert refused.code == 2
    assert "stop it first" in refused.stderr
    dry_run = gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts, "--dry-run")
    assert "1 label would be removed" in dry_run.stderr
    assert gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts).code == 0
    assert [item.source for item in store.imports(broadcasts)] == ["queue look by Zoë K."]
    assert gfpipe("label", "remove", "queue look by AB", "--lake", broadcasts).code == 2


@pytest.mark.parametrize("name", ["", "  ", "x" * 41, "A\nB", "A\x00B"])
def test_invalid_annotator_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="annotator"):
        annotator_named(name)

"""Tests of the annotator's session: order, progress and validation of answers."""

from datetime import UTC, datetime, timedelta

import pytest

from gfpipe.errors import UsageError
from gfpipe.faces.boxes import iou
from gfpipe.labelling.design.queues import FACE, FRAME, Item, Queue
from gfpipe.pages.label.session import FaceAnswer, Outcome, Session

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BOX = (10.0, 10.0, 50.0, 60.0)


def item(position: int, kind: str = FACE) -> Item:
    where = ("north-1", "/archive/1.mp4", "north", "news", NOW, position, float(position))
    if kind == FACE:
        return Item(position, kind, *where, 0, *BOX, "d1", "all", 0.5, 2.0, False)
    return Item(position, kind, *where, None, None, None, None, None, "d1", "all", 0.5, 2.0, False)


def session(*kinds: str) -> Session:
    return Session(Queue("march", tuple(item(index, kind) for index, kind in enumerate(kinds)), 1, NOW), "AB")


def answer(session: Session, *positions: int, seconds: float = 2.0) -> None:
    for count, position in enumerate(positions):
        session.record(session.answer_face(position, "female", NOW + timedelta(seconds=seconds * count)))


def test_next_open_item_is_the_following_one_then_the_first() -> None:
    state = session(*[FACE] * 4)
    assert state.next_open() == 0
    answer(state, 1)
    assert state.next_open(0) == 2
    assert state.next_open(3) == 0
    answer(state, 0, 2, 3)
    assert state.next_open(3) is None


def test_an_answer_has_the_box_of_its_face() -> None:
    state = session(FACE)
    assert state.answer_face(0, "undecided", NOW).faces == (FaceAnswer(BOX, "undecided"),)


@pytest.mark.parametrize("answer", ["woman", "", "FEMALE", "female; drop table"])
def test_invalid_answers_are_refused(answer: str) -> None:
    with pytest.raises(UsageError, match="is not an answer"):
        session(FACE).answer_face(0, answer, NOW)


@pytest.mark.parametrize("position", [-1, 1, 10**30])
def test_positions_outside_the_queue_are_refused(position: int) -> None:
    with pytest.raises(UsageError, match="has no item"):
        session(FACE).answer_face(position, "female", NOW)


def test_undo_reopens_the_latest_item() -> None:
    state = session(FACE, FACE, FACE)
    answer(state, 0, 2, 1)
    state.record(state.answer_face(0, "male", NOW + timedelta(minutes=1)))
    for position, open_position in ((0, 0), (1, 0), (2, 0)):
        assert state.latest
        assert state.latest.position == position
        state.forget(position)
        assert state.next_open() == open_position
    assert state.latest is None


def test_timestamps_increase_even_if_the_clock_is_set_back() -> None:
    state = session(FACE, FACE)
    first = state.answer_face(0, "female", NOW)
    state.record(first)
    assert state.answer_face(1, "female", NOW - timedelta(hours=1)).at > first.at


def test_a_frame_reply_has_detected_and_missed_faces() -> None:
    state = session(FRAME)
    missed = FaceAnswer((-5.0, 100.0, 40.0, 400.0), "male")
    reply = state.answer_frame(0, [FaceAnswer(BOX, "female")], [missed], (640, 360), NOW)
    assert reply.faces == (FaceAnswer(BOX, "female"), FaceAnswer((0.0, 100.0, 40.0, 360.0), "male"))
    assert reply.outcome is Outcome.ANSWERED
    assert state.answer_frame(0, [], [], (640, 360), NOW).outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((12.0, 12.0, 50.0, 60.0), "existing one"),
        ((700.0, 10.0, 800.0, 60.0), "no size"),
        ((100.0, 100.0, 101.0, 200.0), "no size"),
        ((200.0, 100.0, 150.0, 200.0), "no size"),
    ],
)
def test_marked_boxes_must_be_new_and_inside_the_frame(box: tuple[float, float, float, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        session(FRAME).answer_frame(0, [FaceAnswer(BOX, "female")], [FaceAnswer(box, "male")], (640, 360), NOW)


def test_faces_and_frames_are_not_interchangeable() -> None:
    state = session(FACE, FRAME)
    with pytest.raises(UsageError, match="is a frame"):
        state.answer_face(1, "female", NOW)
    with pytest.raises(UsageError, match="one face"):
        state.answer_frame(0, [], [], (640, 360), NOW)


def test_progress_counts_today_and_the_median_pace() -> None:
    state = session(*[FACE] * 10)
    state.record(state.answer_face(0, "female", NOW - timedelta(days=1)))
    answer(state, 1, 2, 3, 4)
    state.record(state.answer_face(5, "female", NOW + timedelta(hours=1)))  # after a break
    state.record(state.skip(6, NOW + timedelta(hours=1)))
    progress = state.progress(NOW + timedelta(hours=2))
    assert (progress.done, progress.skipped, progress.left, progress.today) == (6, 1, 3, 5)
    assert progress.seconds_each == 2.0
    assert progress.seconds_left == 6.0


def test_there_is_no_pace_before_three_answers() -> None:
    state = session(*[FACE] * 4)
    answer(state, 0, 1)
    assert state.progress(NOW).seconds_each is None
    assert state.progress(NOW).seconds_left is None


def test_skipped_items_are_listed() -> None:
    state = session(FACE, FACE, FACE)
    assert state.first_skipped() is None
    state.record(state.skip(2, NOW))
    state.record(state.skip(1, NOW))
    assert state.first_skipped() == 1
    assert state.next_open(0) == 0


def test_iou_is_intersection_over_union() -> None:
    assert iou(BOX, BOX) == 1.0
    assert iou((0.0, 0.0, 2.0, 1.0), (1.0, 0.0, 3.0, 1.0)) == pytest.approx(1 / 3)
    assert iou(BOX, (60.0, 10.0, 80.0, 60.0)) == 0.0

"""What comes next, what counts as done, and which answers are none."""

from datetime import UTC, datetime, timedelta

import pytest

from gfpipe.errors import UsageError
from gfpipe.labelling.design.queues import FACE, FRAME, Item, Queue
from gfpipe.labelling.page.session import Desk, FaceAnswer, Outcome, overlap

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BOX = (10.0, 10.0, 50.0, 60.0)


def item(position: int, kind: str = FACE) -> Item:
    where = ("north-1", "/archive/1.mp4", "north", "news", NOW, position, float(position))
    if kind == FACE:
        return Item(position, kind, *where, 0, *BOX, "d1", "all", 0.5, 2.0, False)
    return Item(position, kind, *where, None, None, None, None, None, "d1", "all", 0.5, 2.0, False)


def desk(*kinds: str) -> Desk:
    return Desk(Queue("march", tuple(item(place, kind) for place, kind in enumerate(kinds)), 1, NOW), "AB")


def answered(at: Desk, *positions: int, seconds: float = 2.0) -> None:
    for count, position in enumerate(positions):
        at.keep(at.answer(position, "female", NOW + timedelta(seconds=seconds * count)))


def test_the_next_is_the_first_open_one_behind_then_from_the_start() -> None:
    at = desk(*[FACE] * 4)
    assert at.next_open() == 0
    answered(at, 1)
    assert at.next_open(0) == 2
    assert at.next_open(3) == 0
    answered(at, 0, 2, 3)
    assert at.next_open(3) is None


def test_an_answer_is_the_faces_own_box() -> None:
    at = desk(FACE)
    assert at.answer(0, "undecided", NOW).faces == (FaceAnswer(BOX, "undecided"),)


@pytest.mark.parametrize("answer", ["woman", "", "FEMALE", "female; drop table"])
def test_what_is_no_answer_is_refused(answer: str) -> None:
    with pytest.raises(UsageError, match="is no answer"):
        desk(FACE).answer(0, answer, NOW)


@pytest.mark.parametrize("position", [-1, 1, 10**30])
def test_only_positions_of_the_queue_are_items(position: int) -> None:
    with pytest.raises(UsageError, match="has no item"):
        desk(FACE).answer(position, "female", NOW)


def test_the_latest_answer_is_the_one_to_be_undone_and_its_item_is_open_again() -> None:
    at = desk(FACE, FACE, FACE)
    answered(at, 0, 2, 1)
    at.keep(at.answer(0, "male", NOW + timedelta(minutes=1)))
    for position, then in ((0, 0), (1, 0), (2, 0)):
        assert at.latest
        assert at.latest.position == position
        at.forget(position)
        assert at.next_open() == then
    assert at.latest is None


def test_no_two_answers_are_given_at_the_same_moment_even_if_the_clock_goes_back() -> None:
    at = desk(FACE, FACE)
    first = at.answer(0, "female", NOW)
    at.keep(first)
    assert at.answer(1, "female", NOW - timedelta(hours=1)).at > first.at


def test_a_frame_takes_all_its_faces_and_those_that_were_missed() -> None:
    at = desk(FRAME)
    missed = FaceAnswer((-5.0, 100.0, 40.0, 400.0), "male")
    reply = at.whole(0, [FaceAnswer(BOX, "female")], [missed], (640, 360), NOW)
    assert reply.faces == (FaceAnswer(BOX, "female"), FaceAnswer((0.0, 100.0, 40.0, 360.0), "male"))
    assert reply.outcome is Outcome.ANSWERED
    assert at.whole(0, [], [], (640, 360), NOW).outcome is Outcome.EMPTY


@pytest.mark.parametrize(
    ("box", "why"),
    [
        ((12.0, 12.0, 50.0, 60.0), "there already"),
        ((700.0, 10.0, 800.0, 60.0), "no size"),
        ((100.0, 100.0, 101.0, 200.0), "no size"),
        ((200.0, 100.0, 150.0, 200.0), "no size"),
    ],
)
def test_a_marked_face_is_a_new_one_within_the_picture(box: tuple[float, float, float, float], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        desk(FRAME).whole(0, [FaceAnswer(BOX, "female")], [FaceAnswer(box, "male")], (640, 360), NOW)


def test_faces_and_frames_are_not_mistaken_for_each_other() -> None:
    at = desk(FACE, FRAME)
    with pytest.raises(UsageError, match="whole picture"):
        at.answer(1, "female", NOW)
    with pytest.raises(UsageError, match="one face"):
        at.whole(0, [], [], (640, 360), NOW)


def test_progress_counts_today_and_the_usual_pace() -> None:
    at = desk(*[FACE] * 10)
    at.keep(at.answer(0, "female", NOW - timedelta(days=1)))
    answered(at, 1, 2, 3, 4)
    at.keep(at.answer(5, "female", NOW + timedelta(hours=1)))  # after lunch
    at.keep(at.skip(6, NOW + timedelta(hours=1)))
    progress = at.progress(NOW + timedelta(hours=2))
    assert (progress.done, progress.skipped, progress.left, progress.today) == (6, 1, 3, 5)
    assert progress.seconds_each == 2.0
    assert progress.seconds_left == 6.0


def test_there_is_no_pace_before_three_answers() -> None:
    at = desk(*[FACE] * 4)
    answered(at, 0, 1)
    assert at.progress(NOW).seconds_each is None
    assert at.progress(NOW).seconds_left is None


def test_what_was_skipped_is_found_again() -> None:
    at = desk(FACE, FACE, FACE)
    assert at.first_skipped() is None
    at.keep(at.skip(2, NOW))
    at.keep(at.skip(1, NOW))
    assert at.first_skipped() == 1
    assert at.next_open(0) == 0


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(BOX, BOX) == 1.0
    assert overlap((0.0, 0.0, 2.0, 1.0), (1.0, 0.0, 3.0, 1.0)) == pytest.approx(1 / 3)
    assert overlap(BOX, (60.0, 10.0, 80.0, 60.0)) == 0.0

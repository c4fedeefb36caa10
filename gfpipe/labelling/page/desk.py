"""A queue on somebody's desk: what has been answered, what comes next, how far it is. Knows no file and no page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.labelling.design.queues import FACE, FRAME, Item, Queue
from gfpipe.labelling.labels import Box

ANSWERS: Final = ("female", "male", "undecided", "no_face")
_PAUSE: Final = timedelta(minutes=2)  # whoever takes longer has been away
_TICK: Final = timedelta(microseconds=1)
_SAME_FACE: Final = 0.5  # the warehouse takes two boxes that overlap so much for one face
_FEWEST: Final = 2.0  # pixels; smaller boxes are slips of the hand, and imports refuse them too


class Outcome(StrEnum):
    """What became of an item."""

    ANSWERED = "answered"
    EMPTY = "empty"  # a frame without any face
    SKIPPED = "skipped"  # its picture could not be shown


@dataclass(frozen=True)
class FaceAnswer:
    """What somebody said of one face: its box in pixels of the source frame, and one of `ANSWERS`."""

    box: Box
    answer: str


@dataclass(frozen=True)
class Reply:
    """What an annotator made of one item.

    Attributes:
        position: of the item in its queue.
        at: when; UTC, and no two alike.
        faces: the answers; one for a face, none or more for a frame.
        outcome: whether there are any, and why not.
    """

    position: int
    at: datetime
    faces: tuple[FaceAnswer, ...] = ()
    outcome: Outcome = Outcome.ANSWERED


@dataclass(frozen=True)
class Progress:
    """How far an annotator is.

    Attributes:
        total: items of the queue.
        done: answered ones.
        skipped: items whose picture could not be shown.
        today: answered since midnight.
        seconds_each: the usual time from one of today's answers to the next; None before the third.
    """

    total: int
    done: int
    skipped: int
    today: int
    seconds_each: float | None

    @property
    def left(self) -> int:
        """Items that nobody has seen to yet."""
        return self.total - self.done - self.skipped

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at today's pace."""
        return None if self.seconds_each is None else self.seconds_each * self.left


class Desk:
    """One annotator at one queue. Replies are made here, stored by others, and only then kept here.

    Args:
        queue: what is asked.
        annotator: who answers.
        replies: what was answered before.
    """

    def __init__(self, queue: Queue, annotator: str, replies: Iterable[Reply] = ()) -> None:
        self.queue, self.annotator = queue, annotator
        self._replies = {reply.position: reply for reply in sorted(replies, key=lambda reply: reply.at)}

    def item(self, position: int) -> Item:
        """The item at a position.

        Raises:
            UsageError: the queue has none there.
        """
        if not 0 <= position < len(self.queue.items):
            raise UsageError(f"the queue {self.queue.name} has no item {position}; it has {len(self.queue.items)}")
        return self.queue.items[position]

    def reply_to(self, position: int) -> Reply | None:
        """What the annotator said; None where that item is still open."""
        return self._replies.get(position)

    def answer(self, position: int, answer: str, now: datetime) -> Reply:
        """Answer a face.

        Raises:
            UsageError: that item is no face, or the answer is none.
        """
        item = self.item(position)
        if item.kind != FACE or item.box is None:
            raise UsageError(f"item {position} is a whole picture: answer each of its faces")
        return Reply(position, self._moment(now), (FaceAnswer(item.box, _checked(answer)),))

    def whole(
        self,
        position: int,
        found: Sequence[FaceAnswer],
        missed: Sequence[FaceAnswer],
        size: tuple[int, int],
        now: datetime,
    ) -> Reply:
        """Answer a frame.

        Args:
            position: of the frame.
            found: answers about the faces that the detector found; all of them.
            missed: faces that the annotator marked.
            size: width and height of the source frame.
            now: the present moment.

        Raises:
            UsageError: that item is no frame, an answer is none, or a marked face lies outside the picture, has no
                size, or is one that is there already.
        """
        if self.item(position).kind != FRAME:
            raise UsageError(f"item {position} is one face, not a whole picture")
        marked: list[FaceAnswer] = []
        for face in missed:
            box = _inside(face.box, size)
            if any(overlap(box, other.box) >= _SAME_FACE for other in (*found, *marked)):
                raise UsageError("a marked face lies on one that is there already: answer that one")
            marked.append(FaceAnswer(box, face.answer))
        faces = tuple(FaceAnswer(face.box, _checked(face.answer)) for face in (*found, *marked))
        return Reply(position, self._moment(now), faces, Outcome.ANSWERED if faces else Outcome.EMPTY)

    def skip(self, position: int, now: datetime) -> Reply:
        """Leave an item out whose picture cannot be shown."""
        return Reply(self.item(position).position, self._moment(now), (), Outcome.SKIPPED)

    def keep(self, reply: Reply) -> None:
        """Enter a reply that is stored; it becomes the latest."""
        self._replies.pop(reply.position, None)
        self._replies[reply.position] = reply

    def forget(self, position: int) -> None:
        """Take a reply out whose storing was undone."""
        self._replies.pop(position, None)

    @property
    def latest(self) -> Reply | None:
        """What was said last."""
        return next(reversed(self._replies.values()), None)

    def next_open(self, after: int = -1) -> int | None:
        """The next item that is open: behind `after`, else from the start; None where all are seen to."""
        behind = range(after + 1, len(self.queue.items))
        before = range(min(after + 1, len(self.queue.items)))
        return next((place for part in (behind, before) for place in part if place not in self._replies), None)

    def first_skipped(self) -> int | None:
        """The first item that was left out, if any."""
        return min((each.position for each in self._replies.values() if each.outcome is Outcome.SKIPPED), default=None)

    def progress(self, now: datetime) -> Progress:
        """How far it is.

        Args:
            now: the present moment, in the time zone whose midnight begins a day.
        """
        answered = [reply for reply in self._replies.values() if reply.outcome is not Outcome.SKIPPED]
        # In UTC as the replies are: to compare moments of different zones takes several times as long.
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        today = [reply.at for reply in answered if reply.at >= midnight]
        gaps = [later - earlier for earlier, later in pairwise(today)]
        steady = [gap.total_seconds() for gap in gaps if gap <= _PAUSE]
        return Progress(
            total=len(self.queue.items),
            done=len(answered),
            skipped=len(self._replies) - len(answered),
            today=len(today),
            seconds_each=median(steady) if len(steady) > 1 else None,
        )

    def _moment(self, now: datetime) -> datetime:
        """The present, but never before the latest reply: a clock may be set back, and order says what counts."""
        return max(now, self.latest.at + _TICK) if self.latest else now


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2)."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common) if areas > common else 0.0


def _checked(answer: str) -> str:
    if answer not in ANSWERS:
        raise UsageError(f"{answer!r} is no answer; give one of {', '.join(ANSWERS)}")
    return answer


def _inside(box: Box, size: tuple[int, int]) -> Box:
    """A marked box cut to the picture."""
    width, height = size
    x1, y1, x2, y2 = box
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if inside[2] - inside[0] < _FEWEST or inside[3] - inside[1] < _FEWEST:
        raise UsageError(f"a marked face has no size within the picture of {width} × {height}: {box}")
    return inside

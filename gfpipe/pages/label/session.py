"""The state of one annotator's work on a queue: replies, next open item, progress. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, pairwise
from statistics import median
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.faces.boxes import SAME_FACE_IOU, Box, iou
from gfpipe.labelling.design.queues import FACE, FRAME, Item, Queue
from gfpipe.labelling.labels import ANSWERS, MIN_BOX_SIDE

_LONGEST_GAP: Final = timedelta(minutes=2)  # a longer gap between answers is a break
_TICK: Final = timedelta(microseconds=1)


class Outcome(StrEnum):
    """The kind of a reply."""

    ANSWERED = "answered"
    EMPTY = "empty"  # a frame without faces
    SKIPPED = "skipped"  # the image could not be shown


@dataclass(frozen=True)
class FaceAnswer:
    """An answer about one face: its box in pixels of the source frame, and one of `ANSWERS`."""

    box: Box
    answer: str


@dataclass(frozen=True)
class Reply:
    """An annotator's reply to one item: one answer for a face item, any number for a frame.

    Its time, in UTC, is unique within a session.
    """

    position: int
    at: datetime
    faces: tuple[FaceAnswer, ...] = ()
    outcome: Outcome = Outcome.ANSWERED


@dataclass(frozen=True)
class QueueProgress:
    """Number of items of a queue: all, answered, skipped, answered since midnight.

    ``seconds_each`` is the median time between today's answers; None before the third.
    """

    total: int
    done: int
    skipped: int
    today: int
    seconds_each: float | None

    @property
    def left(self) -> int:
        """Number of open items."""
        return self.total - self.done - self.skipped

    @property
    def seconds_left(self) -> float | None:
        """Estimated time for the open items at today's pace."""
        return None if self.seconds_each is None else self.seconds_each * self.left

    def to_dict(self) -> dict[str, float | None]:
        """All values by name."""
        return {**vars(self), "left": self.left, "seconds_left": self.seconds_left}


class Session:
    """One annotator's work on one queue.

    `answer_face`, `answer_frame` and `skip` only create replies; `record` enters them once they are stored. The
    constructor takes the replies of earlier runs.
    """

    def __init__(self, queue: Queue, annotator: str, replies: Iterable[Reply] = ()) -> None:
        self.queue, self.annotator = queue, annotator
        self._replies = {reply.position: reply for reply in sorted(replies, key=lambda reply: reply.at)}

    def item(self, position: int) -> Item:
        """Return the item at a position; raises UsageError if the queue has no such position."""
        if not 0 <= position < len(self.queue.items):
            raise UsageError(f"the queue {self.queue.name} has no item {position}; it has {len(self.queue.items)}")
        return self.queue.items[position]

    def reply_to(self, position: int) -> Reply | None:
        """Return the reply to an item; None if it is open."""
        return self._replies.get(position)

    def answer_face(self, position: int, answer: str, now: datetime) -> Reply:
        """Answer a face item; raises UsageError if the item is a frame or the answer is not valid."""
        item = self.item(position)
        if item.kind != FACE or item.box is None:
            raise UsageError(f"item {position} is a frame: answer each of its faces")
        return Reply(position, self._timestamp(now), (FaceAnswer(item.box, _checked(answer)),))

    def answer_frame(
        self,
        position: int,
        detected: Sequence[FaceAnswer],
        missed: Sequence[FaceAnswer],
        size: tuple[int, int],
        now: datetime,
    ) -> Reply:
        """Answer a frame item: all its detected faces, and missed ones, which are clipped to its (width, height).

        Raises:
            UsageError: the item is a face, an answer is not valid, or a marked box is outside the frame, too small,
                or overlaps another face.
        """
        if self.item(position).kind != FRAME:
            raise UsageError(f"item {position} is one face, not a frame")
        faces = list(detected)
        for face in missed:
            box = _clipped(face.box, size)
            if iou(box, [other.box for other in faces]).max(initial=0) >= SAME_FACE_IOU:
                raise UsageError("a marked face overlaps an existing one: answer that one")
            faces.append(FaceAnswer(box, face.answer))
        for face in faces:
            _checked(face.answer)
        return Reply(position, self._timestamp(now), tuple(faces), Outcome.ANSWERED if faces else Outcome.EMPTY)

    def skip(self, position: int, now: datetime) -> Reply:
        """Skip an item whose image cannot be shown."""
        return Reply(self.item(position).position, self._timestamp(now), (), Outcome.SKIPPED)

    def record(self, reply: Reply) -> None:
        """Enter a stored reply; it becomes the latest."""
        self._replies.pop(reply.position, None)
        self._replies[reply.position] = reply

    def forget(self, position: int) -> None:
        """Remove the reply to an item, which is open again."""
        self._replies.pop(position, None)

    @property
    def latest(self) -> Reply | None:
        """The most recent reply."""
        return next(reversed(self._replies.values()), None)

    def next_open(self, after: int = -1) -> int | None:
        """Return the next open position after `after`, or else from the start; None if none is open."""
        count = len(self.queue.items)
        positions = chain(range(after + 1, count), range(min(after + 1, count)))
        return next((position for position in positions if position not in self._replies), None)

    def first_skipped(self) -> int | None:
        """Return the first skipped position, if any."""
        return min(
            (reply.position for reply in self._replies.values() if reply.outcome is Outcome.SKIPPED), default=None
        )

    def progress(self, now: datetime) -> QueueProgress:
        """Return the progress; `now` has the time zone whose midnight begins a day."""
        answered = [reply for reply in self._replies.values() if reply.outcome is not Outcome.SKIPPED]
        # In UTC like the replies: comparing times of different zones is several times slower.
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        today = [reply.at for reply in answered if reply.at >= midnight]
        gaps = [later - earlier for earlier, later in pairwise(today)]
        seconds = [gap.total_seconds() for gap in gaps if gap <= _LONGEST_GAP]
        return QueueProgress(
            total=len(self.queue.items),
            done=len(answered),
            skipped=len(self._replies) - len(answered),
            today=len(today),
            seconds_each=median(seconds) if len(seconds) > 1 else None,
        )

    def _timestamp(self, now: datetime) -> datetime:
        """Return `now`, or the time just after the latest reply if the clock was set back: the order matters."""
        return max(now, self.latest.at + _TICK) if self.latest else now


def _checked(answer: str) -> str:
    if answer not in ANSWERS:
        raise UsageError(f"{answer!r} is not an answer; choose {', '.join(ANSWERS)}")
    return answer


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    """Clip a marked box to the frame."""
    width, height = size
    x1, y1, x2, y2 = box
    clipped = (max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height)))
    if clipped[2] - clipped[0] < MIN_BOX_SIDE or clipped[3] - clipped[1] < MIN_BOX_SIDE:
        raise UsageError(f"a marked face has no size within the frame of {width} × {height}: {box}")
    return clipped

"""Faces that a viewer marked as wrong: a label queue that never enters the figures."""

from datetime import UTC, datetime
from threading import Lock
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import FACE, Item, Queue
from gfpipe.pages.pictures.images import FaceAt

QUEUE: Final = "marked-in-view"
_WEIGHT: Final = 0.0  # represents no other face: it was not drawn at random


class Marks:
    """The queue of marked faces of a lake; thread-safe.

    All methods raise LakeError if the lake cannot be read or written, and UsageError if a queue of that name was drawn
    at random.
    """

    def __init__(self, lake: str) -> None:
        self._lake = lake
        self._lock = Lock()

    def add(self, face: FaceAt) -> int:
        """Put a face on the queue, unless it is there; returns the number of faces on it."""
        with self._lock:
            items = self._items()
            if not any(_key(item) == (face.recording_id, face.frame.seconds, face.box) for item in items):
                items.append(_item(face, len(items)))
                queue = Queue(QUEUE, tuple(items), 0, datetime.now(UTC))
                queues.write(self._lake, queue, replace=True)
            return len(items)

    def _items(self) -> list[Item]:
        if not queues.exists(self._lake, QUEUE):
            return []
        items = list(queues.read(self._lake, QUEUE).items)
        if any(item.weight for item in items):
            raise UsageError(f"the queue {QUEUE} was drawn at random; faces that a viewer marks cannot be added to it")
        return items


def _item(face: FaceAt, position: int) -> Item:
    recording = face.frame.recording
    x1, y1, x2, y2 = face.box
    return Item(
        position=position,
        kind=FACE,
        recording_id=face.recording_id,
        path=recording.path,
        channel=recording.channel,
        programme=recording.programme,
        started_at=recording.start.astimezone(UTC),
        sample_index=face.sample_index,
        seconds=face.frame.seconds,
        face_index=face.face_index,
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        config_digest=face.config_digest,
        stratum="marked in gfpipe view",
        inclusion_probability=1.0,
        weight=_WEIGHT,
        is_repeat=False,
    )


def _key(item: Item) -> tuple[object, ...]:
    return item.recording_id, item.seconds, item.box

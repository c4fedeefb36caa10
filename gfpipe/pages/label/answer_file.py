"""One annotator's answers to one queue: one file of the lake's ``labels``.

Every change rewrites the file atomically, so an answer that was reported as saved survives a crash. Replies without
faces (an empty frame, an image that could not be shown) are in the file's metadata.
"""

import json
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.errors import UsageError
from gfpipe.faces.boxes import CORNERS, Box
from gfpipe.labelling.design.queues import FRAME, Item, Queue
from gfpipe.labelling.store import LABELS_FOLDER
from gfpipe.lake import schema
from gfpipe.lake.index.locks import lock
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import TableWriter, file_of
from gfpipe.pages.label.session import FaceAnswer, Outcome, Reply

_LONGEST_NAME: Final = 40


def source(queue: str, annotator: str) -> str:
    """Return the source of these labels in ``gfpipe label list`` and ``remove``."""
    return f"queue {queue} by {annotator}"


def annotator_named(name: str) -> str:
    """Strip an annotator's name; raises UsageError if it is empty, too long or not printable."""
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise UsageError(f"{name!r} cannot name an annotator: use 1 to {_LONGEST_NAME} characters, such as initials")
    return name


class AnswerFile(AbstractContextManager["AnswerFile"]):
    """The file of an annotator's answers, locked by one process.

    Raises:
        UsageError: another process has the file open.
        LakeError: the lake cannot be read or written.
    """

    def __init__(self, lake: str, queue: Queue, annotator: str) -> None:
        self._storage, self._queue, self._annotator = Storage(lake), queue, annotator
        self._source = source(queue.name, annotator)
        self._parts = (*LABELS_FOLDER, file_of(self._source))
        locked = (
            f"{annotator} already answers the queue {queue.name} in another gfpipe label serve; continue there, "
            "stop it, or choose another --annotator"
        )
        self._lock = ExitStack()
        self._lock.enter_context(lock(self._storage, self._parts, locked))
        self._rows = schema.LABELS.empty_table()
        self._without_faces: dict[int, tuple[Outcome, datetime]] = {}
        if self._storage.exists(*self._parts):
            self._read()

    def __exit__(self, *exc: object) -> None:
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All stored replies to items of the current queue."""
        faces: dict[int, list[dict[str, Any]]] = {}
        for row in self._rows.to_pylist():
            if row["position"] is not None:
                faces.setdefault(row["position"], []).append(row)
        answered = (
            Reply(position, rows[0]["imported_at"], tuple(FaceAnswer(_box(row), row["answer"]) for row in rows))
            for position, rows in faces.items()
        )
        return *answered, *(Reply(index, at, (), outcome) for index, (outcome, at) in self._without_faces.items())

    def write(self, reply: Reply) -> None:
        """Store a reply, replacing an earlier one to the same item; raises LakeError and keeps the file as it was."""
        item = self._queue.items[reply.position]
        table = pa.Table.from_pylist([self._row(item, reply, face) for face in reply.faces], schema=schema.LABELS)
        rows, without_faces = self._except(reply.position)
        if reply.outcome is not Outcome.ANSWERED:
            without_faces[reply.position] = (reply.outcome, reply.at)
        self._write(pa.concat_tables([rows, table]), without_faces)

    def remove(self, position: int) -> None:
        """Remove a reply; raises LakeError and keeps the file as it was."""
        self._write(*self._except(position))

    def _row(self, item: Item, reply: Reply, face: FaceAnswer) -> dict[str, Any]:
        return {
            "recording_id": item.recording_id,
            "seconds": item.seconds,
            **dict(zip(CORNERS, face.box, strict=True)),
            "answer": face.answer,
            "weight": item.weight,
            "annotator": self._annotator,
            "whole_picture": item.kind == FRAME,
            "queue": self._queue.name,
            "position": item.position,
            "imported_at": reply.at,  # the latest answer about a face counts
        }

    def _except(self, position: int) -> tuple[pa.Table, dict[int, tuple[Outcome, datetime]]]:
        """Return all replies but one; rows without an item in the current queue stay."""
        rows = self._rows.filter(pc.fill_null(pc.not_equal(self._rows["position"], position), True))
        return rows, {index: reply for index, reply in self._without_faces.items() if index != position}

    def _write(self, rows: pa.Table, without_faces: dict[int, tuple[Outcome, datetime]]) -> None:
        rows = rows.combine_chunks()
        metadata = {
            "source": self._source,
            "queue": self._queue.name,
            "queue_created": self._queue.created.isoformat(),
            "annotator": self._annotator,
            "saved_at": datetime.now(UTC).isoformat(),
            "without_faces": json.dumps(
                [[position, outcome, at.isoformat()] for position, (outcome, at) in without_faces.items()]
            ),
        }
        table = TableWriter(self._storage, self._parts, schema.LABELS, metadata)
        try:
            table.append({name: rows[name].combine_chunks() for name in rows.column_names}, len(rows))
            table.close()
            table.commit()
        finally:
            table.discard()
        self._rows, self._without_faces = rows, without_faces

    def _read(self) -> None:
        stored = self._storage.read_table(*self._parts)
        metadata = stored.schema.metadata or {}
        rows = stored.select([name for name in schema.LABELS.names if name in stored.column_names]).to_pylist()
        if metadata.get(b"gfpipe.queue_created", b"").decode() == self._queue.created.isoformat():
            for position, outcome, at in json.loads(metadata.get(b"gfpipe.without_faces", b"[]")):
                self._without_faces[position] = (Outcome(outcome), datetime.fromisoformat(at))
        else:
            self._reassign(rows)
        self._rows = pa.Table.from_pylist(rows, schema=schema.LABELS)

    def _reassign(self, rows: list[dict[str, Any]]) -> None:
        """Match answers to the items of a queue that was drawn again; others keep no position."""
        positions: dict[tuple[object, ...], int] = {}
        for item in reversed(self._queue.items):  # the first of identical items wins
            positions[(item.recording_id, item.seconds, item.box)] = item.position
        for row in rows:
            key = (row["recording_id"], row["seconds"], None if row["whole_picture"] else _box(row))
            row["position"] = positions.get(key)


def _box(row: dict[str, Any]) -> Box:
    return row["x1"], row["y1"], row["x2"], row["y2"]

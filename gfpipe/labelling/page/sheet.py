"""An annotator's answers to one queue, on disk: one file of the lake's ``labels``, whole at every moment.

Every change writes the file anew beside its place, flushes it, and renames it: whoever was told that an answer is
saved finds it after a crash. What has no face (a frame without any, a picture that could not be shown) stands in the
file's metadata.
"""

import json
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.errors import UsageError
from gfpipe.labelling.design.queues import FRAME, Item, Queue
from gfpipe.labelling.page.desk import FaceAnswer, Outcome, Reply
from gfpipe.labelling.store import LABELS_FOLDER, held
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import TableWriter, file_of

_LONGEST: Final = 40


def source(queue: str, annotator: str) -> str:
    """What ``gfpipe label list`` calls the answers of one annotator to one queue, and ``remove`` takes."""
    return f"queue {queue} by {annotator}"


def annotator_named(name: str) -> str:
    """An annotator's name, fit to be stored and shown.

    Raises:
        UsageError: it is empty, too long, or holds what cannot be printed.
    """
    name = name.strip()
    if not name or len(name) > _LONGEST or not name.isprintable():
        raise UsageError(f"{name!r} cannot name an annotator: give 1 to {_LONGEST} letters, such as initials")
    return name


class Sheet(AbstractContextManager["Sheet"]):
    """The file, held by one process at a time.

    Args:
        lake: the lake's folder or URL.
        queue: what is asked.
        annotator: who answers.

    Raises:
        UsageError: somebody is answering this queue under this name just now.
        LakeError: the lake cannot be read or written.
    """

    def __init__(self, lake: str, queue: Queue, annotator: str) -> None:
        self._storage, self._queue, self._annotator = Storage(lake), queue, annotator
        self._source = source(queue.name, annotator)
        self._place = (*LABELS_FOLDER, file_of(self._source))
        self._held = ExitStack()
        self._held.enter_context(held(self._storage, self._place, self._busy))
        self._rows = schema.LABELS.empty_table()
        self._without_faces: dict[int, tuple[Outcome, datetime]] = {}
        if self._storage.exists(*self._place):
            self._read()

    def __exit__(self, *exc: object) -> None:
        self._held.close()

    def __enter__(self) -> Self:
        return self

    @property
    def replies(self) -> tuple[Reply, ...]:
        """All that was answered before, to items that are in the queue today."""
        faces: dict[int, list[dict[str, Any]]] = {}
        for row in self._rows.to_pylist():
            if row["position"] is not None:
                faces.setdefault(row["position"], []).append(row)
        answered = [Reply(place, rows[0]["imported_at"], tuple(map(_answer, rows))) for place, rows in faces.items()]
        return *answered, *(Reply(place, at, (), outcome) for place, (outcome, at) in self._without_faces.items())

    def keep(self, reply: Reply) -> None:
        """Store a reply; an earlier one to the same item is replaced.

        Raises:
            LakeError: the disk is full or the folder forbidden; what was stored before is still there.
        """
        item = self._queue.items[reply.position]
        table = pa.Table.from_pylist([self._row(item, reply, face) for face in reply.faces], schema=schema.LABELS)
        without = self._other(reply.position)
        if reply.outcome is not Outcome.ANSWERED:
            without[reply.position] = (reply.outcome, reply.at)
        self._write(pa.concat_tables([self._but(reply.position), table]), without)

    def drop(self, position: int) -> None:
        """Take a reply back.

        Raises:
            LakeError: the disk is full or the folder forbidden; what was stored before is still there.
        """
        self._write(self._but(position), self._other(position))

    def _row(self, item: Item, reply: Reply, face: FaceAnswer) -> dict[str, Any]:
        return {
            "recording_id": item.recording_id,
            "seconds": item.seconds,
            **dict(zip(("x1", "y1", "x2", "y2"), face.box, strict=True)),
            "answer": face.answer,
            "weight": item.weight,
            "annotator": self._annotator,
            "whole_picture": item.kind == FRAME,
            "queue": self._queue.name,
            "position": item.position,
            "imported_at": reply.at,  # of two answers to the same face the later counts
        }

    def _but(self, position: int) -> pa.Table:
        """All rows but those of an item; rows that no item asks for any more stay."""
        return self._rows.filter(pc.fill_null(pc.not_equal(self._rows["position"], position), True))

    def _other(self, position: int) -> dict[int, tuple[Outcome, datetime]]:
        return {place: said for place, said in self._without_faces.items() if place != position}

    def _write(self, rows: pa.Table, without_faces: dict[int, tuple[Outcome, datetime]]) -> None:
        rows = rows.combine_chunks()
        said = {
            "source": self._source,
            "queue": self._queue.name,
            "queue_created": self._queue.created.isoformat(),
            "annotator": self._annotator,
            "saved_at": datetime.now(UTC).isoformat(),
            "without_faces": json.dumps(
                [[place, outcome, at.isoformat()] for place, (outcome, at) in without_faces.items()]
            ),
        }
        table = TableWriter(self._storage, self._place, schema.LABELS, said)
        try:
            table.append({name: rows[name].combine_chunks() for name in rows.column_names}, len(rows))
            table.close()
            table.commit()
        finally:
            table.discard()
        self._rows, self._without_faces = rows, without_faces

    def _read(self) -> None:
        stored = self._storage.read_table(*self._place)
        said = stored.schema.metadata or {}
        rows = stored.select([name for name in schema.LABELS.names if name in stored.column_names]).to_pylist()
        if said.get(b"gfpipe.queue_created", b"").decode() == self._queue.created.isoformat():
            for place, outcome, at in json.loads(said.get(b"gfpipe.without_faces", b"[]")):
                self._without_faces[place] = (Outcome(outcome), datetime.fromisoformat(at))
        else:
            self._assign_anew(rows)
        self._rows = pa.Table.from_pylist(rows, schema=schema.LABELS)

    def _assign_anew(self, rows: list[dict[str, Any]]) -> None:
        """The queue was drawn anew: answers go to its items that ask for the same; those to others stay, unasked."""
        asked: dict[tuple[object, ...], int] = {}
        for item in reversed(self._queue.items):  # the first of those that ask for the same
            asked[(item.recording_id, item.seconds, item.box)] = item.position
        for row in rows:
            box = tuple(row[corner] for corner in ("x1", "y1", "x2", "y2"))
            key = (row["recording_id"], row["seconds"], None if row["whole_picture"] else box)
            row["position"] = asked.get(key)

    @property
    def _busy(self) -> str:
        return (
            f"{self._annotator} is at the queue {self._queue.name} already, in another gfpipe label serve; "
            "go on there, stop it, or choose another --annotator"
        )


def _answer(row: dict[str, Any]) -> FaceAnswer:
    return FaceAnswer((row["x1"], row["y1"], row["x2"], row["y2"]), row["answer"])

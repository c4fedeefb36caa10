"""The operations of the labelling page: show an item, store an answer, skip, undo."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

from gfpipe.errors import GfpipeError, UsageError
from gfpipe.labelling.design.queues import FACE, Item
from gfpipe.output import names
from gfpipe.pages.label import messages
from gfpipe.pages.label.answer_file import AnswerFile
from gfpipe.pages.label.session import Reply, Session
from gfpipe.pages.pictures.detections import Detections, Frame
from gfpipe.pages.pictures.images import FaceAt, FrameAt, ImageCache, PageImage, Subject

_AHEAD: Final = 6  # items whose images are prepared in advance


@dataclass
class Service:
    """One annotator's session as JSON-compatible messages; thread-safe.

    Attributes:
        shows_answers: whether responses contain the model's answer after the annotator's.
        change_key: required in every change; see `gfpipe.pages.server.access`.
        lake: as given to the command, for the commands that the page shows.
        saved: number of stored replies.
        revision: number of changes; a page that knows an earlier one may not change anything.
    """

    session: Session
    answers: AnswerFile
    detections: Detections
    images: ImageCache
    shows_answers: bool = False
    change_key: str = ""
    lake: str = ""
    saved: int = 0
    revision: int = 0
    _lock: Lock = field(default_factory=Lock, init=False)

    def state(self) -> dict[str, Any]:
        """Return queue, annotator and progress."""
        with self._lock:
            return {
                "queue": self.session.queue.name,
                "drawn": self.session.queue.created.isoformat(),
                "annotator": self.session.annotator,
                "showsAnswers": self.shows_answers,
                "changeKey": self.change_key,
                "lake": self.lake,
                **self._position_state(-1),
            }

    def item(self, position: int) -> dict[str, Any]:
        """Return one item, without model output, stratum or whether it is a repeat: these would bias the annotator."""
        with self._lock:
            item, reply = self.session.item(position), self.session.reply_to(position)
            upcoming = self._upcoming(position)
        self.images.prepare(map(_shown, (item, *upcoming)))
        message: dict[str, Any] = {
            "position": position,
            "kind": item.kind,
            "channel": names.line(item.channel),
            "programme": names.line(item.programme),
            "seconds": item.seconds,
            "problem": None,
            "upcoming": [item.position for item in upcoming],
        }
        try:
            message["airedAt"] = self.detections.aired_at(item.recording, item.seconds).strftime("%Y-%m-%d %H:%M:%S")
            size = self.detections.size(item.recording)
            if item.kind == FACE:
                return message | messages.face(item, size, reply)
            return message | messages.frame(self._frame(item), reply)
        except GfpipeError as exc:
            message["problem"] = None if item.kind == FACE else str(exc)  # a face may still have a stored crop
            return message | messages.face(item, None, reply)

    def image(self, position: int, kind: str) -> PageImage:
        """Return the face or the frame of an item."""
        item = self._required(position)
        if kind == FACE and item.kind != FACE:
            raise GfpipeError(f"item {position} is a {item.kind}")
        return self.images.image(_shown(item) if kind == FACE else _frame_at(item))

    def answer_face(self, position: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Store the answer to a face item."""
        self._required(position)
        with self._lock:
            self._require_current(request)
            self._store(self.session.answer_face(position, messages.text(request.get("answer")), datetime.now(UTC)))
            state = self._position_state(position)
        return state | ({"model": [self._p_female(self.session.item(position))]} if self.shows_answers else {})

    def answer_frame(self, position: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Store the answers to all faces of a frame item."""
        frame = self._frame(self._required(position))
        detected, missed = messages.frame_answers(request, frame)
        with self._lock:
            self._require_current(request)
            self._store(self.session.answer_frame(position, detected, missed, frame.size, datetime.now(UTC)))
            state = self._position_state(position)
        model = [face.p_female for face in messages.counted(frame)]
        return state | ({"model": model} if self.shows_answers else {})

    def skip(self, position: int, request: Mapping[str, Any]) -> dict[str, Any]:
        """Skip an item; raises UsageError if its image can be shown."""
        item = self.session.item(position)
        try:
            self.images.image(_shown(self._required(position)))
            if item.kind != FACE:
                self._frame(item)
        except GfpipeError:
            with self._lock:
                self._require_current(request)
                self._store(self.session.skip(position, datetime.now(UTC)))
                return self._position_state(position)
        raise UsageError("this image can be shown: answer it, with “cannot tell” if need be")

    def undo(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Remove the latest reply and return it, so that a frame need not be answered from the start."""
        latest = self.session.latest
        if latest is None:
            return self.state() | {"undone": None, "reply": None}
        reply = self.item(latest.position)["reply"]
        with self._lock:
            self._require_current(request)
            self.answers.remove(latest.position)
            self.session.forget(latest.position)
            self.revision += 1
            return self._position_state(-1) | {"undone": latest.position, "reply": reply}

    def _store(self, reply: Reply) -> None:
        self.answers.write(reply)
        self.session.record(reply)
        self.saved += 1
        self.revision += 1

    def _require_current(self, request: Mapping[str, Any]) -> None:
        if request.get("revision", self.revision) != self.revision:
            raise UsageError(
                "Not saved: this queue was labelled in another tab or window meanwhile. Reload this page to go on here."
            )

    def _position_state(self, position: int) -> dict[str, Any]:
        return {
            "revision": self.revision,
            "next": self.session.next_open(position),
            "firstSkipped": self.session.first_skipped(),
            "progress": self.session.progress(datetime.now().astimezone()).to_dict(),
        }

    def _upcoming(self, position: int) -> list[Item]:
        """Return the next open items; after the end of the queue, from its start."""
        items: list[Item] = []
        index: int | None = position
        while len(items) < _AHEAD and index is not None:
            index = self.session.next_open(index)
            if index is None or index == position or (items and index <= items[-1].position):
                break
            items.append(self.session.item(index))
        return items

    def _required(self, position: int) -> Item:
        """An item whose recording is in the lake."""
        item = self.session.item(position)
        self.detections.require(item.recording, item.recording_id)
        return item

    def _frame(self, item: Item) -> Frame:
        return self.detections.frame(item.recording, item.seconds)

    def _p_female(self, item: Item) -> float | None:
        try:
            return item.box and self.detections.p_female(item.recording, item.seconds, item.box)
        except GfpipeError:
            return None


def _frame_at(item: Item) -> FrameAt:
    return FrameAt(item.recording, item.seconds)


def _shown(item: Item) -> Subject:
    """What an item is about: a face, or its whole frame."""
    if item.box is None or item.face_index is None:
        return _frame_at(item)
    return FaceAt(_frame_at(item), item.recording_id, item.sample_index, item.face_index, item.box, item.config_digest)

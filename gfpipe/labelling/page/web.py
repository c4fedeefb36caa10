"""The labelling page's routes: a queue's items as JSON and JPEG, answers as JSON. Nothing here knows who may ask.

GET  /  /page.css  /page.js …                 the page
GET  /api/desk                                who answers what, and how far it is
GET  /api/items/N                             one item; N is its position in the queue, and nothing else names one
GET  /api/items/N/face.jpg   …/frame.jpg      its pictures
POST /api/items/N/answer  …/whole  …/skip     answers; stored when the response comes
POST /api/undo                                takes the latest back
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import resources
from threading import Lock
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gfpipe.errors import GfpipeError, LakeError, UsageError
from gfpipe.labelling.design.queues import FACE, Item
from gfpipe.labelling.labels import Box
from gfpipe.labelling.page.desk import Desk, FaceAnswer, Reply
from gfpipe.labelling.page.findings import Findings, Frame
from gfpipe.labelling.page.pictures import Pictures, Shown
from gfpipe.labelling.page.sheet import Sheet

_FILES: Final = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/frame.js": ("frame.js", "text/javascript"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_AHEAD: Final = 6  # pictures made ready before they are asked for
_LARGEST: Final = 1 << 16  # bytes of a request; a frame with a hundred faces has some 10 kB

Handler = Callable[["Service", int, Mapping[str, Any]], Any]


class Service:
    """What the routes do.

    Args:
        desk: the annotator's queue.
        sheet: where answers are stored.
        findings: what the lake says of the items.
        pictures: what they look like.
        shows_answers: whether the model's answer is told after the annotator's own.
        change_key: what every change must carry; see `gfpipe.labelling.page.guard`.
    """

    def __init__(
        self,
        desk: Desk,
        sheet: Sheet,
        findings: Findings,
        pictures: Pictures,
        shows_answers: bool = False,
        change_key: str = "",
    ) -> None:
        self._desk, self._sheet, self._findings, self._pictures = desk, sheet, findings, pictures
        self._shows_answers, self.change_key = shows_answers, change_key
        self._lock = Lock()
        self.saved = 0

    def state(self) -> dict[str, Any]:
        """Who answers what, and how far it is."""
        with self._lock:
            return {
                "queue": self._desk.queue.name,
                "drawn": self._desk.queue.created.isoformat(),
                "annotator": self._desk.annotator,
                "showsAnswers": self._shows_answers,
                "changeKey": self.change_key,
                **self._standing(-1),
            }

    def item(self, position: int) -> dict[str, Any]:
        """One item; what a model made of it, why it was drawn and whether it was asked before are not told."""
        with self._lock:
            item, reply = self._desk.item(position), self._desk.reply_to(position)
            ahead = self._ahead(position)
        self._pictures.prepare([item, *ahead])
        told: dict[str, Any] = {
            "position": position,
            "kind": item.kind,
            "channel": item.channel,
            "programme": item.programme,
            "seconds": item.seconds,
            "problem": None,
            "coming": [each.position for each in ahead],
        }
        try:
            told["airedAt"] = self._findings.aired_at(item).strftime("%Y-%m-%d %H:%M:%S")
            size = self._findings.size(item)
            return told | (_face(item, size, reply) if item.kind == FACE else _frame(self._findings.frame(item), reply))
        except GfpipeError as exc:
            told["problem"] = str(exc) if item.kind != FACE else None  # a crop may be all there is of a face
            return told | _face(item, None, reply)

    def face(self, position: int) -> Shown:
        """The face of an item."""
        return self._pictures.face(self._desk.item(position))

    def frame(self, position: int) -> Shown:
        """The whole picture of an item."""
        return self._pictures.frame(self._desk.item(position))

    def answer(self, position: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Store what somebody says of a face."""
        with self._lock:
            self._keep(self._desk.answer(position, _text(given.get("answer")), datetime.now(UTC)))
            told = self._standing(position)
            item = self._desk.item(position)
        return told | ({"model": [self._p_female(item)]} if self._shows_answers else {})

    def whole(self, position: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Store what somebody says of all faces of a picture."""
        frame = self._findings.frame(self._desk.item(position))
        asked = {str(face.index): face for face in frame.faces if face.counts}
        answers = _mapping(given.get("found"))
        if set(answers) != set(asked):
            raise UsageError(f"answer every face that was found: {', '.join(asked) or 'there is none'}")
        found = [FaceAnswer(face.box, _text(answers[index])) for index, face in asked.items()]
        missed = [
            FaceAnswer(_in_pixels(face.get("box"), frame.size), _text(face.get("answer")))
            for face in map(_mapping, _sequence(given.get("missed", [])))
        ]
        with self._lock:
            self._keep(self._desk.whole(position, found, missed, frame.size, datetime.now(UTC)))
            told = self._standing(position)
        return told | ({"model": [face.p_female for face in asked.values()]} if self._shows_answers else {})

    def skip(self, position: int, _: Mapping[str, Any]) -> dict[str, Any]:
        """Leave out an item whose picture cannot be shown; who cannot tell says so instead."""
        item = self._desk.item(position)
        try:
            (self._pictures.face if item.kind == FACE else self._pictures.frame)(item)
            if item.kind != FACE:
                self._findings.frame(item)
        except GfpipeError:
            with self._lock:
                self._keep(self._desk.skip(position, datetime.now(UTC)))
                return self._standing(position)
        raise UsageError("this picture can be shown: answer it, with “cannot tell” if need be")

    def undo(self) -> dict[str, Any]:
        """Take the latest reply back; what it was is told, so that a frame need not be answered from the start."""
        latest = self._desk.latest
        if latest is None:
            return self.state() | {"undone": None, "was": None}
        was = self.item(latest.position)["reply"]
        with self._lock:
            self._sheet.drop(latest.position)
            self._desk.forget(latest.position)
            return self._standing(-1) | {"undone": latest.position, "was": was}

    def _keep(self, reply: Reply) -> None:
        self._sheet.keep(reply)
        self._desk.keep(reply)
        self.saved += 1

    def _standing(self, position: int) -> dict[str, Any]:
        progress = self._desk.progress(datetime.now().astimezone())
        return {
            "next": self._desk.next_open(position),
            "firstSkipped": self._desk.first_skipped(),
            "progress": {
                "total": progress.total,
                "done": progress.done,
                "skipped": progress.skipped,
                "left": progress.left,
                "today": progress.today,
                "secondsEach": progress.seconds_each,
                "secondsLeft": progress.seconds_left,
            },
        }

    def _ahead(self, position: int) -> list[Item]:
        found: list[Item] = []
        place: int | None = position
        while place is not None and len(found) < _AHEAD:
            place = self._desk.next_open(place)
            if place is None or place == position or (found and place <= found[-1].position):
                break
            found.append(self._desk.item(place))
        return found

    def _p_female(self, item: Item) -> float | None:
        try:
            return self._findings.p_female(item)
        except GfpipeError:
            return None


def application(service: Service) -> Starlette:
    """The routes of one service."""

    def reading(work: Callable[[int], dict[str, Any]]) -> Callable[[Request], Any]:
        def endpoint(request: Request) -> Response:
            return JSONResponse(work(request.path_params["position"]))

        return endpoint

    def picture(work: Callable[[int], Shown]) -> Callable[[Request], Any]:
        def endpoint(request: Request) -> Response:
            shown = work(request.path_params["position"])
            where = {"x-face": json.dumps(shown.face)} if shown.face else {}
            return Response(shown.jpeg, media_type="image/jpeg", headers=where)

        return endpoint

    def change(work: Callable[[int, Mapping[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            given = await _body(request)
            return JSONResponse(await run_in_threadpool(work, request.path_params.get("position", -1), given))

        return endpoint

    item = "/api/items/{position:int}"
    return Starlette(
        routes=[
            *(Route(path, _static(*file), methods=["GET"]) for path, file in _FILES.items()),
            Route("/api/desk", lambda _: JSONResponse(service.state()), methods=["GET"]),
            Route(item, reading(service.item), methods=["GET"]),
            Route(f"{item}/face.jpg", picture(service.face), methods=["GET"]),
            Route(f"{item}/frame.jpg", picture(service.frame), methods=["GET"]),
            Route(f"{item}/answer", change(service.answer), methods=["POST"]),
            Route(f"{item}/whole", change(service.whole), methods=["POST"]),
            Route(f"{item}/skip", change(service.skip), methods=["POST"]),
            Route("/api/undo", change(lambda *_: service.undo()), methods=["POST"]),
        ],
        exception_handlers={GfpipeError: _problem},
    )


def _static(name: str, kind: str) -> Callable[[Request], Response]:
    content = resources.files(__package__).joinpath("static", name).read_bytes()
    return lambda _: Response(content, media_type=kind)


def _problem(_: Request, exc: Exception) -> Response:
    """What went wrong, for the page to say: 400 a wrong request, 500 the lake, 410 a picture that is not to be had."""
    status = 400 if isinstance(exc, UsageError) else 500 if isinstance(exc, LakeError) else 410
    return JSONResponse({"problem": str(exc)}, status)


async def _body(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise UsageError("a change is JSON")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise UsageError(f"a change has at most {_LARGEST} bytes")
    try:
        return _mapping(json.loads(body))
    except ValueError as exc:
        raise UsageError(f"a change is JSON: {exc}") from exc


def _face(item: Item, size: tuple[int, int] | None, reply: Reply | None) -> dict[str, Any]:
    """Where the face is in its frame, where that is known; and what was answered."""
    said = reply and {"outcome": reply.outcome, "answer": reply.faces[0].answer if reply.faces else None}
    return {"size": size, "box": item.box and size and _in_shares(item.box, size), "reply": said}


def _frame(frame: Frame, reply: Reply | None) -> dict[str, Any]:
    """The faces of a frame, those too small to count, and what was answered; boxes are shares of its sides."""
    asked = [face for face in frame.faces if face.counts]
    said = {face.box: face.answer for face in reply.faces} if reply else {}
    missed = {box: answer for box, answer in said.items() if box not in {face.box for face in asked}}
    return {
        "size": frame.size,
        "minHeight": frame.min_height / frame.size[1],
        "faces": [  # from left to right
            {"index": face.index, "box": _in_shares(face.box, frame.size)}
            for face in sorted(asked, key=lambda face: face.box)
        ],
        "small": [_in_shares(face.box, frame.size) for face in frame.faces if not face.counts],
        "reply": reply
        and {
            "outcome": reply.outcome,
            "found": {str(face.index): said[face.box] for face in asked if face.box in said},
            "missed": [{"box": _in_shares(box, frame.size), "answer": answer} for box, answer in missed.items()],
        },
    }


def _in_shares(box: Box, size: tuple[int, int]) -> Box:
    return box[0] / size[0], box[1] / size[1], box[2] / size[0], box[3] / size[1]


def _in_pixels(given: object, size: tuple[int, int]) -> Box:
    shares = _sequence(given)
    if len(shares) != 4 or not all(isinstance(share, int | float) and abs(share) < 10 for share in shares):
        raise UsageError("a marked face has a box of four numbers")
    x1, y1, x2, y2 = (float(share) * size[place % 2] for place, share in enumerate(shares))
    return x1, y1, x2, y2


def _text(given: object) -> str:
    if not isinstance(given, str):
        raise UsageError("an answer is a word")
    return given


def _mapping(given: object) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise UsageError("a change is an object of JSON")
    return given


def _sequence(given: object) -> list[Any]:
    if not isinstance(given, list):
        raise UsageError("a list is wanted there")
    return given

"""HTTP routes of the labelling page: items as JSON and JPEG, answers as JSON. Access control is elsewhere.

GET  /  /page.css  /page.js …                     the page
GET  /api/session                                 queue, annotator and progress
GET  /api/items/N                                 one item; N is its position in the queue
GET  /api/items/N/face.jpg  …/frame.jpg           its images
POST /api/items/N/face  …/frame  …/skip           answers; stored when the response arrives
POST /api/undo                                    removes the latest answer
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gfpipe.labelling.design.queues import FACE, FRAME
from gfpipe.pages.label.service import Service
from gfpipe.pages.server import files

_STATIC: Final = ("page.css", "page.js", "view.js", "frame.js", "items.js", "server.js")


def application(service: Service) -> Starlette:
    """Return the application of one session."""

    def state(_: Request) -> Response:
        return JSONResponse(service.state())

    def item(request: Request) -> Response:
        return JSONResponse(service.item(request.path_params["position"]))

    def image(kind: str) -> Callable[[Request], Response]:
        def endpoint(request: Request) -> Response:
            image = service.image(request.path_params["position"], kind)
            headers = {"x-face": json.dumps(image.face)} if image.face else {}
            return Response(image.jpeg, media_type="image/jpeg", headers=headers)

        return endpoint

    def change(operation: Callable[[int, Mapping[str, Any]], dict[str, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = await files.body(request)
            return JSONResponse(await run_in_threadpool(operation, request.path_params.get("position", -1), body))

        return endpoint

    position = "/api/items/{position:number}"
    return Starlette(
        routes=[
            files.static_file("/", __package__, "page.html"),
            *files.static(__package__, _STATIC),
            Route("/api/session", state, methods=["GET"]),
            Route(position, item, methods=["GET"]),
            *(Route(f"{position}/{kind}.jpg", image(kind), methods=["GET"]) for kind in (FACE, FRAME)),
            Route(f"{position}/{FACE}", change(service.answer_face), methods=["POST"]),
            Route(f"{position}/{FRAME}", change(service.answer_frame), methods=["POST"]),
            Route(f"{position}/skip", change(service.skip), methods=["POST"]),
            Route("/api/undo", change(lambda _, request: service.undo(request)), methods=["POST"]),
        ],
        exception_handlers=files.HANDLERS,
    )

"""Static files of pages, and errors and JSON of their requests."""

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, Final

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gfpipe.errors import GfpipeError, LakeError, UsageError

_MEDIA_TYPES: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OF_ALL_PAGES: Final = ("base.css", "icon.svg", "request.js")
_LARGEST_REQUEST: Final = 1 << 16  # bytes; a frame with a hundred faces has some 10 kB


class _Number(IntegerConvertor):
    """A number in a path. Python refuses to read integers of more than 4,300 digits."""

    regex = "[0-9]{1,100}"


register_url_convertor("number", _Number())


def static(package: str, names: Iterable[str]) -> list[Route]:
    """Routes of the files of a package's folder ``static``, and of those of all pages."""
    files = {**dict.fromkeys(names, package), **dict.fromkeys(_OF_ALL_PAGES, __package__)}
    return [static_file(f"/{name}", package, name) for name, package in files.items()]


def static_file(path: str, package: str, name: str) -> Route:
    """Route of one file of a package's folder ``static``."""
    content = resources.files(package).joinpath("static", name).read_bytes()
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]
    return Route(path, lambda _: Response(content, media_type=media_type), methods=["GET"])


def status_of(exc: Exception) -> int:
    """400 invalid request, 500 lake, 410 image not available."""
    return 400 if isinstance(exc, UsageError) else 500 if isinstance(exc, LakeError) else 410


def problem(_: Request, exc: Exception) -> Response:
    """An error for a page's script to show."""
    return JSONResponse({"problem": str(exc)}, status_of(exc))


HANDLERS: Final[Mapping[Any, Any]] = {GfpipeError: problem, ClientDisconnect: lambda *_: Response(status_code=400)}


async def body(request: Request) -> Mapping[str, Any]:
    """The JSON object that a page's script sent; raises UsageError."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise UsageError("a change must be JSON")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST_REQUEST:
            raise UsageError(f"a change must have at most {_LARGEST_REQUEST} bytes")
    try:
        return mapping(json.loads(content))
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"a change must be JSON: {exc}") from exc


def mapping(value: object) -> Mapping[str, Any]:
    """Check that a value is a JSON object; raises UsageError."""
    if not isinstance(value, dict):
        raise UsageError("a request must be a JSON object")
    return value

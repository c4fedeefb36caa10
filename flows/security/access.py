"""Access control of the Prefect servers that gfpipe starts: only requests to the server's own address, from its own UI.

Prefect checks neither. Pages of other sites, in a browser on this machine, can send requests to a port of this machine:
directly (the headers Origin and Sec-Fetch-Site name the page's site), by a name that resolves to this machine (DNS
rebinding; the header Host contains the name), or by showing the UI in a frame of theirs. Programs send no Origin.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

_NAMES: Final = ("127.0.0.1", "localhost")
_HEADERS: Final = ((b"content-security-policy", b"frame-ancestors 'none'"), (b"x-frame-options", b"DENY"))

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def hosts(port: int) -> tuple[str, ...]:
    """Host headers of requests to a server on a port of the loopback interface."""
    return tuple(name if port == 80 else f"{name}:{port}" for name in _NAMES)


def origins(port: int) -> tuple[str, ...]:
    """Origins of the pages of that server."""
    return tuple(f"http://{host}" for host in hosts(port))


class AccessControl:
    """ASGI middleware that refuses requests to other hosts (400) and from other origins (403), also for WebSockets.

    Args:
        app: the protected application.
        port: the server's port.
    """

    def __init__(self, app: Any, port: int) -> None:
        self._app, self._hosts, self._origins = app, frozenset(hosts(port)), frozenset(origins(port))

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Handle one request."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self._app(scope, receive, _unframed(send))
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: 403

    def _refusal(self, scope: Any, headers: Headers) -> PlainTextResponse | None:
        host, origin = headers.getlist("host"), headers.getlist("origin")
        if len(host) != 1 or host[0].lower() not in self._hosts:
            return PlainTextResponse("This server does not have that name.\n", 400)
        if origin:
            is_own = len(origin) == 1 and origin[0] in self._origins
        else:
            is_own = headers.get("sec-fetch-site", "none") in {"none", "same-origin"} or _is_link(scope, headers)
        return None if is_own else PlainTextResponse("Pages of other sites may not use this server.\n", 403)


def _is_link(scope: Any, headers: Headers) -> bool:
    """Whether a page of another site links to the UI, which is opened in a window of its own."""
    return scope.get("method") in {"GET", "HEAD"} and headers.get("sec-fetch-mode") == "navigate"


def _unframed(send: Send) -> Send:
    """Forbid pages of other sites to show a response in a frame."""

    async def send_unframed(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_HEADERS]}
        await send(message)

    return send_unframed

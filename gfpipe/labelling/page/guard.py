"""Who may speak with the page: only the browser that was given the address, and only our own page in it.

    address with token -> cookie (HttpOnly, SameSite=Strict), address without token -> everything else

A page of another site that the same browser has open can reach a port of this machine. It is kept out four times: it
has no cookie to send, its name is not ours (Host, against names that are bound anew), it does not come from us (Origin,
Sec-Fetch-Site), and it cannot know what every change must carry (a header whose value only our page can read).
"""

import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

CHANGE_HEADER: Final = "x-gfpipe-change"
_SAFE: Final = frozenset({"GET", "HEAD"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# The page goes on by itself: a strict cookie is not sent with a redirect that began in a mail or a chat.
_ENTRY: Final = (
    '<!DOCTYPE html><html lang="en"><meta http-equiv="refresh" content="0;url=/"><link rel="icon" href="/icon.svg">'
    '<title>Labelling</title><a href="/">Go on</a></html>'
)
_STRANGER: Final = "This page opens with the address that gfpipe label serve printed: copy all of it, token included.\n"

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Guard:
    """An ASGI application around another: answers strangers itself, and lets the page through.

    Args:
        app: what is guarded.
        hosts: what a request may call this server (``127.0.0.1:8765``, …); see :func:`hosts_of`.
        port: where it listens; part of the cookie's name, as browsers share cookies among a host's ports.
    """

    def __init__(self, app: Any, hosts: Iterable[str], port: int) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)
        self._any_address = f":{port}" if f"*:{port}" in self._hosts else ""
        self._cookie = f"gfpipe-{port}"
        self.token = secrets.token_urlsafe(32)
        self._tickets: set[str] = set()
        self._session = secrets.token_urlsafe(32)
        self.change_key = secrets.token_urlsafe(32)

    def ticket(self) -> str:
        """A token that is good once: for a browser that is started with it, as every user can read command lines."""
        ticket = secrets.token_urlsafe(32)
        self._tickets.add(ticket)
        return ticket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            refused = self._refused(scope, Headers(scope=scope))
            await (refused or self._app)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """What to tell who may not come in, or must be led in; None for our own page."""
        if not self._knows(headers.getlist("host")):
            return PlainTextResponse("This server is not called so.\n", 421)
        if scope["path"] == "/" and scope["method"] == "GET" and b"token=" in scope["query_string"]:
            return self._enter(scope["query_string"])
        if not self._has_cookie(headers.getlist("cookie")):
            return PlainTextResponse(_STRANGER, 403)
        if scope["method"] not in _SAFE and not self._is_own(headers):
            return PlainTextResponse("A change must come from the page itself.\n", 403)
        return None

    def _enter(self, query: bytes) -> Response:
        given = parse_qs(query.decode("latin-1")).get("token", [""])
        used = {ticket for ticket in self._tickets if _same(given[0], ticket)}
        self._tickets -= used
        if len(given) != 1 or not (used or _same(given[0], self.token)):
            return PlainTextResponse(_STRANGER, 403)
        response = HTMLResponse(_ENTRY)
        response.set_cookie(self._cookie, self._session, path="/", httponly=True, samesite="strict")
        return response

    def _has_cookie(self, sent: list[str]) -> bool:
        try:
            found = SimpleCookie("; ".join(sent)).get(self._cookie)
        except CookieError:
            return False
        return found is not None and _same(found.value, self._session)

    def _is_own(self, headers: Headers) -> bool:
        origin, site = headers.getlist("origin"), headers.get("sec-fetch-site", "same-origin")
        is_here = origin == [f"http://{headers['host']}"] and site == "same-origin"
        return is_here and _same(headers.get(CHANGE_HEADER, ""), self.change_key)

    def _knows(self, sent: list[str]) -> bool:
        """Whether a request calls us by our name; where we listen everywhere, by any number, which nobody can bind."""
        if len(sent) != 1:
            return False
        host = sent[0].lower()
        if self._any_address and host.endswith(self._any_address):
            return host in self._hosts or _is_address(host.removesuffix(self._any_address).strip("[]"))
        return host in self._hosts


def hosts_of(host: str, port: int) -> frozenset[str]:
    """By which names a server that listens on `host` may be called."""
    if not _is_address(host):
        names = {host}
    elif ip_address(host).is_unspecified:  # every address of this machine, and its own names
        names = {"*", "localhost", socket.gethostname(), socket.getfqdn()}
    else:
        names = {_bracketed(host)}
    if is_loopback(host):
        names |= {"localhost", "127.0.0.1", "[::1]"}
    return frozenset(f"{name}:{port}" for name in names)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach a server that listens there."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def address(host: str, port: int, token: str = "") -> str:
    """What to open in a browser."""
    reachable = "127.0.0.1" if _is_address(host) and ip_address(host).is_unspecified else _bracketed(host)
    return f"http://{reachable}:{port}/" + (f"?token={token}" if token else "")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _same(given: str, wanted: str) -> bool:
    """In a time that does not tell how much of it was right."""
    return secrets.compare_digest(given.encode(), wanted.encode())


def _with_headers(send: Send) -> Send:
    """Add what keeps a browser from storing the pictures, or running anything that is not ours."""
    extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def sent(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sent

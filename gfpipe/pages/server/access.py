"""Access control of local pages: one browser, and only requests of the page itself.

    URL with token -> session cookie (HttpOnly, SameSite=Strict), URL without token -> all other requests

Pages of other sites in the same browser can reach a port of this machine. Four checks refuse them: the cookie; the Host
header (DNS rebinding); Origin and Sec-Fetch-Site; and, for changes, a header whose value only our page can read (CSRF).
"""

import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from html import escape
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response

CHANGE_HEADER: Final = "x-gfpipe-change"
_SAFE: Final = frozenset({"GET", "HEAD"})
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# The page redirects itself: a strict cookie is not sent with a request that began on another site.
_ENTRY: Final = (
    '<!DOCTYPE html><html lang="en"><meta http-equiv="refresh" content="0;url={url}">'
    '<link rel="icon" href="/icon.svg"><title>gfpipe</title><a href="{url}">Continue</a></html>'
)
_FORBIDDEN: Final = "Open this page with the complete URL that gfpipe printed, including the token.\n"

Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class AccessControl:
    """ASGI middleware that refuses requests of other browsers and sites.

    Args:
        app: the protected application.
        hosts: accepted Host headers, as :func:`hosts_of` returns them.
        port: the server's port; part of the cookie's name, as browsers share cookies between the ports of a host.
    """

    def __init__(self, app: Any, hosts: Iterable[str], port: int) -> None:
        self._app, self._hosts = app, frozenset(host.lower() for host in hosts)
        self._any_address = f":{port}" if f"*:{port}" in self._hosts else ""
        self._cookie = f"gfpipe-{port}"
        self.token = secrets.token_urlsafe(32)
        self._one_time_tokens: set[str] = set()
        self._session = secrets.token_urlsafe(32)
        self.change_key = secrets.token_urlsafe(32)

    def one_time_token(self) -> str:
        """Return a token that is valid once, for the command line of a browser, which every user can read."""
        token = secrets.token_urlsafe(32)
        self._one_time_tokens.add(token)
        return token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            response = self._own_response(scope, Headers(scope=scope))
            await (response or self._app)(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _own_response(self, scope: Scope, headers: Headers) -> Response | None:
        """Return the refusal or the login response; None for requests of the page."""
        if not self._is_known_host(headers.getlist("host")):
            return PlainTextResponse("This server does not have that name.\n", 421)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if scope["method"] == "GET" and any(name == "token" for name, _ in query):
            return self._log_in(scope["path"], query)
        if not self._has_cookie(headers.getlist("cookie")):
            return _entry(scope["path"], query) if _follows_link(headers) else PlainTextResponse(_FORBIDDEN, 403)
        if scope["method"] not in _SAFE and not self._is_from_page(headers):
            return PlainTextResponse("Only the page itself may make changes.\n", 403)
        return None

    def _log_in(self, path: str, query: list[tuple[str, str]]) -> Response:
        tokens = [value for name, value in query if name == "token"]
        used = {token for token in self._one_time_tokens if _equal(tokens[0], token)}
        self._one_time_tokens -= used
        if len(tokens) != 1 or not (used or _equal(tokens[0], self.token)):
            return PlainTextResponse(_FORBIDDEN, 403)
        response = _entry(path, [(name, value) for name, value in query if name != "token"])
        response.set_cookie(self._cookie, self._session, path="/", httponly=True, samesite="strict")
        return response

    def _has_cookie(self, cookies: list[str]) -> bool:
        try:
            cookie = SimpleCookie("; ".join(cookies)).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and _equal(cookie.value, self._session)

    def _is_from_page(self, headers: Headers) -> bool:
        origin, site = headers.getlist("origin"), headers.get("sec-fetch-site", "same-origin")
        is_same_origin = origin == [f"http://{headers['host']}"] and site == "same-origin"
        return is_same_origin and _equal(headers.get(CHANGE_HEADER, ""), self.change_key)

    def _is_known_host(self, values: list[str]) -> bool:
        """Check the Host header; a server on all addresses accepts any IP address, which DNS rebinding cannot fake."""
        if len(values) != 1:
            return False
        host = values[0].lower()
        if self._any_address and host.endswith(self._any_address):
            return host in self._hosts or _is_address(host.removesuffix(self._any_address).strip("[]"))
        return host in self._hosts


def hosts_of(host: str, port: int) -> frozenset[str]:
    """Return the Host headers to accept for a server that listens on `host`."""
    if not _is_address(host):
        names = {host}
    elif ip_address(host).is_unspecified:  # all addresses of this machine, and its names
        names = {"*", "localhost", socket.gethostname(), socket.getfqdn()}
    else:
        names = {_bracketed(host)}
    if is_loopback(host):
        names |= {"localhost", "127.0.0.1", "[::1]"}
    return frozenset(f"{name}:{port}" for name in names)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def url(host: str, port: int, token: str = "", path: str = "/") -> str:
    """Return the URL to open in a browser; `path` may have a query."""
    reachable = "127.0.0.1" if _is_address(host) and ip_address(host).is_unspecified else _bracketed(host)
    return f"http://{reachable}:{port}{path}" + (f"{'&' if '?' in path else '?'}token={token}" if token else "")


def _follows_link(headers: Headers) -> bool:
    """Whether a browser follows a link of another site or of a file, such as the report."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _entry(path: str, query: list[tuple[str, str]]) -> Response:
    """A page without content that leads to a path of this server."""
    target = "/" + quote(path.lstrip("/")) + ("?" + urlencode(query) if query else "")
    return HTMLResponse(_ENTRY.format(url=escape(target)))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _equal(value: str, secret: str) -> bool:
    """Compare in constant time."""
    return secrets.compare_digest(value.encode(), secret.encode())


def _with_headers(send: Send) -> Send:
    """Add the security headers to a response."""
    extra = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]

    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return send_with_headers

"""Serves a page until Ctrl-C."""

import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from gfpipe.errors import UsageError
from gfpipe.pages.server import access
from gfpipe.pages.server.access import AccessControl
from gfpipe.pages.server.connections import BoundedConnection

Ready = Callable[[str, str], object]


def serve(app: AccessControl, listener: socket.socket, host: str, on_ready: Ready, path: str = "/") -> None:
    """Answer requests until Ctrl-C.

    `on_ready` is called with the URL to print and one that is valid once, to start a browser; both lead to `path`.
    """
    port = listener.getsockname()[1]
    on_ready(*(access.url(host, port, token, path) for token in (app.token, app.one_time_token())))
    with suppress(KeyboardInterrupt):  # uvicorn shuts down, then raises it again
        uvicorn.Server(configuration(app)).run(sockets=[listener])


def configuration(app: AccessControl) -> uvicorn.Config:
    """Settings of the server. There is no access log: URLs contain the token."""
    return uvicorn.Config(
        app,
        http=BoundedConnection,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket, so that the URL works as soon as it is printed.

    Raises:
        UsageError: `host` is not an address of this machine, or the port is in use.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, _, _, address = addresses[0]
    except OSError as exc:
        raise UsageError(f"{host} is not an address of this machine ({exc}); choose another --host") from exc
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Otherwise a response's body waits 40 ms on Linux for the acknowledgement of its head.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(address)
        listener.listen(64)
    except OSError as exc:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}, port {port} ({exc.strerror}); choose another --port or --host"
        ) from exc
    return listener

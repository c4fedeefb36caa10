"""Lets the labelling page run until Ctrl-C: queue, answers, pictures, guard and server put together."""

import socket
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime

import uvicorn

from gfpipe.errors import UsageError
from gfpipe.labelling.design import queues
from gfpipe.labelling.page import guard, web
from gfpipe.labelling.page.desk import Desk, Progress
from gfpipe.labelling.page.findings import Findings
from gfpipe.labelling.page.pictures import Pictures
from gfpipe.labelling.page.sheet import Sheet, annotator_named


@dataclass(frozen=True)
class Session:
    """What one run of the page came to.

    Attributes:
        saved: answers stored while it ran.
        progress: how far the annotator is with the queue.
    """

    saved: int
    progress: Progress


def run(
    lake: str,
    queue: str,
    annotator: str,
    host: str = "127.0.0.1",
    port: int = 8765,
    shows_answers: bool = False,
    ready: Callable[[str, str], object] = lambda *_: None,
) -> Session:
    """Serve the page of one annotator at one queue until Ctrl-C.

    Args:
        lake: the lake's folder or URL.
        queue: name of the queue.
        annotator: who answers.
        host: address to listen on.
        port: port to listen on; 0 takes any that is free.
        shows_answers: whether the model's answer is told after the annotator's own.
        ready: is told, once it can be opened, the address to print, and another, good once, to start a browser with.

    Raises:
        UsageError: there is no such queue, somebody is at it under this name, or the port is taken.
        LakeError: the lake cannot be read or written.
    """
    asked, annotator = queues.read(lake, queue), annotator_named(annotator)
    with closing(listening(host, port)) as listener, Sheet(lake, asked, annotator) as sheet:
        port = listener.getsockname()[1]
        desk, findings = Desk(asked, annotator, sheet.replies), Findings(lake)
        with closing(Pictures(lake, findings)) as pictures:
            service = web.Service(desk, sheet, findings, pictures, shows_answers)
            guarded = guard.Guard(web.application(service), guard.hosts_of(host, port), port)
            service.change_key = guarded.change_key
            ready(*(guard.address(host, port, token) for token in (guarded.token, guarded.ticket())))
            with suppress(KeyboardInterrupt):  # uvicorn ends in order, and then raises what ended it
                # No access log: addresses carry the token.
                config = uvicorn.Config(
                    guarded, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3
                )
                uvicorn.Server(config).run(sockets=[listener])
        return Session(service.saved, desk.progress(datetime.now().astimezone()))


def listening(host: str, port: int) -> socket.socket:
    """A socket that waits for callers, before anybody is told to call.

    Raises:
        UsageError: this machine has no such address, or the port is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as exc:
        raise UsageError(f"{host} is no address of this machine ({exc}); choose another --host") from exc
    listener = socket.socket(found[0], found[1])
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Else a response's body waits for the browser to acknowledge its head, which takes 40 ms on Linux.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(found[4])
        listener.listen(64)
    except OSError as exc:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}, port {port} ({exc.strerror}); choose another --port or --host"
        ) from exc
    return listener

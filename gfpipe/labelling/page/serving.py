"""Runs the labelling page's server until Ctrl-C."""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import uvicorn

from gfpipe.errors import UsageError
from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import Queue
from gfpipe.labelling.page import access, web
from gfpipe.labelling.page.access import AccessControl
from gfpipe.labelling.page.answer_file import AnswerFile, annotator_named
from gfpipe.labelling.page.connections import BoundedConnection
from gfpipe.labelling.page.detections import Detections
from gfpipe.labelling.page.images import ImageCache
from gfpipe.labelling.page.service import Service
from gfpipe.labelling.page.session import QueueProgress, Session


@dataclass(frozen=True)
class Summary:
    """The result of one run of the page: answers saved in it, and the annotator's progress in the queue."""

    saved: int
    progress: QueueProgress


def run(
    lake: str,
    queue: str,
    annotator: str,
    host: str = "127.0.0.1",
    port: int = 8765,
    shows_answers: bool = False,
    on_ready: Callable[[str, str], object] = lambda *_: None,
) -> Summary:
    """Serve the page for one annotator and one queue until Ctrl-C.

    Port 0 chooses a free port. With `shows_answers`, the page shows the model's answer after the annotator's.
    `on_ready` is called when the server listens, with the URL to print and one that is valid once, to start a browser.

    Raises:
        UsageError: there is no such queue, this annotator already answers it elsewhere, or the port is in use.
        LakeError: the lake cannot be read or written.
    """
    label_queue, annotator = queues.read(lake, queue), annotator_named(annotator)
    with closing(listen(host, port)) as listener:
        port = listener.getsockname()[1]
        with application(lake, label_queue, annotator, shows_answers, host, port) as (app, service, session):
            on_ready(*(access.url(host, port, token) for token in (app.token, app.one_time_token())))
            with suppress(KeyboardInterrupt):  # uvicorn shuts down, then raises it again
                # No access log: URLs contain the token.
                config = uvicorn.Config(
                    app,
                    http=BoundedConnection,
                    log_level="warning",
                    access_log=False,
                    server_header=False,
                    timeout_graceful_shutdown=3,
                )
                uvicorn.Server(config).run(sockets=[listener])
            return Summary(service.saved, session.progress(datetime.now().astimezone()))


@contextmanager
def application(
    lake: str, queue: Queue, annotator: str, shows_answers: bool, host: str, port: int
) -> Iterator[tuple[AccessControl, Service, Session]]:
    """Build the page's ASGI application; raises as :func:`run`."""
    with AnswerFile(lake, queue, annotator) as answers:
        session, detections = Session(queue, annotator, answers.replies), Detections(lake)
        with closing(ImageCache(lake, detections)) as images:
            service = Service(session, answers, detections, images, shows_answers)
            app = AccessControl(web.application(service), access.hosts_of(host, port), port)
            service.change_key = app.change_key
            yield app, service, session


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

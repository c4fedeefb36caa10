"""Runs the labelling page's server until Ctrl-C."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import Queue
from gfpipe.pages.label import web
from gfpipe.pages.label.answer_file import AnswerFile, annotator_named
from gfpipe.pages.label.service import Service
from gfpipe.pages.label.session import QueueProgress, Session
from gfpipe.pages.pictures.detections import Detections
from gfpipe.pages.pictures.images import ImageCache
from gfpipe.pages.server import access
from gfpipe.pages.server.access import AccessControl
from gfpipe.pages.server.serving import Ready, listen, serve


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
    on_ready: Ready = lambda *_: None,
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
            serve(app, listener, host, on_ready)
            return Summary(service.saved, session.progress(datetime.now().astimezone()))


@contextmanager
def application(
    lake: str, queue: Queue, annotator: str, shows_answers: bool, host: str, port: int
) -> Iterator[tuple[AccessControl, Service, Session]]:
    """Build the page's ASGI application; raises as :func:`run`."""
    with AnswerFile(lake, queue, annotator) as answers:
        session, detections = Session(queue, annotator, answers.replies), Detections(lake)
        with closing(ImageCache(lake, detections)) as images:
            service = Service(session, answers, detections, images, shows_answers, lake=lake)
            app = AccessControl(web.application(service), access.hosts_of(host, port), port)
            service.change_key = app.change_key
            yield app, service, session

"""The labelling page in this process: guard, routes and lake as they are served, with a socket or without."""

import socket
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

import uvicorn
from httpx import Response

with warnings.catch_warnings():  # it would rather have httpx2, which is not what Prefect and we use
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from gfpipe.labelling import guard, web
from gfpipe.labelling.desk import Desk
from gfpipe.labelling.findings import Findings
from gfpipe.labelling.guard import Guard
from gfpipe.labelling.pictures import Pictures
from gfpipe.labelling.queues import Queue
from gfpipe.labelling.sheet import Sheet

PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"


@dataclass
class Visitor:
    """A browser that may or may not have been let in."""

    client: TestClient
    guard: Guard

    def enter(self) -> "Visitor":
        self.client.get("/", params={"token": self.guard.token})
        return self

    @property
    def headers(self) -> dict[str, str]:
        """What the page's own script sends with a change."""
        own = {guard.CHANGE_HEADER: self.guard.change_key, "origin": ADDRESS, "sec-fetch-site": "same-origin"}
        return own | {"content-type": "application/json"}

    def get(self, path: str, **headers: str) -> Response:
        found: Response = self.client.get(path, headers=headers)
        return found

    def post(
        self, path: str, given: Mapping[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> Response:
        sent = self.headers if headers is None else headers
        found: Response = self.client.post(path, json=given or {}, headers=sent)
        return found


@contextmanager
def guarded(
    lake: str,
    queue: Queue,
    annotator: str = "AB",
    shows_answers: bool = False,
    host: str = "127.0.0.1",
    port: int = PORT,
) -> Iterator[Guard]:
    """The page of an annotator, as it is served."""
    with Sheet(lake, queue, annotator) as sheet:
        findings = Findings(lake)
        with closing(Pictures(lake, findings)) as pictures:
            service = web.Service(Desk(queue, annotator, sheet.replies), sheet, findings, pictures, shows_answers)
            found = Guard(web.application(service), guard.hosts_of(host, port), port)
            service.change_key = found.change_key
            yield found


@contextmanager
def visiting(
    lake: str, queue: Queue, annotator: str = "AB", shows_answers: bool = False, host: str = "127.0.0.1"
) -> Iterator[Visitor]:
    """The page of an annotator, and a browser that has not been let in."""
    with (
        guarded(lake, queue, annotator, shows_answers, host) as found,
        TestClient(found, base_url=ADDRESS, follow_redirects=False) as client,
    ):
        yield Visitor(client, found)


@dataclass
class Served:
    """A page behind a real socket: its address, and how to stop it."""

    address: str
    entry: str
    stop: Callable[[], None]


@contextmanager
def serving(lake: str, queue: Queue, shows_answers: bool = False) -> Iterator[Served]:
    """The page of AB for a real browser, served from a thread of this process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        with guarded(lake, queue, shows_answers=shows_answers, port=port) as found:
            server = uvicorn.Server(uvicorn.Config(found, log_level="warning", timeout_graceful_shutdown=1))
            thread = Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join()

            try:
                yield Served(guard.address("127.0.0.1", port), guard.address("127.0.0.1", port, found.token), stop)
            finally:
                stop()

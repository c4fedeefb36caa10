"""The labelling page in this process: guard, routes and lake as they are served, with a socket or without."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

import uvicorn
from httpx2 import Client, Response  # what Starlette tests with
from starlette.testclient import TestClient

from gfpipe.labelling.design.queues import Queue
from gfpipe.labelling.page import guard, web
from gfpipe.labelling.page.session import Desk
from gfpipe.labelling.page.detections import Findings
from gfpipe.labelling.page.access import Guard
from gfpipe.labelling.page.images import Pictures
from gfpipe.labelling.page.serving import listening
from gfpipe.labelling.page.answer_file import Sheet

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
    with closing(listening("127.0.0.1", 0)) as listener:
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


class Script:
    """What the page's own script asks of its server, and in which order.

    Args:
        served: the page.
    """

    def __init__(self, served: Served) -> None:
        self._client = Client(base_url=served.address)
        self._client.get(served.entry)
        self.desk: dict[str, Any] = self._asked("GET", "/api/desk").json()
        own = {guard.CHANGE_HEADER: self.desk["changeKey"], "origin": served.address.rstrip("/")}
        self._client.headers.update(own | {"sec-fetch-site": "same-origin"})

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def item(self, position: int) -> tuple[dict[str, Any], bytes]:
        """What is asked, and its picture as a JPEG."""
        item: dict[str, Any] = self._asked("GET", f"/api/items/{position}").json()
        return item, self._asked("GET", f"/api/items/{position}/{item['kind']}.jpg").content

    def answer(self, position: int, answer: str) -> dict[str, Any]:
        """Answer a face; how far it is then, and what comes next."""
        said: dict[str, Any] = self._asked("POST", f"/api/items/{position}/answer", {"answer": answer}).json()
        return said

    def floor(self) -> bytes:
        """A small file of the page, which takes no work at all."""
        return self._asked("GET", "/icon.svg").content

    def undo(self) -> dict[str, Any]:
        """Take the latest answer back."""
        said: dict[str, Any] = self._asked("POST", "/api/undo", {}).json()
        return said

    def _asked(self, method: str, path: str, given: Mapping[str, Any] | None = None) -> Response:
        return self._client.request(method, path, json=given).raise_for_status()

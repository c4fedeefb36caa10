"""The labelling page with its access control, routes and a lake, with or without a socket."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any

import uvicorn
from httpx2 import Client, Response  # the client of Starlette's test client
from starlette.testclient import TestClient

from gfpipe.labelling.design.queues import Queue
from gfpipe.pages.label.serving import application
from gfpipe.pages.server import access
from gfpipe.pages.server.access import AccessControl
from gfpipe.pages.server.serving import configuration, listen

PORT = 8765
ADDRESS = f"http://127.0.0.1:{PORT}"


@dataclass
class Visitor:
    """A browser, logged in or not."""

    client: TestClient
    access: AccessControl

    def log_in(self) -> "Visitor":
        self.client.get("/", params={"token": self.access.token})
        return self

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the page's own changes."""
        headers = {access.CHANGE_HEADER: self.access.change_key, "origin": ADDRESS, "sec-fetch-site": "same-origin"}
        return headers | {"content-type": "application/json"}

    def get(self, path: str, **headers: str) -> Response:
        response: Response = self.client.get(path, headers=headers)
        return response

    def post(self, path: str, body: Mapping[str, Any] | None = None, headers: dict[str, str] | None = None) -> Response:
        headers = self.headers if headers is None else headers
        response: Response = self.client.post(path, json=body or {}, headers=headers)
        return response


@contextmanager
def visiting(
    lake: str, queue: Queue, annotator: str = "AB", shows_answers: bool = False, host: str = "127.0.0.1"
) -> Iterator[Visitor]:
    """The page of an annotator, and a browser that is not logged in."""
    with (
        application(lake, queue, annotator, shows_answers, host, PORT) as (app, _, _),
        TestClient(app, base_url=ADDRESS, follow_redirects=False) as client,
    ):
        yield Visitor(client, app)


@dataclass
class Served:
    """A page on a real socket: its URL, its URL with token, and a function that stops it."""

    address: str
    entry: str
    stop: Callable[[], None]


@contextmanager
def serving(lake: str, queue: Queue, shows_answers: bool = False) -> Iterator[Served]:
    """The page of AB for a real browser, served from a thread."""
    with closing(listen("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with application(lake, queue, "AB", shows_answers, "127.0.0.1", port) as (app, _, _):
            server = uvicorn.Server(configuration(app))
            thread = Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join()

            try:
                yield Served(access.url("127.0.0.1", port), access.url("127.0.0.1", port, app.token), stop)
            finally:
                stop()


class Script:
    """Sends the requests of the page's script.

    Args:
        served: the page.
    """

    def __init__(self, served: Served) -> None:
        self._client = Client(base_url=served.address)
        self._client.get(served.entry)
        self.session: dict[str, Any] = self._request("GET", "/api/session").json()
        headers = {access.CHANGE_HEADER: self.session["changeKey"], "origin": served.address.rstrip("/")}
        self._client.headers.update(headers | {"sec-fetch-site": "same-origin"})

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def item(self, position: int) -> tuple[dict[str, Any], bytes]:
        """Return an item, and its image as a JPEG."""
        item: dict[str, Any] = self._request("GET", f"/api/items/{position}").json()
        return item, self._request("GET", f"/api/items/{position}/{item['kind']}.jpg").content

    def answer(self, position: int, answer: str) -> dict[str, Any]:
        """Answer a face; return progress and next position."""
        state: dict[str, Any] = self._request("POST", f"/api/items/{position}/face", {"answer": answer}).json()
        return state

    def icon(self) -> bytes:
        """Return a small static file: the minimum duration of a request."""
        return self._request("GET", "/icon.svg").content

    def undo(self) -> dict[str, Any]:
        """Undo the latest answer."""
        state: dict[str, Any] = self._request("POST", "/api/undo", {}).json()
        return state

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Response:
        return self._client.request(method, path, json=body).raise_for_status()

"""The page on which an archive is viewed, with and without a socket."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Thread

import uvicorn
from starlette.testclient import TestClient

from gfpipe.pages.server import access
from gfpipe.pages.server.serving import configuration, listen
from gfpipe.pages.view.serving import Tables, application
from tests.pages.label.pages import ADDRESS, PORT, Visitor


@contextmanager
def viewing(lake: str, tables: Tables = Tables()) -> Iterator[Visitor]:  # noqa: B008 - frozen
    """A browser that is logged in."""
    with (
        application(lake, tables, "127.0.0.1", PORT) as app,
        TestClient(app, base_url=ADDRESS, follow_redirects=False) as client,
    ):
        yield Visitor(client, app).log_in()


@contextmanager
def on_socket(lake: str) -> Iterator[tuple[str, str]]:
    """The page for a real browser: its address, and its URL with token."""
    with closing(listen("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with application(lake, Tables(), "127.0.0.1", port) as app:
            server = uvicorn.Server(configuration(app))
            thread = Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                yield access.url("127.0.0.1", port), access.url("127.0.0.1", port, app.token)
            finally:
                server.should_exit = True
                thread.join()

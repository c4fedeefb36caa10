"""Serves the page on which an archive is viewed until Ctrl-C."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gfpipe.choices import DateOrder
from gfpipe.pages.pictures.detections import Detections
from gfpipe.pages.pictures.images import ImageCache
from gfpipe.pages.server import access
from gfpipe.pages.server.access import AccessControl
from gfpipe.pages.server.serving import Ready, listen, serve
from gfpipe.pages.view import web
from gfpipe.pages.view.exclusions import Exclusions
from gfpipe.pages.view.figures import Figures
from gfpipe.pages.view.filters import Filter
from gfpipe.pages.view.marks import Marks
from gfpipe.pages.view.web import Views


@dataclass(frozen=True)
class Tables:
    """Tables of an archive that are not in its lake: programmes with their genre, and excluded intervals."""

    programmes: Path | None = None
    exclude: Path | None = None
    dates: DateOrder | None = None


def run(
    lake: str,
    given: Filter = Filter(),  # noqa: B008 - frozen
    tables: Tables = Tables(),
    host: str = "127.0.0.1",
    port: int = 8766,
    on_ready: Ready = lambda *_: None,
) -> None:
    """Serve the page of a published lake until Ctrl-C; the browser opens with a filter.

    Port 0 chooses a free port. `on_ready` is called when the server listens, with the URL to print and one that is
    valid once, to start a browser.

    Raises:
        UsageError: a table is not valid, or the port is in use.
        LakeError: the lake was never published, or cannot be read.
    """
    with closing(listen(host, port)) as listener:
        port = listener.getsockname()[1]
        with application(lake, tables, host, port) as app:
            serve(app, listener, host, on_ready, given.address("/"))


@contextmanager
def application(lake: str, tables: Tables, host: str, port: int) -> Iterator[AccessControl]:
    """Build the page's ASGI application; raises as :func:`run`."""
    detections = Detections(lake)
    with closing(Figures(lake, tables.programmes)) as figures, closing(ImageCache(lake, detections)) as images:
        zones = [(channel, timezone) for channel, timezone in figures.choices()["zones"] or ()]
        exclusions = Exclusions(tables.exclude, tables.dates, zones)
        views = Views(lake, figures, detections, images, exclusions, Marks(lake))
        app = AccessControl(web.application(views), access.hosts_of(host, port), port)
        views.change_key = app.change_key
        yield app

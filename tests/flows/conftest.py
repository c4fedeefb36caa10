"""A tiny archive, and one Prefect server for every test of the flows, with a database of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows import server
from gfpipe.video.encode import write_video

NIGHT = "2001-03-04"


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels, one night: three seconds of grey, twice, and a text that calls itself a video."""
    folder = tmp_path_factory.mktemp("archive")
    for channel in ("one", "two"):
        (folder / channel / NIGHT).mkdir(parents=True)
        frames = (np.full((90, 160, 3), level, np.uint8) for level in range(75))
        write_video(folder / channel / NIGHT / "2000_news.mp4", frames)
    (folder / "two" / NIGHT / "2130_film.mp4").write_text("This is no video, whatever its name says.\n")
    return folder


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prefect API that this process and its children talk to."""
    database = tmp_path_factory.mktemp("prefect") / "prefect.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(os.environ, "PREFECT_API_URL", raising=False)
        patch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{database}")
        with server.available() as api_url:
            yield api_url

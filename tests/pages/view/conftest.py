"""A published lake of real footage, and a published lake made by hand."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from gfpipe import warehouse
from gfpipe.stages.figures import publish
from tests.pages.label.pages import Visitor
from tests.pages.view.pages import viewing
from tests.warehouse.lakes import EVENING, Face, Show, write_labels, write_schedule, write_show

WOMAN, MAN, UNSURE = Face(0.97, track=1), Face(0.02, track=2), Face(0.5, height=100.0, track=3, score=0.95)


@pytest.fixture(scope="session")
def published(analysed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of real footage, published; read-only."""
    lake = tmp_path_factory.mktemp("viewed") / "lake"
    shutil.copytree(analysed, lake)
    warehouse.build(lake)
    return lake


@pytest.fixture
def footage(published: Path, tmp_path: Path) -> str:
    """A copy of it that a test may modify."""
    return str(shutil.copytree(published, tmp_path / "lake"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two channels on eight evenings; one recording failed, one was never analysed; some faces are labelled."""
    lake = tmp_path_factory.mktemp("made") / "lake"
    for channel, faces in (("One", [WOMAN, UNSURE]), ("Two", [MAN])):
        for day in range(8):
            show = Show(channel, "News", EVENING + timedelta(days=day), [(10.0, faces)] * 4 + [(10.0, [])])
            write_show(lake, show)
    failed = Show(
        "Two", "Film", EVENING + timedelta(days=1, hours=2), changes={"status": "failed", "reason": "no video"}
    )
    write_show(lake, failed, "recordings")
    missing = {
        "recording_id": "missing",
        "path": "/archive/missing.ts",
        "started_at": EVENING + timedelta(days=2, hours=3),
    }
    write_schedule(lake, missing | {"scheduled_seconds": 1800.0})
    read_as_woman = Show("One", "News", EVENING)
    write_labels(lake, {"recording_id": read_as_woman.recording_id, "answer": "male"})
    publish.run(lake)
    return lake


@pytest.fixture
def archive(made: Path) -> Iterator[Visitor]:
    """A browser at the lake made by hand."""
    with viewing(str(made)) as visitor:
        yield visitor

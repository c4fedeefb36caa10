"""A tiny archive and tiny data sets, and one Prefect server for every test of the flows, with a database of its own."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flows import server
from gfpipe.models import champion, store
from gfpipe.settings import Analysis
from gfpipe.video.encode import read_frames, write_video

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


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of a woman and 60 of a man, in a folder each: the demo's two people, a little apart each time."""
    folder = tmp_path_factory.mktemp("faces")
    for name in ("female", "male"):
        (folder / name).mkdir()
    portrait = Image.open(store.fetch_source("astronaut")).convert("RGB")
    for number in range(60):
        left, top = 100 + number % 10, number // 10
        portrait.crop((left, top, left + 240, top + 240)).save(folder / "female" / f"{number:02}.png")
    for number, frame in enumerate(list(read_frames(store.fetch_source("carphone")))[:60]):
        Image.fromarray(frame).save(folder / "male" / f"{number:02}.png")
    return folder


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder of the test's own: the first champion, its twin, one that says the opposite, the detector."""
    first = store.open_model(champion.FIRST)
    there = [store.pull(name) for name in (champion.FIRST, Analysis().detector)]
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    for folder in there:
        shutil.copytree(folder, tmp_path / "models" / folder.name)
    opposite = {name: w.flip(0) if name.startswith("head.") else w for name, w in first.weights.items()}
    store.save_model(replace(first.card, id="twin"), first.weights)
    store.save_model(replace(first.card, id="contrary"), opposite)
    return tmp_path / "models"


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that takes seconds: the smallest network, from the first champion's weights, which it hardly changes."""
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(
        f'''
title = "For tests"
network = "cydral-gender"
initial = "{champion.FIRST}"
precision = "fp32"
[split]
validation = 0.2
test = 0.2
[[stages]]
name = "touch"
data = "people"
epochs = 2
rate = 1e-7
batch = 32
'''
    )
    return path

"""The Python API: analyse, publish and ask without Prefect."""

import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import gfpipe
from gfpipe.base.progress import Progress
from gfpipe.errors import LakeError
from tests.pipeline.archives import programme

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    programme(folder / "archive", "tv/2001-03-04/2000_news.mp4")
    (folder / "archive" / "tv/2001-03-04/2100_bad.mp4").write_text("no video")
    progress: list[Progress] = []
    summaries = gfpipe.analyse(
        folder / "archive", folder / "lake", timezone="Europe/Paris", processes=1, on_progress=progress.append
    )
    assert [summary.status.value for summary in summaries] == ["done", "failed"]
    assert [(now.done, now.total) for now in progress] == [(1, 2), (2, 2)]
    assert gfpipe.publish(folder / "lake") == folder / "lake" / "gfpipe.duckdb"
    return folder / "lake"


def test_results_are_pandas_frames_or_arrow_tables(lake: Path) -> None:
    frames, tables = gfpipe.open(lake), gfpipe.open(lake, arrow=True)
    stats = frames.stats(by="channel")
    assert isinstance(stats, pd.DataFrame)
    assert (stats["channel"].tolist(), stats["recordings"].tolist()) == (["tv"], [1])
    assert isinstance(tables.stats(["channel", "month"]), pa.Table)
    assert tables.estimates.equals(tables.sql("from estimates"))
    assert frames.sql("select 1 + $n as n", {"n": 2})["n"].tolist() == [3]


def test_statistics_of_a_period_count_its_days_only(lake: Path) -> None:
    day = date(2001, 3, 4)
    seconds = gfpipe.open(lake).stats(since=day, until=day)["female_face_seconds"]
    assert seconds.tolist() == gfpipe.open(lake).stats()["female_face_seconds"].tolist()


def test_a_lake_that_was_never_published_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    with pytest.raises(LakeError, match="gfpipe publish"):
        gfpipe.open(tmp_path)


def test_recordings_may_be_given_one_by_one_and_are_not_analysed_twice(lake: Path, tmp_path: Path) -> None:
    file = lake.parent / "archive" / "tv/2001-03-04/2000_news.mp4"
    recording = gfpipe.Recording(str(file), "tv", "news", datetime(2001, 3, 4, 20, tzinfo=UTC))
    for reused in (False, True):
        (summary,) = gfpipe.analyse([recording], tmp_path / "lake", processes=1)
        assert (summary.status.value, summary.reused) == ("done", reused)


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import gfpipe, sys; print([m for m in ('numpy', 'pandas', 'pyarrow', 'torch') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_nothing_is_reported_as_leaked_at_the_end_of_a_script() -> None:
    script = "import gfpipe; gfpipe.open"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr == ""


def test_nothing_is_reported_as_leaked_after_an_error_that_a_thread_keeps() -> None:
    script = """
import queue
import threading
from gfpipe.errors import LakeError
from gfpipe.warehouse.connection import lake_errors

def fail():
    import duckdb
    connection = duckdb.connect()
    with lake_errors("lake"):
        connection.execute("select nothing")

full = queue.Queue(1)
full.put(None)
try:
    fail()
except LakeError as error:
    threading.Thread(target=full.put, args=(error,), daemon=True).start()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr == ""

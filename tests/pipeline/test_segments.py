"""A recording that several workers analyse side by side has the rows of one that is analysed as a whole."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from gfpipe.choices import Decoder, Device, Sampling
from gfpipe.faces import analysis
from gfpipe.lake.shards import ROW_TABLES
from gfpipe.models import champion
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import Analysis, CropRetention
from gfpipe.stages.analysis import analyse, demo
from gfpipe.video.encode import write_video
from tests.pipeline.archives import FPS

SHOTS = (("woman", 4), ("both", 3), ("street", 2), ("man", 3))
KEYS = ["sample_index", "face_index"]
OF_A_RUN = {"analysed_at", "decode_seconds", "detect_seconds", "chips_seconds", "classify_seconds", "write_seconds"}
CPU = Analysis(classifier=champion.FIRST, device=Device.CPU)


class Here(Executor):
    """Makes calls in this process, and counts them."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.calls.append(fn.__name__)
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyse, "SEGMENT_BYTES", 1000)


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reel")


def footage(path: Path, **options: Any) -> Recording:
    if not path.exists():
        write_video(path, (frame[::2, ::2] for frame in demo.footage().frames(SHOTS)), FPS, **options)
    return Recording(str(path), "one", "news", datetime(2001, 3, 4, 20, tzinfo=UTC))


def analysed(recording: Recording, lake: Path, config: Analysis, workers: int, **options: Any) -> list[str]:
    """The calls that an analysis made."""
    here = Here()
    summary = analyse.run_in(here, recording, workers, str(lake), config, **options)
    assert isinstance(summary, Summary)
    return here.calls


def table(lake: Path, name: str) -> pa.Table:
    found = ds.dataset(lake / name / "v1").to_table()
    return found.sort_by([(key, "ascending") for key in KEYS if key in found.column_names] or "recording_id")


def assert_same_rows(one: Path, other: Path) -> None:
    for name in (*ROW_TABLES, "recordings"):
        left, right = table(one, name), table(other, name)
        assert left.num_rows == right.num_rows > 0
        for column in set(left.column_names) - OF_A_RUN:
            values = left[column].to_pylist(), right[column].to_pylist()
            if column in {"x1", "y1", "x2", "y2", "landmarks", "detector_score", "height_360", "p_female"}:
                # Networks round differently in batches of different sizes.
                np.testing.assert_allclose(*values, rtol=1e-5, atol=1e-5)
            else:
                assert values[0] == values[1], column


@pytest.mark.slow
@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("dense.ts", {"codec": "mpeg2video", "gop": 12, "interlaced": True}),
        ("long.mp4", {"gop": 60, "keyframes": {4 * FPS, 7 * FPS}}),
    ],
)
def test_rows_of_segments_are_those_of_the_whole(
    reel: Path, tmp_path: Path, name: str, options: dict[str, Any], sampling: Sampling
) -> None:
    recording, config = footage(reel / name, **options), replace(CPU, sampling=sampling)
    assert analysed(recording, tmp_path / "whole", config, 1) == ["run"]
    assert len(set(table(tmp_path / "whole", "samples")["shot"].to_pylist())) > 3
    tracks = table(tmp_path / "whole", "faces")["track_id"].to_pylist()
    assert max(map(tracks.count, tracks)) > 2  # several samples: seams are within tracks
    assert analysed(recording, tmp_path / "lake", config, 5) == [*["part"] * 5, "join"]
    assert_same_rows(tmp_path / "whole", tmp_path / "lake")


def test_a_recording_that_is_not_the_sum_of_its_segments_is_analysed_as_a_whole(
    reel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "joined", lambda _: None)
    recording = footage(reel / "long.mp4")
    assert analysed(recording, tmp_path, CPU, 2) == ["part", "part", "join", "run"]
    assert table(tmp_path, "recordings")["status"].to_pylist() == ["done"]


def test_a_file_that_is_no_video_is_a_failure_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "news.mp4"
    path.write_bytes(b"no video" * 1000)
    recording = Recording(str(path), "one", "news", datetime(2001, 3, 4, 20, tzinfo=UTC))
    assert analysed(recording, tmp_path / "lake", CPU, 3) == ["part"] * 3 + ["run"]
    assert table(tmp_path / "lake", "recordings")["status"].to_pylist() == ["failed"]


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (CPU, {"retention": CropRetention("1d")}),
        (Analysis(Sampling.EXACT, classifier=champion.FIRST, decoder=Decoder.DECORD), {}),
    ],
)
def test_recordings_with_crops_or_another_decoder_stay_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: Analysis, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(analyse, "run", lambda recording, *_: Summary(recording, Status.DONE))
    path = tmp_path / "news.mp4"
    path.write_bytes(bytes(10_000))
    recording = Recording(str(path), "one", "news", datetime(2001, 3, 4, 20, tzinfo=UTC))
    assert analysed(recording, tmp_path, config, 3, **options) == ["<lambda>"]

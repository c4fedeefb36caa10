"""Crops are stored only on request, within the limits, and show the right faces."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from gfpipe.archive import manifest
from gfpipe.choices import DEFAULT_PATTERN, Device
from gfpipe.faces import portraits
from gfpipe.lake import crops
from gfpipe.lake.index import earlier
from gfpipe.models import champion, store
from gfpipe.recording import Recording
from gfpipe.settings import Analysis, CropRetention
from gfpipe.stages.analysis import analyse, demo, reclassify
from gfpipe.stages.figures import publish, report
from gfpipe.stages.labels import label
from gfpipe.training.data import datasets
from gfpipe.video.encode import write_video
from tests.lake.pictures import pictures
from tests.pipeline.archives import FPS, analyse_all

pytestmark = pytest.mark.slow

CPU = Analysis(classifier=champion.FIRST, device=Device.CPU)
SHOTS = (("woman", 4), ("both", 3), ("man", 4), ("street", 2), ("both", 3))  # six tracks
KEEP = CropRetention("30d", per_day=1_000_000)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    path = tmp_path_factory.mktemp("archive") / "tv" / "2001-03-04" / "2000_film.mp4"
    path.parent.mkdir(parents=True)
    write_video(path, demo.footage().frames(SHOTS), FPS, gop=50)
    (recording,) = manifest.read(path.parents[2], DEFAULT_PATTERN, "UTC").recordings
    return recording


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    files = sorted((lake / table / "v1").rglob("[!._]*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def test_without_keep_crops_no_picture_is_stored(tmp_path: Path) -> None:
    """Analyse, label, publish and report, as the demo does."""
    programme = demo.PROGRAMMES[2]
    demo._write(tmp_path / "archive", programme, demo.footage())
    (summary,) = analyse_all(tmp_path / "archive", tmp_path / "lake", CPU)
    assert summary.faces > 20
    publish.run(tmp_path / "lake")
    demo.label(tmp_path / "lake", tmp_path / "labels.csv")
    label.run(str(tmp_path / "lake"), tmp_path / "labels.csv")
    publish.run(tmp_path / "lake")
    report.run(str(tmp_path / "lake"), tmp_path / "lake" / "report.html")
    assert pictures(tmp_path / "lake") == []
    assert not (tmp_path / "lake" / "crops").exists()


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        (KEEP, 6),
        (replace(KEEP, per_track=2), 12),
        (replace(KEEP, per_track=100, per_recording=7), 7),
        (replace(KEEP, per_track=100, per_day=4 * 86_400 // 16), 4),  # of 16 seconds
    ],
)
def test_the_number_of_stored_pictures_is_limited(
    film: Recording, tmp_path: Path, retention: CropRetention, expected: int
) -> None:
    now = datetime.now(UTC)
    analyse.run(film, str(tmp_path), CPU, retention)
    assert len(pictures(tmp_path)) == expected
    faces = {(row["sample_index"], row["face_index"]): row for row in rows(tmp_path, "faces")}
    kept = rows(tmp_path, "crops")
    for row in kept:
        face = faces[row["sample_index"], row["face_index"]]
        assert face["height_360"] >= 24
        assert face["detector_score"] > 0.89
        assert (row["track_id"], row["config_digest"]) == (face["track_id"], face["config_digest"])
        assert row["expires_at"] - row["kept_at"] == timedelta(days=30)
        assert now < row["kept_at"] < now + timedelta(minutes=10)
        assert row["width"] == row["height"] <= 256
    assert [row["jpeg"] for row in kept] == [
        crops.jpeg(str(tmp_path), row["recording_id"], row["sample_index"], row["face_index"], row["config_digest"])
        for row in kept
    ]


def test_rows_and_digest_do_not_depend_on_crops(film: Recording, tmp_path: Path) -> None:
    analyse.run(film, str(tmp_path / "with"), CPU, KEEP)
    analyse.run(film, str(tmp_path / "without"), CPU)
    for table in ("samples", "faces", "attributes"):
        assert rows(tmp_path / "with", table) == rows(tmp_path / "without", table)


def test_a_recording_without_crops_is_analysed_again_on_request(
    film: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = str(tmp_path)
    analyse.run(film, lake, CPU)
    assert analyse.run(film, lake, CPU, replace(KEEP, again=False)).reused
    assert not analyse.run(film, lake, CPU, replace(KEEP, expires="1h")).reused
    before = rows(tmp_path, "crops")
    assert len(before) == 6
    assert analyse.run(film, lake, CPU, KEEP).reused, "they have not expired"
    assert analyse.run(film, lake, CPU).reused
    assert rows(tmp_path, "crops") == before
    monkeypatch.setattr(crops, "is_past", lambda _said, now: now + timedelta(hours=2) > before[0]["expires_at"])
    assert not analyse.run(film, lake, CPU, KEEP).reused
    after = rows(tmp_path, "crops")
    assert [row["jpeg"] for row in after] == [row["jpeg"] for row in before], "chance is the same each time"
    assert after[0]["expires_at"] > before[0]["expires_at"]


def test_another_analysis_removes_the_crops_of_the_previous_one(film: Recording, tmp_path: Path) -> None:
    analyse.run(film, str(tmp_path), CPU, KEEP)
    analyse.run(film, str(tmp_path), replace(CPU, every_seconds=2.0))
    assert pictures(tmp_path) == []
    analyse.run(film, str(tmp_path), CPU, KEEP)
    analyse.run(film, str(tmp_path), replace(CPU, every_seconds=2.0), KEEP)
    (digest,) = {row["config_digest"] for row in rows(tmp_path, "crops")}
    assert digest == rows(tmp_path, "recordings")[0]["config_digest"]


def test_the_crops_of_an_unreadable_file_are_removed(film: Recording, tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(Path(film.path).read_bytes())
    moved = replace(film, path=str(tmp_path / "film.mp4"))
    analyse.run(moved, str(tmp_path / "lake"), CPU, KEEP)
    Path(moved.path).write_text("no video")
    analyse.run(moved, str(tmp_path / "lake"), CPU, KEEP)
    assert pictures(tmp_path / "lake") == []


def test_crops_follow_their_faces_when_they_are_reclassified(
    film: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, old = str(tmp_path / "lake"), store.open_model(champion.FIRST)
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    twin = str(store.save_model(replace(old.card, id="twin"), old.weights))
    monkeypatch.undo()
    analyse.run(film, lake, CPU, KEEP)
    before = rows(tmp_path / "lake", "crops")
    (recording,) = earlier.analysed(lake)
    reclassify.run(recording, lake, replace(CPU, classifier=twin))
    after = rows(tmp_path / "lake", "crops")
    digest = rows(tmp_path / "lake", "recordings")[0]["config_digest"]
    assert digest != before[0]["config_digest"]
    assert after == [row | {"config_digest": digest} for row in before]
    provenance = analyse.prepare(replace(CPU, classifier=twin))
    assert analyse.finished(film, lake, provenance, KEEP) is not None


def test_labelled_crops_are_a_data_set_for_training(film: Recording, tmp_path: Path) -> None:
    """The data-set adapter reads them, and the detector finds the face in each crop."""
    lake = str(tmp_path / "lake")
    analyse.run(film, lake, CPU, replace(KEEP, per_track=100))
    samples = {row["sample_index"]: row["seconds"] for row in rows(tmp_path / "lake", "samples")}
    faces = {(row["sample_index"], row["face_index"]): row for row in rows(tmp_path / "lake", "faces")}
    kept = rows(tmp_path / "lake", "crops")
    assert len(kept) > 15
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["recording", "seconds", "x1", "y1", "x2", "y2", "answer"])
        for row in kept:
            face = faces[row["sample_index"], row["face_index"]]
            corners = [face[name] for name in ("x1", "y1", "x2", "y2")]
            moment = samples[row["sample_index"]] + 0.01
            table.writerow([film.path, moment, *corners, "female" if row["face_index"] else "male"])
    label.run(lake, tmp_path / "labels.csv")
    dataset = datasets.read(f"lake={lake}")
    assert dataset.broadcast
    assert not dataset.skipped
    assert [image.read() for image in dataset.images] == [row["jpeg"] for row in kept]
    assert [image.perceived_gender for image in dataset.images] == [
        "female" if row["face_index"] else "male" for row in kept
    ]
    unreadable: list[tuple[int, str]] = []
    detect = portraits.open_detector(CPU.detector, torch.device("cpu"))
    found = [one for each in portraits.find(dataset.images, detect, unreadable) for one in each.detected]
    assert not unreadable
    assert len(found) == len(kept)
    assert all(found)

"""Tests of one recording: its strip, its frames, its file, and what happens if the file is gone or another one."""

import io
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from gfpipe import warehouse
from gfpipe.base import images
from gfpipe.pages.view import programme
from gfpipe.pages.view.exclusions import Exclusions
from gfpipe.pages.view.figures import Figures
from gfpipe.pages.view.marks import QUEUE
from gfpipe.pages.view.serving import Tables
from tests.labelling.broadcasts import rows
from tests.pages.label.pages import Visitor
from tests.pages.view.pages import viewing
from tests.warehouse.lakes import EVENING, Face, Show, write_show, write_speech


@pytest.fixture
def visitor(footage: str) -> Iterator[Visitor]:
    with viewing(footage) as logged_in:
        yield logged_in


@pytest.fixture
def two_men(footage: str) -> str:
    """The id of the recording of two men."""
    return next(str(row["recording_id"]) for row in rows(footage, "recordings") if row["programme"] == "two men")


@pytest.fixture
def moved(footage: str, tmp_path: Path) -> tuple[str, str, Path]:
    """A lake whose recording of two men is at a path that a test may change, with its id."""
    recordings = {row["recording_id"]: row for row in rows(footage, "recordings")}
    row = next(row for row in recordings.values() if row["programme"] == "two men")
    path = Path(shutil.copy(row["path"], tmp_path / Path(row["path"]).name))
    for shard in Path(footage, "recordings").rglob(f"{row['recording_id']}.parquet"):
        table = pq.read_table(shard)
        column = table.column_names.index("path")
        pq.write_table(table.set_column(column, table.schema.field("path"), [[str(path)]]), shard)
    warehouse.build(Path(footage))
    return footage, row["recording_id"], path


def test_a_frame_is_the_size_of_the_recording_and_its_faces_have_boxes(visitor: Visitor, two_men: str) -> None:
    samples = visitor.get(f"/recordings/{two_men}/samples.json").json()
    assert [kind for _, _, kind, *_ in samples] == ["men"] * len(samples)
    response = visitor.get(f"/recordings/{two_men}/frames/0.jpg")
    assert response.headers["cache-control"] == "no-store"
    assert Image.open(io.BytesIO(response.content)).size == (352, 144)
    found = visitor.get(f"/recordings/{two_men}/frames/0.json").json()
    assert [face["read"] for face in found] == ["male", "male"]
    assert all(0 <= value <= 1 for face in found for value in face["box"])
    assert found[0]["box"][2] < found[1]["box"][0]
    assert all(face["pFemale"] < 0.4 and face["score"] > 0.9 and face["track"] is not None for face in found)
    face = visitor.get(f"/recordings/{two_men}/faces/0/{found[0]['index']}.jpg")
    assert len(set(Image.open(io.BytesIO(face.content)).size)) == 1


def test_the_next_ten_frames_are_decoded_in_advance(
    footage: str, two_men: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []
    monkeypatch.setattr(
        "gfpipe.pages.pictures.images.ImageCache.prepare",
        lambda _, subjects: asked.extend(subject.seconds for subject in subjects),
    )
    with viewing(footage) as visitor:
        samples = visitor.get(f"/recordings/{two_men}/samples.json").json()
        visitor.get(f"/recordings/{two_men}/frames/1.jpg")
    assert asked == [seconds for seconds, *_ in samples[1:12]]


def test_the_file_is_served_in_byte_ranges(visitor: Visitor, two_men: str, footage: str) -> None:
    path = next(row["path"] for row in rows(footage, "recordings") if row["recording_id"] == two_men)
    content = Path(path).read_bytes()
    response = visitor.get(f"/recordings/{two_men}/file", range="bytes=10-19")
    assert (response.status_code, response.content) == (206, content[10:20])
    assert response.headers["cache-control"] == "no-store"
    assert visitor.get(f"/recordings/{two_men}/file").content == content


@pytest.mark.parametrize(
    "path",
    [
        "/recordings/other/file",
        "/recordings/..%2f..%2fetc%2fpasswd/file",
        "/recordings/%2fetc%2fpasswd/file",
        "/recordings/../../etc/passwd",
        "/programme/other",
        "/static/../web.py",
        "/web.py",
    ],
)
def test_nothing_but_recordings_of_the_lake_is_served(visitor: Visitor, path: str) -> None:
    response = visitor.get(path)
    assert response.status_code in {400, 404}
    assert "root:" not in response.text


@pytest.mark.parametrize("kind", ["link to another file", "other content", "gone"])
def test_a_file_that_is_not_the_analysed_one_is_not_shown(
    moved: tuple[str, str, Path], kind: str, tmp_path: Path
) -> None:
    lake, recording, path = moved
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret" * 1000)
    with viewing(lake) as visitor:
        assert visitor.get(f"/recordings/{recording}/file").status_code == 200
        path.unlink()
        if kind == "link to another file":
            path.symlink_to(secret)
        elif kind == "other content":
            os.link(secret, path)
        for name in ("file", "frames/0.jpg", "faces/0/0.jpg"):
            response = visitor.get(f"/recordings/{recording}/{name}")
            assert response.status_code == 410, name
            assert str(path) in response.json()["problem"]
            assert b"secretsecret" not in response.content
        assert visitor.get(f"/programme/{recording}").status_code == 200
        assert len(visitor.get(f"/recordings/{recording}/frames/0.json").json()) == 2


def test_without_the_cookie_nothing_is_readable(visitor: Visitor, two_men: str) -> None:
    visitor.client.cookies.clear()
    for path in ("/", "/trend", "/faces", f"/programme/{two_men}", f"/recordings/{two_men}/file", "/view.css"):
        assert visitor.get(path).status_code == 403, path
    assert visitor.get(f"/recordings/{two_men}/frames/0.jpg").status_code == 403


def test_viewing_leaves_no_picture_in_any_file(
    footage: str, two_men: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = {path: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    with viewing(footage) as visitor:
        for recording in (row["recording_id"] for row in rows(footage, "recordings")):
            for sample, _ in enumerate(visitor.get(f"/recordings/{recording}/samples.json").json()):
                assert visitor.get(f"/recordings/{recording}/frames/{sample}.jpg").status_code == 200
                for face in visitor.get(f"/recordings/{recording}/frames/{sample}.json").json():
                    visitor.get(f"/recordings/{recording}/faces/{sample}/{face['index']}.jpg")
        visitor.get("/faces")
        visitor.post("/marks", {"recording": two_men, "sample": 0, "face": 0})
        new = [path for path in tmp_path.rglob("*") if path.is_file() and before.get(path) != path.stat().st_size]
        assert [path.name for path in new] == [f"{QUEUE}.parquet"]
        for path in new:
            with path.open("rb") as file:
                assert images.in_stream(file) == 0


def test_the_strip_shows_what_does_not_count(tmp_path: Path) -> None:
    show = Show(samples=[(10.0, [Face(0.9)]), (10.0, [Face(0.1)]), (10.0, [])], changes={"duration_seconds": 60.0})
    write_show(tmp_path, show)
    write_show(tmp_path, Show(start=EVENING + timedelta(seconds=20), programme="Film", samples=[(10.0, [])] * 2))
    write_speech(tmp_path, show, ("female", 1.0, 3.0), ("music", 3.0, 5.0))
    warehouse.build(tmp_path)
    table = tmp_path / "commercials.csv"
    table.write_text("channel,start,end\nOne,2001-03-04 20:00:05,2001-03-04 20:00:08\n")
    figures = Figures(str(tmp_path))
    shown = programme.programme(figures, show.recording_id)
    later = programme.programme(figures, Show(start=EVENING + timedelta(seconds=20), programme="Film").recording_id)
    exclusions = Exclusions(table, None, [("One", "UTC")])
    strip = programme.strip(shown, str(tmp_path), exclusions)
    assert [(run.start, run.seconds, run.kind) for run in strip.faces] == [
        (0.0, 10.0, "women"),
        (10.0, 10.0, "men"),
        (20.0, 10.0, "nobody"),
    ]
    assert [(run.start, run.seconds, run.text) for run in strip.left_out] == [
        (30.0, 30.0, "not analysed"),
        (5.0, 3.0, "excluded"),
    ]
    assert [(run.start, run.seconds, run.kind) for run in strip.speech] == [(1.0, 2.0, "female")]
    elsewhere = programme.strip(later, str(tmp_path), exclusions).left_out
    assert ("counted in another recording", 10.0) in [(run.text, run.seconds) for run in elsewhere]


def test_a_lake_without_its_archive_can_still_be_viewed(made: Path) -> None:
    with viewing(str(made), Tables()) as visitor:
        recording = Show("One", "News", EVENING).recording_id
        assert "women only" in visitor.get(f"/programme/{recording}").text

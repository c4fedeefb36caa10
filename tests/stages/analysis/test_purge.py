"""A purge reaches every copy, proves it by looking again, and can be interrupted."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import copies, crops, uses
from gfpipe.lake.retention import Place, PurgeScope
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording
from gfpipe.stages.analysis import purge
from gfpipe.training.data.chips import Writer
from tests.conftest import Command
from tests.lake.kept import MONTH, keep, recording
from tests.lake.pictures import jpeg, pictures

EXPIRED, ALL = PurgeScope(expired=True), PurgeScope(everything=True)


@pytest.fixture
def news(tmp_path: Path) -> Recording:
    """Its crops have expired."""
    return keep(tmp_path / "lake", recording(tmp_path), ago=MONTH)


@pytest.fixture
def film(tmp_path: Path) -> Recording:
    """Its crops have not."""
    return keep(tmp_path / "lake", recording(tmp_path, "film"), 2)


@pytest.fixture
def lake(tmp_path: Path, news: Recording, film: Recording) -> Path:
    """Crops of two recordings, sets of one and of both, a queue and answers about both."""
    home = tmp_path / "lake"
    write_set(home, "both", rows_of(home), tmp_path)
    write_set(home, "film", [row for row in rows_of(home) if row["recording_id"] == film.recording_id])
    write_set(home, "news", [row for row in rows_of(home) if row["recording_id"] == news.recording_id])
    for table, name in (("queues", "march"), ("labels", "march-ab")):
        (home / table / "v1").mkdir(parents=True)
        faces = pa.table({"recording_id": [news.recording_id] * 3 + [film.recording_id] * 2})
        pq.write_table(faces.replace_schema_metadata({"gfpipe.seed": "7"}), home / table / "v1" / f"{name}.parquet")
    return home


def rows_of(lake: Path) -> list[dict[str, Any]]:
    """Rows of a set, one a crop that the lake holds; by paths within the lake."""
    found = []
    for name in crops.names(Storage(str(lake))):
        table = crops.faces(Storage(str(lake)), name).to_pylist()
        keys = ("recording_id", "sample_index", "face_index", "config_digest")
        found += [{"path": name, "row": at} | {key: row[key] for key in keys} for at, row in enumerate(table)]
    return found


def write_set(lake: Path, name: str, rows: list[dict[str, Any]], elsewhere: Path | None = None) -> None:
    """A set as `gfpipe curate` writes it; with a picture of a benchmark where `elsewhere` is given."""
    folder = lake / "sets" / name
    folder.mkdir(parents=True)
    if elsewhere:
        (elsewhere / "benchmark.jpg").write_bytes(jpeg())
        rows = [*rows, {"path": str(elsewhere / "benchmark.jpg"), "recording_id": ""}]
    columns = {key: [row.get(key) for row in rows] for key in rows[0]}
    table = pa.table(columns).replace_schema_metadata({"gfpipe.soft": "true", "gfpipe.root": str(lake)})
    pq.write_table(table, folder / "faces.parquet")
    (folder / "card.json").write_text("{}")
    (folder / "selection-curves.svg").write_text("<svg/>")
    (folder / "contact-sheet-1.jpg").write_bytes(jpeg())
    (folder / "contact-sheet-2.svg").write_text('<svg><image href="data:image/jpeg;base64,/9j/"/></svg>')


def train_on(folder: Path, shards: list[Path]) -> Path:
    """Chips as an interrupted training leaves them."""
    uses.register(folder, shards)
    writer = Writer(folder, "key", 4, 8)
    writer.put(np.arange(4), np.array([True, True, True, False]), torch.zeros(3, 3, 8, 8))
    writer.finish({})
    return folder


def shards(lake: Path, of: Recording) -> list[Path]:
    return list((lake / "crops").rglob(f"{of.recording_id}.parquet"))


def ids(file: Path) -> set[str]:
    return set(pq.read_table(file)["recording_id"].to_pylist())


def test_what_expired_goes_from_crops_and_sets_and_queues_stay_whole(
    lake: Path, news: Recording, film: Recording
) -> None:
    summary = purge.run(str(lake), EXPIRED)
    assert summary.after == ()
    totals = purge.totals(summary.before)
    assert (totals[Place.CROPS].files, totals[Place.CROPS].images) == (1, 3)
    assert (totals[Place.SETS].files, totals[Place.SETS].images, totals[Place.SETS].rows) == (2, 4, 6)
    assert set(totals) == {Place.CROPS, Place.SETS}
    assert ids(lake / "sets/both/faces.parquet") == {film.recording_id, ""}
    assert (pq.read_schema(lake / "sets/both/faces.parquet").metadata or {})[b"gfpipe.soft"] == b"true"
    assert sorted(path.name for path in (lake / "sets/both").iterdir()) == [
        "card.json",
        "faces.parquet",
        "selection-curves.svg",  # lines, and nobody's face
    ]
    assert not (lake / "sets/news").exists()
    assert len(list((lake / "sets/film").iterdir())) == 5
    assert ids(lake / "queues/v1/march.parquet") == {news.recording_id, film.recording_id}
    assert purge.run(str(lake), EXPIRED).before == ()


def test_a_recording_goes_from_everywhere(lake: Path, news: Recording, film: Recording) -> None:
    summary = purge.run(str(lake), PurgeScope(recordings=(film.recording_id,)))
    assert summary.after == ()
    assert {place: total.rows for place, total in purge.totals(summary.before).items()} == {
        Place.CROPS: 0,
        Place.SETS: 4,
        Place.QUEUES: 2,
    }
    assert not shards(lake, film)
    assert ids(lake / "sets/both/faces.parquet") == {news.recording_id, ""}
    assert ids(lake / "queues/v1/march.parquet") == {news.recording_id}
    assert (pq.read_schema(lake / "queues/v1/march.parquet").metadata or {})[b"gfpipe.seed"] == b"7"
    assert ids(lake / "labels/v1/march-ab.parquet") == {news.recording_id, film.recording_id}
    assert summary.answers == 5
    assert purge.run(str(lake), PurgeScope(recordings=(film.recording_id,))).before == ()


def test_everything_leaves_no_byte_of_a_picture(lake: Path, tmp_path: Path) -> None:
    answers = lake / "labels" / "v1" / "march-ab.parquet"  # without the columns that a warehouse reads
    answers.rename(tmp_path / "answers")
    warehouse.build(lake)
    (tmp_path / "answers").rename(answers)
    chips = train_on(tmp_path / "run" / "chips", list((lake / "crops").rglob("*.parquet")))
    (lake / "crops" / "v1" / ".x.parquet.0.tmp").write_bytes(jpeg())
    assert len(pictures(lake)) == 5 + 3 + 1
    summary = purge.run(str(lake), ALL)
    assert summary.after == ()
    assert pictures(lake) == []
    assert not chips.exists()
    assert {path.name for path in lake.iterdir()} == {
        *("recordings", "samples", "faces", "attributes", "labels", "schedule", "speech", "index", "acknowledgements"),
        warehouse.NAME,
    }
    assert (tmp_path / "benchmark.jpg").exists(), "a benchmark's own file is none of ours"
    assert purge.run(str(lake), ALL).before == ()


def test_a_plan_changes_nothing(lake: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in lake.rglob("*")}
    assert purge.plan(str(lake), ALL)
    assert {path: path.stat().st_mtime_ns for path in lake.rglob("*")} == before


@pytest.mark.parametrize("what", [EXPIRED, ALL], ids=["expired", "all"])
def test_an_interrupted_purge_is_gone_on_with(
    lake: Path, tmp_path: Path, what: PurgeScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever deletion it is that Ctrl-C comes before: the next purge finds what is left of the same."""
    train_on(tmp_path / "run" / "chips", list((lake / "crops").rglob("*.parquet")))
    real, left = Storage.delete, 0

    def dies(storage: Storage, *parts: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        real(storage, *parts)

    interrupted = 0
    for survivors in range(100):
        left = survivors % 3
        monkeypatch.setattr(Storage, "delete", dies)
        try:
            purge.run(str(lake), what)
            break
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            monkeypatch.setattr(Storage, "delete", real)
    assert interrupted > 3
    assert purge.run(str(lake), what).after == ()
    assert not (tmp_path / "run" / "chips").exists()
    assert len(pictures(lake)) == (0 if what is ALL else 2 + 1)  # the film's crops and its set's sheet


class TestChips:
    def test_those_go_of_which_a_crop_goes(self, lake: Path, news: Recording, film: Recording, tmp_path: Path) -> None:
        of_both = train_on(tmp_path / "both" / "chips", [*shards(lake, news), *shards(lake, film)])
        of_film = train_on(tmp_path / "film" / "chips", shards(lake, film))
        (tmp_path / "both" / "history.csv").write_text("kept")
        (of_both / ".done.json.0a1b.tmp").write_text("left by a killed training")
        summary = purge.run(str(lake), EXPIRED)
        assert purge.totals(summary.before)[Place.CHIPS].images == 3
        assert not of_both.exists()
        assert (tmp_path / "both" / "history.csv").exists()
        assert of_film.exists()
        assert [uses.read(Storage(str(lake)), name).folder for name in uses.names(Storage(str(lake)))] == [str(of_film)]

    def test_those_go_whose_crops_were_removed_or_replaced_before(
        self, lake: Path, film: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chips = train_on(tmp_path / "run" / "chips", shards(lake, film))
        keep(lake, film, 2, digest="digest2", term=2 * MONTH)  # analysed again, and kept for longer
        assert Place.CHIPS not in purge.totals(purge.plan(str(lake), EXPIRED))

        class Later(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> "Later":
                return cls.fromtimestamp((datetime.now(tz) + MONTH).timestamp(), tz)

        monkeypatch.setattr(copies, "datetime", Later)
        assert purge.totals(purge.plan(str(lake), EXPIRED))[Place.CHIPS].images == 3
        monkeypatch.undo()
        shards(lake, film)[0].unlink()
        purge.run(str(lake), EXPIRED)
        assert not chips.exists()

    def test_a_folder_on_another_machine_is_named(
        self, lake: Path, film: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("platform.node", lambda: "gpu-7")
            uses.register(tmp_path / "nowhere" / "chips", shards(lake, film))
        summary = purge.run(str(lake), ALL)
        (left,) = summary.after
        assert left.place is Place.CHIPS
        assert "on the machine gpu-7" in left.problem
        assert pictures(lake) == []

    def test_only_chips_are_removed_from_a_folder(self, lake: Path, film: Recording, tmp_path: Path) -> None:
        """Whatever a note in the lake says: nothing but what a training writes is ever deleted outside of it."""
        (tmp_path / "home").mkdir()
        (tmp_path / "home" / "thesis.tex").write_text("years of work")
        uses.register(tmp_path / "home", shards(lake, film))
        assert purge.run(str(lake), ALL).after == ()
        assert (tmp_path / "home" / "thesis.tex").exists()

    def test_a_folder_that_is_gone_is_forgotten(self, lake: Path, film: Recording, tmp_path: Path) -> None:
        uses.register(tmp_path / "gone", shards(lake, film))
        uses.register(tmp_path / "forgotten", shards(lake, film))
        uses.forget(tmp_path / "forgotten", shards(lake, film))
        assert len(uses.names(Storage(str(lake)))) == 1
        assert purge.run(str(lake), ALL).after == ()

    def test_pictures_that_are_no_crops_are_not_noted(self, tmp_path: Path) -> None:
        (tmp_path / "crops").mkdir()
        uses.register(tmp_path / "chips", [tmp_path / "crops" / "a.jpg", tmp_path / "b.jpg"])
        assert not list(tmp_path.rglob("*.json"))


def test_bytes_in_the_warehouse_are_named(lake: Path) -> None:
    with duckdb.connect(str(lake / warehouse.NAME)) as connection:
        connection.execute("create table faces as select 'x'::blob as picture, 1 as number from range(3)")
    (left,) = purge.run(str(lake), ALL).after
    assert (left.place, left.images) == (Place.WAREHOUSE, 3)
    assert left.name == "gfpipe.duckdb: faces.picture"
    assert "gfpipe publish" in left.problem


def test_what_cannot_be_removed_is_named_and_the_rest_goes(
    lake: Path, film: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Storage.delete

    def refuses(storage: Storage, *parts: str) -> None:
        if film.recording_id in parts[-1]:
            raise PermissionError(13, "Permission denied")
        real(storage, *parts)

    monkeypatch.setattr(Storage, "delete", refuses)
    (left,) = purge.run(str(lake), ALL).after
    assert left.place is Place.CROPS
    assert "Permission denied" in left.problem
    assert len(pictures(lake)) == 2


@pytest.fixture
def store() -> Iterator[str]:
    yield "memory://purge"
    if fsspec.filesystem("memory").exists("/purge"):
        fsspec.filesystem("memory").rm("/purge", recursive=True)


def test_an_object_store_is_purged_alike(store: str, tmp_path: Path) -> None:
    news = keep(store, recording(tmp_path), ago=MONTH)
    keep(store, recording(tmp_path, "film"), 2)
    memory = fsspec.filesystem("memory")
    rows = {"recording_id": [news.recording_id] * 3, "config_digest": ["digest1"] * 3, "row": [0, 1, 2]}
    rows |= {"path": [crops.names(Storage(store))[1]] * 3, "sample_index": [0, 1, 2], "face_index": [0, 0, 0]}
    with memory.open("/purge/sets/a/faces.parquet", "wb") as file:
        pq.write_table(pa.table(rows), file)
    memory.pipe("/purge/sets/a/contact-sheet-1.jpg", jpeg())
    assert purge.totals(purge.run(store, EXPIRED).before)[Place.SETS].rows == 3
    assert len(pictures(store)) == 2
    assert purge.run(store, ALL).after == ()
    assert pictures(store) == []


def test_what_is_not_there_is_said(lake: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody: the lake has no such recording"):
        purge.run(str(lake), PurgeScope(recordings=("nobody",)))
    with pytest.raises(LakeError, match="there is no such lake"):
        purge.run(str(tmp_path / "nowhere"), ALL)


class TestCommand:
    def test_nothing_goes_before_somebody_agreed(self, gfpipe: Command, lake: Path) -> None:
        refused = gfpipe("purge", "--lake", str(lake), "--all")
        assert refused.code == 2
        assert "there is no terminal to ask at: give --yes" in refused.stderr
        for options in ([], ["--all", "--expired"]):
            said = gfpipe("purge", "--lake", str(lake), *options)
            assert said.code == 2
            assert "exactly one of --expired, --recording and --all" in said.stderr
        look = gfpipe("purge", "--lake", str(lake), "--all", "--dry-run")
        assert look.code == 0
        assert "curated sets" in look.stdout
        assert "Nothing was removed" in look.stderr
        assert len(pictures(lake)) == 8

    def test_somebody_at_a_terminal_is_asked(
        self, gfpipe: Command, lake: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gfpipe.cli.console.is_terminal", lambda: True)
        asked: list[str] = []

        def confirm(text: str, **_: object) -> bool:
            asked.append(text)
            return True

        monkeypatch.setattr("typer.confirm", confirm)
        assert gfpipe("purge", "--lake", str(lake), "--expired").code == 0
        assert "It cannot be undone" in asked[0]
        assert len(pictures(lake)) == 2 + 1

    def test_counts_before_and_after_are_the_proof(self, gfpipe: Command, lake: Path) -> None:
        said = gfpipe("purge", "--lake", str(lake), "--all", "--yes")
        assert said.code == 0, said.stderr
        (line,) = (line for line in said.stdout.splitlines() if line.strip().startswith("crops"))
        assert line.split()[1:3] == ["2", "5"]
        assert line.split()[-4:] == ["0", "0", "0", "0"]
        assert "5 human answers about faces hold no picture and are not deleted" in said.stderr
        assert pictures(lake) == []
        again = gfpipe("purge", "--lake", str(lake), "--all", "--yes")
        assert again.code == 0
        assert "There is nothing to remove" in again.stderr

    def test_what_is_left_is_named_and_exits_with_1(self, gfpipe: Command, lake: Path) -> None:
        (lake / "holiday.jpg").write_bytes(jpeg())
        said = gfpipe("purge", "--lake", str(lake), "--all", "--yes")
        assert said.code == 1
        assert "holiday.jpg" in said.stdout
        assert len(pictures(lake)) == 1


def test_a_term_of_hours_is_over_after_hours(tmp_path: Path) -> None:
    keep(tmp_path / "lake", recording(tmp_path), term=timedelta(hours=12), ago=timedelta(hours=13))
    assert purge.totals(purge.run(str(tmp_path / "lake"), EXPIRED).before)[Place.CROPS].images == 3

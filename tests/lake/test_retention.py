"""Finding and removing stored pictures; everything else is left."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfpipe.errors import UsageError
from gfpipe.lake import crops, retention
from gfpipe.lake.retention import Held, Place, PurgeScope
from gfpipe.lake.storage import Storage
from tests.lake.kept import MONTH, keep, recording
from tests.lake.pictures import jpeg, pictures

EXPIRED, ALL = PurgeScope(expired=True), PurgeScope(everything=True)


@pytest.fixture(params=["folder", "object store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """News whose crops have expired, and a film's that have not."""
    home = str(tmp_path / "lake") if request.param == "folder" else "memory://retention"
    keep(home, recording(tmp_path), ago=MONTH)
    keep(home, recording(tmp_path, "film"), 2)
    yield home
    memory = fsspec.filesystem("memory")
    if memory.exists("/retention"):
        memory.rm("/retention", recursive=True)


def purge(lake: str, what: PurgeScope) -> list[Held]:
    found = list(retention.find(lake, what))
    for held in found:
        if not held.problem:
            retention.remove(lake, held, what)
    return found


def programmes(lake: str) -> set[str]:
    return {name.split("-")[-2] for name in crops.names(Storage(lake))}


@pytest.mark.parametrize("wrong", [{}, {"expired": True, "everything": True}, {"recordings": ("x",), "expired": True}])
def test_one_of_three_must_be_chosen(wrong: dict[str, bool]) -> None:
    with pytest.raises(UsageError, match="exactly one of --expired, --recording and --all"):
        PurgeScope(**wrong)  # type: ignore[arg-type]


def test_what_expired_goes_and_the_rest_stays(lake: str) -> None:
    (held,) = purge(lake, EXPIRED)
    assert (held.place, held.images, held.whole) == (Place.CROPS, 3, True)
    assert held.size > 3 * 1000
    assert programmes(lake) == {"film"}
    assert list(retention.find(lake, EXPIRED)) == []
    assert len(pictures(lake)) == 2


def test_one_recording_goes(lake: str, tmp_path: Path) -> None:
    film = recording(tmp_path, "film").recording_id
    (held,) = purge(lake, PurgeScope(recordings=(film,)))
    assert (held.place, held.images) == (Place.CROPS, 2)
    assert programmes(lake) == {"news"}


def test_everything_goes(lake: str) -> None:
    assert len(pictures(lake)) == 5
    purge(lake, ALL)
    assert pictures(lake) == []
    assert list(retention.find(lake, ALL)) == []
    assert Storage(lake).files("faces"), "rows are no pictures"


def test_the_mark_of_a_recording_without_faces_goes_with_its_day(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    keep(lake, recording(tmp_path), 0, ago=MONTH - timedelta(hours=1))
    assert purge(lake, EXPIRED) == []
    keep(lake, recording(tmp_path), 0, ago=MONTH)
    (held,) = purge(lake, EXPIRED)
    assert held.images == 0
    assert programmes(lake) == set()


def test_crops_that_were_put_together_lose_the_rows_that_go(tmp_path: Path) -> None:
    lake = str(tmp_path / "lake")
    news, film = keep(lake, recording(tmp_path), ago=MONTH), keep(lake, recording(tmp_path, "film"), 2)
    storage = Storage(lake)
    together = pa.concat_tables([storage.read_table(name) for name in crops.names(storage)])
    for name in crops.names(storage):
        storage.delete(name)
    for folder in ("crops/v1/compacted", "compacted"):
        Path(lake, folder).mkdir(parents=True)
        pq.write_table(together, Path(lake, folder, "all.parquet"), compression="zstd")
    assert [(held.images, held.whole) for held in purge(lake, EXPIRED)] == [(3, False)]
    assert (
        pq.read_table(Path(lake, "crops/v1/compacted/all.parquet"))["recording_id"].to_pylist()
        == [film.recording_id] * 2
    )
    assert [held.images for held in purge(lake, PurgeScope(recordings=(news.recording_id,)))] == [3]
    assert [(held.images, held.whole) for held in purge(lake, PurgeScope(recordings=(film.recording_id,)))] == [
        (2, True)
    ] * 2
    assert pictures(lake) == []


def test_what_a_killed_analysis_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, news = str(tmp_path / "lake"), recording(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("gfpipe.lake.tables.TableWriter.discard", lambda _: None)
        patch.setattr("gfpipe.lake.tables.TableWriter.commit", lambda _: None)
        keep(lake, news)
    assert len(pictures(lake)) == 3
    assert purge(lake, EXPIRED) == [], "it may be being written"
    assert purge(lake, PurgeScope(recordings=("another",))) == []
    (held,) = retention.find(lake, PurgeScope(recordings=(news.recording_id,)))
    assert (held.place, held.images) == (Place.UNFINISHED, 3)
    (held,) = purge(lake, ALL)
    assert held.place is Place.UNFINISHED
    assert pictures(lake) == []


def test_pictures_that_nobody_expects_are_named_and_left(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    keep(lake, recording(tmp_path), with_crops=False)
    (lake / "holiday.dat").write_bytes(b"something before" + jpeg(1) + b"and" + jpeg(2))
    hidden = pa.table({"deep": [[{"bytes": jpeg(3)}], []]})
    pq.write_table(hidden, lake / "deep.parquet", compression="zstd")
    pq.write_table(pa.table({"bytes": [b"no picture", None]}), lake / "bytes.parquet")
    found = {held.name: held for held in purge(str(lake), ALL)}
    assert set(found) == {"holiday.dat", "deep.parquet"}
    assert (found["holiday.dat"].images, found["deep.parquet"].images) == (2, 1)
    assert all("not written by gfpipe" in held.problem for held in found.values())
    assert (lake / "holiday.dat").exists()


def test_a_damaged_shard_goes_with_everything_or_by_its_name_and_is_else_named(tmp_path: Path) -> None:
    lake, news = str(tmp_path / "lake"), recording(tmp_path)
    keep(lake, news)
    (name,) = crops.names(Storage(lake))
    Path(lake, name).write_bytes(jpeg(1))
    (held,) = retention.find(lake, EXPIRED)
    assert "remove it with --all" in held.problem
    assert [held.problem for held in retention.find(lake, PurgeScope(recordings=(news.recording_id,)))] == [""]
    purge(lake, ALL)
    assert pictures(lake) == []


def test_answers_of_people_are_counted_and_stay(tmp_path: Path) -> None:
    folder = tmp_path / "lake" / "labels" / "v1"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"answer": ["female", "male"]}), folder / "a.parquet")
    pq.write_table(pa.table({"answer": pa.array([], pa.string())}), folder / "_schema.parquet")
    purge(str(tmp_path / "lake"), ALL)
    assert retention.answers(str(tmp_path / "lake")) == 2

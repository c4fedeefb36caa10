"""Crops appear with the rows they belong to, are found one by one, and are never handed out beyond their day."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import fsspec
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gfpipe.errors import LakeError
from gfpipe.lake import crops, schema, shards, tables
from gfpipe.recording import Recording
from tests.lake.kept import MONTH, keep, recording
from tests.lake.pictures import jpeg, pictures


@pytest.fixture
def news(tmp_path: Path) -> Recording:
    return recording(tmp_path)


@pytest.fixture(params=["folder", "object store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "lake") if request.param == "folder" else "memory://crops"
    memory = fsspec.filesystem("memory")
    if memory.exists("/crops"):
        memory.rm("/crops", recursive=True)


def test_each_crop_is_found_by_its_face(lake: str, news: Recording) -> None:
    keep(lake, news, 250)  # several row groups
    for at in (0, 99, 100, 249):
        assert crops.jpeg(lake, news.recording_id, at, 0, "digest1") == jpeg(at)
    assert crops.jpeg(lake, news.recording_id, 250, 0, "digest1") is None
    assert crops.jpeg(lake, news.recording_id, 0, 1, "digest1") is None
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest2") is None
    assert crops.jpeg(lake, "one-20010304T200000Z-nothing-00000000", 0, 0, "digest1") is None


def test_what_is_there_is_listed_with_its_place(lake: str, news: Recording, tmp_path: Path) -> None:
    keep(lake, news)
    keep(lake, recording(tmp_path, "film"), 2)
    found = crops.present(lake)
    assert found.column_names == [*(name for name in schema.CROPS.names if name != "jpeg"), "path", "row"]
    assert sorted(found["row"].to_pylist()) == [0, 0, 1, 1, 2]
    assert set(found["recording_id"].to_pylist()) == {news.recording_id, recording(tmp_path, "film").recording_id}
    files = fsspec.core.url_to_fs(lake)[0]
    assert all(files.exists(path) for path in found["path"].to_pylist())


def test_a_lake_without_crops_has_none(lake: str, news: Recording) -> None:
    assert len(crops.present(lake)) == 0
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest1") is None
    keep(lake, news, with_crops=False)
    assert len(crops.present(lake)) == 0
    assert not crops.has(lake, news, "digest1")


def test_beyond_its_day_nothing_is_handed_out(lake: str, news: Recording) -> None:
    keep(lake, news, ago=MONTH - timedelta(hours=1))
    assert len(crops.present(lake)) == 3
    assert crops.has(lake, news, "digest1")
    keep(lake, news, ago=MONTH)
    assert len(crops.present(lake)) == 0
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest1") is None
    assert not crops.has(lake, news, "digest1")
    assert crops.of(lake, news, "digest1") is None


def test_another_analysis_takes_the_crops_of_the_one_before_with_it(lake: str, news: Recording) -> None:
    keep(lake, news)
    keep(lake, news, digest="digest2", with_crops=False)
    assert len(crops.present(lake)) == 0
    assert pictures(lake) == []


def test_a_crop_that_was_replaced_is_read_anew(lake: str, news: Recording) -> None:
    keep(lake, news)
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest1") == jpeg(0)
    keep(lake, news, digest="digest2")
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest1") is None
    assert crops.jpeg(lake, news.recording_id, 0, 0, "digest2") == jpeg(0)


def test_a_recording_without_faces_is_marked_as_done(lake: str, news: Recording) -> None:
    keep(lake, news, 0)
    assert crops.has(lake, news, "digest1")
    assert not crops.has(lake, news, "digest2")
    assert len(crops.present(lake)) == 0


def test_a_shard_is_read_in_small_pieces_and_shows_its_pictures_to_whoever_searches_the_disk(
    tmp_path: Path, news: Recording
) -> None:
    keep(tmp_path / "lake", news, 250)
    (file,) = (tmp_path / "lake" / "crops").rglob("*.parquet")
    said = pq.ParquetFile(file)
    assert said.schema_arrow.equals(schema.CROPS)
    assert said.metadata.num_row_groups == 3
    assert file.read_bytes().count(jpeg(7)) == 1
    assert len(pictures(tmp_path / "lake")) == 250


@pytest.mark.parametrize("survivors", range(5))
def test_a_kill_between_two_renames_never_leaves_crops_of_other_faces(
    tmp_path: Path, news: Recording, survivors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = str(tmp_path / "lake")
    keep(lake, news)
    commits = 0
    real = tables.TableWriter.commit

    def dies(table: tables.TableWriter) -> None:
        nonlocal commits
        if commits == survivors:
            raise KeyboardInterrupt
        commits += 1
        real(table)

    monkeypatch.setattr(tables.TableWriter, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        keep(lake, news, 2, digest="digest2")
    monkeypatch.undo()
    assert shards.stored(lake, news) is None  # no mark vouches for faces, old or new
    assert not list((tmp_path / "lake").rglob("*.tmp"))
    keep(lake, news, 2, digest="digest2")
    assert set(crops.present(lake)["config_digest"].to_pylist()) == {"digest2"}


def test_crops_that_follow_keep_their_day(lake: str, news: Recording) -> None:
    keep(lake, news, ago=timedelta(days=20))
    before = crops.of(lake, news, "digest1")
    assert before is not None
    columns, rows, until = crops.again(before, pc.add(before["track_id"], 7).to_numpy())
    assert rows == 3
    assert until == before["expires_at"][0].as_py()
    assert columns["track_id"].tolist() == [7, 8, 9]
    assert columns["expires_at"].equals(before["expires_at"].combine_chunks())


def test_a_damaged_shard_is_named(tmp_path: Path, news: Recording) -> None:
    keep(tmp_path / "lake", news)
    (file,) = (tmp_path / "lake" / "crops").rglob("*.parquet")
    file.write_bytes(b"PAR1 and no more")
    with pytest.raises(LakeError, match=f"{file.name}: cannot be read as Parquet"):
        crops.present(str(tmp_path / "lake"))

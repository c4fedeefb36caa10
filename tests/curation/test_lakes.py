"""Tests of reading crops of a lake as candidates."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfpipe import warehouse
from gfpipe.choices import Copies, Overlaps
from gfpipe.counting import Counting
from gfpipe.curation import lakes
from gfpipe.errors import UsageError
from tests.curation.lakes import ANALYSIS, analyse_all, label_crops, programme


@pytest.fixture
def lake(crop_lake: Path, tmp_path: Path) -> Path:
    """A copy that a test may modify."""
    return Path(shutil.copytree(crop_lake, tmp_path / "lake"))


def _shards(lake: Path, table: str = "crops") -> list[Path]:
    return sorted((lake / table).rglob("*.parquet"))


def test_all_crops_are_candidates_with_metadata(crop_lake: Path) -> None:
    progress: list[tuple[int, int | None]] = []
    usable = lakes.read(crop_lake, lambda state: progress.append((state.done, state.total)))
    faces = usable.candidates
    assert usable.left_out == {}
    assert len(faces) == sum(pq.read_metadata(shard).num_rows for shard in _shards(crop_lake)) == progress[-1][0]
    assert set(zip(faces.channel.tolist(), faces.programme.tolist(), faces.hour.tolist(), strict=True)) == {
        ("tv1", "news", 20), ("tv1", "talk", 21), ("tv2", "film", 20), ("tv2", "morning", 7), ("tv2", "news again", 23)
    }  # fmt: skip
    assert len(np.unique(faces.track)) == 10
    assert all(len(np.unique(faces.recording_id[faces.track == track])) == 1 for track in np.unique(faces.track))
    assert np.all(faces.face_pixels > 24)
    assert [model.id for model in usable.models] == [ANALYSIS.classifier]
    assert len(usable.models[0].sha256) == 64
    assert np.all(usable.expires_at > np.datetime64(datetime.now(UTC).replace(tzinfo=None) + timedelta(days=29)))


def test_probabilities_equal_those_of_the_warehouse(lake: Path) -> None:
    warehouse.build(lake, counting=Counting(overlapping=Overlaps.ALL, copies=Copies.ALL))
    with warehouse.open(lake) as db:
        rows = db.query("select recording_id, p_female from tracks order by all").to_pylist()
    faces = lakes.read(lake).candidates
    _, first = np.unique(faces.track, return_index=True)
    ours = sorted(zip(faces.recording_id[first].tolist(), faces.p_female[first].tolist(), strict=True))
    assert [name for name, _ in ours] == [row["recording_id"] for row in rows]
    assert [p for _, p in ours] == pytest.approx([row["p_female"] for row in rows], abs=1e-6)


def test_labelled_faces_and_their_tracks_are_left_out(lake: Path) -> None:
    all_faces = lakes.read(lake).candidates
    labelled = label_crops(lake, "film")
    (shard,) = _shards(lake, "labels")
    pq.write_table(pq.read_table(shard).slice(0, 1), shard)  # one label excludes the three crops of its track
    usable = lakes.read(lake)
    assert labelled == 6
    assert usable.left_out == {lakes.LABELLED: 3}
    assert len(usable.candidates) == len(all_faces) - 3


def test_repeated_broadcasts_have_equal_fingerprints(crop_lake: Path) -> None:
    faces = lakes.read(crop_lake).candidates
    known = {
        programme: set(faces.fingerprint[faces.programme == programme].tolist())
        for programme in ("news", "news again", "film")
    }
    assert known["news"] & known["news again"]
    assert not known["news"] & known["film"]


def test_crops_of_an_earlier_analysis_are_left_out(lake: Path) -> None:
    shard = _shards(lake)[0]
    table = pq.read_table(shard)
    column = table.schema.get_field_index("config_digest")
    older = table.set_column(column, table.schema.field(column), pa.array(["older"] * len(table)))
    pq.write_table(older, shard)
    usable = lakes.read(lake)
    assert usable.left_out == {lakes.EARLIER: len(table)}


def test_unreadable_images_are_left_out(lake: Path) -> None:
    shard = _shards(lake)[0]
    table = pq.read_table(shard)
    column = table.schema.get_field_index("jpeg")
    damaged = [b"damaged", *table["jpeg"].to_pylist()[1:]]
    pq.write_table(table.set_column(column, table.schema.field(column), pa.array(damaged, pa.binary())), shard)
    usable = lakes.read(lake)
    assert usable.left_out == {lakes.UNREADABLE: 1}
    assert usable.candidates.row[usable.candidates.path == str(shard)].tolist() == list(range(1, len(table)))


def test_unclassified_and_small_faces_are_left_out(lake: Path) -> None:
    shard = _shards(lake)[0]
    crops = pq.read_table(shard).num_rows
    attributes, faces = (
        next(p for p in _shards(lake, table) if p.name == shard.name) for table in ("attributes", "faces")
    )
    pq.write_table(pq.read_table(attributes).slice(0, 0), attributes)
    assert lakes.read(lake).left_out == {lakes.UNCLASSIFIED: crops}
    table = pq.read_table(faces)
    column = table.schema.get_field_index("height_360")
    small = pa.array([23.0] * len(table), pa.float32())
    pq.write_table(table.set_column(column, table.schema.field(column), small), faces)
    assert lakes.read(lake).left_out == {lakes.TOO_SMALL: crops}


def test_crops_of_missing_recordings_are_left_out(lake: Path) -> None:
    shard = _shards(lake)[0]
    next(path for path in _shards(lake, "recordings") if path.name == shard.name).unlink()
    assert lakes.read(lake).left_out == {lakes.NOT_ANALYSED: pq.read_metadata(shard).num_rows}


def test_expired_crops_are_never_read(lake: Path) -> None:
    for shard in _shards(lake):
        _expire(shard)
    with pytest.raises(UsageError, match=r"all crops .* have expired.*gfpipe purge"):
        lakes.read(lake)


def _expire(shard: Path) -> None:
    table = pq.read_table(shard)
    column = table.schema.get_field_index("expires_at")
    past = pa.array([datetime.now(UTC) - timedelta(days=1)] * len(table), table.schema.field(column).type)
    pq.write_table(table.set_column(column, table.schema.field(column), past), shard)


def test_a_lake_without_crops_is_refused(tmp_path: Path) -> None:
    programme(tmp_path / "archive", "tv/2001-03-04/2000_news.mp4", 0, men=False)
    analyse_all(tmp_path / "archive", tmp_path / "lake", retention=None)
    with pytest.raises(UsageError, match=r"has no crops .*--keep-crops --expires 30d"):
        lakes.read(tmp_path / "lake")


def test_a_remote_lake_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        lakes.read(Path("s3://bucket/lake"))
    with pytest.raises(UsageError, match="is not a folder"):
        lakes.read(tmp_path / "none")


def test_paths_are_the_same_through_a_link(crop_lake: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(crop_lake)
    assert set(lakes.read(tmp_path / "link").candidates.path) == {str(shard) for shard in _shards(crop_lake)}

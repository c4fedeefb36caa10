"""Compaction: shards become slices of larger files, and everything reads them as before."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError
from gfpipe.lake import crops, identity, schema, shards
from gfpipe.lake.index import compaction, earlier, files, holdings, slices
from gfpipe.lake.retention import PurgeScope
from gfpipe.lake.storage import Storage
from gfpipe.recording import Recording
from gfpipe.stages.analysis import compact, forget, purge
from tests.lake import kept

NAMES = ("news", "film", "sport")


def own(lake: Path) -> list[str]:
    """The files of analyses that are not compacted."""
    found = (path for table in schema.ANALYSED for path in (lake / table / "v1").rglob("*.parquet"))
    return sorted(path.name for path in found if path.name[0] not in "._" and path.name != slices.NAME)


def archive(folder: Path, *names: str, channel: str = "one") -> list[Recording]:
    """Analysed recordings of 3, 4 … samples, at different hours."""
    recordings = [listed(folder, name, channel) for name in names or NAMES]
    for count, recording in enumerate(recordings, 3):
        kept.keep(folder / "lake", recording, count, with_crops=False)
    return recordings


def listed(folder: Path, name: str, channel: str = "one") -> Recording:
    recording = kept.recording(folder / "archive" / channel, name, channel)
    return replace(recording, start=recording.start + timedelta(hours=sum(name.encode()) % 200))


def figures(lake: Path) -> list[dict[str, Any]]:
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        assert db.check() == ()
        rows: list[dict[str, Any]] = db.query("select recording_id, samples from screen_time order by all").to_pylist()
    return rows


def samples(lake: Path) -> list[int]:
    return sorted(row["samples"] for row in figures(lake))


def rows_of(lake: Path, recording: Recording) -> dict[str, object]:
    stored = shards.stored(str(lake), recording)
    assert stored is not None
    return {table: shards.rows(str(lake), stored, table).to_pylist() for table in shards.ROW_TABLES} | {
        "row": stored.row,
        "models": stored.models,
        "provenance": stored.provenance,
    }


def test_compacted_shards_are_one_file_a_folder_and_read_as_before(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", [*archive(tmp_path), *archive(tmp_path, "film", channel="two")]
    before = [rows_of(lake, recording) for recording in recordings]
    metadata = {path.stem: pq.read_schema(path).metadata for path in (lake / "faces").rglob("*-*.parquet")}
    summary = compact.run(str(lake))
    assert (summary.recordings, summary.problems, own(lake)) == (4, (), [])
    assert len(list(lake.rglob(slices.NAME))) == 1 + 2 * 3
    assert [rows_of(lake, recording) for recording in recordings] == before
    for recording in recordings:
        shard = shards.read(Storage(str(lake)), "faces", recording)
        assert shard is not None
        assert shard.schema.metadata == metadata[recording.recording_id]
    for table in schema.ANALYSED:
        frame = pd.read_parquet(lake / table / "v1")
        assert list(frame["recording_id"].unique()) == sorted(frame["recording_id"].unique())
        assert set(frame["recording_id"]) == {recording.recording_id for recording in recordings}


def test_row_groups_are_large_and_a_slice_may_span_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    before = [rows_of(lake, recording) for recording in recordings]
    monkeypatch.setattr(compaction, "ROW_GROUP", 2)
    compact.run(str(lake))
    (file,) = (lake / "samples").rglob(slices.NAME)
    parquet = pq.ParquetFile(file)
    sizes = [parquet.metadata.row_group(number).num_rows for number in range(parquet.num_row_groups)]
    assert (sum(sizes), min(sizes)) == (12, 2)
    assert [rows_of(lake, recording) for recording in recordings] == before


def test_nothing_is_counted_anew_after_a_compaction(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    archive(tmp_path)
    before = figures(lake)
    compact.run(str(lake))
    held = holdings.read(str(lake))
    with warehouse.open(lake) as db:
        digests = {
            (row["file"].split("/")[0], recording): digest
            for row in db.query("from built_from").to_pylist()
            for recording, digest in zip(row["recordings"], row["digests"], strict=True)
        }
    storage = Storage(str(lake))
    for name in (name for name in held.files if slices.is_compacted(name)):
        for recording, item in slices.contents(storage, name).items():
            assert digests[files.table_of(name), recording] == item.digest
    assert figures(lake) == before


def test_the_current_month_and_failed_recordings_stay_as_they_are(tmp_path: Path) -> None:
    lake, now = tmp_path / "lake", datetime.now(UTC)
    (news,) = archive(tmp_path, "news")
    today = kept.keep(lake, Recording(news.path, "one", "today", now), 3, with_crops=False)
    compact.run(str(lake))
    assert {Path(name).stem for name in own(lake)} == {today.recording_id}


def test_a_recording_that_is_analysed_again_counts_once_and_is_compacted_again(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    kept.keep(lake, recordings[1], 40, digest="digest2", with_crops=False)
    stored = shards.stored(str(lake), recordings[1])
    assert stored is not None
    assert stored.row["face_count"] == 40
    assert len(shards.rows(str(lake), stored, "faces")) == 40
    assert samples(lake) == [3, 5, 40]
    compact.run(str(lake))
    assert own(lake) == []
    frame = pd.read_parquet(lake / "samples" / "v1")
    assert len(frame) == 3 + 40 + 5


def test_finished_analyses_are_found_in_compacted_files_without_opening_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    assert all(earlier.finished(str(lake), recordings, kept.RUN))
    opened: list[str] = []
    read = Storage.open

    def noted(storage: Storage, *parts: str) -> Any:
        opened.append("/".join(parts))
        return read(storage, *parts)

    monkeypatch.setattr(Storage, "open", noted)
    monkeypatch.setattr("gfpipe.base.regular.fingerprint", opened.append)
    found = list(earlier.finished(str(lake), recordings, kept.RUN))
    assert [stored and stored.summary.samples for stored in found] == [3, 4, 5]
    assert {Path(name).parts[0] for name in opened} == {"index"}


def test_a_replaced_source_is_work_again(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    assert all(earlier.finished(str(lake), recordings, kept.RUN))
    Path(recordings[0].path).write_bytes(b"another")
    assert [stored is None for stored in earlier.finished(str(lake), recordings, kept.RUN)] == [True, False, False]


@pytest.mark.parametrize(
    ("loss", "table"),
    [
        ("damaged", "recordings"),
        ("damaged", "samples"),
        ("damaged", "attributes"),
        ("missing", "recordings"),
        ("missing", "faces"),
    ],
)
def test_a_damaged_compacted_file_is_named_costs_coverage_and_is_made_again(
    tmp_path: Path, table: str, loss: str
) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    kept.keep(lake, listed(tmp_path, "film", "two"), 7, with_crops=False)
    compact.run(str(lake))
    file = sorted((lake / table).rglob(slices.NAME))[0]
    if loss == "damaged":
        data = file.read_bytes()
        file.write_bytes(data[:60] + bytes([data[60] ^ 1]) + data[61:])
    else:
        file.unlink()
    (failed,) = warehouse.report(lake, "failures")
    lost = 4 if table == "recordings" else 3
    assert [str(file.relative_to(lake)) in reason for reason in failed["reason"].to_pylist()] == [True] * lost
    assert len(figures(lake)) == 4 - lost
    assert not any(earlier.finished(str(lake), recordings, kept.RUN))
    for count, recording in enumerate(recordings, 3):
        assert shards.finished(str(lake), recording, kept.RUN) is None
        kept.keep(lake, recording, count, with_crops=False)
    if table == "recordings":
        kept.keep(lake, listed(tmp_path, "film", "two"), 7, with_crops=False)
    assert samples(lake) == [3, 4, 5, 7]
    compact.run(str(lake))
    assert own(lake) == []
    assert not list(lake.rglob("*.damaged"))
    assert samples(lake) == [3, 4, 5, 7]


def test_a_month_with_a_damaged_file_is_not_compacted_before_it_is_made_again(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    archive(tmp_path)
    compact.run(str(lake))
    file = next((lake / "faces").rglob(slices.NAME))
    file.write_bytes(file.read_bytes()[:100])
    archive(tmp_path, "late")
    summary = compact.run(str(lake))
    assert (summary.months, summary.recordings) == (0, 0)
    assert "run gfpipe analyse first" in summary.problems[0]


def test_forget_reaches_into_compacted_files(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    chosen = forget.plan(str(lake), forget.Scope(recordings=(recordings[1].recording_id,)))
    assert forget.rows(str(lake), chosen)["faces"] == 4
    purge.run(str(lake), PurgeScope(recordings=(recordings[1].recording_id,)))
    forget.run(str(lake), chosen)
    assert forget.rows(str(lake), chosen)["faces"] == 0
    for table in schema.ANALYSED:
        assert recordings[1].recording_id not in set(pd.read_parquet(lake / table / "v1")["recording_id"])
    assert samples(lake) == [3, 5]
    everything = b"".join(path.read_bytes() for path in lake.rglob("*") if path.is_file() and path.suffix == ".parquet")
    assert recordings[1].recording_id.encode() not in everything


def test_forgetting_all_recordings_of_a_month_removes_its_files(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    forget.run(str(lake), recordings)
    assert not list(lake.rglob(slices.NAME))


@pytest.mark.parametrize("programme", ["news at ten", "news"])
def test_a_recording_that_is_listed_otherwise_moves_out_of_its_compacted_file(tmp_path: Path, programme: str) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    old = recordings[0]
    path = Path(old.path).rename(Path(old.path).with_name("moved.ts"))
    new = Recording(str(path), old.channel, programme, old.start)
    changes = identity.changes(str(lake), [new])
    assert [change.new.programme for change in changes] == [programme]
    identity.apply(str(lake), changes)
    assert {Path(row).name for row in earlier.every(str(lake))["path"].to_pylist()} == {
        "moved.ts",
        "film.ts",
        "sport.ts",
    }
    assert samples(lake) == [3, 4, 5]


def test_crops_stay_in_files_of_their_own_and_are_purged(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    news = kept.keep(lake, kept.recording(tmp_path / "archive"), 3)
    compact.run(str(lake))
    assert crops.has(str(lake), news, "digest1")
    assert len(purge.run(str(lake), PurgeScope(recordings=(news.recording_id,))).before) == 1
    assert not crops.has(str(lake), news, "digest1")


def test_files_of_an_interrupted_analysis_beside_a_compacted_one_do_not_count(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    other = tmp_path / "other" / "lake"
    kept.keep(other, recordings[0], 40, with_crops=False)
    shard = next((other / "samples").rglob("*-*.parquet"))
    orphan = lake / shard.relative_to(other)
    orphan.write_bytes(shard.read_bytes())
    assert samples(lake) == [3, 4, 5]
    os.utime(orphan, (0, 0))
    kept.keep(lake, listed(tmp_path, "late"), 6, with_crops=False)
    compact.run(str(lake))
    assert not orphan.exists()


def test_an_analysis_that_ends_while_its_earlier_files_are_compacted_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    add: Callable[..., None] = compaction._add

    def added(storage: Storage, table: str, chosen: list[Recording]) -> None:
        add(storage, table, chosen)
        if table == "recordings":
            kept.keep(lake, recordings[0], 40, digest="digest2", with_crops=False)

    monkeypatch.setattr(compaction, "_add", added)
    compact.run(str(lake))
    stored = shards.stored(str(lake), recordings[0])
    assert stored is not None
    assert stored.row["face_count"] == 40
    monkeypatch.undo()
    assert samples(lake) == [4, 5, 40]
    compact.run(str(lake))
    assert own(lake) == []
    assert samples(lake) == [4, 5, 40]


def test_a_full_check_finds_what_has_changed_without_another_time(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    file = next((lake / "faces").rglob(slices.NAME))
    status, data = file.stat(), bytearray(file.read_bytes())
    data[60] ^= 1
    with file.open("r+b") as writing:
        writing.write(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert all(earlier.finished(str(lake), recordings, kept.RUN))
    compact.plan(str(lake), verify=True)
    assert not any(earlier.finished(str(lake), recordings, kept.RUN))


def test_a_lost_index_is_made_again(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    for path in (lake / "index" / "v1").glob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + b"x" * 9)
    assert all(earlier.finished(str(lake), recordings, kept.RUN))


def test_a_damaged_page_of_a_slice_is_no_analysis(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    stored = shards.stored(str(lake), recordings[0])
    assert stored is not None
    file = next((lake / "faces").rglob(slices.NAME))
    data = bytearray(file.read_bytes())
    data[60] ^= 1
    file.write_bytes(data)
    assert shards.finished(str(lake), recordings[0], kept.RUN) is None
    with pytest.raises(LakeError, match=r"compacted\.parquet: cannot be read"):
        shards.rows(str(lake), stored, "faces")


def test_the_contents_name_rows_digest_and_models_of_each_shard(tmp_path: Path) -> None:
    lake, recordings = tmp_path / "lake", archive(tmp_path)
    compact.run(str(lake))
    storage = Storage(str(lake))
    (name,) = (str(path.relative_to(lake)) for path in (lake / "faces").rglob(slices.NAME))
    contents = slices.contents(storage, name)
    assert list(contents) == sorted(recording.recording_id for recording in recordings)
    first = next(iter(contents.values()))
    assert first.metadata["gfpipe.classifier_sha256"] == "bb"
    assert json.loads(first.metadata["gfpipe.earlier_models"]) == {}

"""Shards appear whole or not at all, and only the last one vouches for the rest."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from gfpipe.errors import LakeError
from gfpipe.lake import provenance, schedule, schema, shards, tables
from gfpipe.lake.index import earlier
from gfpipe.lake.provenance import Provenance
from gfpipe.lake.shards import ShardWriter
from gfpipe.recording import Recording, Rejected, Status, Summary

START = datetime(2001, 3, 31, 23, 30, tzinfo=UTC)
RUN = Provenance("digest1", "keyframes", 1.0, "detector", "aa", "classifier", "bb")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    (tmp_path / "a.ts").write_bytes(b"some video")
    return Recording(str(tmp_path / "a.ts"), "TV 1/2 ä=é", "news", START)


def write_rows(write: ShardWriter, samples: int, faces_in: list[int]) -> None:
    faces = len(faces_in)
    columns = {
        name: np.full(faces, 0.5, np.float32) for name in ("x1", "y1", "x2", "y2", "detector_score", "height_360")
    }
    columns |= {"landmarks": np.zeros((faces, 10), np.float32)}
    answers = {"p_female": np.full(faces, 0.9, np.float32), "age_years": None}
    seconds = np.arange(samples, dtype=float) + write.samples
    write.write(seconds, np.ones(samples), np.array(faces_in, dtype=np.int64), columns, answers)


def analyse(lake: str, recording: Recording, run: Provenance = RUN, status: Status = Status.DONE) -> Summary:
    with shards.writer(lake, recording, run) as write:
        write_rows(write, 3, [0, 2, 2])
        write_rows(write, 2, [1])
        summary = Summary(
            recording, status, analysed_seconds=write.analysed_seconds, samples=write.samples, faces=write.faces
        )
        write.finish(summary, codec="h264")
    return summary


def rows(lake: str, table: str) -> list[dict[str, object]]:
    files = Path(lake, table, "v1").rglob("*.parquet")
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def test_every_table_has_the_schema_it_promises_and_says_where_it_comes_from(
    tmp_path: Path, recording: Recording
) -> None:
    lake = str(tmp_path / "lake")
    analyse(lake, recording)
    for table in ("recordings", "samples", "faces", "attributes"):
        (file,) = Path(lake, table, "v1").rglob("*.parquet")
        assert file.parent.name == "month=2001-03"
        found = pq.read_schema(file)
        assert found.equals(schema.TABLES[table])
        assert found.metadata[b"gfpipe.config_digest"] == b"digest1"
        assert found.metadata[b"gfpipe.classifier_sha256"] == b"bb"


def test_channels_of_any_script_and_length_have_a_folder(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    names = ("日本放送協会" * 20, "日本放送協会" * 20 + "2", "ελ/..", "=a'%", "." * 300)
    for name in names:
        analyse(lake, replace(recording, channel=name))
    assert {stored.channel for stored in earlier.analysed(lake)} == set(names)
    assert {row["channel"] for row in rows(lake, "recordings")} == set(names)


def test_faces_are_numbered_within_their_sample_across_batches(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    analyse(lake, recording)
    assert [(row["sample_index"], row["face_index"]) for row in rows(lake, "faces")] == [(0, 0), (2, 0), (2, 1), (4, 0)]
    assert [row["face_count"] for row in rows(lake, "samples")] == [1, 0, 2, 0, 1]
    assert rows(lake, "samples")[4]["aired_at"] == START.replace(second=4)
    assert {row["model_id"] for row in rows(lake, "attributes")} == {"classifier"}


def test_channels_of_any_name_survive_the_folders(tmp_path: Path, recording: Recording) -> None:
    lake = tmp_path / "lake"
    analyse(str(lake), recording)
    table = ds.dataset(lake / "recordings" / "v1", partitioning="hive").to_table()
    assert table["channel"].to_pylist() == ["TV 1/2 ä=é"]


def test_a_finished_recording_is_known_and_costs_nothing(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    assert shards.finished(lake, recording, RUN) is None
    analyse(lake, recording)
    done = shards.finished(lake, recording, RUN)
    assert done is not None
    summary = done.summary
    assert (summary.reused, summary.samples, summary.faces, summary.analysed_seconds) == (True, 5, 4, 5.0)
    assert summary.classifier_id == "classifier"


def test_a_recording_that_another_model_classified_is_finished(tmp_path: Path, recording: Recording) -> None:
    """Faces are classified again by ``gfpipe reclassify``: a promotion does not decode an archive again."""
    lake = str(tmp_path / "lake")
    facts = {name: value for name, value in vars(RUN).items() if name != "config_digest"}
    run = Provenance.of(**facts)
    analyse(lake, recording, run)
    done = shards.finished(lake, recording, run.under("champion", "cc"))
    assert done is not None
    assert done.provenance == run
    for other in ({"sampling": "exact"}, {"every_seconds": 2.0}, {"detector_sha256": "ab"}, {"programme": 2}):
        assert shards.finished(lake, recording, Provenance.of(**facts | other).under("champion", "cc")) is None


def test_another_configuration_or_another_file_makes_a_shard_stale(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    analyse(lake, recording)
    assert shards.finished(lake, recording, Provenance("digest2", *list(vars(RUN).values())[1:])) is None
    Path(recording.path).write_bytes(b"the whole video at last")
    assert shards.finished(lake, recording, RUN) is None


@pytest.mark.parametrize("table", schema.ANALYSED)
@pytest.mark.parametrize("content", [None, b"", b"PAR1 half a shard"])
def test_a_damaged_or_missing_shard_is_made_again(
    tmp_path: Path, recording: Recording, table: str, content: bytes | None
) -> None:
    lake = str(tmp_path)
    analyse(lake, recording)
    (shard,) = Path(lake, table).rglob("*.parquet")
    sound = shard.read_bytes()
    shard.unlink() if content is None else shard.write_bytes(content)
    assert shards.finished(lake, recording, RUN) is None
    shard.write_bytes(sound[:200] + bytes([sound[200] ^ 1]) + sound[201:])
    assert shards.finished(lake, recording, RUN) is None
    analyse(lake, recording)
    assert shards.finished(lake, recording, RUN) is not None


def test_a_flipped_bit_is_said_when_rows_are_read(tmp_path: Path, recording: Recording) -> None:
    analyse(str(tmp_path), recording)
    analysis = shards.stored(str(tmp_path), recording)
    assert analysis is not None
    (shard,) = (tmp_path / "faces").rglob("*.parquet")
    data = shard.read_bytes()
    shard.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    with pytest.raises(LakeError, match=r"its checksum does not match; delete it, then run gfpipe analyse again"):
        shards.rows(str(tmp_path), analysis, "faces")


def test_the_recordings_of_a_lake_are_listed_without_damaged_ones(tmp_path: Path, recording: Recording) -> None:
    analyse(str(tmp_path), recording)
    assert [found.programme for found in earlier.analysed(str(tmp_path))] == ["news"]
    (shard,) = (tmp_path / "recordings").rglob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:100])
    assert earlier.analysed(str(tmp_path)) == []


def test_counting_thresholds_are_not_part_of_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of earlier versions of the same method are not stale."""
    monkeypatch.setattr(provenance, "METHOD", 2)
    models = {
        "detector_id": "detector",
        "detector_sha256": "aa",
        "classifier_id": "classifier",
        "classifier_sha256": "bb",
    }
    run = Provenance.of(sampling="keyframes", every_seconds=1.0, min_score=0.5, **models)
    assert run.config_digest == "373a24a108618c87", "as computed with min_face = 24 and min_score = 0.9 before"


def test_programme_is_part_of_the_digest_only_where_it_is_set(tmp_path: Path, recording: Recording) -> None:
    facts = {**vars(RUN), "detector_sha256": "cc"}
    del facts["config_digest"], facts["programme"]
    earlier, none, second = (Provenance.of(**facts, **of) for of in ({}, {"programme": None}, {"programme": 2}))
    assert earlier.config_digest == none.config_digest != second.config_digest
    for run in (none, second):
        analyse(str(tmp_path), recording, run)
        stored = shards.stored(str(tmp_path), recording)
        assert stored is not None
        assert stored.provenance == run


def test_a_shard_that_lacks_faces_which_count_is_stale(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    analyse(lake, recording)  # as by an earlier version: faces from 0.9
    assert shards.finished(lake, recording, RUN, 0.9) is not None
    assert shards.finished(lake, recording, RUN, 0.7) is None


def test_a_failed_recording_is_tried_again(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    analyse(lake, recording, status=Status.FAILED)
    assert shards.finished(lake, recording, RUN) is None


def test_what_was_not_finished_leaves_nothing_behind(tmp_path: Path, recording: Recording) -> None:
    lake = tmp_path / "lake"

    def interrupted() -> None:
        with shards.writer(str(lake), recording, RUN) as write:
            write_rows(write, 3, [0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path for path in lake.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("survivors", range(4))
def test_a_kill_between_two_renames_leaves_no_mark(
    tmp_path: Path, recording: Recording, survivors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the moment, the old mark is gone before the first new shard appears."""
    lake = str(tmp_path / "lake")
    analyse(lake, recording)
    commits = 0
    real = tables.TableWriter.commit

    def dies(table: tables.TableWriter) -> None:
        nonlocal commits
        if commits == survivors:
            raise KeyboardInterrupt
        commits += 1
        real(table)

    monkeypatch.setattr(tables.TableWriter, "commit", dies)
    other = Provenance("digest2", *list(vars(RUN).values())[1:])
    with pytest.raises(KeyboardInterrupt):
        analyse(lake, recording, other)
    assert shards.finished(lake, recording, RUN) is None
    assert shards.finished(lake, recording, other) is None
    monkeypatch.undo()
    analyse(lake, recording, other)
    assert {row["config_digest"] for table in ("samples", "faces") for row in rows(lake, table)} == {"digest2"}


def test_unfinished_files_never_look_like_shards(tmp_path: Path, recording: Recording) -> None:
    lake = tmp_path / "lake"
    with shards.writer(str(lake), recording, RUN) as write:
        write_rows(write, 3, [0])
        names = [path.name for path in lake.rglob("*") if path.is_file()]
        assert len(names) == 4
        assert all(name.startswith(".") and name.endswith(".tmp") for name in names)


def test_a_full_disk_is_said_in_plain_words_and_leaves_nothing(recording: Recording) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    from gfpipe.lake.storage import disk_errors

    def write() -> None:
        with disk_errors("lake"), full.open("wb", buffering=0) as file:
            file.write(b"x")

    with pytest.raises(LakeError, match=r"no space left.*free some"):
        write()


def test_a_lake_that_cannot_be_written_is_said_in_plain_words(tmp_path: Path, recording: Recording) -> None:
    (tmp_path / "lake").write_text("a file where the folder should be")
    with pytest.raises(LakeError, match="cannot be written"):
        analyse(str(tmp_path / "lake"), recording)


def test_an_object_store_holds_the_same_shards(recording: Recording) -> None:
    analyse("memory://lake", recording)
    done = shards.finished("memory://lake", recording, RUN)
    assert done is not None
    assert done.summary.faces == 4
    names = fsspec.filesystem("memory").find("/lake")
    assert len(names) == 4
    assert all(name.endswith(".parquet") for name in names)


def test_the_schedule_keeps_what_could_not_be_scheduled(tmp_path: Path, recording: Recording) -> None:
    lake = str(tmp_path / "lake")
    rejected = Rejected("tape.mp4", "the path does not fit")
    schedule.record(lake, "archive", [recording], [rejected])
    schedule.record(lake, "archive", [recording], [rejected])  # a second look replaces the first
    assert [(row["recording_id"], row["problem"]) for row in rows(lake, "schedule")] == [
        (recording.recording_id, None),
        (None, "the path does not fit"),
    ]

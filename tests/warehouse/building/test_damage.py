"""A damaged shard is set aside and named, and its recording counts as failed until it is made again."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfpipe import warehouse
from gfpipe.base import checksums
from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.stages.figures import publish
from tests.warehouse.lakes import Face, Show, shard_path, write_labels, write_schedule, write_show

pytestmark = pytest.mark.slow

NEWS, FILM = (Show(programme=name, samples=[(60.0, [Face(0.9)])] * 20) for name in ("News", "Film"))


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


def other_schema(_: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    return bytes(sink.getvalue())


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "a bit flipped": flip,
    "a bit of the footer flipped": lambda data: data[:-60] + bytes([data[-60] ^ 1]) + data[-59:],
    "no bytes": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "a page of zeros": lambda data: data[:40] + bytes(100) + data[140:],
    "half a footer": lambda data: data[: -8 - int.from_bytes(data[-8:-4], "little") // 2] + data[-8:],
    "another schema": other_schema,
    "too long": lambda data: data + b"more",
}


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """Two recordings of 20 minutes, sealed as gfpipe writes them."""
    for show in (NEWS, FILM):
        write_show(tmp_path, show)
    for table in schema.ANALYSED:
        for shard in (tmp_path / table).rglob("one-*.parquet"):
            checksums.seal(shard, table)
    write_schedule(tmp_path, *({"recording_id": show.recording_id, "path": path(show)} for show in (NEWS, FILM)))
    return tmp_path


def path(show: Show) -> str:
    return f"/archive/One/{show.programme}.ts"


def failures(lake: Path) -> dict[str, str]:
    (rows,) = warehouse.report(lake, "failures")
    assert set(rows["status"].to_pylist()) <= {"failed"}
    return dict(zip(rows["path"].to_pylist(), rows["reason"].to_pylist(), strict=True))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("table", ["faces", "recordings"])
def test_a_damaged_shard_is_named_left_out_and_the_rest_is_published(
    lake: Path, table: str, damage: Callable[[bytes], bytes]
) -> None:
    shard = shard_path(lake, table, FILM)
    shard.write_bytes(damage(shard.read_bytes()))
    failed, coverage = warehouse.report(lake, "failures", "coverage")
    assert str(shard.relative_to(lake)) in failed["reason"][0].as_py()
    assert coverage["analysed_seconds"].to_pylist() == [1200.0]
    assert not shard.exists()


@pytest.mark.parametrize("table", ["recordings", "faces"])
def test_a_damaged_shard_lowers_the_coverage_and_the_rest_is_published(lake: Path, table: str) -> None:
    write_schedule(
        lake,
        *({"recording_id": s.recording_id, "path": path(s), "scheduled_seconds": 1200.0} for s in (NEWS, FILM)),
    )
    shard = shard_path(lake, table, FILM)
    shard.write_bytes(flip(shard.read_bytes()))
    published = publish.run(lake)
    assert [row["female_face_seconds"] for row in published.screen_time] == [1200.0]
    assert [row["coverage"] for row in published.screen_time] == [0.5]
    assert [row["failed_seconds"] for row in published.coverage] == [1200.0]


def test_a_shard_that_was_made_again_counts_again(lake: Path) -> None:
    shard = shard_path(lake, "faces", FILM)
    sound = shard.read_bytes()
    shard.write_bytes(sound[:100])
    assert failures(lake)
    shard.write_bytes(sound)
    assert not failures(lake)
    assert not list(lake.rglob("*.damaged"))


def test_a_shard_of_another_table_does_not_pass(lake: Path) -> None:
    shard_path(lake, "samples", FILM).write_bytes(shard_path(lake, "faces", FILM).read_bytes())
    assert list(failures(lake)) == [path(FILM)]


def test_shards_without_a_checksum_stay_readable_and_are_decoded(tmp_path: Path) -> None:
    for show in (NEWS, FILM):
        write_show(tmp_path, show)
    shard = shard_path(tmp_path, "samples", FILM)
    assert checksums.matches(shard.read_bytes(), "samples") is None
    assert not failures(tmp_path)
    data = shard.read_bytes()
    shard.write_bytes(data[:40] + bytes(100) + data[140:])
    assert list(failures(tmp_path)) == [path(FILM)]


def test_damaged_labels_are_no_loss_to_be_passed_over(lake: Path) -> None:
    write_labels(lake, {"recording_id": NEWS.recording_id})
    labels = lake / "labels" / "v1" / "labels.parquet"
    labels.write_bytes(labels.read_bytes()[:100])
    with pytest.raises(LakeError, match=r"labels\.parquet: .* gfpipe label import"):
        publish.run(lake)
    assert labels.exists()


def test_every_bit_of_a_sealed_file_is_covered(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3]}), file)
    checksums.seal(file, "faces")
    sealed = file.read_bytes()
    assert pq.read_table(file).to_pydict() == {"a": [1, 2, 3]}
    assert checksums.matches(sealed, "faces") is True
    assert checksums.matches(sealed, "samples") is False
    mark = sealed.index(b"gfpipe.checksum")
    for place in {*range(len(sealed))} - {*range(mark, mark + 16)}:
        flipped = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        assert checksums.matches(flipped, "faces") is not True

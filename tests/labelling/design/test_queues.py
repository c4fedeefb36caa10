"""Tests of label queues: round trip, safe names, errors."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gfpipe.errors import LakeError, UsageError
from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import FACE, FRAME, Item, Queue

NOW = datetime(2024, 3, 7, 12, 30, tzinfo=UTC)
A_FACE = Item(
    position=0,
    kind=FACE,
    recording_id="one-news",
    path="/archive/one/news.ts",
    channel="One",
    programme="<b>News</b>",
    started_at=NOW,
    sample_index=3,
    seconds=12.5,
    face_index=1,
    x1=10.0,
    y1=20.0,
    x2=50.0,
    y2=60.0,
    config_digest="d1",
    stratum="One · large",
    inclusion_probability=0.25,
    weight=4.0,
    is_repeat=False,
)
A_FRAME = replace(A_FACE, position=1, kind=FRAME, face_index=None, x1=None, y1=None, x2=None, y2=None)


def queue(name: str = "spring") -> Queue:
    return Queue(name, (A_FACE, A_FRAME), seed=7, created=NOW)


def test_round_trip(tmp_path: Path) -> None:
    queues.write(str(tmp_path), queue())
    assert queues.read(str(tmp_path), "spring") == queue()
    assert (A_FACE.box, A_FRAME.box) == ((10.0, 20.0, 50.0, 60.0), None)


def test_a_queue_contains_no_model_output(tmp_path: Path) -> None:
    queues.write(str(tmp_path), queue())
    (file,) = tmp_path.rglob("*.parquet")
    assert not {"p_female", "perceived_gender", "confidence", "answer", "model_id"} & set(pq.read_schema(file).names)


def test_queues_are_listed_by_name_without_other_files(tmp_path: Path) -> None:
    assert queues.names(str(tmp_path)) == ()
    for name in ("summer", "spring"):
        queues.write(str(tmp_path), queue(name))
    (tmp_path / "queues" / "v1" / ".spring.parquet.123.tmp").write_text("half")
    assert queues.names(str(tmp_path)) == ("spring", "summer")


def test_a_queue_is_replaced_only_with_replace(tmp_path: Path) -> None:
    queues.write(str(tmp_path), queue())
    with pytest.raises(UsageError, match="--replace"):
        queues.write(str(tmp_path), replace(queue(), seed=8))
    queues.write(str(tmp_path), replace(queue(), seed=8), replace=True)
    assert queues.read(str(tmp_path), "spring").seed == 8


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../spring", "a/b", "a\\b", "/etc/passwd", ".hidden", "_schema", "spring\n", "é", "x" * 65]
)
def test_unsafe_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a queue"):
        queues.read(str(tmp_path), name)
    with pytest.raises(UsageError, match="cannot name a queue"):
        queue(name)


def test_a_missing_queue_is_reported_with_existing_ones(tmp_path: Path) -> None:
    queues.write(str(tmp_path), queue())
    with pytest.raises(UsageError, match="no queue named winter; it has: spring"):
        queues.read(str(tmp_path), "winter")


def test_an_invalid_file_is_reported(tmp_path: Path) -> None:
    queues.write(str(tmp_path), queue())
    (file,) = tmp_path.rglob("*.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["weight"]), file)
    with pytest.raises(LakeError, match=r"spring\.parquet: is not a label queue"):
        queues.read(str(tmp_path), "spring")


def test_inconsistent_items_are_refused() -> None:
    for change in ({"inclusion_probability": 0.0}, {"kind": "person"}, {"x1": None}, {"kind": FRAME}):
        with pytest.raises(ValueError, match=r"inclusion probability|a face"):
            replace(A_FACE, **change)

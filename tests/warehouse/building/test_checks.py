"""Each check of ``sql/checks`` fails on the one thing that it guards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gfpipe import warehouse
from tests.conftest import ROOT
from tests.warehouse.lakes import Face, Show, write_show

Rows = dict[str, list[dict[str, Any]]]


def break_(table: str, column: str, value: object, row: int = 0) -> Callable[[Rows], None]:
    return lambda rows: rows[table][row].__setitem__(column, value)


def lose(table: str, row: int = 0) -> Callable[[Rows], None]:
    def change(rows: Rows) -> None:
        del rows[table][row]

    return change


BREAKAGES: dict[str, Callable[[Rows], None]] = {
    "steps_add_up": break_("recordings", "analysed_seconds", 3.002),
    "samples_within_recording": break_("recordings", "duration_seconds", 2.95),
    "faces_have_samples": break_("faces", "sample_index", 7, row=1),
    "attributes_have_faces": break_("attributes", "face_index", 7, row=1),
    "counted_faces_are_classified": lose("attributes", row=1),
    "face_counts_agree": break_("samples", "face_count", 3),
    "counted_faces_are_stored": break_("recordings", "min_score", 0.95),
    "recording_counts_agree": break_("recordings", "sample_count", 4),
    "time_zones_are_known": break_("recordings", "timezone", "Mars/Olympus"),
    "shares_within_bounds": break_("samples", "step_seconds", -4.0, row=1),
}


# What no lake could bring about, only a fault of our own: the warehouse itself is broken.
FAULTS: dict[str, str] = {
    "kinds_of_time_add_up": "update rollup set both_seconds = both_seconds + 1",
    "rollup_adds_up": "delete from rollup",
    "compositions_agree": "update compositions set female_faces = 0",
    "tracked_faces_add_up": "update sample_gender set tracked_male_faces = 0 where sample_index = 1",
}


def failures(lake: Path, change: Callable[[Rows], None] | None = None) -> dict[str, warehouse.CheckFailure]:
    show = Show(samples=[(1.0, [Face(0.9), Face(0.1)]), (1.0, [Face(0.1)]), (1.0, [])])
    rows = show.rows()
    if change:
        change(rows)
    write_show(lake, show, **rows)
    warehouse.build(lake)
    with warehouse.open(lake) as db:
        return {failure.name: failure for failure in db.check()}


def test_an_intact_lake_passes_every_check(tmp_path: Path) -> None:
    assert failures(tmp_path) == {}


def test_every_check_is_broken_by_a_test() -> None:
    assert {file.stem for file in (ROOT / "sql" / "checks").rglob("*.sql")} == {*BREAKAGES, *FAULTS}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_check_finds_what_it_guards_against(tmp_path: Path, name: str) -> None:
    failure = failures(tmp_path, BREAKAGES[name])[name]
    assert failure.rows == len(failure.examples) == 1


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_finds_a_fault_of_our_own(tmp_path: Path, name: str) -> None:
    assert failures(tmp_path) == {}
    with duckdb.connect(tmp_path / warehouse.NAME) as connection:
        connection.execute(FAULTS[name])
    with warehouse.open(tmp_path) as db:
        assert [(failure.name, failure.rows) for failure in db.check()] == [(name, 1)]


def test_an_inaccuracy_below_a_millisecond_is_none(tmp_path: Path) -> None:
    assert failures(tmp_path, break_("recordings", "analysed_seconds", 3.0005)) == {}


def test_a_last_sample_may_reach_one_frame_beyond_the_end(tmp_path: Path) -> None:
    assert failures(tmp_path, break_("recordings", "duration_seconds", 2.97)) == {}


def test_a_probability_that_is_none_is_reported_and_counted_for_nobody(tmp_path: Path) -> None:
    found = failures(tmp_path, break_("attributes", "p_female", float("nan")))
    assert list(found) == ["counted_faces_are_classified"]
    with warehouse.open(tmp_path) as db:
        (row,) = db.query("select female_face_seconds as women, male_face_seconds as men from screen_time").to_pylist()
    assert row == {"women": 0.0, "men": 2.0}


def test_many_offenders_are_counted_and_the_first_few_shown(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)] * 40)] * 50)
    write_show(tmp_path, show, **(show.rows() | {"attributes": []}))
    warehouse.build(tmp_path)
    with warehouse.open(tmp_path) as db:
        (failure,) = db.check()
    assert (failure.name, failure.rows, len(failure.examples)) == ("counted_faces_are_classified", 2000, 5)
    assert failure.examples[0]["recording_id"] == show.recording_id


def test_a_shard_twice_in_the_lake_is_noticed(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)])])
    write_show(tmp_path, show)
    twin = next((tmp_path / "faces").rglob("one-*.parquet"))
    twin.with_name("part-0.parquet").write_bytes(twin.read_bytes())
    warehouse.build(tmp_path)
    with warehouse.open(tmp_path) as db:
        assert "face_counts_agree" in {failure.name for failure in db.check()}


def test_macros_hold_for_values_at_the_edge() -> None:
    with duckdb.connect() as connection:
        for file in sorted((ROOT / "sql" / "macros").rglob("*.sql"), key=lambda file: file.stem):
            connection.execute(file.read_text(encoding="utf-8"))
        found = connection.execute(
            "select perceived_gender(null), perceived_gender('nan'::float), perceived_gender(1.1), "
            "share(1, 0), share(0, 2), "
            "face_size(null), face_size(47.99), face_size(48), face_size(95.99), face_size(96)"
        ).fetchall()
    assert found == [(None, None, None, None, 0.0, None, "small", "medium", "medium", "large")]

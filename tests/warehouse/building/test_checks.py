"""Each check of ``sql/checks`` fails on the one thing that it guards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gfpipe import warehouse
from gfpipe.stages.figures import publish
from tests.conftest import ROOT
from tests.warehouse.lakes import Face, Show, write_schedule, write_show

pytestmark = pytest.mark.slow

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
    "shares_within_bounds": break_("samples", "step_seconds", -4.0, row=1),
}


# What no lake could bring about, only a fault of our own: the warehouse itself is broken.
FAULTS: dict[str, str] = {
    "kinds_of_time_add_up": "update rollup set both_seconds = both_seconds + 1",
    "rollup_adds_up": "delete from rollup",
    "compositions_agree": "update compositions set female_faces = 0",
    "tracked_faces_add_up": "update sample_compositions set tracked_composition = 0 where sample_index = 1",
}


def failures(lake: Path, change: Callable[[Rows], None] | None = None) -> dict[str, warehouse.CheckFailure]:
    show = Show(samples=[(1.0, [Face(0.9), Face(0.1)]), (1.0, [Face(0.1)]), (1.0, [])])
    rows = show.rows()
    if change:
        change(rows)
    write_show(lake, show, **rows)
    return failures_of(lake)


def failures_of(lake: Path) -> dict[str, warehouse.CheckFailure]:
    try:
        warehouse.build(lake)
    except warehouse.CheckError as exc:
        return {failure.name: failure for failure in exc.failures}
    return {}


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


def test_a_probability_that_is_none_is_reported(tmp_path: Path) -> None:
    assert list(failures(tmp_path, break_("attributes", "p_female", float("nan")))) == ["counted_faces_are_classified"]


def test_figures_that_do_not_add_up_are_not_published_and_the_recordings_are_named(tmp_path: Path) -> None:
    assert failures(tmp_path) == {}
    before = (tmp_path / warehouse.NAME).read_bytes()
    bad = [Show(programme=f"Film {number}", samples=[(1.0, [])]) for number in range(7)]
    for show in bad:
        show.changes["analysed_seconds"] = 2.0
        write_show(tmp_path, show)
    with pytest.raises(warehouse.CheckError, match=r"(?s)nothing was published.*steps_add_up \(7 rows\).*") as failure:
        publish.run(tmp_path)
    assert bad[0].recording_id in str(failure.value)
    assert "and 2 more" in str(failure.value)
    assert failure.value.failures[0].recordings == tuple(sorted(show.recording_id for show in bad))
    assert (tmp_path / warehouse.NAME).read_bytes() == before
    assert not list(tmp_path.glob(".gfpipe*"))


CLAIMS: dict[str, dict[str, Any]] = {
    "more than a week": {"duration_seconds": 43_121_471_641.0},
    "more than a week was analysed": {"analysed_seconds": 700_000.0},
    "more than its bytes can show": {"analysed_seconds": 167_772.0, "source_bytes": 300_000},
    "no number": {"analysed_seconds": float("nan")},
    "an infinite loss": {"lost_seconds": float("inf")},
    "less than nothing": {"analysed_seconds": -1.0},
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_recording_that_claims_what_cannot_be_is_failed_by_name_and_the_rest_is_published(
    tmp_path: Path, claim: dict[str, Any]
) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9)])]))
    write_show(
        tmp_path, Show(programme="Film", samples=[(claim.get("analysed_seconds", 2.0), [Face(0.1)])], changes=claim)
    )
    (channel,) = publish.run(tmp_path).screen_time
    assert (channel["recordings"], channel["female_face_seconds"], channel["male_face_seconds"]) == (1, 1.0, 0.0)
    with warehouse.open(tmp_path) as db:
        (failed,) = db.query("select path, reason, analysed_seconds from failures where status = 'failed'").to_pylist()
    assert failed["path"].endswith("Film.ts")
    assert failed["analysed_seconds"] == 0
    assert "which cannot be" in failed["reason"]


def test_a_small_recording_of_a_day_and_a_half_is_possible(tmp_path: Path) -> None:
    claim = {"source_bytes": 20_000_000}
    write_show(tmp_path, Show(samples=[(3600.0, [])] * 36, changes=claim))
    (channel,) = publish.run(tmp_path).screen_time
    assert channel["hours_analysed"] == 36


def test_a_schedule_beyond_a_week_is_of_unknown_length(tmp_path: Path) -> None:
    write_schedule(tmp_path, {"recording_id": "x", "scheduled_seconds": 43_121_471_641.0})
    (day,) = publish.run(tmp_path).coverage
    assert (day["missing_recordings"], day["unknown_length_recordings"]) == (1, 1)


def test_many_offenders_are_counted_and_the_first_few_shown(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)] * 40)] * 50)
    write_show(tmp_path, show, **(show.rows() | {"attributes": []}))
    (failure,) = failures_of(tmp_path).values()
    assert (failure.name, failure.rows, len(failure.examples)) == ("counted_faces_are_classified", 2000, 5)
    assert failure.examples[0]["recording_id"] == show.recording_id


def test_a_shard_twice_in_the_lake_is_noticed(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)])])
    write_show(tmp_path, show)
    twin = next((tmp_path / "faces").rglob("one-*.parquet"))
    twin.with_name("part-0.parquet").write_bytes(twin.read_bytes())
    assert "face_counts_agree" in failures_of(tmp_path)


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

"""Screen time by the hour on air, and what reports add up from it: hours, gaps, coverage, shares."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.houses import OVERLAPS_COUNT, one_row, published, tuples
from tests.warehouse.lakes import EVENING, Face, Show, failed, write_schedule, write_show

WOMAN, MAN = Face(0.95), Face(0.05)
HOURS = "select date::varchar, hour, begins, scheduled_seconds, analysed_seconds from rollup order by date, hour"


def quarter_hours(count: int, faces: tuple[Face, ...] = ()) -> list[tuple[float, list[Face]]]:
    return [(900.0, list(faces))] * count


def test_a_recording_is_split_into_the_hours_on_the_clock(tmp_path: Path) -> None:
    start = datetime(2001, 3, 4, 22, 45, tzinfo=UTC)
    write_show(tmp_path, Show(start=start, samples=[(900.0, [WOMAN]), *quarter_hours(4), (60.0, [MAN, MAN])]))
    with published(tmp_path) as db:
        rows = tuples(db, HOURS)
        faces = tuples(db, "select hour, female_face_seconds, male_face_seconds from rollup order by date, hour")
        by_hour = tuples(db, "select hour, analysed_seconds from screen_time_by_hour")
        assert one_row(db, "from screen_time_by_channel")["recordings"] == 1
        assert db.check() == ()
    assert rows == [
        ("2001-03-04", 22, True, 900.0, 900.0),
        ("2001-03-04", 23, False, 3600.0, 3600.0),
        ("2001-03-05", 0, False, 60.0, 60.0),
    ]
    assert faces == [(22, 900.0, 0.0), (23, 0.0, 0.0), (0, 0.0, 120.0)]
    assert by_hour == [(0, 60.0), (22, 900.0), (23, 3600.0)]


def test_a_programme_past_midnight_belongs_to_two_days_weekdays_weeks_and_months(tmp_path: Path) -> None:
    sunday = datetime(2020, 5, 31, 23, 45, tzinfo=UTC)
    write_show(tmp_path, Show(start=sunday, samples=quarter_hours(3)))
    with published(tmp_path) as db:
        rows = tuples(db, "select date::varchar, week, month, weekday, analysed_seconds from rollup order by date")
        for report in ("day", "week", "month", "weekday"):
            found = db.query(f"from screen_time_by_{report}")["analysed_seconds"].to_pylist()
            assert sorted(found) == [900.0, 1800.0]
    assert rows == [("2020-05-31", "2020-W22", "2020-05", 7, 900.0), ("2020-06-01", "2020-W23", "2020-06", 1, 1800.0)]


def test_the_first_days_of_january_may_belong_to_the_last_week_of_the_year_before(tmp_path: Path) -> None:
    for year in (2021, 2024):
        start = datetime(year, 1, 1, 12, tzinfo=UTC)
        write_show(tmp_path, Show(start=start, samples=[(1.0, [])]))
    with published(tmp_path) as db:
        assert tuples(db, "select week from screen_time_by_week") == [("2020-W53",), ("2024-W01",)]


def test_the_hour_that_summer_time_leaves_out_has_no_row_and_the_one_it_repeats_is_twice_as_long(
    tmp_path: Path,
) -> None:
    berlin = {"timezone": "Europe/Berlin"}
    spring, autumn = datetime(2001, 3, 25, 0, 30, tzinfo=UTC), datetime(2001, 10, 27, 23, 30, tzinfo=UTC)
    write_show(tmp_path, Show(start=spring, samples=quarter_hours(4), changes=berlin))
    write_show(tmp_path, Show(start=autumn, samples=quarter_hours(12), changes=berlin))
    with published(tmp_path) as db:
        rows = tuples(db, HOURS)
        assert db.check() == ()
    assert rows == [
        ("2001-03-25", 1, True, 1800.0, 1800.0),
        ("2001-03-25", 3, False, 1800.0, 1800.0),
        ("2001-10-28", 1, True, 1800.0, 1800.0),
        ("2001-10-28", 2, False, 7200.0, 7200.0),
        ("2001-10-28", 3, False, 1800.0, 1800.0),
    ]


def test_what_is_missing_failed_or_rejected_has_rows_without_time(tmp_path: Path) -> None:
    film = failed(Show(programme="Film"))
    write_show(tmp_path, film)
    write_schedule(
        tmp_path,
        {"recording_id": film.recording_id, "path": "a", "programme": "Film", "scheduled_seconds": 600.0},
        {"recording_id": "late", "path": "b", "programme": "Late", "scheduled_seconds": 5400.0},
        {
            "recording_id": None,
            "path": "c",
            "programme": None,
            "channel": None,
            "started_at": None,
            "problem": "no date",
        },
    )
    with published(tmp_path) as db:
        rows = tuples(
            db,
            "select programme, model_id, date::varchar, week, hour, begins, unknown_length, scheduled_seconds, "
            "analysed_seconds, no_face_seconds from rollup order by programme, hour",
        )
        totals = tuples(
            db,
            "select channel, recordings, hours_scheduled, coverage, share_no_face_time from screen_time_by_channel",
        )
        assert db.check() == ()
    assert rows == [
        ("Film", None, "2001-03-04", "2001-W09", 20, True, False, 600.0, 0.0, 0.0),
        ("Late", None, "2001-03-04", "2001-W09", 20, True, False, 3600.0, 0.0, 0.0),
        ("Late", None, "2001-03-04", "2001-W09", 21, False, False, 1800.0, 0.0, 0.0),
    ]
    assert totals == [
        ("One", 0, pytest.approx(6000 / 3600), 0.0, None)
    ]  # a file without a channel is in the coverage only


def test_a_length_that_nobody_knows_is_in_no_coverage_and_is_counted_once(tmp_path: Path) -> None:
    write_show(tmp_path, failed(Show(programme="Film")))
    write_show(tmp_path, Show(programme="Stream", samples=quarter_hours(8), changes={"duration_seconds": None}))
    write_show(tmp_path, Show(samples=quarter_hours(2)))
    with published(tmp_path, OVERLAPS_COUNT) as db:
        row = one_row(db, "from screen_time_by_channel")
        by_hour = tuples(db, "select hour, unknown_length_recordings, coverage from screen_time_by_hour")
    assert (row["unknown_length_recordings"], row["hours_scheduled"], row["coverage"]) == (2, 0.5, 1.0)
    assert row["hours_analysed"] == 2.5
    assert by_hour == [(20, 2, 1.0), (21, 0, None)]


@pytest.mark.parametrize(
    ("scheduled", "coverage", "hours_scheduled"),
    [
        (3600.0, 0.5, 1.0),  # half of it was recorded
        (1800.0, 1.0, 0.5),
        (900.0, 1.0, 0.25),  # recorded for longer than planned
        (None, 1.0, 0.5),  # nobody said; it was as long as the file
    ],
)
def test_coverage_is_what_was_analysed_of_what_was_to_be(
    tmp_path: Path, scheduled: float | None, coverage: float, hours_scheduled: float
) -> None:
    write_show(tmp_path, Show(samples=quarter_hours(2), changes={"scheduled_seconds": scheduled}))
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
    assert (row["coverage"], row["hours_scheduled"], row["hours_analysed"]) == (coverage, hours_scheduled, 0.5)


def test_what_ran_longer_than_planned_makes_up_for_nothing_else(tmp_path: Path) -> None:
    """Half an hour too much of the one and a whole hour missing of the other are 1 of 2 hours, not 1.5."""
    write_show(tmp_path, Show(samples=quarter_hours(6), changes={"scheduled_seconds": 3600.0}))
    write_schedule(tmp_path, {"recording_id": "x", "path": "x", "programme": "Late", "scheduled_seconds": 3600.0})
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        by_hour = tuples(db, "select hour, hours_analysed, hours_scheduled, coverage from screen_time_by_hour")
    assert (row["hours_analysed"], row["hours_scheduled"], row["coverage"]) == (1.5, 2.0, 0.5)
    assert by_hour == [(20, 1.0, 2.0, 0.5), (21, 0.5, None, None)]


def test_of_a_recording_that_lost_its_middle_each_hour_says_what_is_missing(tmp_path: Path) -> None:
    show = Show(samples=quarter_hours(4))
    rows = show.rows()
    for row, second in zip(rows["samples"], (0.0, 900.0, 6300.0, 7200.0), strict=True):  # 20:00, 20:15, 21:45, 22:00
        row |= {"seconds": second, "aired_at": EVENING.fromtimestamp(EVENING.timestamp() + second, UTC)}
    rows["recordings"][0] |= {"status": "partial", "lost_seconds": 4500.0, "duration_seconds": 8100.0}
    write_show(tmp_path, show, **rows)
    with published(tmp_path) as db:
        found = tuples(db, "select hour, coverage from screen_time_by_hour")
        assert db.check() == ()
    assert found == [(20, 0.5), (21, 0.25), (22, 1.0)]


def test_every_recording_begins_once_and_every_zone_keeps_its_own_clock(tmp_path: Path) -> None:
    for number, zone in enumerate(("UTC", "Asia/Kathmandu", "-03:30", "America/New_York")):
        show = Show(programme=f"{number}", samples=quarter_hours(9), changes={"timezone": zone})
        write_show(tmp_path, show)
    with published(tmp_path, OVERLAPS_COUNT) as db:
        begins = tuples(db, "select programme, count(*) filter (where begins) from rollup group by all order by 1")
        hours = tuples(db, "select programme, hour from rollup where begins order by programme")
        seconds = tuples(db, "select sum(scheduled_seconds), sum(analysed_seconds) from rollup group by programme")
    assert begins == [("0", 1), ("1", 1), ("2", 1), ("3", 1)]
    assert hours == [("0", 20), ("1", 1), ("2", 16), ("3", 15)]  # 20:00 in UTC
    assert seconds == [(8100.0, 8100.0)] * 4


def test_figures_over_tracks_stand_beside_those_face_by_face(tmp_path: Path) -> None:
    track = [Face(p, track=1) for p in (0.95, 0.95, 0.3)]
    write_show(tmp_path, Show(samples=[*((1.0, [face]) for face in track), (2.0, [MAN])]))
    with published(tmp_path) as db:
        row = one_row(db, "select * exclude (date) from rollup")
        shares = one_row(
            db,
            "select share_female_face_time as faces, share_female_face_time_tracks as tracks from screen_time_by_day",
        )
        assert db.check() == ()
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (2.0, 3.0)
    assert (row["tracked_female_face_seconds"], row["tracked_male_face_seconds"]) == (3.0, 2.0)
    assert shares == {"faces": 0.4, "tracks": 0.6}


def test_shares_are_null_where_there_is_nothing_to_have_a_share_of(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])]))
    write_show(tmp_path, Show(channel="Two", samples=[(1.0, [])]))
    with published(tmp_path) as db:
        rows = tuples(
            db,
            "select channel, share_female_face_time, female_to_male_ratio, share_undecided_face_time, mean_faces, "
            "share_no_face_time from screen_time_by_channel",
        )
    assert rows == [("One", 1.0, None, 0.0, 1.0, 0.0), ("Two", None, None, None, 0.0, 1.0)]


def test_a_failed_recording_has_no_model_for_nothing_was_read_from_it(tmp_path: Path) -> None:
    """Else what failed before all was reclassified would be a second model in every series."""
    write_show(tmp_path, failed(Show(programme="Film")))
    write_show(tmp_path, Show(samples=[(1.0, [])], changes={"classifier_id": "model-b"}))
    with published(tmp_path) as db:
        found: list[tuple[Any, ...]] = tuples(db, "select programme, model_id from rollup order by programme")
    assert found == [("Film", None), ("News", "model-b")]


def test_a_rejected_twin_of_a_recording_takes_nothing_from_it(tmp_path: Path) -> None:
    show = Show(samples=quarter_hours(2, (WOMAN,)))
    write_show(tmp_path, show)
    twin = {"recording_id": show.recording_id, "path": "b", "problem": "same recording as a"}
    write_schedule(tmp_path, {"recording_id": show.recording_id, "path": "a"}, twin)
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        (per_recording,) = tuples(db, "select analysed_seconds, female_face_seconds from screen_time")
        assert db.check() == ()
    assert (row["recordings"], row["analysed_seconds"], row["coverage"]) == (1, 1800.0, 1.0)
    assert per_recording == (1800.0, 1800.0)

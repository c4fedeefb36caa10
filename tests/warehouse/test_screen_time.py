"""Screen time, added up by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.houses import OVERLAPS_COUNT, one_row, published
from tests.warehouse.lakes import (
    EVENING,
    NIGHT,
    Face,
    Show,
    failed,
    shard_path,
    write_schedule,
    write_shard,
    write_show,
)

WOMAN, MAN, UNSURE = Face(0.95), Face(0.05), Face(0.5)


def test_face_time_counts_every_face_and_presence_time_every_sample_once(tmp_path: Path) -> None:
    samples = [
        (1.5, [WOMAN, WOMAN]),  # two women: 3.0 s of face time, 1.5 s of presence
        (0.5, [WOMAN, MAN]),
        (2.0, [MAN]),
        (1.0, [UNSURE]),
        (3.0, []),
    ]
    write_show(tmp_path, Show(samples=samples))
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        assert db.check() == ()
    assert row == {
        "channel": "One",
        "recordings": 1,
        "hours_analysed": pytest.approx(8 / 3600),
        "hours_scheduled": pytest.approx(8 / 3600),  # nobody scheduled it; it was as long as it turned out to be
        "coverage": 1.0,
        "unknown_length_recordings": 0,
        "analysed_seconds": 8.0,
        "female_face_seconds": 3.5,
        "male_face_seconds": 2.5,
        "undecided_face_seconds": 1.0,
        "female_presence_seconds": 2.0,
        "male_presence_seconds": 2.5,
        "undecided_presence_seconds": 1.0,
        "only_female_seconds": 1.5,
        "only_male_seconds": 2.0,
        "both_seconds": 0.5,
        "only_undecided_seconds": 1.0,
        "no_face_seconds": 3.0,
        "share_female_face_time": pytest.approx(3.5 / 6),
        "female_to_male_ratio": pytest.approx(1.4),
        "share_undecided_face_time": pytest.approx(1 / 7),
        "share_female_face_time_tracks": pytest.approx(3.5 / 6),
        "mean_faces": 0.875,
        "share_female_presence_time": 0.25,
        "share_male_presence_time": 0.3125,
        "share_only_female_time": 0.1875,
        "share_only_male_time": 0.25,
        "share_both_time": 0.0625,
        "share_only_undecided_time": 0.125,
        "share_no_face_time": 0.375,
    }


def test_a_sample_says_how_many_women_and_men_it_shows(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN, MAN, MAN, UNSURE]), (1.0, [])]))
    with published(tmp_path) as db:
        rows = db.query("select * from sample_gender order by sample_index").to_pylist()
    counts = [(row["female_faces"], row["male_faces"], row["undecided_faces"]) for row in rows]
    assert counts == [(1, 2, 1), (0, 0, 0)]
    assert [row["aired_at"] for row in rows] == [EVENING, EVENING.replace(second=1)]


def test_small_faces_are_kept_but_stay_out_of_screen_time(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN, Face(0.05, height=12)])]))
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time")
        kept = one_row(db, "select count(*) as faces from faces")
        assert db.check() == ()
    assert (row["female_face_seconds"], row["male_face_seconds"], row["faces"]) == (1.0, 0.0, 1)
    assert kept == {"faces": 2}


@pytest.mark.parametrize(
    ("p_female", "read_as"),
    [(1.0, "female"), (0.6, "female"), (0.59, "undecided"), (0.41, "undecided"), (0.4, "male"), (0.0, "male")],
)
def test_the_thresholds_themselves_are_decided_in_the_lakes_own_precision(
    tmp_path: Path, p_female: float, read_as: str
) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(p_female)])]))
    with published(tmp_path) as db:
        assert one_row(db, "select perceived_gender from classified_faces") == {"perceived_gender": read_as}


def test_only_the_model_that_the_recording_was_classified_with_is_counted(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])], models=("model-a", "model-b")))
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time")
        assert db.check() == ()
    assert (row["female_face_seconds"], row["male_face_seconds"]) == (1.0, 0.0)


def test_shards_of_another_configuration_are_not_counted(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])]))
    interrupted = Show(programme="Film", digest="d2", samples=[(9.0, [MAN])])
    write_show(tmp_path, interrupted, "samples", "faces", "attributes")  # killed before its recordings row
    compacted = Show(digest="d0", samples=[(7.0, [MAN])]).rows()
    for table in ("samples", "faces", "attributes"):
        stale = shard_path(tmp_path, table, Show()).with_name("part-0.parquet")
        write_shard(stale, table, compacted[table])
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        counted = one_row(db, "select count(*) as rows from samples")
        assert db.check() == ()
    assert (row["analysed_seconds"], row["female_face_seconds"], row["male_face_seconds"]) == (1.0, 1.0, 0.0)
    assert counted == {"rows": 1}


def test_of_two_analyses_of_one_recording_the_newest_counts(tmp_path: Path) -> None:
    old = Show(samples=[(5.0, [MAN])], digest="d0", analysed_at=NIGHT.replace(hour=2)).rows()
    new = Show(samples=[(1.0, [WOMAN])], digest="d1", analysed_at=NIGHT.replace(hour=3)).rows()
    write_show(tmp_path, Show(), **{table: old[table] + new[table] for table in old})
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        assert db.check() == ()
    assert (row["recordings"], row["analysed_seconds"], row["male_face_seconds"]) == (1, 1.0, 0.0)


def test_a_failed_recording_adds_no_time_and_keeps_its_reason(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])]))
    write_show(tmp_path, failed(Show(programme="Film"), "no video stream"))
    with published(tmp_path) as db:
        time = one_row(db, "from screen_time_by_channel")
        failure = one_row(db, "select programme, status, reason, scheduled_seconds from failures")
        assert db.check() == ()
    assert (time["recordings"], time["analysed_seconds"]) == (1, 1.0)
    assert failure == {"programme": "Film", "status": "failed", "reason": "no video stream", "scheduled_seconds": None}


def test_a_lake_whose_only_recording_failed_can_be_published(tmp_path: Path) -> None:
    write_show(tmp_path, failed(Show()), "recordings")  # and no shard of any other table at all
    with published(tmp_path) as db:
        row = one_row(db, "from screen_time_by_channel")
        assert db.query("from faces").column_names == [
            *db.query("from stg_faces").column_names,
            "recording_number",
        ]
        assert db.query("select count(*) as n from failures").to_pylist() == [{"n": 1}]
        assert db.check() == ()
    assert (row["recordings"], row["analysed_seconds"], row["unknown_length_recordings"]) == (0, 0.0, 1)
    assert (row["share_female_face_time"], row["coverage"], row["hours_scheduled"]) == (None, None, None)


def test_a_channel_may_be_called_anything(tmp_path: Path) -> None:
    name = "TV 1/2 ä=é"
    write_show(tmp_path, Show(channel=name, samples=[(1.0, [WOMAN])]))
    with published(tmp_path) as db:
        assert one_row(db, "from screen_time_by_channel")["channel"] == name


def test_days_and_programmes_add_up_to_their_channel(tmp_path: Path) -> None:
    tokyo = {"timezone": "Asia/Tokyo"}
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])], changes=tokyo))
    write_show(tmp_path, Show(programme="Film", samples=[(2.0, [MAN])]))
    with published(tmp_path, OVERLAPS_COUNT) as db:
        days = db.query("select date, analysed_seconds from screen_time_by_day").to_pylist()
        programmes = db.query("select programme, analysed_seconds from screen_time_by_programme").to_pylist()
    assert [(f"{row['date']}", row["analysed_seconds"]) for row in days] == [
        ("2001-03-04", 2.0),
        ("2001-03-05", 1.0),
    ]
    assert [(row["programme"], row["analysed_seconds"]) for row in programmes] == [("Film", 2.0), ("News", 1.0)]


@pytest.mark.parametrize(
    ("zone", "start", "local"),
    [
        ("Europe/Berlin", datetime(2001, 1, 1, 23, 30, tzinfo=UTC), "2001-01-02 00:30:00"),
        ("Europe/Berlin", datetime(2001, 7, 1, 21, 30, tzinfo=UTC), "2001-07-01 23:30:00"),  # summer time
        ("+02:00", datetime(2001, 7, 1, 22, 30, tzinfo=UTC), "2001-07-02 00:30:00"),
        ("-05:30", datetime(2001, 7, 1, 3, 0, tzinfo=UTC), "2001-06-30 21:30:00"),
        ("UTC+01:00", datetime(2001, 7, 1, 3, 0, tzinfo=UTC), "2001-07-01 04:00:00"),
        ("UTC", datetime(2001, 7, 1, 3, 0, tzinfo=UTC), "2001-07-01 03:00:00"),
    ],
)
def test_dates_are_those_of_the_clock_on_the_wall(tmp_path: Path, zone: str, start: datetime, local: str) -> None:
    write_show(tmp_path, Show(start=start, samples=[(1.0, [])], changes={"timezone": zone}))
    with published(tmp_path) as db:
        row = one_row(db, "select started_at_local, air_date from recordings")
        assert db.check() == ()
    assert f"{row['started_at_local']}" == local
    assert f"{row['air_date']}" == local[:10]


def test_a_time_zone_that_nobody_knows_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])]))
    write_show(tmp_path, Show(programme="Film", samples=[(1.0, [WOMAN])], changes={"timezone": "Mars/Olympus"}))
    with published(tmp_path) as db:
        assert one_row(db, "from screen_time_by_channel")["analysed_seconds"] == 1.0
        assert "Mars/Olympus is unknown" in one_row(db, "from failures")["reason"]


def test_what_is_only_scheduled_shows_as_missing_and_what_was_rejected_keeps_its_complaint(tmp_path: Path) -> None:
    show = Show(samples=[(50.0, [WOMAN])])
    show.changes |= {"status": "partial", "reason": "truncated", "lost_seconds": 10.0, "scheduled_seconds": 60.0}
    write_show(tmp_path, show)
    write_show(tmp_path, failed(Show(programme="Film"), "not a video"))
    write_schedule(
        tmp_path,
        {"recording_id": show.recording_id, "path": "a", "scheduled_seconds": 61.0},
        {"recording_id": Show(programme="Film").recording_id, "path": "b", "scheduled_seconds": 100.0},
        {"recording_id": "late", "path": "c", "programme": "Late", "scheduled_seconds": 30.0},
        {"recording_id": "later", "path": "d", "programme": "Later"},
        {"path": "e", "programme": None, "problem": "no time zone", "scheduled_seconds": 5.0},
    )
    with published(tmp_path) as db:
        row = one_row(db, "from coverage")
        failures = db.query("select path, status from failures order by path").to_pylist()
        assert db.check() == ()
    assert f"{row.pop('air_date')}" == "2001-03-04"
    assert row == {
        "channel": "One",
        "recordings": 5,
        "done_recordings": 0,
        "partial_recordings": 1,
        "failed_recordings": 1,
        "rejected_recordings": 1,
        "missing_recordings": 2,
        "copied_recordings": 0,
        "unknown_length_recordings": 1,
        "scheduled_seconds": 196.0,
        "analysed_seconds": 50.0,
        "lost_seconds": 10.0,
        "failed_seconds": 105.0,
        "missing_seconds": 30.0,
        "reasons": "no time zone; not a video; not analysed yet; truncated",
    }
    assert [(f["path"], f["status"]) for f in failures] == [
        ("/archive/One/Film.ts", "failed"),
        ("/archive/One/News.ts", "partial"),
        ("c", "missing"),
        ("d", "missing"),
        ("e", "rejected"),
    ]


def test_a_length_that_nobody_knows_is_never_shown_as_no_time(tmp_path: Path) -> None:
    write_show(tmp_path, failed(Show()))
    with published(tmp_path) as db:
        row = one_row(db, "from coverage")
    assert (row["recordings"], row["unknown_length_recordings"]) == (1, 1)
    assert (row["scheduled_seconds"], row["failed_seconds"], row["missing_seconds"]) == (None, None, 0.0)


def test_a_mended_manifest_takes_its_old_complaints_away(tmp_path: Path) -> None:
    write_schedule(tmp_path, {"path": "a", "problem": "no time zone"}, name="first")
    write_schedule(tmp_path, {"recording_id": "x", "path": "a", "seen_at": NIGHT.replace(hour=4)}, name="second")
    with published(tmp_path) as db:
        assert [row["status"] for row in db.query("select status from failures").to_pylist()] == ["missing"]


def test_two_rows_for_one_recording_count_once_and_the_rejected_one_stays_in_sight(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [])])
    write_show(tmp_path, show)
    write_schedule(
        tmp_path,
        {"recording_id": show.recording_id, "path": "a"},
        {"recording_id": show.recording_id, "path": "b", "problem": "same recording as a"},
    )
    with published(tmp_path) as db:
        rows = db.query("select status, analysed_seconds from recording_coverage order by status").to_pylist()
    assert rows == [{"status": "done", "analysed_seconds": 1.0}, {"status": "rejected", "analysed_seconds": 0.0}]

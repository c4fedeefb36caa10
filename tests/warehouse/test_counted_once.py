"""Nothing counts twice: copies of a file, and recordings of one channel that overlap."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gfpipe import warehouse
from gfpipe.choices import Copies, Overlaps
from gfpipe.counting import Counting
from gfpipe.stages.figures import publish
from tests.warehouse.lakes import EVENING, Face, Show, failed, write_schedule, write_show

WOMAN, MAN = Face(1.0), Face(0.0)
MIDNIGHT = datetime(2001, 3, 4, tzinfo=UTC)


def seconds(start: float, women: int, men: int = 0, **options: Any) -> Show:
    """A recording that begins so many seconds after eight, of a second per sample."""
    samples = [(1.0, [WOMAN])] * women + [(1.0, [MAN])] * men
    programme = options.pop("programme", f"At {start}")
    return Show(programme=programme, start=EVENING + timedelta(seconds=start), samples=samples, **options)


def with_losses(show: Show, *ranges: tuple[float, float]) -> Show:
    lost = sum(stop - start for start, stop in ranges)
    show.changes |= {
        "status": "partial",
        "lost_seconds": lost,
        "duration_seconds": sum(step for step, _ in show.samples) + lost,
        "lost_ranges": [{"start_seconds": start, "end_seconds": stop} for start, stop in ranges],
    }
    return show


def totals(lake: Path, **counting: Any) -> dict[str, Any]:
    """Totals of the published figures, whose checks pass."""
    publish.run(lake, counting=Counting(**counting))
    with warehouse.open(lake) as db:
        (row,) = db.query("from estimates where grouping = 'all'").to_pylist()
    return dict(row)


def women_and_men(row: dict[str, Any]) -> tuple[float, float]:
    return row["female_face_seconds"], row["male_face_seconds"]


@pytest.mark.parametrize(
    ("overlaps", "expected"), [(Overlaps.FIRST, (10, 10)), (Overlaps.LONGEST, (5, 15)), (Overlaps.ALL, (10, 15))]
)
def test_recordings_of_a_channel_that_overlap_count_once(
    tmp_path: Path, overlaps: Overlaps, expected: tuple[float, float]
) -> None:
    write_show(tmp_path, seconds(0, women=10))
    write_show(tmp_path, seconds(5, women=0, men=15))
    write_show(tmp_path, seconds(5, women=3, channel="Two"))  # another channel
    row = totals(tmp_path, overlapping=overlaps)
    assert women_and_men(row) == (expected[0] + 3, expected[1])
    assert row["coverage"] == pytest.approx(1.0)
    assert row["hours_scheduled"] * 3600 == pytest.approx(sum(expected) + 3)


def test_the_overlap_is_said_with_its_length(tmp_path: Path) -> None:
    write_show(tmp_path, seconds(0, women=10))
    assert publish.run(tmp_path).notes == ()
    write_show(tmp_path, seconds(5, women=0, men=15))
    (note,) = publish.run(tmp_path).notes
    assert note.startswith("1 recording overlaps with others of the channel, such as /archive/One/At 5.ts: 0:00:05 ")


def test_what_the_first_recording_lost_counts_in_the_second(tmp_path: Path) -> None:
    first = with_losses(seconds(0, women=6), (2, 6))
    rows = first.rows()["samples"]
    for row in rows[2:]:
        row["seconds"] += 4
        row["aired_at"] += timedelta(seconds=4)
    write_show(tmp_path, first, samples=rows)
    write_show(tmp_path, seconds(1, women=0, men=10, programme="Spare"))
    assert women_and_men(totals(tmp_path)) == (6, 5)


def test_three_recordings_of_one_moment_count_once(tmp_path: Path) -> None:
    for programme in ("A", "B", "C"):
        write_show(tmp_path, seconds(3595, women=10, programme=programme))  # over the full hour
    row = totals(tmp_path)
    assert women_and_men(row) == (10, 0)
    assert row["coverage"] == pytest.approx(1.0)


def test_recordings_without_a_time_do_not_overlap_unless_they_cannot_fit_into_a_day(tmp_path: Path) -> None:
    for programme in ("News", "Film"):
        write_show(tmp_path, Show(programme=programme, start=MIDNIGHT, samples=[(1.0, [WOMAN])] * 5))
    assert women_and_men(totals(tmp_path)) == (10, 0)
    for programme in ("Recorder a", "Recorder b"):
        write_show(tmp_path, Show("Two", programme, MIDNIGHT, samples=[(3600.0, [MAN])] * 24))
    assert women_and_men(totals(tmp_path)) == (10, 86400)


def copies(lake: Path) -> None:
    same = {"source_fingerprint": "abc"}
    write_show(lake, seconds(0, women=10, changes=dict(same)))
    write_show(lake, seconds(100, women=10, channel="Two", changes=dict(same)))
    write_show(lake, seconds(200, women=7, channel="Two", changes=dict(same)))  # same ends, other content
    write_show(lake, seconds(0, women=1, channel="Three", changes={"source_fingerprint": "def"}))


def test_copies_count_once_and_stay_in_the_accounts(tmp_path: Path) -> None:
    copies(tmp_path)
    assert women_and_men(totals(tmp_path)) == (18, 0)
    assert women_and_men(totals(tmp_path, copies=Copies.ALL)) == (28, 0)
    published = publish.run(tmp_path)
    assert published.notes == ("1 recording is a copy of another and does not count; to count them: --copies all",)
    coverage, failures = warehouse.report(tmp_path, "coverage", "failures")
    (row,) = failures.to_pylist()
    assert (row["status"], row["reason"]) == ("copy", "copy of /archive/One/At 0.ts")
    two = next(row for row in coverage.to_pylist() if row["channel"] == "Two")
    assert (two["recordings"], two["copied_recordings"], two["analysed_seconds"]) == (1, 1, 7.0)


def test_several_entries_of_one_file_count_once_as_the_archive_lists_it(tmp_path: Path) -> None:
    same = {"path": "/archive/a.ts", "source_fingerprint": "abc"}
    shows = [seconds(start, women=10, changes=dict(same)) for start in (0, 3600, 7200)]
    for show in shows:
        write_show(tmp_path, show)
    write_schedule(tmp_path, {"path": "/archive/a.ts", "recording_id": shows[1].recording_id})
    assert women_and_men(totals(tmp_path)) == (10, 0)
    with warehouse.open(tmp_path) as db:
        assert db.query("select recording_id from recordings").to_pylist() == [{"recording_id": shows[1].recording_id}]


def test_files_that_fit_no_pattern_are_in_the_coverage_but_are_no_channel(tmp_path: Path) -> None:
    write_show(tmp_path, seconds(0, women=10))
    unknown = {"path": "/archive/tape.mp4", "channel": None, "programme": None, "started_at": None, "timezone": None}
    write_schedule(tmp_path, unknown | {"problem": "the path does not fit the pattern"})
    published = publish.run(tmp_path)
    assert [row["channel"] for row in published.screen_time] == ["One"]
    assert [(row["channel"], row["rejected_recordings"]) for row in published.coverage if row["channel"] is None] == [
        (None, 1)
    ]
    assert [row["path"] for row in warehouse.report(tmp_path, "failures")[0].to_pylist()] == ["/archive/tape.mp4"]


def test_a_failed_recording_overlaps_with_nothing(tmp_path: Path) -> None:
    write_show(tmp_path, failed(seconds(0, women=0)))
    write_show(tmp_path, seconds(0, women=5, programme="Spare"))
    assert women_and_men(totals(tmp_path)) == (5, 0)

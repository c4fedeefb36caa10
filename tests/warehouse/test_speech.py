"""Women and men seen and heard; added up by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.houses import OVERLAPS_COUNT, one_row, published, tuples
from tests.warehouse.lakes import Face, Show, failed, write_show, write_speech

WOMAN, MAN = Face(0.95), Face(0.05)


def test_seconds_seen_are_held_against_seconds_heard(tmp_path: Path) -> None:
    # Pictures:  0-6 woman | 6-8 man | 8-20 both | 20-25 nobody
    # Speech:    0-2 music | 2-7 female | 7-12.5 male | 12.5-15 noEnergy | 15-22 female | 22-24 male | 24-25 noise
    show = Show(samples=[(6.0, [WOMAN, WOMAN]), (2.0, [MAN]), (12.0, [WOMAN, MAN]), (5.0, [])])
    write_show(tmp_path, show)
    write_speech(
        tmp_path,
        show,
        ("music", 0.0, 2.0),
        ("female", 2.0, 7.0),
        ("male", 7.0, 12.5),
        ("noEnergy", 12.5, 15.0),
        ("female", 15.0, 22.0),
        ("male", 22.0, 24.0),
        ("noise", 24.0, 25.0),
    )
    with published(tmp_path) as db:
        row = one_row(db, "from seen_and_heard")
    assert row == {
        "recording_id": show.recording_id,
        "channel": "One",
        "programme": "News",
        "analysed_seconds": 25.0,
        "women_seen_seconds": 18.0,
        "women_heard_seconds": 12.0,
        "women_seen_and_heard_seconds": 4.0 + 5.0,  # 2-6 and 15-20
        "women_seen_not_heard_seconds": 9.0,
        "women_heard_not_seen_seconds": 3.0,  # 6-7 and 20-22
        "men_seen_seconds": 14.0,
        "men_heard_seconds": 7.5,
        "men_seen_and_heard_seconds": 5.5,  # 7-12.5
        "men_seen_not_heard_seconds": 8.5,
        "men_heard_not_seen_seconds": 2.0,  # 22-24
    }


@pytest.mark.parametrize("start", [0.0, 3.5, 10.0, 19.99, 20.0, 3599.0])
@pytest.mark.parametrize("length", [0.01, 6.5, 10.0, 25.0])
def test_no_moment_is_lost_or_counted_twice_where_ten_seconds_end(tmp_path: Path, start: float, length: float) -> None:
    show = Show(samples=[(start, []), (length, [WOMAN]), (5.0, [])] if start else [(length, [WOMAN]), (5.0, [])])
    write_show(tmp_path, show)
    write_speech(tmp_path, show, ("female", 0.0, start + length + 5))
    with published(tmp_path) as db:
        row = one_row(db, "from seen_and_heard")
    assert row["women_seen_and_heard_seconds"] == pytest.approx(length)
    assert row["women_heard_not_seen_seconds"] == pytest.approx(start + 5)


def test_what_was_heard_while_no_picture_was_analysed_does_not_count(tmp_path: Path) -> None:
    show = Show(samples=[(2.0, [WOMAN]), (2.0, [WOMAN])])
    rows = show.rows()
    rows["samples"][1] |= {"seconds": 10.0}
    rows["recordings"][0] |= {"duration_seconds": 12.0, "status": "partial", "lost_seconds": 8.0}
    write_show(tmp_path, show, **rows)
    write_speech(tmp_path, show, ("female", 1.0, 11.0), ("male", 11.0, 60.0))
    with published(tmp_path) as db:
        row = one_row(db, "from seen_and_heard")
    assert (row["women_heard_seconds"], row["men_heard_seconds"]) == (2.0, 1.0)


def test_recordings_without_sound_or_pictures_are_left_out_and_silent_ones_are_not(tmp_path: Path) -> None:
    silent, unheard, broken = (Show(programme=name, samples=[(4.0, [WOMAN])]) for name in ("Mime", "Film", "Late"))
    broken = failed(Show(programme="Late"))
    for show in (silent, unheard, broken):
        write_show(tmp_path, show)
    write_speech(tmp_path, silent, ("noEnergy", 0.0, 4.0))
    write_speech(tmp_path, broken, ("female", 0.0, 4.0))
    with published(tmp_path, OVERLAPS_COUNT) as db:
        assert tuples(db, "select programme, women_seen_not_heard_seconds from seen_and_heard") == [("Mime", 4.0)]


def test_a_channel_adds_its_recordings_up(tmp_path: Path) -> None:
    for hour, faces, label in ((1, [WOMAN], "female"), (2, [WOMAN, MAN], "male"), (3, [MAN], "male")):
        show = Show(start=datetime(2001, 3, 4, hour, tzinfo=UTC), samples=[(10.0, faces)])
        write_show(tmp_path, show)
        write_speech(tmp_path, show, (label, 0.0, 5.0))
    with published(tmp_path) as db:
        row = one_row(db, "from seen_and_heard_by_channel")
    assert (row["channel"], row["recordings"], row["analysed_seconds"]) == ("One", 3, 30.0)
    assert (row["women_seen_seconds"], row["women_heard_seconds"], row["women_seen_and_heard_seconds"]) == (
        20.0,
        5.0,
        5.0,
    )
    assert (row["share_women_seen"], row["share_women_heard"]) == (0.5, pytest.approx(1 / 3))

"""What women's share would be, had it been counted otherwise; added up by hand."""

from pathlib import Path

import pytest

from tests.warehouse.houses import published, tuples
from tests.warehouse.lakes import Face, Show, write_show

# By sample: seconds, and faces. Tracks make a woman of the undecided face.
SAMPLES = [
    (1.0, [Face(0.9, track=1), Face(0.1, height=30)]),
    (2.0, [Face(0.55, track=1)]),
    (4.0, [Face(0.35), Face(0.9, height=40)]),
    (8.0, [Face(0.1, height=20), Face(0.65, height=47)]),
    (16.0, [Face(0.1)]),
    (32.0, [Face(0.9, height=48)]),
]
VARIANTS = [  # women's seconds, men's, undecided
    ("as published", 1 + 4 + 8 + 32, 1 + 4 + 16, 2),
    ("every 2nd sample", 2 * (1 + 4), 2 * (1 + 4 + 16), 0),
    ("every 5th sample", 5 * (1 + 32), 5 * 1, 0),
    ("faces from 36 lines", 1 + 4 + 8 + 32, 4 + 16, 2),
    ("faces from 48 lines", 1 + 32, 4 + 16, 2),
    ("all faces found", 1 + 4 + 8 + 32, 1 + 4 + 8 + 16, 2),
    ("undecided: none", 1 + 2 + 4 + 8 + 32, 1 + 4 + 16, 0),
    ("undecided: 0.3-0.7", 1 + 4 + 32, 1 + 16, 2 + 4 + 8),
    ("over tracks", 1 + 2 + 4 + 8 + 32, 1 + 4 + 16, 0),
]


def test_each_way_of_counting_gives_its_own_seconds(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(step, list(faces)) for step, faces in SAMPLES]))
    with published(tmp_path) as db:
        rows = tuples(
            db,
            "select variant, female_face_seconds, male_face_seconds, undecided_face_seconds, share from sensitivity",
        )
        (published_share,) = tuples(db, "select share_female_face_time from screen_time_by_channel")
        assert db.check() == ()
    expected = [(name, women, men, undecided, women / (women + men)) for name, women, men, undecided in VARIANTS]
    assert rows == expected
    assert published_share == (pytest.approx(rows[0][4]),)


def test_differences_are_points_from_what_was_published_over_all_channels(tmp_path: Path) -> None:
    woman, doubtful, man = Face(0.9), Face(0.45), Face(0.1)
    write_show(tmp_path, Show(samples=[(1.0, [woman])]))
    write_show(tmp_path, Show(channel="Two", samples=[(1.0, [man, man, man]), (1.0, [doubtful])]))
    with published(tmp_path) as db:
        rows = tuples(db, "select variant, share, difference from sensitivity_overall")
        by_channel = tuples(db, "select channel, share from sensitivity where variant = 'as published'")
    assert [name for name, _, _ in rows] == [name for name, _, _, _ in VARIANTS]
    assert rows[0] == ("as published", 0.25, 0.0)
    assert rows[6] == ("undecided: none", 0.2, pytest.approx(-5.0))
    assert by_channel == [("One", 1.0), ("Two", 0.0)]


def test_where_no_face_was_read_there_is_nothing_to_be_sensitive(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [])]))
    with published(tmp_path) as db:
        assert tuples(db, "from sensitivity_overall") == []

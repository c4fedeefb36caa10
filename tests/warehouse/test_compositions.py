"""Who is in a picture: the number that says it, face by face and over tracks, by the hour on the clock."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.warehouse.houses import one_row, published, tuples
from tests.warehouse.lakes import Face, Show, write_show

pytestmark = pytest.mark.slow

WOMAN, MAN, UNSURE = Face(0.95), Face(0.05), Face(0.5)


def test_a_composition_has_two_digits_for_each_size_and_perceived_gender(tmp_path: Path) -> None:
    sizes = (24.0, 48.0, 96.0)  # the smallest faces that are small, medium and large
    faces = [Face(p, height) for height in sizes for p in (0.95, 0.05, 0.5)]
    write_show(tmp_path, Show(samples=[(1.0, [*faces, MAN, MAN, Face(0.95, height=23.9)])]))
    with published(tmp_path) as db:
        row = one_row(db, "select composition, female_faces, male_faces, undecided_faces, faces from sample_gender")
    # large: undecided, male, female; medium: undecided, three men, female; small: undecided, male, female.
    assert row["composition"] == 1_01_01_01_03_01_01_01_01
    assert list(row.values())[1:] == [3, 5, 3, 12]


def test_of_a_crowd_of_a_hundred_the_first_99_count(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN] * 120 + [MAN] * 2)]))
    with published(tmp_path) as db:
        row = one_row(db, "select composition, female_faces, male_faces, faces from sample_gender")
        assert db.check() == ()
    assert row == {"composition": 99_00_00_00, "female_faces": 99, "male_faces": 0, "faces": 122}


def test_a_recording_s_pictures_are_added_up_by_composition_and_method(tmp_path: Path) -> None:
    doubtful = Face(0.5, track=1)  # by itself undecided, with the rest of its track a woman
    samples = [
        (1.0, [WOMAN]),
        (0.5, [MAN]),
        (2.0, [WOMAN]),
        (4.0, []),
        (8.0, [doubtful, MAN]),
        (16.0, [Face(0.95, track=1), MAN]),
    ]
    write_show(tmp_path, Show(samples=samples))
    with published(tmp_path) as db:
        rows = tuples(
            db,
            "select method, composition, female_faces, male_faces, undecided_faces, seconds, samples "
            "from compositions order by method, seconds",
        )
        assert db.check() == ()
    woman, man, unsure = 10**6, 10**8, 10**10
    assert rows == [
        ("faces", man, 0, 1, 0, 0.5, 1),
        ("faces", woman, 1, 0, 0, 3.0, 2),
        ("faces", 0, 0, 0, 0, 4.0, 1),
        ("faces", unsure + man, 0, 1, 1, 8.0, 1),
        ("faces", woman + man, 1, 1, 0, 16.0, 1),
        ("tracks", man, 0, 1, 0, 0.5, 1),
        ("tracks", woman, 1, 0, 0, 3.0, 2),
        ("tracks", 0, 0, 0, 0, 4.0, 1),
        ("tracks", woman + man, 1, 1, 0, 24.0, 2),
    ]


def test_a_track_reads_as_the_mean_of_its_faces_log_odds(tmp_path: Path) -> None:
    track = [Face(p, track=7) for p in (0.8, 0.6, 0.2)]
    write_show(tmp_path, Show(samples=[(1.0, [face]) for face in track]))
    with published(tmp_path) as db:
        row = one_row(db, "select track_id, p_female, faces from tracks")
        readings = tuples(db, "select perceived_gender, track_perceived_gender from classified_faces order by 1")
    odds = (4 * 1.5 * 0.25) ** (1 / 3)  # the geometric mean of the three odds
    assert row == {"track_id": 7, "p_female": pytest.approx(odds / (1 + odds), abs=1e-6), "faces": 3}
    assert readings == [("female", "undecided"), ("female", "undecided"), ("male", "undecided")]


def test_certainty_has_a_limit_and_one_absurd_face_does_not_outweigh_all_others(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(p, track=1)]) for p in (1.0, 0.0, 0.8)]))
    with published(tmp_path) as db:
        found = one_row(db, "select p_female from tracks")["p_female"]
    assert found == pytest.approx(1 / (1 + math.exp(-math.log(4) / 3)), abs=1e-6)


def test_a_face_alone_in_its_track_reads_as_by_itself(tmp_path: Path) -> None:
    """Also at the thresholds: pooling must not turn 0.6 into a little less."""
    faces = [Face(p, track=number) for number, p in enumerate((0.6, 0.4, 0.59, 0.41))]
    write_show(tmp_path, Show(samples=[(1.0, faces)]))
    with published(tmp_path) as db:
        rows = tuples(db, "select perceived_gender, track_perceived_gender from classified_faces order by face_index")
    assert rows == [("female", "female"), ("male", "male"), ("undecided", "undecided"), ("undecided", "undecided")]


def test_small_faces_have_no_say_in_their_track_and_faces_without_a_track_speak_for_themselves(tmp_path: Path) -> None:
    faces = [Face(0.7, track=1), Face(0.01, height=20, track=1), Face(0.05)]
    write_show(tmp_path, Show(samples=[(1.0, faces)]))
    with published(tmp_path) as db:
        rows = tuples(db, "select track_perceived_gender from classified_faces order by face_index")
        assert one_row(db, "select p_female, faces from tracks") == {"p_female": pytest.approx(0.7), "faces": 1}
    assert rows == [("female",), ("female",), ("male",)]


def test_the_same_track_number_in_two_recordings_is_two_tracks(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9, track=1)])]))
    write_show(tmp_path, Show(programme="Film", samples=[(1.0, [Face(0.1, track=1)])]))
    with published(tmp_path) as db:
        assert tuples(db, "select round(p_female, 3), faces from tracks order by 1") == [(0.1, 1), (0.9, 1)]


def test_pictures_belong_to_the_hour_in_which_they_were_on_air(tmp_path: Path) -> None:
    """Not to that in which their recording began; in a zone whose hours begin at half past."""
    start = datetime(2001, 3, 4, 18, 15, tzinfo=UTC)  # 23:45 in Kolkata
    show = Show(start=start, samples=[(899.0, [WOMAN]), (2.0, [MAN]), (10.0, [])], changes={"timezone": "Asia/Kolkata"})
    write_show(tmp_path, show)
    with published(tmp_path) as db:
        rows = tuples(
            db,
            "select air_date::varchar, hour, female_faces, male_faces, seconds from compositions "
            "where method = 'faces' order by air_date, hour, seconds",
        )
    assert rows == [("2001-03-04", 23, 0, 1, 2.0), ("2001-03-04", 23, 1, 0, 899.0), ("2001-03-05", 0, 0, 0, 10.0)]

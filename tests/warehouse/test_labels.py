"""What people said of faces, held against what was found: matching, confusion, recall."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.warehouse.houses import one_row, published, tuples
from tests.warehouse.lakes import NIGHT, Face, Show, failed, write_labels, write_show

WOMAN, MAN = Face(0.95), Face(0.05)
MATCHES = "select answer, face_index, perceived_gender, size from labelled_faces order by label_number"


def label(show: Show, place: int = 0, **changes: Any) -> dict[str, Any]:
    """A label on the box of the face at this place of its picture."""
    return {"recording_id": show.recording_id} | Face(1.0).box(place) | changes


def square(left: float, top: float = 0.0, size: float = 60.0) -> dict[str, Any]:
    return {"x1": left, "y1": top, "x2": left + size, "y2": top + size}


def test_a_label_is_matched_with_the_face_under_it_in_the_picture_of_that_moment(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN]), (1.5, [MAN, WOMAN]), (1.0, [])])
    write_show(tmp_path, show)
    write_labels(
        tmp_path,
        label(show, 0, seconds=0.0, answer="female"),
        label(show, 0, seconds=1.0, answer="female"),  # where one picture ends the next one stands
        label(show, 1, seconds=2.4, answer="male", weight=3.0, whole_picture=True),
    )
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [
            ("female", 0, "female", "medium"),
            ("female", 0, "male", "medium"),
            ("male", 1, "female", "medium"),
        ]
        row = one_row(db, "from labelled_faces where seconds = 2.4")
        assert tuples(db, "from unused_labels") == []
        assert db.check() == ()
    assert row == {
        "label_number": 3,
        "recording_id": show.recording_id,
        "channel": "One",
        "model_id": "model-a",
        "seconds": 2.4,
        "sample_index": 1,
        "face_index": 1,
        "answer": "male",
        "size": "medium",
        "perceived_gender": "female",
        "track_perceived_gender": "female",
        "step_seconds": 1.5,
        "weight": 3.0,
        "annotator": "Ada",
        "whole_picture": True,
        "height_360": 60.0,
        "draw": None,
        "drawn": True,  # one of them has a weight
        "p_female": pytest.approx(0.95),
        "aired_at": show.start + timedelta(seconds=1),
        "no_female_probability": pytest.approx(0.95 * 0.05),
        "no_male_probability": pytest.approx(0.95 * 0.05),
    }


@pytest.mark.parametrize(
    ("left", "matched"),
    [(0.0, True), (20.0, True), (21.0, False), (-20.0, True), (-21.0, False), (200.0, False)],
)
def test_half_of_both_boxes_together_must_be_shared(tmp_path: Path, left: float, matched: bool) -> None:
    """Squares of 60 that are 20 apart share 40 of 80."""
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    write_labels(tmp_path, label(show, **square(left)))
    with published(tmp_path) as db:
        assert one_row(db, "select face_index = 0 as matched from labelled_faces")["matched"] is (matched or None)


def test_of_several_faces_under_a_label_the_one_that_overlaps_most_is_meant(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN, MAN])])
    rows = show.rows()
    rows["faces"][1] |= square(10.0)  # over the first one's 0 to 60
    write_show(tmp_path, show, **rows)
    write_labels(tmp_path, label(show, **square(8.0), answer="male"))
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [("male", 1, "male", "medium")]


def test_two_labels_never_share_a_face_and_the_worse_one_saw_another_that_was_missed(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    write_labels(tmp_path, label(show, **square(-18.0), answer="male"), label(show, **square(19.9)))
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [("male", 0, "female", "medium"), ("female", None, None, "medium")]


def test_a_missed_face_has_no_perceived_gender_and_the_size_of_its_own_box(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    write_labels(tmp_path, *(label(show, **square(200.0, size=size)) for size in (24.0, 48.0, 96.0)))
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [
            ("female", None, None, "small"),
            ("female", None, None, "medium"),
            ("female", None, None, "large"),
        ]


def test_sizes_are_measured_as_if_the_picture_had_360_lines(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [])], changes={"height": 1080})
    write_show(tmp_path, show)
    write_labels(tmp_path, label(show, **square(0.0, size=143.0)), label(show, **square(300.0, size=71.0)))
    with published(tmp_path) as db:
        assert tuples(db, "select size, height_360 from labelled_faces") == [("small", pytest.approx(143 / 3))]
        assert tuples(db, "select reason from unused_labels") == [("the face is too small to count",)]


def test_labels_that_cannot_be_used_say_why(tmp_path: Path) -> None:
    show, film = Show(samples=[(1.0, [WOMAN, Face(0.9, height=20)])]), failed(Show(programme="Film"))
    write_show(tmp_path, show)
    write_show(tmp_path, film)
    write_labels(
        tmp_path,
        label(show),
        label(show, 1, **Face(1.0, height=20).box(1)),
        label(show, seconds=1.0),
        label(film),
        {"recording_id": "unheard of"},
    )
    with published(tmp_path) as db:
        assert tuples(db, "select recording_id, seconds, reason from unused_labels") == [
            (film.recording_id, 0.0, "that moment was not analysed"),
            (show.recording_id, 0.0, "the face is too small to count"),
            (show.recording_id, 1.0, "that moment was not analysed"),
            ("unheard of", 0.0, "the recording was not analysed"),
        ]
        assert one_row(db, "select count(*) as labels from labelled_faces") == {"labels": 1}
        assert db.check() == ()


def test_a_face_that_counts_is_used_even_if_its_label_was_drawn_too_small(tmp_path: Path) -> None:
    """And the other way round: what the detector measured decides."""
    show = Show(samples=[(1.0, [Face(0.9, height=26), Face(0.9, height=22)])])
    write_show(tmp_path, show)
    write_labels(tmp_path, label(show, **square(2.0, 2.0, 22.0)), label(show, **square(100.0, 0.0, 26.0)))
    with published(tmp_path) as db:
        assert tuples(db, "select face_index, height_360 from labelled_faces") == [(0, 26.0)]


def test_whoever_answers_anew_takes_the_older_answer_back(tmp_path: Path) -> None:
    """Also with a box drawn again by hand, and also about a face that the detector missed."""
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    write_labels(tmp_path, label(show, answer="male"), label(show, **square(200.0), answer="male"), name="first")
    later: dict[str, Any] = {"imported_at": NIGHT.replace(hour=5)}
    write_labels(tmp_path, label(show, **square(5.0), **later), label(show, **square(204.0), **later), name="second")
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [("female", 0, "female", "medium"), ("female", None, None, "medium")]
        assert tuples(db, "select answer, reason from unused_labels") == [
            ("male", "the same annotator answered anew"),
            ("male", "the same annotator answered anew"),
        ]


def test_two_annotators_may_disagree_about_one_face(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    others: tuple[dict[str, Any], ...] = (
        {"annotator": "Ada"},
        {"annotator": "Bo", "answer": "male"},
        {"annotator": None, "answer": "undecided"},
    )
    write_labels(tmp_path, *(label(show, **other) for other in others))
    with published(tmp_path) as db:
        assert sorted(tuples(db, "select answer, face_index from labelled_faces")) == [
            ("female", 0),
            ("male", 0),
            ("undecided", 0),
        ]


WEIGHTS = "select annotator, weight from labelled_faces order by annotator, label_number"


def test_several_annotators_of_one_face_share_its_weight(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN, MAN])])
    write_show(tmp_path, show)
    asked: dict[str, Any] = {"weight": 30.0, "queue": "spring"}
    write_labels(tmp_path, label(show, **asked), label(show, 1, **asked), name="ada")
    write_labels(tmp_path, label(show, annotator="Bo", answer="male", **asked), name="bo")
    with published(tmp_path) as db:
        assert tuples(db, WEIGHTS) == [("Ada", 15.0), ("Ada", 30.0), ("Bo", 15.0)]


def test_all_who_looked_at_a_whole_picture_share_its_weight_whatever_they_marked(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    asked: dict[str, Any] = {"weight": 30.0, "queue": "spring", "whole_picture": True}
    write_labels(tmp_path, label(show, **asked), label(show, **square(200.0), **asked), name="ada")
    write_labels(tmp_path, label(show, annotator="Bo", **asked), name="bo")
    with published(tmp_path) as db:
        assert tuples(db, WEIGHTS) == [("Ada", 15.0), ("Ada", 15.0), ("Bo", 15.0)]


def test_a_face_that_was_asked_twice_counts_once_with_the_later_answer(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN])])
    write_show(tmp_path, show)
    asked: dict[str, Any] = {"weight": 30.0, "queue": "spring"}
    again = asked | {"answer": "male", "imported_at": NIGHT.replace(hour=5), "position": 9}
    write_labels(tmp_path, label(show, **asked), label(show, **again))
    with published(tmp_path) as db:
        assert tuples(db, "select answer, weight from labelled_faces") == [("male", 30.0)]


def test_a_face_of_two_draws_stands_for_both_and_totals_are_not_doubled(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN, MAN])])
    write_show(tmp_path, show)
    spring: dict[str, Any] = {"queue": "spring", "weight": 2.0}
    summer: dict[str, Any] = {"queue": "summer", "weight": 2.0}
    write_labels(tmp_path, label(show, **spring), name="spring")
    write_labels(tmp_path, label(show, **summer, imported_at=NIGHT.replace(hour=5)), name="summer")
    write_labels(tmp_path, label(show, **spring, whole_picture=True), name="frame")
    with published(tmp_path) as db:
        assert tuples(db, "select draw, face_index from labelled_faces order by draw") == [
            ("spring, faces", 0),
            ("spring, pictures", 0),
            ("summer, faces", 0),
        ]
        assert tuples(db, "select faces, weighted_seconds from confusion") == [(3, pytest.approx(2.0))]
        assert tuples(db, "from unused_labels") == []


def test_a_moment_that_two_pictures_share_by_rounding_belongs_to_the_later_one(tmp_path: Path) -> None:
    show = Show(samples=[(0.1, []), (0.2, [WOMAN]), (0.1, [MAN])])  # 0.1 + 0.2 is a little more than 0.3
    rows = show.rows()
    rows["samples"][2]["seconds"] = 0.3
    write_show(tmp_path, show, **rows)
    write_labels(tmp_path, label(show, seconds=0.3))
    with published(tmp_path) as db:
        assert tuples(db, "select sample_index, perceived_gender from labelled_faces") == [(2, "male")]


def test_labels_outlive_an_analysis_and_meet_the_faces_of_the_next(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [WOMAN])]))
    again = Show(samples=[(1.0, [MAN, MAN])], digest="d2", changes={"classifier_id": "model-a"})
    write_labels(tmp_path, label(again, 1))
    write_show(tmp_path, again)
    with published(tmp_path) as db:
        assert tuples(db, MATCHES) == [("female", 1, "male", "medium")]


def test_the_confusion_counts_answers_by_what_was_read(tmp_path: Path) -> None:
    show = Show(samples=[(2.0, [WOMAN, MAN, Face(0.05, height=100)]), (1.0, [WOMAN])])
    write_show(tmp_path, show)
    write_labels(
        tmp_path,
        label(show, 0, weight=10.0),
        label(show, 0, seconds=2.0, weight=7.0),
        label(show, 1, weight=10.0),
        label(show, 2, weight=10.0, **Face(1.0, height=100).box(2)),
        label(show, **square(400.0), weight=2.5, answer="male"),
    )
    with published(tmp_path) as db:
        assert tuples(db, "from confusion") == [
            ("One", "model-a", "large", "female", "male", 1, 20.0),
            ("One", "model-a", "medium", "female", "female", 2, 27.0),
            ("One", "model-a", "medium", "female", "male", 1, 20.0),
            ("One", "model-a", "medium", "male", None, 1, 5.0),
        ]


def test_recall_says_what_the_share_would_be_if_no_face_were_missed(tmp_path: Path) -> None:
    # Of women's faces 3 of 4 were found, of men's 1 of 2; 30 s of women and 10 s of men were counted.
    show = Show(samples=[(10.0, [WOMAN, WOMAN, WOMAN, MAN])])
    write_show(tmp_path, show)
    write_show(tmp_path, Show(channel="Two", samples=[(40.0, [MAN])]))
    whole: dict[str, Any] = {"whole_picture": True}
    write_labels(
        tmp_path,
        *(label(show, place, **whole) for place in range(3)),
        label(show, 3, **whole, answer="male"),
        label(show, **square(0, 200), **whole),
        label(show, **square(100, 200), **whole, answer="male"),
        label(show, **square(200, 200), **whole, answer="no_face"),
        label(show, **square(300, 200), annotator="Bo"),  # who marked only this one says nothing of the others
    )
    with published(tmp_path) as db:
        everywhere, one, two = db.query("from detector_recall").to_pylist()
    assert one == {
        "channel": "One",
        "female_faces": 4,
        "male_faces": 2,
        "faces": 6,
        "recall_female": 0.75,
        "recall_male": 0.5,
        "share_female_face_time": 0.75,
        "share_recall_corrected": pytest.approx(40 / 60),  # 30 s / 0.75 and 10 s / 0.5
        "reason": None,
    }
    assert everywhere == one | {
        "channel": "all",
        "share_female_face_time": pytest.approx(30 / 80),
        "share_recall_corrected": pytest.approx(40 / 140),
    }
    assert (two["faces"], two["recall_female"], two["share_recall_corrected"]) == (0, None, None)
    assert (two["share_female_face_time"], two["reason"]) == (0.0, "no picture was marked whole")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([(0, "male")], "no woman was marked"),
        ([(0, "female")], "no man was marked"),
        ([(0, "female"), (2, "male")], "no face of one of them was found"),
    ],
)
def test_where_the_share_cannot_be_put_right_the_reason_is_said(
    tmp_path: Path, labels: list[tuple[int, str]], reason: str
) -> None:
    show = Show(samples=[(1.0, [WOMAN, MAN])])
    write_show(tmp_path, show)
    write_labels(tmp_path, *(label(show, place, answer=answer, whole_picture=True) for place, answer in labels))
    with published(tmp_path) as db:
        row = one_row(db, "from detector_recall where channel = 'One'")
    assert (row["reason"], row["share_recall_corrected"]) == (reason, None)


def test_recall_is_of_face_time_and_of_the_faces_that_labels_stand_for(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [WOMAN, MAN]), (3.0, [])])
    write_show(tmp_path, show)
    whole: dict[str, Any] = {"whole_picture": True}
    write_labels(
        tmp_path,
        label(show, 0, weight=3.0, **whole),
        label(show, 0, seconds=1.0, **whole),
        label(show, 1, answer="male", **whole),
    )
    with published(tmp_path) as db:
        row = one_row(db, "from detector_recall where channel = 'One'")
    assert (row["recall_female"], row["recall_male"]) == (0.5, 1.0)  # 3 × 1 s found, 1 × 3 s missed

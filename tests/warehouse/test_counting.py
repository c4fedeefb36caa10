"""Thresholds of the faces that count: applied when publishing, and by stats, to stored faces."""

import random
from pathlib import Path
from typing import Any

import pytest

from gfpipe import warehouse
from gfpipe.base.validation import parse
from gfpipe.counting import Counting
from gfpipe.errors import UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.stages.figures import publish, stats
from tests.warehouse.lakes import Face, Show, write_labels, write_show

pytestmark = pytest.mark.slow

FIGURES = ("female_face_seconds", "male_face_seconds", "undecided_face_seconds", "share_female_face_time_tracks")


def shown(seed: int) -> Show:
    chance = random.Random(seed)
    samples = []
    for _ in range(30):
        scores = sorted((chance.uniform(0.5, 1) for _ in range(chance.randrange(4))), reverse=True)
        tracks = (chance.randrange(3) if score >= 0.9 else None for score in scores)
        faces = [
            Face(chance.random(), chance.uniform(10, 60), track, score)
            for score, track in zip(scores, tracks, strict=True)
        ]
        samples.append((chance.choice([0.5, 1.0, 2.0]), faces))
    return Show(samples=samples)


def figures(lake: Path, **thresholds: float) -> dict[str, Any]:
    (row,) = stats.run(lake, Question(**thresholds)).to_pylist()  # type: ignore[arg-type]
    return {name: row[name] for name in FIGURES}


def by_hand(show: Show, counting: Counting) -> dict[str, float]:
    """Face time of each perceived gender, from the faces that were stored."""
    sums = dict.fromkeys(FIGURES[:3], 0.0)
    for step, faces in show.samples:
        for face in faces:
            if face.height >= counting.min_face and face.score >= counting.min_score:
                gender = "female" if face.p_female >= 0.6 else "male" if face.p_female <= 0.4 else "undecided"
                sums[f"{gender}_face_seconds"] += step
    return sums


@pytest.mark.parametrize("seed", range(3))
def test_figures_with_thresholds_equal_counting_the_stored_faces(tmp_path: Path, seed: int) -> None:
    show = shown(seed)
    write_show(tmp_path, show)
    publish.run(tmp_path)
    for counting in (Counting(), Counting(min_face=36), Counting(min_score=0.6), Counting(0, 0.5), Counting(12, 0.95)):
        asked = counting != Counting()
        measured = figures(
            tmp_path, **({"min_face": counting.min_face, "min_score": counting.min_score} if asked else {})
        )
        expected = by_hand(show, counting)
        assert {name: measured[name] for name in expected} == pytest.approx(expected)


def test_stats_with_thresholds_and_publishing_with_them_agree(tmp_path: Path) -> None:
    write_show(tmp_path, shown(7))
    publish.run(tmp_path)
    asked = figures(tmp_path, min_face=18.0, min_score=0.7)
    assert asked != figures(tmp_path)
    publish.run(tmp_path, counting=Counting(18.0, 0.7))
    assert figures(tmp_path) == pytest.approx(asked)
    with warehouse.open(tmp_path) as db:
        thresholds = db.query("select min_face, min_score from counting").to_pylist()
        assert thresholds == [{"min_face": 18.0, "min_score": pytest.approx(0.7)}]


def test_a_threshold_replaces_only_the_published_one_of_its_name(tmp_path: Path) -> None:
    show = shown(3)
    write_show(tmp_path, show)
    publish.run(tmp_path, counting=Counting(12.0, 0.6))
    expected = by_hand(show, Counting(36.0, 0.6))
    measured = figures(tmp_path, min_face=36.0)
    assert {name: measured[name] for name in expected} == pytest.approx(expected)


def test_a_label_on_a_face_below_the_score_counts_as_missed_by_the_detector(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.95), Face(0.95, score=0.7)])])
    write_show(tmp_path, show)
    usual = {"recording_id": show.recording_id, "whole_picture": True}
    write_labels(tmp_path, *(usual | Face(1.0).box(place) for place in range(2)))
    publish.run(tmp_path)
    recall = "select faces, recall_female from detector_recall where channel = 'One'"
    with warehouse.open(tmp_path) as db:
        assert db.query(recall).to_pylist() == [{"faces": 2, "recall_female": 0.5}]
        measure(db, Question(min_score=0.6))
        labelled = db.query("select count(*) as faces, count(face_index) as found from labelled_faces").to_pylist()
        assert labelled == [{"faces": 2, "found": 2}]


def test_shards_of_earlier_versions_are_counted_from_the_score_that_they_store(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.95)])], changes={"min_score": None}))
    publish.run(tmp_path)
    assert figures(tmp_path, min_face=12.0)["female_face_seconds"] == 1
    with pytest.raises(UsageError, match=r"--min-score 0.6: .* stored from a higher score"):
        figures(tmp_path, min_score=0.6)
    with pytest.raises(warehouse.CheckError, match=r"counted_faces_are_stored \(1 row\)"):
        publish.run(tmp_path, counting=Counting(min_score=0.6))


def test_imported_faces_count_whatever_their_score(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.95, score=0.2)])], changes={"sampling": "imported"}))
    publish.run(tmp_path)
    assert figures(tmp_path)["female_face_seconds"] == 1
    assert figures(tmp_path, min_score=0.95)["female_face_seconds"] == 1


@pytest.mark.parametrize(("min_face", "min_score"), [(-1.0, 0.9), (361.0, 0.9), (24.0, 0.4), (24.0, 1.0)])
def test_thresholds_outside_their_range_are_refused(min_face: float, min_score: float) -> None:
    with pytest.raises(UsageError, match=r"min_face: .* is not between|min_score should be"):
        parse(Counting, {"min_face": min_face, "min_score": min_score})

"""Tests of drawing queues: inclusion probabilities are right, weighted totals are unbiased."""

from collections import Counter, defaultdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.labelling.design import queues, sampling
from gfpipe.labelling.design.queues import FACE, FRAME, Item
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options, Summary
from tests.labelling.archives import HEIGHTS, STRATA, Archive, Key, answer, archive, republished
from tests.warehouse.lakes import EVENING, NIGHT, Face, Show, failed, shard_path, write_show

pytestmark = pytest.mark.slow

DRAWS = 25


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """An archive without labels."""
    return archive(tmp_path_factory.mktemp("known"))


def faces_of(drawn: Summary) -> dict[Key, Item]:
    """The distinct faces of a draw."""
    faces = [item for item in drawn.queue.items if item.kind == FACE and not item.is_repeat]
    by_key = {(item.recording_id, item.sample_index, item.face_index or 0): item for item in faces}
    assert len(by_key) == len(faces)
    return by_key


@pytest.fixture(scope="module")
def draws(known: Archive) -> list[Summary]:
    """Draws of one archive with many seeds; some strata get less than one face."""
    all_options = (Options(faces=60, frames=40, repeats=0.1, seed=seed) for seed in range(DRAWS))
    return [label_sample.run(known.lake, "x", options, dry_run=True) for options in all_options]


def test_weighted_totals_are_unbiased(known: Archive, draws: list[Summary]) -> None:
    """Horvitz-Thompson totals against all faces."""
    women = {key: seconds for key, _, seconds in known.faces() if known.truth[key] == "female"}
    every = len(known.truth), sum(women.values()), sum(len(show.samples) for show in known.shows)
    totals = []
    for drawn in draws:
        faces = faces_of(drawn)
        assert len(faces) == 60
        totals.append(
            (
                sum(1 / item.inclusion_probability for item in faces.values()),
                sum(item.weight * women.get(key, 0) for key, item in faces.items()),
                sum(item.weight for item in drawn.queue.items if item.kind == FRAME),
            )
        )
    estimates = np.array(totals)
    error = np.maximum(estimates.std(0, ddof=1) / np.sqrt(DRAWS), 1e-9 * np.array(every))
    assert (np.abs(estimates.mean(0) - every) < 4 * error).all()


def test_strata_and_faces_are_drawn_with_their_probabilities(known: Archive, draws: list[Summary]) -> None:
    first = draws[0].faces
    taken = np.array([drawn.faces.taken for drawn in draws])
    chance = first.expected % 1  # of rounding up
    error = np.sqrt(DRAWS * chance * (1 - chance))
    assert ((taken == np.floor(first.expected)) | (taken == np.ceil(first.expected))).all()
    assert (np.abs(taken.sum(0) - DRAWS * first.expected) <= 4 * error + 1e-6).all()
    assert (first.expected < 1).any()

    with warehouse.open(known.lake) as db:
        named = db.query(STRATA, {"keys": list(sampling.BY)}).to_pylist()
    stratum = np.array([first.strata.index(row["stratum"]) for row in named])
    times = Counter(key for drawn in draws for key in faces_of(drawn))
    count = np.array([times[row["recording_id"], row["sample_index"], row["face_index"]] for row in named])
    chance = (first.expected / first.population)[stratum]
    spread = (count - DRAWS * chance) ** 2 / (DRAWS * chance * (1 - chance))
    assert spread.mean() == pytest.approx(1, abs=0.15)  # about 20 if all draws were the same


def test_inclusion_probabilities_are_sample_size_by_population(known: Archive) -> None:
    summary = label_sample.run(known.lake, "x", Options(faces=200, by=("channel", "size")), dry_run=True)
    count: dict[str, int] = defaultdict(int)
    channel = {show.recording_id: show.channel for show in known.shows}
    for (recording, *_), face, _ in known.faces():
        size = next(name for name, height in HEIGHTS.items() if height == face.height)
        count[f"{channel[recording]} · {size}"] += 1
    assert dict(zip(summary.faces.strata, summary.faces.population.tolist(), strict=True)) == count
    for item in summary.queue.items:
        taken = sum(other.stratum == item.stratum and not other.is_repeat for other in summary.queue.items)
        assert item.inclusion_probability == pytest.approx(taken / count[item.stratum])


def test_frames_measure_the_detectors_recall(tmp_path: Path) -> None:
    """Each frame has a man and a woman; the detector finds all men and half of the women."""
    shows = []
    for day in range(10):
        show = Show(start=EVENING + timedelta(days=day))
        show.samples = [(1.0, [Face(0.05), Face(0.95)] if index % 2 else [Face(0.05)]) for index in range(60)]
        write_show(tmp_path, show)
        shows.append(show)
    warehouse.build(tmp_path)
    queue = label_sample.run(tmp_path, "q", Options(faces=0, frames=200)).queue
    truth = {}
    for show in shows:
        for index in range(60):
            truth[show.recording_id, index, 0], truth[show.recording_id, index, 1] = "male", "female"
        show.samples = [(1.0, [Face(0.05), Face(0.95)])] * 60  # as labelled
    known = Archive(tmp_path, truth, tuple(shows))
    answer(known, queue)
    with republished(known) as db:
        recall = db.query("from detector_recall where channel = 'all'").to_pylist()[0]
    assert recall["recall_male"] == 1
    assert recall["recall_female"] == pytest.approx(0.5, abs=0.12)
    assert recall["share_recall_corrected"] == pytest.approx(0.5, abs=0.06)


def test_draws_depend_on_the_seed(known: Archive) -> None:
    drawn = [
        label_sample.run(known.lake, "x", Options(faces=50, frames=5, seed=seed), dry_run=True).queue.items
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_most_of_a_draw_stays_as_the_archive_grows(tmp_path: Path) -> None:
    def drawn() -> set[tuple[str, int]]:
        items = label_sample.run(tmp_path, "x", Options(faces=40, by=("channel",)), dry_run=True).queue.items
        return {(item.recording_id, item.sample_index) for item in items}

    for day in range(10):
        write_show(tmp_path, Show(start=EVENING + timedelta(days=day), samples=[(1.0, [Face(0.9)])] * 40))
    warehouse.build(tmp_path)
    before = drawn()
    write_show(tmp_path, Show(start=EVENING + timedelta(days=11), samples=[(1.0, [Face(0.9)])] * 40))
    warehouse.build(tmp_path)
    assert len(before & drawn()) > 25


def test_only_faces_that_count_are_drawn_with_their_boxes(tmp_path: Path) -> None:
    faces = [Face(0.9, height=20), Face(0.5, height=50), Face(0.05, height=100)]
    write_show(tmp_path, Show(samples=[(2.0, faces), (1.0, [])]))
    write_show(
        tmp_path, Show(samples=[(2.0, [Face(0.9)] * 3)], digest="old", analysed_at=NIGHT - timedelta(1)), "faces"
    )
    write_show(tmp_path, Show(samples=[(2.0, faces), (1.0, [])]))
    write_show(tmp_path, failed(Show(programme="Film")))
    warehouse.build(tmp_path)
    summary = label_sample.run(tmp_path, "q", Options(faces=10, frames=10, repeats=0))
    queue = queues.read(str(tmp_path), "q")
    assert queue == summary.queue
    faces_by_index = {item.face_index: item for item in queue.items if item.kind == FACE}
    assert set(faces_by_index) == {1, 2}
    assert faces_by_index[1].box == (100.0, 0.0, 150.0, 50.0)
    assert (faces_by_index[2].stratum, faces_by_index[2].inclusion_probability) == ("One · 2001-03 · large · high", 1.0)
    assert {item.sample_index for item in queue.items if item.kind == FRAME} == {
        0,
        1,
    }  # including the frame without faces


def test_days_and_channels_filter_the_population(known: Archive) -> None:
    first, last = (EVENING + timedelta(days=days) for days in (10, 20))
    options = Options(faces=30, frames=10, since=first.date(), until=last.date(), channels=("Two",))
    items = label_sample.run(known.lake, "x", options, dry_run=True).queue.items
    assert {item.channel for item in items} == {"Two"}
    assert first <= min(item.started_at for item in items) <= max(item.started_at for item in items) <= last
    with pytest.raises(UsageError, match="no face to draw"):
        label_sample.run(known.lake, "x", Options(channels=("Nowhere",)), dry_run=True)


def test_dry_run_writes_nothing_and_queues_are_not_replaced(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9)])]))
    with pytest.raises(LakeError, match="gfpipe publish"):
        label_sample.run(tmp_path, "q", Options(faces=1))
    warehouse.build(tmp_path)
    label_sample.run(tmp_path, "q", Options(faces=1), dry_run=True)
    assert queues.names(str(tmp_path)) == ()
    label_sample.run(tmp_path, "q", Options(faces=1))
    with pytest.raises(UsageError, match="--replace"):
        label_sample.run(tmp_path, "q", Options(faces=1))
    label_sample.run(tmp_path, "q", Options(faces=1, seed=5), replace=True)
    assert queues.read(str(tmp_path), "q").seed == 5


def test_a_reanalysed_lake_must_be_published_first(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)])] * 5)
    write_show(tmp_path, show)
    warehouse.build(tmp_path)
    shard_path(tmp_path, "faces", show).unlink()
    with pytest.raises(LakeError, match="publish first"):
        label_sample.run(tmp_path, "q", Options(faces=2))


def test_stratum_names_do_not_reveal_the_classifiers_answer(known: Archive) -> None:
    items = label_sample.run(known.lake, "x", Options(faces=40, by=("size", "answer")), dry_run=True).queue.items
    assert not any("male" in item.stratum or "undecided" in item.stratum for item in items)
    assert len({item.stratum for item in items}) > 3

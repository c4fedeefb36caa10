"""What is drawn to be labelled stands for the archive: chances that are right, and error rates that come out right."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.labelling import queues
from gfpipe.labelling.queues import FACE, FRAME
from gfpipe.stages import label_sample
from gfpipe.stages.label_sample import Wanted
from tests.labelling.archives import HEIGHTS, Archive, answer, archive, republished
from tests.warehouse.lakes import EVENING, NIGHT, Face, Show, failed, shard_path, write_show

DRAWS = 25


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Drawn from, never labelled."""
    return archive(tmp_path_factory.mktemp("known"))


@pytest.fixture
def labelled(known: Archive) -> Iterator[Archive]:
    """The same, its labels taken away afterwards."""
    yield known
    for file in (known.lake / "labels").rglob("[!._]*.parquet"):
        file.unlink()


def test_totals_by_inclusion_probability_are_those_of_the_archive(known: Archive) -> None:
    """Horvitz and Thompson, against every face; also where a stratum gets less than one face."""
    women = {key: seconds for key, _, seconds in known.faces() if known.truth[key] == "female"}
    every = len(known.truth), sum(women.values()), sum(len(show.samples) for show in known.shows)
    found = []
    for seed in range(DRAWS):
        items = label_sample.run(
            known.lake, "x", Wanted(faces=120, frames=40, repeats=0.1, seed=seed), dry_run=True
        ).queue.items
        faces = [item for item in items if item.kind == FACE and not item.is_repeat]
        keys = [(item.recording_id, item.sample_index, item.face_index or 0) for item in faces]
        assert len(faces) == len(set(keys)) == 120
        found.append(
            (
                sum(1 / item.inclusion_probability for item in faces),
                sum(item.weight * women.get(key, 0) for item, key in zip(faces, keys, strict=True)),
                sum(item.weight for item in items if item.kind == FRAME),
            )
        )
    draws = np.array(found)
    error = np.maximum(draws.std(0, ddof=1) / np.sqrt(DRAWS), 1e-9 * np.array(every))
    assert (np.abs(draws.mean(0) - every) < 4 * error).all()


def test_of_each_stratum_the_same_number_is_drawn_and_each_face_has_its_chance(known: Archive) -> None:
    summary = label_sample.run(known.lake, "x", Wanted(faces=200, by=("channel", "size")), dry_run=True)
    count: dict[str, int] = defaultdict(int)
    channel = {show.recording_id: show.channel for show in known.shows}
    for (recording, *_), face, _ in known.faces():
        size = next(name for name, height in HEIGHTS.items() if height == face.height)
        count[f"{channel[recording]} · {size}"] += 1
    assert dict(zip(summary.faces.strata, summary.faces.population.tolist(), strict=True)) == count
    for item in summary.queue.items:
        taken = sum(each.stratum == item.stratum and not each.is_repeat for each in summary.queue.items)
        assert item.inclusion_probability == pytest.approx(taken / count[item.stratum])


def test_five_hundred_answers_find_sensitivity_and_specificity_within_their_intervals(labelled: Archive) -> None:
    """Weights undo what strata do: by need, hard faces are drawn far more often than they are on screen."""
    for active, by in ((False, ("channel", "month", "size", "confidence")), (True, ("size", "confidence", "answer"))):
        wanted = Wanted(faces=500, by=by, active=active, seed=1)
        answer(labelled, label_sample.run(labelled.lake, "q", wanted, replace=True).queue)
        with republished(labelled) as house:
            (row,) = measure(house, Question(draws=500)).to_pylist()
            rates = house.query(
                "select size, answer, count(*) as faces, sum(weight * step_seconds * case perceived_gender "
                "when answer then 1 when 'undecided' then 0.5 else 0 end) / sum(weight * step_seconds) as rate, "
                "sum((weight * step_seconds) ** 2) / sum(weight * step_seconds) ** 2 as spread "
                "from labelled_faces group by all"
            ).to_pylist()
        for rate in rates:
            true = labelled.rate(rate["answer"], rate["size"])
            error = np.sqrt(true * (1 - true) * rate["spread"])
            assert abs(rate["rate"] - true) < 3.5 * error, (active, rate, true)
        low, high = (row[f"share_female_face_time_corrected_{end}"] for end in ("low", "high"))
        assert low < labelled.share < high


def test_whole_pictures_find_the_detectors_recall(tmp_path: Path) -> None:
    """Of each picture's two faces the detector finds one of a man, and in half of the pictures one of a woman."""
    shows = []
    for day in range(10):
        show = Show(start=EVENING + timedelta(days=day))
        show.samples = [(1.0, [Face(0.05), Face(0.95)] if index % 2 else [Face(0.05)]) for index in range(60)]
        write_show(tmp_path, show)
        shows.append(show)
    warehouse.build(tmp_path)
    queue = label_sample.run(tmp_path, "q", Wanted(faces=0, frames=200)).queue
    truth = {}
    for show in shows:
        for index in range(60):
            truth[show.recording_id, index, 0], truth[show.recording_id, index, 1] = "male", "female"
        show.samples = [(1.0, [Face(0.05), Face(0.95)])] * 60  # as the annotator sees it
    known = Archive(tmp_path, truth, tuple(shows))
    answer(known, queue)
    with republished(known) as house:
        recall = house.query("from detector_recall where channel = 'all'").to_pylist()[0]
    assert recall["recall_male"] == 1
    assert recall["recall_female"] == pytest.approx(0.5, abs=0.12)
    assert recall["share_recall_corrected"] == pytest.approx(0.5, abs=0.06)


def test_the_same_seed_draws_the_same_and_another_another(known: Archive) -> None:
    drawn = [
        label_sample.run(known.lake, "x", Wanted(faces=50, frames=5, seed=seed), dry_run=True).queue.items
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_an_archive_that_grows_leaves_most_of_a_draw_as_it_was(tmp_path: Path) -> None:
    def drawn() -> set[tuple[str, int]]:
        items = label_sample.run(tmp_path, "x", Wanted(faces=40, by=("channel",)), dry_run=True).queue.items
        return {(item.recording_id, item.sample_index) for item in items}

    for day in range(10):
        write_show(tmp_path, Show(start=EVENING + timedelta(days=day), samples=[(1.0, [Face(0.9)])] * 40))
    warehouse.build(tmp_path)
    before = drawn()
    write_show(tmp_path, Show(start=EVENING + timedelta(days=11), samples=[(1.0, [Face(0.9)])] * 40))
    warehouse.build(tmp_path)
    assert len(before & drawn()) > 25


def test_only_faces_that_count_are_drawn_and_each_with_its_box(tmp_path: Path) -> None:
    faces = [Face(0.9, height=20), Face(0.5, height=50), Face(0.05, height=100)]
    write_show(tmp_path, Show(samples=[(2.0, faces), (1.0, [])]))
    write_show(
        tmp_path, Show(samples=[(2.0, [Face(0.9)] * 3)], digest="old", analysed_at=NIGHT - timedelta(1)), "faces"
    )
    write_show(tmp_path, Show(samples=[(2.0, faces), (1.0, [])]))
    write_show(tmp_path, failed(Show(programme="Film")))
    warehouse.build(tmp_path)
    summary = label_sample.run(tmp_path, "q", Wanted(faces=10, frames=10, repeats=0))
    queue = queues.read(str(tmp_path), "q")
    assert queue == summary.queue
    found = {item.face_index: item for item in queue.items if item.kind == FACE}
    assert set(found) == {1, 2}
    assert found[1].box == (100.0, 0.0, 150.0, 50.0)
    assert (found[2].stratum, found[2].inclusion_probability) == ("One · 2001-03 · large · high", 1.0)
    assert {item.sample_index for item in queue.items if item.kind == FRAME} == {0, 1}  # also the one without faces


def test_days_and_channels_narrow_what_is_drawn_from(known: Archive) -> None:
    first, last = (EVENING + timedelta(days=days) for days in (10, 20))
    wanted = Wanted(faces=30, frames=10, since=first.date(), until=last.date(), channels=("Two",))
    items = label_sample.run(known.lake, "x", wanted, dry_run=True).queue.items
    assert {item.channel for item in items} == {"Two"}
    assert first <= min(item.started_at for item in items) <= max(item.started_at for item in items) <= last
    with pytest.raises(UsageError, match="no face to draw"):
        label_sample.run(known.lake, "x", Wanted(channels=("Nowhere",)), dry_run=True)


def test_a_dry_run_writes_nothing_and_a_queue_is_not_replaced_unasked(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9)])]))
    with pytest.raises(LakeError, match="gfpipe publish"):
        label_sample.run(tmp_path, "q", Wanted(faces=1))
    warehouse.build(tmp_path)
    label_sample.run(tmp_path, "q", Wanted(faces=1), dry_run=True)
    assert queues.names(str(tmp_path)) == ()
    label_sample.run(tmp_path, "q", Wanted(faces=1))
    with pytest.raises(UsageError, match="--replace"):
        label_sample.run(tmp_path, "q", Wanted(faces=1))
    label_sample.run(tmp_path, "q", Wanted(faces=1, seed=5), replace=True)
    assert queues.read(str(tmp_path), "q").seed == 5


def test_a_lake_analysed_anew_must_be_published_first(tmp_path: Path) -> None:
    show = Show(samples=[(1.0, [Face(0.9)])] * 5)
    write_show(tmp_path, show)
    warehouse.build(tmp_path)
    shard_path(tmp_path, "faces", show).unlink()
    with pytest.raises(LakeError, match="publish first"):
        label_sample.run(tmp_path, "q", Wanted(faces=2))


def test_strata_by_the_classifiers_answer_do_not_tell_it(known: Archive) -> None:
    items = label_sample.run(known.lake, "x", Wanted(faces=40, by=("size", "answer")), dry_run=True).queue.items
    assert not any("male" in item.stratum or "undecided" in item.stratum for item in items)
    assert len({item.stratum for item in items}) > 3

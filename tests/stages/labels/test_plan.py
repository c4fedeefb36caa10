"""Tests of plans: labels drawn as planned lead to the planned interval."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.labelling.design import queues
from gfpipe.labelling.design.queues import Item
from gfpipe.stages.labels import plan as label_plan
from gfpipe.stages.labels import sample as label_sample
from gfpipe.stages.labels.sample import Options
from tests.conftest import Command
from tests.labelling.archives import Archive, answer, archive, republished
from tests.warehouse.lakes import Face, Show, write_show

pytestmark = pytest.mark.slow

BY = ("channel", "size", "confidence", "answer")
QUESTION = Question(by=BY, draws=600)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Similar recordings, so that labels dominate the variance."""
    return archive(tmp_path_factory.mktemp("known"), recordings=48, similarity=300)


@pytest.fixture
def unlabelled(known: Archive) -> Iterator[Archive]:
    yield known
    for file in (known.lake / "labels").rglob("[!._]*.parquet"):
        file.unlink()
    warehouse.build(known.lake)


def width_after(known: Archive, name: str, options: Options) -> float:
    answer(known, label_sample.run(known.lake, name, options, replace=True).queue)
    with republished(known) as db:
        (row,) = measure(db, Question(draws=600)).to_pylist()
    low, high = (row[f"share_female_face_time_corrected_{end}"] for end in ("low", "high"))
    assert low < known.share < high
    return float(high - low)


def test_plans_without_and_with_labels_keep_their_promise(unlabelled: Archive) -> None:
    first = label_plan.run(unlabelled.lake, 0.065, QUESTION)
    assert "no labels" in str(first.precision.problem)
    assert first.plan.faces is not None
    assert first.plan.promised is not None
    width = width_after(unlabelled, "first", Options(faces=first.plan.faces, active=True, by=BY))
    assert 0.7 < width / first.plan.promised < 1.5  # based on the classifier's probabilities alone
    second = label_plan.run(unlabelled.lake, 0.8 * width, QUESTION)
    assert second.precision.problem is None
    assert second.plan.width == pytest.approx(width, rel=0.1)
    assert second.plan.faces is not None
    assert second.plan.promised is not None
    options = (Options(faces=second.plan.faces, active=True, by=BY, seed=seed) for seed in (1, 2, 3))
    widths = [width_after(unlabelled, "second", each) for each in options]  # of single draws, they differ by a tenth
    assert 0.7 < np.mean(widths) / second.plan.promised < 1.1


def test_allocation_by_need_narrows_the_interval_more(unlabelled: Archive) -> None:
    widths = {
        active: np.mean(
            [width_after(unlabelled, "q", Options(faces=700, active=active, by=BY, seed=seed)) for seed in (0, 1, 2)]
        )
        for active in (True, False)
    }
    assert widths[True] < 0.97 * widths[False]


def test_unreachable_widths_are_reported(unlabelled: Archive, gfpipe: Command) -> None:
    result = gfpipe("label", "plan", "--lake", str(unlabelled.lake), "--width", "0.001")
    assert result.code == 0
    assert "No number of labels can reach 0.10 points: the archive's own variation is" in result.stderr
    assert "The plan assumes that the classifier's probabilities are right" in result.stderr


def test_difficult_strata_get_more_labels(unlabelled: Archive) -> None:
    summary = label_plan.run(unlabelled.lake, 0.06, QUESTION)
    part = {stratum.name: stratum.faces / stratum.population for stratum in summary.strata}
    for channel in ("One", "Two"):
        assert part[f"{channel} · small · unsure · undecided"] > 2 * part[f"{channel} · large · high · male"]
    assert sum(stratum.faces for stratum in summary.strata) == pytest.approx(summary.plan.faces or 0)
    assert sum(stratum.part for stratum in summary.strata) == pytest.approx(1)
    assert sum(stratum.population for stratum in summary.strata) == len(unlabelled.truth)


def test_undecided_and_no_face_answers_are_handled(unlabelled: Archive) -> None:
    def answer_of(item: Item, truth: str) -> str:
        return {0: "undecided", 1: "no_face"}.get(item.position % 20, truth)

    queue = label_sample.run(unlabelled.lake, "q", Options(faces=400), replace=True).queue
    answer(unlabelled, queue, answer_of=answer_of)
    republished(unlabelled).close()
    summary = label_plan.run(unlabelled.lake, 0.09, QUESTION)
    assert summary.precision.problem is None
    assert summary.plan.faces is not None
    assert summary.plan.faces > 0


def test_one_recording_is_refused(tmp_path: Path) -> None:
    write_show(tmp_path, Show(samples=[(1.0, [Face(0.9)])] * 10))
    warehouse.build(tmp_path)
    with pytest.raises(UsageError, match="fewer than 5"):
        label_plan.run(tmp_path, 0.05, QUESTION)


def test_commands(unlabelled: Archive, gfpipe: Command) -> None:
    lake = str(unlabelled.lake)
    result = gfpipe("label", "sample", "--lake", lake, "--queue", "cli", "--faces", "60", "--frames", "4", "--replace")
    assert (result.code, "60 faces (3 of them twice) and 4 pictures" in result.stderr) == (0, True)
    assert gfpipe("label", "sample", "--lake", lake, "--queue", "../cli").code == 2
    queue = queues.read(lake, "cli")
    answer(unlabelled, queue, "Ada")
    answer(unlabelled, queue, "Bo", answer_of=lambda item, truth: "female" if item.position % 9 == 0 else truth)
    result = gfpipe("label", "agreement", "--lake", lake, "--queue", "cli", "--format", "csv")
    lines = result.stdout.splitlines()
    assert lines[0] == "annotators,measure,faces,same,value,low,high"
    assert [line.split(",")[:2] for line in lines[1:]] == [
        ["Ada + Bo", "kappa"],
        ["Ada + Bo", "alpha"],
        ["Ada", "kappa"],
        ["Bo", "kappa"],
    ]
    assert "Krippendorff's alpha" in gfpipe("label", "agreement", "--lake", lake).stdout
    result = gfpipe("label", "plan", "--lake", lake, "--width", "0.06", "--format", "json")
    assert result.stdout.lstrip().startswith("[")
    assert gfpipe("label", "plan", "--lake", lake, "--width", "0.06", "--by", "colour").code == 2

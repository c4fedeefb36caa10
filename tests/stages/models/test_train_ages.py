"""Models of ages alone, the Haar cascade and small files: what the third of the field's systems asks of training."""

import statistics
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gfpipe.attributes.spec import Attribute
from gfpipe.errors import UsageError
from gfpipe.evaluation.tables import trials as tables
from gfpipe.faces import portraits
from gfpipe.models import store
from gfpipe.stages.models import evaluate, train
from gfpipe.studies import haar
from gfpipe.training import recipe
from gfpipe.training.tables import Heads, Input
from tests.stages.models.test_train import RECIPE, STAGE, config, models, pictures  # noqa: F401 - fixtures

pytestmark = pytest.mark.slow

AGES = replace(
    RECIPE,
    heads=Heads(perceived_gender=0.0, age=10.0, age_as="years"),
    stages=(replace(STAGE, epochs=1, only={"perceived_gender": ("female",)}),),
    detector=haar.ID,
    input=Input(size=32, box_scale=1.0),
)


@pytest.fixture
def ages(config: train.Config) -> train.Config:  # noqa: F811
    return replace(config, recipe=AGES)


def test_a_model_of_ages_alone_says_nothing_of_perceived_gender(ages: train.Config) -> None:
    trained = train.run(ages)
    card = store.card("ours")
    assert (card.task, [head.attribute for head in card.heads]) == ("age", [Attribute.AGE])
    assert "only perceived_gender female" in str(card.lineage)
    assert {metric.name for metric in card.metrics} == {"mean absolute error of age, years"}
    assert (card.detector, "Faces were found by haar-frontalface-alt2." in str(card.lineage)) == (haar.ID, True)
    assert all(count.male == 0 for count in trained.counts if count.what.startswith("stage"))
    with pytest.raises(UsageError, match="does not predict perceived gender"):
        portraits.open_classifier("ours", torch.device("cpu"))

    (trial,) = evaluate.run(evaluate.Config(("ours", "cydral-gender-v1"), ages.data, device="cpu", part="all"))
    assert [each.reads_gender for each in trial.answers] == [False, True]
    made = {table.name: table for table in tables.all_tables([trial])}
    assert [row[1] for row in made["ages"].rows] == ["ours"]
    assert [row[1] for row in made["accuracy"].rows] == ["cydral-gender-v1"]
    # Each is asked about the boxes that it learned from, whatever stands beside it.
    assert trial.detector_id == "haar-frontalface-alt2 + retinaface-mobilenet0.25"


def test_chips_by_landmarks_are_refused_where_the_detector_marks_none(config: train.Config) -> None:  # noqa: F811
    with pytest.raises(UsageError, match="which haar-frontalface-alt2 does not detect: set box_scale"):
        train.run(replace(config, detector=haar.ID))


def test_small_files_are_neither_learned_from_nor_stopped_by_and_stay_in_the_test(config: train.Config) -> None:  # noqa: F811
    folder = Path(config.data[0].partition("=")[2])
    middle = int(statistics.median(path.stat().st_size for path in folder.iterdir()))
    of_all = replace(AGES, stages=(STAGE,))
    every, less = (
        train.plan(replace(config, recipe=replace(of_all, least_bytes=least_bytes))) for least_bytes in (0, middle)
    )
    counts, fewer = ({count.what: count.faces for count in each.counts} for each in (every, less))
    small = [each for each in less.skipped if each not in every.skipped]
    assert small
    assert all("bytes (least_bytes of the recipe)" in each.reason for each in small)
    assert all(Path(each.name).stat().st_size < middle for each in small)
    assert fewer["test"] == counts["test"]
    assert fewer["train"] + fewer["validation"] + len(small) == counts["train"] + counts["validation"]


def test_the_built_in_recipes_are_one_system() -> None:
    found = [recipe.find(name) for name in ("age-gender-regression", "age-gender-classes", "age-women", "age-men")]
    assert len({(each.network, each.detector, each.least_bytes, each.input, each.reduced) for each in found}) == 1
    assert len(found[1].heads.age_bands) == 24
    assert [each.heads.perceived_gender for each in found] == [1, 1, 0, 0]
    assert [each.stages[0].only for each in found[2:]] == [
        {"perceived_gender": ("female",)},
        {"perceived_gender": ("male",)},
    ]

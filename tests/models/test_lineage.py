"""Lineage is data in the card: a sentence is generated from it, and what a model never learned from is read from it."""

import json
from dataclasses import replace

import pytest

from gfpipe.errors import ModelError
from gfpipe.models import catalog
from gfpipe.models.card import Card
from gfpipe.models.lineage import Lineage, TrainedStage

ONE = TrainedStage("one", "utkface", 3716, 4139, 5, without={"ethnicity": ("asian",)})
TWO = TrainedStage("two", "utkface + 20 % crops", 1003, 4, 2, pseudo=12)
LINEAGE = Lineage(
    recipe="r",
    digest="d0071b51f729" + "0" * 52,
    seed=3,
    network="mobilenet_v2",
    initial=("a-v1.2", "b"),
    stages=(ONE, TWO),
    datasets={"utkface": "", "crops": "Labels by the model m."},
    validation=490,
    test=1725,
    detector="haar",
)


def card(lineage: Lineage | str) -> Card:
    known = catalog.read()["cydral-gender-v1"].card
    assert known is not None
    return replace(known, lineage=lineage)


def test_the_sentence_is_generated_from_the_data() -> None:
    assert str(LINEAGE) == (
        "Trained by gfpipe's recipe r (d0071b51f729), seed 3: mobilenet_v2, from a-v1.2 + b. "
        "Stage one: utkface (without ethnicity asian), 3,716 female and 4,139 male faces, 5 epochs. "
        "Stage two: utkface + 20 % crops, 1,003 female and 4 male faces (12 of them labelled by a model), 2 epochs. "
        "Faces were found by haar. crops: Labels by the model m. 490 validation and 1,725 test "
        "faces of utkface + crops."
    )
    assert "seed 3: mobilenet_v2, from scratch. Stage" in str(replace(LINEAGE, initial=()))


@pytest.mark.parametrize(
    ("only", "without", "excluded"),
    [
        ({"age": ("20-29",)}, {"ethnicity": ("indian", "asian")}, True),
        ({}, {"ethnicity": ("indian",)}, False),
        ({}, {"age": ("asian",)}, False),
        ({"ethnicity": ("asian",)}, {}, False),
        ({}, {}, False),
    ],
)
def test_a_group_is_excluded_only_if_every_stage_leaves_it_out(
    only: dict[str, tuple[str, ...]], without: dict[str, tuple[str, ...]], excluded: bool
) -> None:
    lineage = replace(LINEAGE, stages=(ONE, replace(TWO, only=only, without=without)))
    assert lineage.excludes("ethnicity", "asian") is excluded
    assert not replace(LINEAGE, stages=()).excludes("ethnicity", "asian")


def test_the_card_holds_data_and_sentence_and_is_read_back() -> None:
    text = card(LINEAGE).to_json()
    assert Card.from_json(text) == card(LINEAGE)
    values = json.loads(text)["lineage"]
    assert values["summary"] == str(LINEAGE)
    assert values["stages"][0]["without"] == {"ethnicity": ["asian"]}
    assert values["initial"] == ["a-v1.2", "b"]


def test_an_edited_sentence_says_nothing() -> None:
    values = json.loads(card(LINEAGE).to_json())
    values["lineage"]["summary"] = "Trained without ethnicity asian."
    assert Card.from_json(json.dumps(values)) == card(LINEAGE)


def test_free_text_of_published_and_older_models_is_still_read() -> None:
    old = card("Trained elsewhere. Stage one: utkface (without ethnicity asian), 3 female and 4 male faces, 5 epochs.")
    assert Card.from_json(old.to_json()) == old
    assert isinstance(old.lineage, str)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 3}, r"^\[lineage\]: unknown key 'seeds'; did you mean 'seed'\?"),
        ({"validation": "many"}, r"^\[lineage\]: validation should be a valid integer, got 'many'"),
        ({"stages": [{"name": "one"}]}, r"^\[lineage\]: \[\[stages\]\] 1: data is missing"),
    ],
)
def test_lineage_that_is_not_valid_is_refused(change: dict[str, object], message: str) -> None:
    values = json.loads(card(LINEAGE).to_json())
    values["lineage"] |= change
    with pytest.raises(ModelError, match=message):
        Card.from_json(json.dumps(values))

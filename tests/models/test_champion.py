"""The champion: one model, named in one file, with the weights that were decided on."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.gate.decision import Check, Decision
from gfpipe.models import champion, store
from gfpipe.models.weights import WEIGHTS
from gfpipe.settings import Analysis

PASSED = Check("set", "accuracy", 95.0, 92.5, 2.5, 1.9, 0.5, passed=True, faces=1700)
DECIDED = Decision("ours", champion.FIRST, passed=True, checks=(PASSED,), on="2024-03-07T12:00:00+00:00")
REFUSED = replace(DECIDED, passed=False)


@pytest.fixture
def ours(models: Path) -> str:
    """Another model in the models folder: the first champion's weights under a name of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GFPIPE_MODELS")
        first = store.open_model(champion.FIRST)
    return store.save_model(replace(first.card, id="ours"), first.weights).name


def test_where_nothing_was_promoted_the_first_one_is_champion(models: Path) -> None:
    assert champion.champion() == champion.FIRST
    assert champion.named() is None
    assert not models.exists()  # nobody was asked for its weights


def test_a_promoted_model_is_champion_and_its_card_says_why(ours: str) -> None:
    weights = store.card(ours).sha256
    champion.record(ours, DECIDED)
    assert champion.champion() == ours
    promoted = champion.named()
    assert promoted is not None
    assert (promoted.sha256, promoted.decided_by) == (weights, "gate")
    assert store.card(ours).decisions == (DECIDED,)
    assert store.open_model(ours).card.sha256 == weights  # a card anew, the weights as they were


def test_a_refused_model_is_not_champion_and_its_card_says_why(ours: str) -> None:
    champion.record(ours, REFUSED)
    assert champion.champion() == champion.FIRST
    assert store.card(ours).decisions == (REFUSED,)


def test_decisions_follow_one_another_in_the_card(ours: str) -> None:
    forced = replace(REFUSED, forced="the old one is withdrawn")
    for decision in (REFUSED, forced):
        champion.record(ours, decision)
    assert store.card(ours).decisions == (REFUSED, forced)
    promoted = champion.named()
    assert promoted is not None
    assert promoted.decided_by == "a person: the old one is withdrawn"


def test_a_card_of_before_has_no_decisions(ours: str) -> None:
    path = store.models_folder() / ours / store.CARD
    values = json.loads(path.read_text())
    del values["decisions"]
    path.write_text(json.dumps(values))
    assert store.open_model(ours).card.decisions == ()


def test_other_weights_under_the_champion_s_name_are_refused(ours: str) -> None:
    champion.record(ours, DECIDED)
    stored = store.open_model(ours)
    changed = {name: weight + 1 for name, weight in stored.weights.items()}
    store.save_model(stored.card, changed, replace=True)
    with pytest.raises(ModelError, match=r"ours was promoted with weights of sha256 .*champion\.json"):
        champion.champion()


def test_a_champion_that_is_gone_is_an_error_not_another_model(ours: str, models: Path) -> None:
    champion.record(ours, DECIDED)
    shutil.rmtree(models / ours)
    with pytest.raises(ModelError, match="ours was promoted, but is not in"):
        champion.champion()


@pytest.mark.parametrize("text", ["{", "[]", '{"model": "ours"}'])
def test_a_file_that_names_nobody_is_an_error(models: Path, text: str) -> None:
    models.mkdir()
    (models / champion.FILE).write_text(text)
    with pytest.raises(ModelError, match="does not name a champion"):
        champion.champion()


def test_the_word_champion_means_its_id_and_every_other_word_itself(ours: str) -> None:
    assert champion.resolve("champion") == champion.FIRST
    champion.record(ours, DECIDED)
    assert champion.resolve("champion") == ours
    assert champion.resolve(champion.FIRST) == champion.FIRST
    assert Analysis().classifier == champion.WORD


def test_a_model_outside_the_models_folder_cannot_be_champion(ours: str, models: Path, tmp_path: Path) -> None:
    shutil.move(models / ours, tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is not in the models folder: copy it to"):
        champion.record(str(tmp_path / "elsewhere"), DECIDED)
    assert champion.champion() == champion.FIRST
    champion.record(str(tmp_path / "elsewhere"), REFUSED)
    assert store.card(tmp_path / "elsewhere").decisions == (REFUSED,)


def test_the_champion_s_name_is_not_for_new_weights(ours: str) -> None:
    champion.refuse_as_id(ours, replace=True)
    champion.record(ours, DECIDED)
    champion.refuse_as_id(ours)  # what is there is told, or refused, by whoever trains
    with pytest.raises(UsageError, match="is replaced by promotion only"):
        champion.refuse_as_id(ours, replace=True)
    with pytest.raises(UsageError, match="no model can be called champion"):
        champion.refuse_as_id("champion")


def test_nothing_but_the_card_and_the_file_is_left_behind(ours: str, models: Path) -> None:
    champion.record(ours, DECIDED)
    assert sorted(path.name for path in models.iterdir()) == [champion.FILE, ours]
    assert sorted(path.name for path in (models / ours).iterdir()) == [store.CARD, WEIGHTS]

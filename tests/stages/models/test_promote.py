"""Promotion: decided on what was measured, kept where everybody finds it, and never by accident."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gfpipe.attributes.spec import Attribute, Head, InputSpec
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.models import champion, store
from gfpipe.models.card import Card
from gfpipe.stages.models import promote

GENDER = Head(Attribute.PERCEIVED_GENDER, ("female", "male"))
AGE = Head(Attribute.AGE, ("young", "old"), (20, 60))


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder with two candidates; the champion is the first one, whose weights nobody asks for."""
    monkeypatch.setenv("GFPIPE_MODELS", str(tmp_path / "models"))
    for number, name in enumerate(("ours", "theirs"), start=1):
        save(name, number)
    return tmp_path / "models"


def save(name: str, weight: float, head: Head = GENDER) -> None:
    card = Card(name, "perceived-gender", "none", InputSpec(8, (0, 0, 0), (1, 1, 1)), "none", "a test", heads=(head,))
    store.save_model(card, {"weight": torch.tensor([weight])}, replace=True)


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """400 faces, on which `ours` errs on none, the first champion on 40 and `theirs` on 120."""
    female = np.arange(400) % 2 == 0
    labels = Labels(np.arange(400).astype(str), female, np.full(400, np.nan), np.full(400, ""))
    wrong = {"ours": 0, champion.FIRST: 40, "theirs": 120}
    answers = [
        Answers(model, np.where(female ^ (np.arange(400) < errors), 0.9, 0.1)) for model, errors in wrong.items()
    ]
    path = tmp_path / "set" / "answers.parquet"
    Trial("utkface=faces", "detector", labels, tuple(answers)).write(path)
    return path


def test_a_better_model_becomes_champion_with_the_figures_in_its_card(trial: Path) -> None:
    decision = promote.run(promote.Config("ours"), [trial])
    assert decision.passed
    assert champion.champion() == "ours"
    (kept,) = store.card("ours").decisions
    assert kept == decision
    assert kept.on.startswith("20")
    assert {(check.measure, check.candidate, check.champion) for check in kept.checks} == {
        ("accuracy", 100, 90),
        ("gap", 0, 0),
        ("worst cell", 100, 90),
    }
    assert store.open_model("ours").card.sha256 == kept_sha256()


def kept_sha256() -> str:
    promoted = champion.named()
    assert promoted is not None
    return promoted.sha256


def test_a_worse_model_is_refused_and_its_card_says_so(trial: Path) -> None:
    decision = promote.run(promote.Config("theirs"), [trial])
    assert not decision.promoted
    assert champion.champion() == champion.FIRST
    assert store.card("theirs").decisions == (decision,)


def test_a_worse_model_is_promoted_for_a_reason_that_is_kept(trial: Path) -> None:
    decision = promote.run(promote.Config("theirs", force_reason="its licence is free"), [trial])
    assert not decision.passed
    assert decision.promoted
    assert champion.champion() == "theirs"
    assert store.card("theirs").decisions[0].forced == "its licence is free"
    promoted = champion.named()
    assert promoted is not None
    assert promoted.decided_by == "a person: its licence is free"


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_reason_is_no_promotion(reason: str) -> None:
    with pytest.raises(UsageError, match="needs a reason"):
        promote.Config("theirs", force_reason=reason)


def test_a_dry_run_decides_and_keeps_nothing(trial: Path) -> None:
    assert promote.run(promote.Config("ours"), [trial], dry_run=True).passed
    assert champion.champion() == champion.FIRST
    assert store.card("ours").decisions == ()


def test_the_next_candidate_meets_the_new_champion(trial: Path) -> None:
    promote.run(promote.Config("ours"), [trial])
    decision = promote.run(promote.Config("theirs"), [trial])
    assert decision.champion == "ours"
    assert not decision.promoted


@pytest.mark.parametrize("name", ["ours", "champion"])
def test_the_champion_is_champion_already(trial: Path, name: str) -> None:
    promote.run(promote.Config("ours"), [trial])
    before = champion.named()
    assert promote.run(promote.Config(name), [trial]) == Decision("ours", "ours", passed=True, checks=())
    assert champion.named() == before
    assert len(store.card("ours").decisions) == 1


def test_a_champion_with_other_weights_is_an_error(trial: Path) -> None:
    promote.run(promote.Config("ours"), [trial])
    save("ours", 7)
    with pytest.raises(ModelError, match="ours was promoted with weights of"):
        promote.run(promote.Config("theirs"), [trial])


def test_wrong_use_is_said(trial: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one data set"):
        promote.run(promote.Config("ours"), [])
    with pytest.raises(UsageError, match="was not written by gfpipe evaluate"):
        promote.run(promote.Config("ours"), [tmp_path / "nowhere.parquet"])
    save("old", 3, AGE)
    with pytest.raises(UsageError, match="only one for perceived gender can be champion"):
        promote.run(promote.Config("old"), [trial])
    save("unheard", 4)
    with pytest.raises(UsageError, match="no answers of unheard"):
        promote.run(promote.Config("unheard"), [trial])
    assert champion.champion() == champion.FIRST

"""What is learned of each head, and what a recipe's shorter setting changes."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gfpipe.attributes.classifier import Normalisation, load
from gfpipe.attributes.spec import Activation, ClassifierSpec, InputSpec
from gfpipe.errors import UsageError
from gfpipe.training import recipe
from gfpipe.training.recipe import Reduced
from gfpipe.training.run import loop
from gfpipe.training.run.augment import augment
from gfpipe.training.run.history import read_history
from gfpipe.training.run.objective import Objective
from gfpipe.training.tables import Augment, Heads
from tests.training import toys

BANDS = (0.0, 10.0, 30.0, 60.0)


def outputs_for(objective: Objective, faces: int = 8) -> torch.Tensor:
    return torch.randn(faces, objective.outputs, generator=torch.Generator().manual_seed(0))


def test_two_sigmoids_learn_by_binary_cross_entropy_and_answer_by_their_share() -> None:
    objective, examples, which = Objective(Heads(perceived_gender_as="sigmoids")), toys.faces(), np.arange(8)
    outputs, targets = outputs_for(objective), objective.targets(examples, which)
    assert torch.isclose(objective.loss(outputs, targets), F.binary_cross_entropy_with_logits(outputs, targets))
    (head,) = objective.stored_heads()
    assert head.activation is Activation.SIGMOID
    yes = outputs.sigmoid()
    margins = objective.margins(outputs)
    assert margins is not None
    assert torch.allclose(margins.sigmoid(), yes[:, 0] / yes.sum(1), atol=1e-6)


def test_an_age_in_years_is_learned_by_squared_error_and_read_in_years() -> None:
    objective, examples = Objective(Heads(1.0, 2.0, age_as="years")), toys.faces()
    known = np.flatnonzero(np.isfinite(examples.age_years))[:4]
    outputs = torch.zeros(4, 3)
    outputs[:, 2] = torch.from_numpy(examples.age_years[known]) / 100 + 0.1
    targets = objective.targets(examples, known)
    assert float(objective.loss(outputs, targets, learns=("age",))) == pytest.approx(2 * 0.1**2, rel=1e-4)
    unknown = replace(examples, age_years=np.full(96, np.nan, np.float32))
    assert float(objective.loss(outputs, objective.targets(unknown, known), learns=("age",))) == 0
    head = objective.stored_heads()[1]
    assert float(outputs[0, 2]) * head.years[0] == pytest.approx(float(examples.age_years[known[0]]) + 10, rel=1e-4)


def test_an_age_falls_into_one_band_and_its_middle_is_read() -> None:
    objective = Objective(Heads(1.0, 1.0, age_as="bands", age_bands=BANDS))
    examples = replace(toys.faces(), age_years=np.array([9.9, 10, 59, 60, 99, np.nan] * 16, np.float32))
    wanted = objective.targets(examples, np.arange(6))[:, 2:]
    assert wanted.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    head = objective.stored_heads()[1]
    assert head.classes == ("0–9", "10–29", "30–59", "60+")
    assert head.years == (5, 20, 45, 75)


def test_ages_alone_can_be_learned_of_one_perceived_gender(tmp_path: Path) -> None:
    job = toys.job(tmp_path, toys.stage(epochs=2), heads=Heads(0.0, 1.0, age_as="years"))
    outcome = loop.train(job)
    assert [head.attribute for head in job.objective.stored_heads()] == ["age"]
    assert outcome.history[-1].validation_loss < 1
    assert all(math.isnan(epoch.validation_accuracy) for epoch in read_history(tmp_path / "history.csv"))


def test_a_stage_learns_only_the_heads_that_it_names(tmp_path: Path) -> None:
    objective = Objective(Heads(1.0, 1.0, age_as="years"))
    outputs = outputs_for(objective).requires_grad_()
    objective.loss(outputs, objective.targets(toys.faces(), np.arange(8)), learns=("age",)).backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    assert not outputs.grad[:, :2].any()
    assert outputs.grad[:, 2].any()


def test_grey_chips_are_the_same_when_learned_and_when_asked(tmp_path: Path) -> None:
    grey = InputSpec(size=48, mean=(0, 0, 0), std=(255, 255, 255), channels="GREY")
    pixels = torch.from_numpy(toys.faces().pixels[:2])
    x = Normalisation(grey, torch.device("cpu"))(augment(pixels, 32, 48, Augment(), torch.Generator()))
    assert x.shape == (2, 1, 48, 48)
    assert 0 <= float(x.min()) <= float(x.max()) <= 1
    heads = Objective(Heads(perceived_gender_as="sigmoids")).stored_heads()
    spec = ClassifierSpec("portrait", "portrait-128", grey, heads)
    weights = dict(_portrait().state_dict().items())
    answers = load(spec, weights, torch.device("cpu"))(torch.zeros(3, 3, 48, 48))
    assert np.ptp(answers.p_female) == 0


def _portrait() -> torch.nn.Module:
    from gfpipe.attributes import networks

    return networks.build("portrait-128", 2)


def test_a_shorter_setting_changes_what_it_names_and_nothing_else() -> None:
    found = recipe.find("mobilenetv2")
    shorter = replace(found, reduced=Reduced(size=64, epochs=(1,), epoch_faces=(500,), batch=32))
    assert shorter.digest == found.digest
    less = shorter.at_reduced_setting
    assert less.input is not None
    assert (less.input.size, less.stages[0].epochs, less.stages[0].epoch_faces, less.stages[0].batch) == (
        64,
        1,
        500,
        32,
    )
    assert less.stages[0].rate == found.stages[0].rate
    assert less.digest != found.digest
    assert found.at_reduced_setting is found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[heads]\nage = 1\nage_as = 'bands'", "age_as = 'bands' and age_bands belong together"),
        ("[heads]\nage = 1\nage_as = 'bands'\nage_bands = [5, 10]", "age_bands must start with 0 and ascend"),
        ("[heads]\nage_as = 'weeks'", "age_as should be 'bell', 'years' or 'bands', got 'weeks'"),
        ("[reduced]\nepochs = [1, 2]", "epochs needs one number for each of the 1 stages"),
    ],
)
def test_heads_and_settings_that_make_no_sense_are_refused(tmp_path: Path, text: str, message: str) -> None:
    stages = "[[stages]]\nname = 'a'\ndata = 'utkface'\nepochs = 1\nrate = 1e-3\n"
    (tmp_path / "ours.toml").write_text(f"title = 'x'\nnetwork = 'resnet18'\n{text}\n{stages}")
    with pytest.raises(UsageError, match=message):
        recipe.load(tmp_path / "ours.toml")

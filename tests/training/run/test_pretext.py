"""Stages without labels: they learn, begin anew where they should, and are killed without a trace."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gfpipe.attributes import networks
from gfpipe.base.progress import Progress
from gfpipe.errors import ModelError
from gfpipe.studies.networks.masked_autoencoder import MaskedViT
from gfpipe.training import recipe
from gfpipe.training.run import initial, loop
from gfpipe.training.run.job import Job
from gfpipe.training.tables import Augment, Heads, Input
from tests.training import toys

pytestmark = pytest.mark.slow

SIDE = 16
LABELS = ("perceived_gender",)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums of floats depend on how many threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def job(folder: Path, name: str, *stages: recipe.Stage) -> Job:
    """The toys' faces, and a network that can learn without labels."""
    toy = toys.job(folder, *stages, heads=Heads(1.0, 0.0, 1.0), augment=toys.EVERYTHING)
    chip = Input(SIDE).spec
    network = initial.start(name, toy.objective.labels, chip, 0)
    if isinstance(network, MaskedViT):
        network.blocks = network.blocks[:2]
    # The chips of the toys are larger than these networks need: their middle will do.
    wider = toy.examples.pixels.shape[-1] - (SIDE + 2 * 3)
    pixels = np.ascontiguousarray(toy.examples.pixels[:, :, wider // 2 :, wider // 2 :][:, :, : SIDE + 6, : SIDE + 6])
    return replace(toy, network=network, chip=chip, examples=replace(toy.examples, pixels=pixels))


def masked(folder: Path) -> Job:
    """The three stages of a masked autoencoder, each with something that could be forgotten."""
    return job(
        folder,
        "masked-vit-tiny-half",
        toys.stage(name="sensitivity", learns=("ethnicity",), epochs=2, average=0.9, rate=1e-3),
        toys.stage(name="pre-training", task="pretext", masking="sensitive", fresh=True, epochs=2, rate=1e-3),
        toys.stage(name="fine-tuning", learns=LABELS, masking="other", epochs=2, rate=1e-3, average=0.5),
    )


def interrupted(make: Callable[[Path], Job], folder: Path, stage: str, within: bool = False) -> loop.Outcome:
    """Stopped in the second epoch of a stage and gone on with, at its beginning or ``within`` it."""

    def interrupt(now: Progress) -> None:
        if (now.stage, now.epoch, now.done) == (stage, 2, 32):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(replace(make(folder), checkpoint_seconds=0.0) if within else make(folder), interrupt)
    told: list[Progress] = []
    outcome = loop.train(make(folder), told.append)
    assert (told[0].stage, told[0].epoch, told[0].done) == (stage, 2, 32 if within else 16)
    return outcome


def assert_same(one: loop.Outcome, other: loop.Outcome) -> None:
    """Bit by bit."""
    assert one.weights.keys() == other.weights.keys()
    for name, value in one.weights.items():
        assert torch.equal(value, other.weights[name]), name
    assert [epoch.validation_loss for epoch in one.history] == [epoch.validation_loss for epoch in other.history]


def test_masked_stages_that_are_killed_end_with_the_weights_of_an_undisturbed_run(tmp_path: Path) -> None:
    undisturbed = loop.train(masked(tmp_path / "whole"))
    assert undisturbed.weights["sensitivity"].any()
    assert_same(interrupted(masked, tmp_path / "one", "sensitivity", within=True), undisturbed)
    assert_same(interrupted(masked, tmp_path / "two", "pre-training"), undisturbed)
    assert_same(interrupted(masked, tmp_path / "three", "fine-tuning"), undisturbed)


def test_a_contrastive_stage_lowers_its_loss_and_is_killed_without_a_trace(tmp_path: Path) -> None:
    def contrastive(folder: Path) -> Job:
        return job(folder, "tfc", toys.stage(task="pretext", epochs=4, rate=3e-3))

    undisturbed = loop.train(contrastive(tmp_path / "whole"))
    losses = [epoch.train_loss for epoch in undisturbed.history]
    assert losses[-1] < losses[0]
    assert_same(interrupted(contrastive, tmp_path / "killed", "one"), undisturbed)


def test_reconstruction_is_learned_from_a_few_faces(tmp_path: Path) -> None:
    stage = toys.stage(task="pretext", masking="random", epochs=4, rate=3e-3)
    plain = replace(job(tmp_path, "masked-vit-tiny-half", stage), augment=Augment())
    row, column = np.ogrid[: SIDE + 6, : SIDE + 6]
    wave = 128 + 100 * np.sin((row + column) / 2)
    pixels = np.broadcast_to(wave, plain.examples.pixels.shape).astype(np.uint8)
    history = loop.train(replace(plain, examples=replace(plain.examples, pixels=pixels))).history
    assert history[-1].validation_loss < 0.9 < history[0].train_loss, "1 is what an even grey is worth"


def test_a_fresh_stage_begins_with_random_weights_and_the_map_of_the_one_before(tmp_path: Path) -> None:
    first = toys.stage(name="sensitivity", learns=("ethnicity",), epochs=1)
    learned = loop.train(job(tmp_path / "one", "masked-vit-tiny-half", first)).weights
    still = toys.stage(name="two", task="pretext", masking="other", fresh=True, epochs=1, rate=1e-9, weight_decay=0.0)
    both = job(tmp_path / "two", "masked-vit-tiny-half", first, still)
    after = loop.train(both).weights
    assert torch.equal(after["sensitivity"], learned["sensitivity"])
    assert not torch.allclose(after["blocks.0.attn.qkv.weight"], learned["blocks.0.attn.qkv.weight"], atol=1e-3)


def test_a_stage_learns_only_the_heads_that_it_names(tmp_path: Path) -> None:
    """The rows of the head for ethnicity stay as they were while perceived gender is learned."""
    run = job(tmp_path, "tfc", toys.stage(learns=LABELS, epochs=1, weight_decay=0.0))
    before = run.network.get_parameter("head.weight").detach().clone()
    after = loop.train(run).weights["head.weight"]
    assert torch.equal(after[2:], before[2:])
    assert not torch.equal(after[:2], before[:2])


def test_masking_by_what_is_sensitive_is_refused_where_nothing_found_it(tmp_path: Path) -> None:
    stage = toys.stage(task="pretext", masking="sensitive", epochs=1)
    with pytest.raises(ModelError, match="masking = 'sensitive'"):
        loop.train(job(tmp_path, "masked-vit-tiny-half", stage))


def test_the_three_recipes_of_masking_differ_in_one_word() -> None:
    first = recipe.find("masked-random")
    for name in ("sensitive", "other"):
        other = recipe.find(f"masked-{name}")
        stages = tuple(replace(stage, masking="random") if stage.masking else stage for stage in other.stages)
        assert {stage.masking for stage in other.stages} == {"", name}
        assert replace(other, name=first.name, title=first.title, stages=stages) == first


@pytest.mark.parametrize("name", ["masked-sensitive", "masked-fine-tuning", "tfc", "three-heads"])
def test_every_recipe_fits_its_network_at_both_settings(name: str) -> None:
    full = recipe.find(name)
    for each in (full, full.at_reduced_setting):
        assert each.input is not None
        network = networks.build(each.network, 5).eval()
        with torch.inference_mode():
            assert network(torch.zeros(2, 3, each.input.size, each.input.size)).shape == (2, 5)
        if any(stage.task == recipe.PRETEXT or stage.masking for stage in each.stages):
            networks.pretext_of(network)


def test_a_network_without_a_pretext_task_says_so() -> None:
    with pytest.raises(ModelError, match="no pretext task"):
        networks.pretext_of(networks.build("cydral-gender", 2))

"""The loop learns, stops when it should, and is killed without a trace."""

import hashlib
import math
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gfpipe.base.progress import Progress
from gfpipe.errors import ModelError, UsageError
from gfpipe.training.run import initial, loop, validation
from gfpipe.training.run.folder import CHECKPOINT
from gfpipe.training.run.history import HISTORY, read_history
from gfpipe.training.run.initial import Initial
from gfpipe.training.run.job import bf16_for
from gfpipe.training.run.loader import batches
from gfpipe.training.run.objective import Objective, age_targets
from gfpipe.training.tables import Heads, Input
from tests.conftest import ROOT
from tests.training import toys


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As the process that is killed has it: sums of floats depend on how many threads share them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def digest(outcome: loop.Outcome) -> str:
    """Of all weights, bit by bit."""
    found = hashlib.sha256()
    for name, value in outcome.weights.items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


def test_a_separable_set_is_learned(tmp_path: Path) -> None:
    told: list[Progress] = []
    outcome = loop.train(toys.job(tmp_path, toys.stage(epochs=8)), told.append)
    losses = [epoch.train_loss for epoch in outcome.history]
    assert losses[-1] < losses[0] / 2
    assert outcome.history[-1].validation_accuracy == 1
    assert (told[-1].stage, told[-1].epoch, told[-1].done, told[-1].total) == ("one", 8, 64, 64)
    assert read_history(tmp_path / HISTORY)[-1].epoch == 8
    assert all(epoch.images_per_second > 0 and epoch.waited_seconds >= 0 for epoch in outcome.history)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(tmp_path: Path, one_thread: None) -> None:
    undisturbed = loop.train(toys.everything(tmp_path / "a"))
    command = [sys.executable, "-m", "tests.training.toys", str(tmp_path / "b")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        for line in killed.stdout:
            if line.split() == ["one", "2", "48"]:  # the third of four batches, in the second epoch
                killed.kill()
                break
    assert killed.returncode == -signal.SIGKILL
    told: list[Progress] = []
    resumed = loop.train(toys.everything(tmp_path / "b"), told.append)
    assert (told[0].epoch, told[0].done) == (2, 48)  # in the midst of it, and the step that was lost is done again
    assert digest(resumed) == digest(undisturbed)
    assert [epoch.validation_loss for epoch in resumed.history] == [e.validation_loss for e in undisturbed.history]
    assert loop.train(toys.everything(tmp_path / "b")).history == resumed.history  # nothing is left to do


def test_a_run_interrupted_in_a_later_stage_goes_on_there(tmp_path: Path) -> None:
    def interrupt(now: Progress) -> None:
        if (now.stage, now.epoch, now.done) == ("two", 2, 32):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(toys.everything(tmp_path / "b"), interrupt)
    told: list[Progress] = []
    resumed = loop.train(toys.everything(tmp_path / "b"), told.append)
    assert (told[0].stage, told[0].epoch) == ("two", 2)
    assert digest(resumed) == digest(loop.train(toys.everything(tmp_path / "a")))


def test_frozen_layers_stay_as_they_are_for_their_stage(tmp_path: Path) -> None:
    job = toys.job(tmp_path, replace(toys.stage(), frozen="body.1"), replace(toys.stage(), name="two"))
    start = {name: value.clone() for name, value in job.network.state_dict().items()}
    stages: dict[str, set[str]] = {}

    def compare(now: Progress) -> None:
        weights = job.network.state_dict().items()
        stages[now.stage] = {name for name, value in weights if not torch.equal(value, start[name])}

    loop.train(job, compare)
    assert stages["one"] == {"head.weight", "head.bias"}, "batch norm keeps its statistics too"
    assert {"body.0.weight", "body.1.running_mean", "head.weight"} <= stages["two"]


def test_frozen_layers_that_the_network_lacks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no layers 'tail' .* body\.0"):
        loop.train(toys.job(tmp_path, replace(toys.stage(), frozen="tail")))


def test_another_seed_gives_another_network(tmp_path: Path) -> None:
    runs = [replace(toys.everything(tmp_path / str(seed)), seed=seed) for seed in (0, 1)]
    assert len({digest(loop.train(run)) for run in runs}) == 2


def test_a_stage_stops_when_patience_is_at_an_end_and_keeps_its_best_epoch(tmp_path: Path) -> None:
    """Labels that cannot be learned: after the first epochs the network only learns the training faces by heart."""
    job = toys.job(tmp_path, toys.stage(epochs=200, patience=3, rate=0.5, schedule="constant"))
    mixed = replace(job.examples, female=np.random.default_rng(3).random(96) < 0.5)
    outcome = loop.train(replace(job, examples=mixed))
    losses = [epoch.validation_loss for epoch in outcome.history]
    assert len(losses) < 200
    assert int(np.argmin(losses)) == len(losses) - 1 - 3
    again = replace(job, examples=mixed)
    again.network.load_state_dict(outcome.weights)
    margins = validation.margins(again.network, mixed.pixels, np.arange(64, 96), again)
    signed = np.where(mixed.female[64:], margins, -margins)
    assert np.logaddexp(0, -signed).mean() == pytest.approx(min(losses), abs=1e-5)


def test_a_later_stage_begins_with_the_weights_of_the_one_before(tmp_path: Path) -> None:
    first = loop.train(toys.job(tmp_path / "a", toys.stage(epochs=8)))
    still = toys.stage(name="two", epochs=1, rate=1e-9, warm_up=0.0)
    both = loop.train(toys.job(tmp_path / "b", toys.stage(epochs=8), still))
    assert torch.allclose(first.weights["head.weight"], both.weights["head.weight"], atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*overflow")
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    job = toys.job(tmp_path, toys.stage(rate=0.1))
    with torch.no_grad():
        job.network.get_parameter("head.weight").fill_(math.nan)
    with pytest.raises(UsageError, match=r"the loss is nan in stage 'one', epoch 1, step 1: lower its rate \(0\.1\)"):
        loop.train(job)


def test_a_checkpoint_of_another_run_or_of_nothing_is_refused(tmp_path: Path) -> None:
    loop.train(toys.job(tmp_path, toys.stage(epochs=1)))
    with pytest.raises(UsageError, match="belongs to another run"):
        loop.train(replace(toys.job(tmp_path, toys.stage(epochs=1)), key="another"))
    (tmp_path / CHECKPOINT).write_bytes(b"half of a checkp")
    with pytest.raises(ModelError, match="cannot be read"):
        loop.train(toys.job(tmp_path, toys.stage(epochs=1)))


def test_a_stage_may_show_smaller_chips_and_bf16_learns_too(tmp_path: Path) -> None:
    job = replace(toys.job(tmp_path, toys.stage(size=16), augment=toys.EVERYTHING), bf16=True)
    history = loop.train(job).history
    assert history[-1].validation_loss < history[0].validation_loss


def test_bf16_is_used_as_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert bf16_for("bf16", cpu)
    assert not bf16_for("fp32", cpu)
    for has, expected in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda has=has: has)
        assert bf16_for("auto", cpu) is expected


def test_what_is_unknown_of_a_face_adds_nothing() -> None:
    objective = Objective(Heads(1.0, 1.0, 1.0), ("asian", "white"))
    examples = toys.faces()
    nothing = replace(examples, age_years=np.full(96, np.nan, np.float32), ethnicity=np.full(96, ""))
    outputs = torch.randn(96, objective.outputs, generator=torch.Generator().manual_seed(0))
    everyone = np.arange(96)
    only_gender = Objective(Heads(1.0))
    assert objective.loss(outputs, objective.targets(nothing, everyone)) == pytest.approx(
        float(only_gender.loss(outputs[:, :2], only_gender.targets(nothing, everyone)))
    )
    assert objective.loss(outputs, objective.targets(examples, everyone)) > 0


def test_loss_is_cross_entropy_with_smoothing_and_a_teacher() -> None:
    objective, examples, which = Objective(Heads(2.0)), toys.faces(), np.arange(8)
    outputs = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    labels = torch.from_numpy((~examples.female[which]).astype(np.int64))  # female is the first output
    smoothed = torch.nn.functional.cross_entropy(outputs, labels, label_smoothing=0.1)
    assert torch.isclose(objective.loss(outputs, objective.targets(examples, which, 0.1)), 2 * smoothed)
    teacher = np.full(96, np.nan, np.float32)
    teacher[:4] = 0.7  # it saw no face in the others
    targets = objective.targets(examples, which, teacher=teacher, teacher_weight=0.5)
    assert targets[0].tolist() == pytest.approx([0.85, 0.15])
    assert targets[4].tolist() == [1, 0]


def test_ages_are_bells_that_keep_to_the_scale() -> None:
    bells = age_targets(torch.tensor([30.0, 104.0, math.nan]))
    years = torch.arange(81.0)
    assert bells[0] @ years == pytest.approx(30, abs=1e-3)
    assert bells[1].argmax() == 80
    assert bells.sum(1).tolist() == pytest.approx([1, 1, 0])


def test_a_rest_of_an_epoch_is_left_for_another() -> None:
    assert [len(range(64)[each]) for each in batches(64, 20)] == [20, 20, 20]
    assert batches(7, 20) == [slice(0, 7)]
    with pytest.raises(UsageError, match="an epoch of 1 faces"):
        batches(1, 20)


def test_a_backbone_gives_all_but_its_last_layer() -> None:
    backbone = initial.start("resnet18", [str(each) for each in range(5)], Input(32).spec, seed=1)
    ours = initial.start(
        "resnet18", ("perceived_gender: female", "perceived_gender: male"), Input(32).spec, 0, weights(backbone)
    )
    assert torch.equal(ours.get_parameter("layer1.0.conv1.weight"), backbone.get_parameter("layer1.0.conv1.weight"))
    assert ours.get_parameter("fc.weight").shape[0] == 2


def test_outputs_that_mean_the_same_are_taken_over() -> None:
    old = initial.start("cydral-gender", ("perceived_gender: male", "perceived_gender: female"), Input(32).spec, seed=1)
    known = weights(old, "perceived_gender: male", "perceived_gender: female")
    new = initial.start(
        "cydral-gender", ("perceived_gender: female", "perceived_gender: male", "age: 0"), Input(32).spec, 0, known
    )
    assert torch.equal(new.get_parameter("head.weight")[:2], old.get_parameter("head.weight").flip(0))


def test_the_same_seed_starts_with_the_same_network() -> None:
    first, second, other = (initial.start("cydral-gender", ("a", "b"), Input(32).spec, seed) for seed in (0, 0, 1))
    assert torch.equal(first.get_parameter("head.weight"), second.get_parameter("head.weight"))
    assert not torch.equal(first.get_parameter("head.weight"), other.get_parameter("head.weight"))


def test_a_checkpoint_of_another_architecture_is_refused_by_name() -> None:
    other = weights(initial.start("resnet34", ("a", "b"), Input(32).spec, seed=0))
    with pytest.raises(
        ModelError, match=r"ours\.pt is a checkpoint of another architecture than resnet18: .* nothing for layer1\.2"
    ):
        initial.start("resnet18", ("a", "b"), Input(32).spec, 0, other)
    wider = weights(initial.start("resnet18", ("a", "b"), Input(32).spec, seed=0))
    narrow = {name: value[:32] if name == "conv1.weight" else value for name, value in wider.weights.items()}
    with pytest.raises(ModelError, match=r"\(64, 3, 7, 7\) for conv1\.weight, the checkpoint \(32, 3, 7, 7\)"):
        initial.start("resnet18", ("a", "b"), Input(32).spec, 0, replace(wider, weights=narrow))


def test_networks_that_cannot_be_trained_so_are_refused() -> None:
    with pytest.raises(ModelError, match="vit_b_32 cannot be trained on chips of 112 pixels"):
        initial.start("vit_b_32", ("a", "b"), Input(112).spec, 0)
    with pytest.raises(ModelError, match="unknown network 'resnet17'"):
        initial.start("resnet17", ("a", "b"), Input(112).spec, 0)


def weights(network: torch.nn.Module, *labels: str) -> Initial:
    """A network's weights as something to start from."""
    return Initial("ours.pt", network.state_dict(), labels)

"""The training loop: stages, epochs and steps, with checkpoints.

batch of chips -> augmentation (in a thread, ahead of need) -> network -> loss -> step -> moving average

All random numbers are a function of (seed, stage, epoch, step), so a checkpoint stores no generator state: on a CPU in
fp32, a resumed run ends with exactly the weights of an uninterrupted one.
"""

import copy
import math
import time
from dataclasses import asdict, astuple, dataclass, field

import torch
from torch import Tensor, nn

from gfpipe.attributes.networks import Pretext
from gfpipe.base import files
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.epochs import Epoch
from gfpipe.training.run.augment import seed_of
from gfpipe.training.run.folder import CHECKPOINT
from gfpipe.training.run.history import HISTORY, write_history
from gfpipe.training.run.initial import renew
from gfpipe.training.run.job import Job, Lesson, stage_loss
from gfpipe.training.run.loader import Loader, batches
from gfpipe.training.run.optimisation import frozen_part, learning_rate, optimiser, update_average
from gfpipe.training.run.validation import validate


@dataclass(frozen=True)
class Outcome:
    """The network's weights after the last stage, on the CPU, and the history of all epochs."""

    weights: dict[str, Tensor]
    history: tuple[Epoch, ...]


def train(job: Job, on_progress: OnProgress = no_progress) -> Outcome:
    """Run all stages, or the rest of them if ``job.folder`` holds a checkpoint.

    Raises:
        UsageError: the loss is not finite, or the checkpoint is another run's or cannot be written.
        ModelError: the checkpoint cannot be read.
    """
    devices = [job.device] if job.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        run = _Run(job, on_progress)
        run.restore()
        while run.position.stage < len(job.lessons):
            run.epoch()
    return Outcome(_on_cpu(run.network), tuple(run.history))


@dataclass
class _Position:
    """The next step of the run."""

    stage: int = 0
    epoch: int = 0
    step: int = 0


@dataclass
class _Totals:
    """Sums over the steps of the current epoch."""

    loss: float = 0.0
    faces: int = 0
    seconds: float = 0.0
    waited: float = 0.0


@dataclass
class _Best:
    """The best epoch of the current stage."""

    loss: float = math.inf
    epochs_since: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


class _Run:
    """The state of a run: network, optimiser, moving average, best epoch and history."""

    def __init__(self, job: Job, on_progress: OnProgress) -> None:
        self.job = job
        self.on_progress = on_progress
        self.network = job.network.to(job.device).to(memory_format=torch.channels_last)
        self.trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        self.position = _Position()
        self.history: list[Epoch] = []
        self._begin_stage()

    @property
    def lesson(self) -> Lesson:
        """The current stage."""
        return self.job.lessons[self.position.stage]

    def epoch(self) -> None:
        """Train to the end of the current epoch, validate, keep the best weights, and advance."""
        order = self.lesson.draw(self.position.epoch)
        steps = batches(len(order), self.lesson.stage.batch)
        rate = 0.0
        self.network.train()
        for layer in self.frozen:
            layer.eval()  # batch norm keeps its statistics too
        begin = saved = time.monotonic()
        with Loader(self.job, self.lesson, order, astuple(self.position)) as loader:
            for step in range(self.position.step, len(steps)):
                x, targets, waited = loader.next()
                done, total = self.position.epoch * len(steps) + step, self.lesson.stage.epochs * len(steps)
                rate = learning_rate(self.lesson.stage, done, total)
                self.totals.loss += self._step(x, targets, rate)
                self.totals.faces += len(x)
                self.totals.waited += waited
                self.position.step = step + 1
                now = time.monotonic()
                self.totals.seconds, begin = self.totals.seconds + now - begin, now
                self._report(len(order))
                if now - saved >= self.job.checkpoint_seconds and step + 1 < len(steps):
                    self._save()
                    saved = begin = time.monotonic()
        self._end_epoch(len(steps), rate)

    def restore(self) -> None:
        """Continue from the checkpoint, if there is one."""
        path = self.job.folder / CHECKPOINT
        if not path.is_file():
            return
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as exc:  # of a damaged file zip, pickle and torch each raise their own
            raise ModelError(f"{path} cannot be read: {exc}; remove it to start again") from exc
        if state["key"] != self.job.key:
            raise UsageError(f"{path} belongs to another run; choose another folder, or start again with --restart")
        self.network.load_state_dict(state["network"])
        self.position = _Position(**state["position"])
        self.history = [Epoch(*row) for row in state["history"]]
        if self.position.stage == len(self.job.lessons):
            return
        self._begin_stage()
        self.optimiser.load_state_dict(state["optimiser"])
        self.updates = state["updates"]
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.best = _Best(**state["best"])
        self.totals = _Totals(**state["totals"])

    def _begin_stage(self) -> None:
        stage = self.lesson.stage
        if isinstance(self.network, Pretext):
            self.network.begin(stage.masking)
        self.frozen = frozen_part(self.network, stage.frozen)
        fixed = {parameter for layer in self.frozen for parameter in layer.parameters()}
        for parameter in self.trainable:
            parameter.requires_grad_(parameter not in fixed)
        self.optimiser = optimiser(self.network, stage)
        self.average = copy.deepcopy(self.network).eval() if stage.average else None
        self.updates = 0
        self.best = _Best()
        self.totals = _Totals()

    def _step(self, x: Tensor, targets: Tensor, rate: float) -> float:
        position, stage = self.position, self.lesson.stage
        torch.manual_seed(seed_of(self.job.seed, position.stage, position.epoch, position.step))  # of dropout
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = stage_loss(self.job, stage, self.network, x, targets)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UsageError(
                f"the loss is {value} in stage {stage.name!r}, epoch {position.epoch + 1}, step "
                f"{position.step + 1}: lower its rate ({stage.rate:g}), warm up longer, or use fp32"
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        if self.average is not None:
            update_average(self.average, self.network, stage.average, self.updates)
            self.updates += 1
        return value

    def _end_epoch(self, steps: int, rate: float) -> None:
        begin = time.monotonic()
        stage, totals = self.lesson.stage, self.totals
        evaluated = self.average if self.average is not None else self.network
        validation = validate(evaluated, self.job, self.position.stage)
        self.history.append(
            Epoch(
                stage=stage.name,
                epoch=self.position.epoch + 1,
                train_loss=totals.loss / steps,
                validation_loss=validation.loss,
                validation_accuracy=validation.accuracy,
                validation_accuracy_women=validation.accuracy_women,
                validation_accuracy_men=validation.accuracy_men,
                seconds=totals.seconds + time.monotonic() - begin,
                images_per_second=totals.faces / max(totals.seconds, 1e-9),
                waited_seconds=totals.waited,
                rate=rate,
            )
        )
        self._keep_best(evaluated, validation.loss)
        self.totals = _Totals()
        self.position = _Position(self.position.stage, self.position.epoch + 1)
        stopped = stage.patience and self.best.epochs_since >= stage.patience
        if stopped or self.position.epoch == stage.epochs:
            self.network.load_state_dict(self.best.weights)
            self.position = _Position(self.position.stage + 1)
            if self.position.stage < len(self.job.lessons):
                if self.lesson.stage.fresh:
                    renew(self.network, seed_of(self.job.seed, self.position.stage))
                self._begin_stage()
        self._save()
        write_history(self.job.folder / HISTORY, self.history)

    def _keep_best(self, network: nn.Module, loss: float) -> None:
        """The epoch with the lowest validation loss; without validation faces, the last."""
        if math.isnan(loss) or loss < self.best.loss:
            self.best = _Best(loss if not math.isnan(loss) else math.inf, 0, _on_cpu(network))
        else:
            self.best.epochs_since += 1

    def _report(self, faces: int) -> None:
        self.on_progress(
            Progress(
                activity="training",
                done=self.totals.faces,
                total=faces,
                stage=self.lesson.stage.name,
                epoch=self.position.epoch + 1,
                epochs=self.lesson.stage.epochs,
                loss=self.totals.loss / self.position.step,
                validation_accuracy=self.history[-1].validation_accuracy if self.history else math.nan,
            )
        )

    def _save(self) -> None:
        state = {
            "key": self.job.key,
            "position": asdict(self.position),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "updates": self.updates,
            "best": vars(self.best),
            "totals": asdict(self.totals),
            "history": [list(astuple(epoch)) for epoch in self.history],
        }
        path = self.job.folder / CHECKPOINT
        try:
            with files.replacing(path) as temporary:
                torch.save(state, temporary)
        except (OSError, RuntimeError) as exc:  # torch reports a full disk as a RuntimeError
            raise UsageError(f"{path} cannot be written: {exc}; free some space and start again to continue") from exc


def _on_cpu(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}

"""The loop that learns: stages, epochs, steps; stopped at any time, it goes on as if it had never been.

batch of chips -> varied (in a thread, ahead of need) -> network -> loss -> step -> moving average

All that is left to chance is a function of (seed, stage, epoch, step), so a checkpoint holds no generator: a resumed
run begins at its step, and on a CPU in fp32 it ends with the very weights of the undisturbed one.
"""

import copy
import math
import os
import time
from dataclasses import asdict, astuple, dataclass, field
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfpipe.attributes.networks import Pretext, pretext_of
from gfpipe.attributes.spec import Attribute
from gfpipe.errors import ModelError, UsageError
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.training.recipe import LABELS, PRETEXT, Stage
from gfpipe.training.run.augment import seed_of
from gfpipe.training.run.folder import CHECKPOINT
from gfpipe.training.run.history import HISTORY, Epoch, write_history
from gfpipe.training.run.initial import renew
from gfpipe.training.run.job import Job, Lesson, autocast
from gfpipe.training.run.loader import Loader, Preparation, batches

_EVALUATED_AT_ONCE: Final = 256


@dataclass(frozen=True)
class Outcome:
    """The network's weights after the last stage, on the CPU, and how it came to them."""

    weights: dict[str, Tensor]
    history: tuple[Epoch, ...]


def train(job: Job, on_progress: OnProgress = no_progress) -> Outcome:
    """Run all stages, or what is left of them where ``job.folder`` holds a checkpoint.

    Raises:
        UsageError: the loss is no number any more, or the checkpoint is another run's.
        ModelError: the checkpoint cannot be read.
    """
    devices = [job.device] if job.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        run = _Run(job, on_progress)
        run.restore()
        while run.place.stage < len(job.lessons):
            run.epoch()
    return Outcome(_on_cpu(run.network), tuple(run.history))


def margins(
    network: nn.Module, pixels: NDArray[np.uint8], which: NDArray[np.int64], job: Job, size: int | None = None
) -> NDArray[np.float64]:
    """The network's logit of female over male for some faces, (B,), on chips as they are.

    The recipe must have a head for perceived gender.

    Args:
        network: on the job's device.
        pixels: (N, 3, C, C) chips with a margin.
        which: (B,) of them.
        job: says how chips are prepared, and in which precision to compute.
        size: of the chips; None for the network's own.
    """
    prepare = Preparation(job, size or job.size)
    found: list[Tensor] = []
    network.eval()
    with torch.inference_mode(), autocast(job):
        for part in np.split(which, range(_EVALUATED_AT_ONCE, len(which), _EVALUATED_AT_ONCE)):
            x = prepare.plain(pixels, part)
            views = (x, x.flip(-1)) if job.chip.flipped_view else (x,)
            outputs = torch.stack([network(view).float() for view in views]).mean(dim=0)
            margin = job.objective.margins(outputs)
            if margin is None:
                raise ValueError("no head for perceived gender")
            found.append(margin.cpu())
    return torch.cat(found).double().numpy() if len(which) else np.zeros(0)


@dataclass
class _Place:
    """Where a run stands: the step it has to do next."""

    stage: int = 0
    epoch: int = 0
    step: int = 0


@dataclass
class _SoFar:
    """What the present epoch has done."""

    loss: float = 0.0
    faces: int = 0
    seconds: float = 0.0
    waited: float = 0.0


@dataclass
class _Best:
    """The best epoch of the present stage."""

    loss: float = math.inf
    epochs_since: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)


class _Run:
    """A run as it goes: the network, its optimiser, the moving average, the best epoch, the history."""

    def __init__(self, job: Job, on_progress: OnProgress) -> None:
        self.job = job
        self.on_progress = on_progress
        self.network = job.network.to(job.device).to(memory_format=torch.channels_last)
        self.place = _Place()
        self.history: list[Epoch] = []
        self._begin_stage()

    @property
    def lesson(self) -> Lesson:
        """The present stage."""
        return self.job.lessons[self.place.stage]

    def epoch(self) -> None:
        """Train until the present epoch ends; then measure, keep the best, and go on to the next place."""
        order = self.lesson.draw(self.place.epoch)
        steps = batches(len(order), self.lesson.stage.batch)
        rate = 0.0
        self.network.train()
        begin = saved = time.monotonic()
        with Loader(self.job, self.lesson, order, astuple(self.place)) as loader:
            for step in range(self.place.step, len(steps)):
                x, targets, waited = loader.next()
                self.so_far.loss += self._step(x, targets, rate := self._rate(len(steps)))
                self.so_far.faces += len(x)
                self.so_far.waited += waited
                self.place.step = step + 1
                now = time.monotonic()
                self.so_far.seconds, begin = self.so_far.seconds + now - begin, now
                self._tell(len(order))
                if now - saved >= self.job.checkpoint_seconds and step + 1 < len(steps):
                    self._save()
                    saved = begin = time.monotonic()
        self._end_epoch(len(steps), rate)

    def restore(self) -> None:
        """Go on where the checkpoint stands, if there is one."""
        path = self.job.folder / CHECKPOINT
        if not path.is_file():
            return
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as exc:  # of a damaged file zip, pickle and torch each raise their own
            raise ModelError(f"{path} cannot be read: {exc}; remove it to begin anew") from exc
        if kept["key"] != self.job.key:
            raise UsageError(f"{path} is of another run; choose another folder, or begin anew")
        self.network.load_state_dict(kept["network"])
        self.place = _Place(**kept["place"])
        self.history = [Epoch(*row) for row in kept["history"]]
        if self.place.stage == len(self.job.lessons):
            return
        self._begin_stage()
        self.optimiser.load_state_dict(kept["optimiser"])
        self.updates = kept["updates"]
        if self.average is not None:
            self.average.load_state_dict(kept["average"])
        self.best = _Best(**kept["best"])
        self.so_far = _SoFar(**kept["so_far"])

    def _begin_stage(self) -> None:
        stage = self.lesson.stage
        if isinstance(self.network, Pretext):
            self.network.begin(stage.masking)
        self.optimiser = _optimiser(self.network, stage)
        self.average = copy.deepcopy(self.network).eval() if stage.average else None
        self.updates = 0
        self.best = _Best()
        self.so_far = _SoFar()

    def _rate(self, steps: int) -> float:
        """The learning rate of this step: up in a line, then down in half a cosine (Loshchilov and Hutter 2017)."""
        stage = self.lesson.stage
        done, total = self.place.epoch * steps + self.place.step, stage.epochs * steps
        rising = min(1.0, (done + 1) / max(stage.warm_up * total, 1))
        falling = (1 + math.cos(math.pi * done / total)) / 2 if stage.schedule == "cosine" else 1.0
        return stage.rate * rising * falling

    def _step(self, x: Tensor, targets: Tensor, rate: float) -> float:
        place = self.place
        torch.manual_seed(seed_of(self.job.seed, place.stage, place.epoch, place.step))  # of dropout
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        loss = self._loss(self.network, x, targets)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UsageError(
                f"the loss is {value} in stage {self.lesson.stage.name!r}, epoch {place.epoch + 1}, step "
                f"{place.step + 1}: lower its rate ({self.lesson.stage.rate:g}), warm up longer, or use fp32"
            )
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        self.optimiser.step()
        if self.average is not None:
            self._follow(self.average)
        return value

    def _loss(self, network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
        """What the present stage is to make smaller."""
        with autocast(self.job):
            if self.lesson.stage.task == PRETEXT:
                return pretext_of(network).pretext(x)
            outputs = network(x)
        return self.job.objective.loss(outputs.float(), targets, self.lesson.stage.learns)

    @torch.no_grad()
    def _follow(self, average: nn.Module) -> None:
        """Move the average towards the network, batch norms' statistics too; quickly at first, or it would lag."""
        decay = min(self.lesson.stage.average, (1 + self.updates) / (10 + self.updates))
        for mean, value in zip(average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)
        self.updates += 1

    def _end_epoch(self, steps: int, rate: float) -> None:
        begin = time.monotonic()
        stage, so_far = self.lesson.stage, self.so_far
        measured = self.average if self.average is not None else self.network
        loss, accuracies = self._validate(measured)
        self.history.append(
            Epoch(
                stage=stage.name,
                epoch=self.place.epoch + 1,
                train_loss=so_far.loss / steps,
                validation_loss=loss,
                validation_accuracy=accuracies[0],
                validation_accuracy_women=accuracies[1],
                validation_accuracy_men=accuracies[2],
                seconds=so_far.seconds + time.monotonic() - begin,
                images_per_second=so_far.faces / max(so_far.seconds, 1e-9),
                waited_seconds=so_far.waited,
                rate=rate,
            )
        )
        self._keep_best(measured, loss)
        self.so_far = _SoFar()
        self.place = _Place(self.place.stage, self.place.epoch + 1)
        stopped = stage.patience and self.best.epochs_since >= stage.patience
        if stopped or self.place.epoch == stage.epochs:
            self.network.load_state_dict(self.best.weights)
            self.place = _Place(self.place.stage + 1)
            if self.place.stage < len(self.job.lessons):
                if self.lesson.stage.fresh:
                    renew(self.network, seed_of(self.job.seed, self.place.stage))
                self._begin_stage()
        self._save()
        write_history(self.job.folder / HISTORY, self.history)

    def _keep_best(self, measured: nn.Module, loss: float) -> None:
        """The epoch with the lowest validation loss; without validation faces, the last."""
        if math.isnan(loss) or loss < self.best.loss:
            self.best = _Best(loss if not math.isnan(loss) else math.inf, 0, _on_cpu(measured))
        else:
            self.best.epochs_since += 1

    def _validate(self, network: nn.Module) -> tuple[float, tuple[float, float, float]]:
        """Loss, and accuracy of all, women and men, on the validation faces as they are."""
        which = self.lesson.validation
        if not len(which):
            return math.nan, (math.nan, math.nan, math.nan)
        if not self._reads_gender:
            return self._plain_loss(network, which), (math.nan, math.nan, math.nan)
        margin = margins(network, self.job.examples.pixels, which, self.job, self.lesson.size(self.job.size))
        female = self.job.examples.female[which]
        loss = np.logaddexp(0, np.where(female, -margin, margin)).mean()
        right = (margin >= 0) == female
        return float(loss), (_mean(right), _mean(right[female]), _mean(right[~female]))

    @property
    def _reads_gender(self) -> bool:
        """Whether the present stage learns perceived gender, so that it is what epochs are compared by."""
        stage, heads = self.lesson.stage, self.job.objective.wanted
        gender = Attribute.PERCEIVED_GENDER.value
        return stage.task == LABELS and heads.perceived_gender > 0 and (not stage.learns or gender in stage.learns)

    @torch.inference_mode()
    def _plain_loss(self, network: nn.Module, which: NDArray[np.int64]) -> float:
        """The stage's own loss on faces as they are; what a pretext draws by lot is the same for every epoch."""
        prepare, job = Preparation(self.job, self.lesson.size(self.job.size)), self.job
        torch.manual_seed(seed_of(job.seed, self.place.stage))
        network.eval()
        total = 0.0
        for part in np.split(which, range(_EVALUATED_AT_ONCE, len(which), _EVALUATED_AT_ONCE)):
            targets = job.objective.targets(job.examples, part).to(job.device)
            total += float(self._loss(network, prepare.plain(job.examples.pixels, part), targets)) * len(part)
        return total / len(which)

    def _tell(self, faces: int) -> None:
        self.on_progress(
            Progress(
                activity="training",
                done=self.so_far.faces,
                total=faces,
                stage=self.lesson.stage.name,
                epoch=self.place.epoch + 1,
                epochs=self.lesson.stage.epochs,
                loss=self.so_far.loss / self.place.step,
                validation_accuracy=self.history[-1].validation_accuracy if self.history else math.nan,
            )
        )

    def _save(self) -> None:
        """All of the run in one file, which takes its place by one rename."""
        content = {
            "key": self.job.key,
            "place": asdict(self.place),
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "updates": self.updates,
            "best": vars(self.best),
            "so_far": asdict(self.so_far),
            "history": [list(astuple(row)) for row in self.history],
        }
        path = self.job.folder / CHECKPOINT
        part = path.with_name(f".{CHECKPOINT}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                torch.save(content, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except (OSError, RuntimeError) as exc:  # torch reports a full disk as a RuntimeError
            raise UsageError(f"{path} cannot be written: {exc}; free some space and start again: it goes on") from exc


def _optimiser(network: nn.Module, stage: Stage) -> torch.optim.Optimizer:
    """Biases and norms do not decay (He et al. 2019, "Bag of tricks", section 3.1)."""
    weights = [each for each in network.parameters() if each.ndim > 1]
    others = [each for each in network.parameters() if each.ndim <= 1]
    groups = [{"params": weights, "weight_decay": stage.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if stage.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=stage.rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, lr=stage.rate, fused=True)


def _on_cpu(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else math.nan

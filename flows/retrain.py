"""Flow `retrain`: train a model, evaluate it beside the champion, and promote it if the gate lets it pass."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.runtime import flow_run, task_run
from prefect.states import Completed

from gfpipe.attributes import device as devices
from gfpipe.errors import TooFewFacesError
from gfpipe.evaluation import results
from gfpipe.evaluation.figures import learning_curves
from gfpipe.evaluation.gate import wording
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.flows import limits
from gfpipe.flows.artifacts import create_table
from gfpipe.flows.jobs.training import RetrainJob
from gfpipe.flows.progress import reported
from gfpipe.models import champion, store
from gfpipe.stages.models import evaluate, promote, train
from gfpipe.training import recipe as recipes
from gfpipe.training.data import datasets
from gfpipe.training.recipe import Recipe
from gfpipe.training.run import history

# Training and evaluation run in the flow's process: one at a time uses all cores or the GPU, so that a pool of workers
# would only add a copy of torch. A killed training resumes from its checkpoint.


@task(task_run_name="train {config.model_id}", cache_policy=NO_CACHE)  # the stored model is the cache
def train_model(config: train.Config) -> State[train.Trained]:
    """Train, or resume an interrupted training; the UI shows the epochs and the learning curves."""
    with reported("training") as on_progress, _on_device(config.device):
        trained = train.run(config, on_progress)
    create_table(history.rows(trained.history), "epochs", f"{config.model_id}, epoch by epoch")
    show(learning_curves.write(trained.history, config.out), config.out, config.model_id)
    return Completed(message=history.summary(trained.history), data=trained)


def _evaluation_name() -> str:
    return f"evaluate {' and '.join(task_run.parameters['config'].models)}"


@task(task_run_name=_evaluation_name, cache_policy=NO_CACHE)
def evaluate_models(config: evaluate.Config, folder: Path) -> State[results.Written | TooFewFacesError]:
    """Evaluate candidate and champion on the same faces; the UI shows the tables and the figures."""
    try:
        with reported("evaluating") as on_progress, _on_device(config.device):
            trials = evaluate.run(config, on_progress)
    except TooFewFacesError as exc:
        return Completed(name="Too few faces", message=str(exc), data=exc)
    written, models = results.write(trials, folder), " and ".join(config.models)
    create_markdown_artifact(written.tables.read_text(encoding="utf-8"), "evaluation", f"{models} on the same faces")
    show(written.pictures, folder, models)
    faces = [
        f"{trial.data}: {len(trial.labels):,} faces"
        + (f", {trial.seen:,} more left out because a model was trained on them" if trial.seen else "")
        for trial in trials
    ]
    return Completed(message="; ".join(faces), data=written)


@task(task_run_name="compare {config.candidate} with the champion", cache_policy=NO_CACHE)
def promote_or_not(config: promote.Config, answers: Sequence[Path]) -> State[Decision | TooFewFacesError]:
    """Decide and promote in one task, so that the promotion rests on the figures that are shown."""
    try:
        decision = promote.run(config, answers)
    except TooFewFacesError as exc:
        return Completed(name="Too few faces", message=str(exc), data=exc)
    create_table(wording.checks(decision), "gate", wording.CHECKS)
    return verdict(decision)


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return f"{Path(job.recipe).stem} · {job.model or f'{flow_run.get_scheduled_start_time():%Y-%m-%d}'}"


@flow(name="retrain", flow_run_name=_run_name)
def retrain_model(job: RetrainJob) -> Decision:
    """Train a model and promote it if it is shown to be no worse than the champion."""
    recipe = _beginning_with(recipes.find(job.recipe), job.begin_with)
    candidate = job.model or f"{recipe.name}-{flow_run.get_scheduled_start_time():%Y-%m-%d}"
    champion.refuse_as_id(candidate)
    for name in job.gate_data:
        datasets.read_to_measure(name)  # after the training would be too late
    current, folder = champion.champion(), Path(job.out or f"runs/{candidate}")
    networks: dict[str, Any] = {"device": job.device, "detector": job.detector}
    train_model(train.Config(recipe, tuple(job.data), folder, candidate, **networks))
    # One model, if an earlier attempt of this run has promoted the candidate.
    models = tuple(dict.fromkeys((candidate, current)))
    result: results.Written | Decision | TooFewFacesError = evaluate_models(
        evaluate.Config(models, tuple(job.gate_data), **networks), folder / "gate"
    ).result()
    if isinstance(result, results.Written):
        result = promote_or_not(promote.Config(candidate, job.margins), result.answers).result()
    decision = (
        result
        if isinstance(result, Decision)
        else Decision(candidate, current, passed=False, checks=(), undecided=str(result))
    )
    text = [wording.reasons(decision), *([wording.consequences(decision)] if decision.promoted else [])]
    create_markdown_artifact("\n\n".join(text), "decision", wording.verdict(decision))
    return verdict(decision)  # type: ignore[return-value]  # Prefect returns the state's data


def _beginning_with(recipe: Recipe, model: str | None) -> Recipe:
    if not model:
        return recipe
    card = store.card(champion.resolve(model))
    return replace(recipe, initial=card.id, network=card.network)


def verdict(decision: Decision) -> State[Any]:
    """The run's state; a candidate that is not promoted is a result, not a failure."""
    name = "No decision" if decision.undecided else "Promoted" if decision.promoted else "Not promoted"
    return Completed(name=name, message=wording.verdict(decision), data=decision)


@contextmanager
def _on_device(device: str) -> Iterator[None]:
    """Take one of the slots of the limit "gpu" if the device is a GPU."""
    names = ["gpu"] if devices.is_gpu(device) else []
    limits.require(*names)
    with concurrency(names, strict=True):
        yield


def show(pictures: Sequence[Path], folder: Path, description: str) -> None:
    """Create image artifacts from SVG files, as data URLs, which need no other server."""
    for path in pictures:
        if path.suffix == ".svg":  # a twentieth of the PNG's size, and sharp on any screen
            address = f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
            create_image_artifact(address, results.slug(str(path.relative_to(folder).with_suffix(""))), description)

"""A recipe in, perhaps a champion out: train, evaluate, decide, promote or not."""

import base64
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.runtime import flow_run, task_run
from prefect.states import Completed

from gfpipe.attributes.device import resolve_device
from gfpipe.choices import Device
from gfpipe.errors import TooFewFacesError
from gfpipe.evaluation import results
from gfpipe.evaluation.figures import learning_curves
from gfpipe.evaluation.gate.decision import Decision
from gfpipe.evaluation.gate.rules import Margins
from gfpipe.flows import server, tables
from gfpipe.flows.progress import Hearing
from gfpipe.models import champion, store
from gfpipe.progress import OnProgress, Progress
from gfpipe.settings import Analysis
from gfpipe.stages.models import evaluate, promote, train
from gfpipe.training import recipe as recipes
from gfpipe.training.data import datasets
from gfpipe.training.recipe import Recipe

# Training and evaluation run in the flow's own process: there is one of them at a time, which takes all cores or the
# GPU by itself, so that a pool of workers would add nothing but a copy of torch. (Many recordings at once, some of
# which may kill their worker, are another matter: flows/analyse.py.) What is killed goes on at its checkpoint.

_hearing = Hearing[[Progress]]("progress")
heard_by = _hearing.heard_by
_DETECTOR: Final = Analysis().detector
_TOLD_EVERY_SECONDS: Final = 10.0


@task(task_run_name="train {config.model_id}", cache_policy=NO_CACHE)  # the stored model is the cache
def train_model(config: train.Config) -> State[train.Trained]:
    """Train, or go on where an earlier run was stopped; the UI gets the epochs and the learning curves."""
    with _progress("training") as on_progress, _on_device(config.device):
        trained = train.run(config, on_progress)
    create_table_artifact(tables.epochs(trained.history), "epochs", f"{config.model_id}, epoch by epoch")
    show(learning_curves.write(trained.history, config.out), config.out, config.model_id)
    return Completed(message=tables.training(trained.history), data=trained)


def _evaluation_name() -> str:
    return f"evaluate {' and '.join(task_run.parameters['config'].models)}"


@task(task_run_name=_evaluation_name, cache_policy=NO_CACHE)
def evaluate_models(config: evaluate.Config, folder: Path) -> State[results.Written | TooFewFacesError]:
    """Measure candidate and champion side by side; the UI gets the tables and the pictures."""
    try:
        with _progress("evaluating") as on_progress, _on_device(config.device):
            trials = evaluate.run(config, on_progress)
    except TooFewFacesError as exc:
        return Completed(name="Too few faces", message=str(exc), data=exc)
    written, models = results.write(trials, folder), " and ".join(config.models)
    create_markdown_artifact(written.tables.read_text(encoding="utf-8"), "evaluation", f"{models} on the same faces")
    show(written.pictures, folder, models)
    return Completed(message=tables.measured(trials), data=written)


@task(task_run_name="hold {config.candidate} against the champion", cache_policy=NO_CACHE)
def promote_or_not(config: promote.Config, answers: Sequence[Path]) -> State[Decision | TooFewFacesError]:
    """Decide, and do what was decided: one step, so that no model is promoted on other figures than those shown."""
    try:
        decision = promote.run(config, answers)
    except TooFewFacesError as exc:
        return Completed(name="Too few faces", message=str(exc), data=exc)
    create_table_artifact(tables.checks(decision), "gate", tables.CHECKS)
    return verdict(decision)


def _run_name() -> str:
    given = flow_run.parameters
    return f"{Path(given['recipe']).stem} · {given['model'] or f'{flow_run.get_scheduled_start_time():%Y-%m-%d}'}"


@flow(name="retrain", flow_run_name=_run_name)
def retrain_model(
    recipe: str,
    data: list[str],
    gate_data: list[str],
    model: str | None = None,
    out: str | None = None,
    device: str = Device.AUTO,
    detector: str = _DETECTOR,
    margins: Margins = Margins(),  # noqa: B008 - frozen
    begin_with: str | None = None,
) -> Decision:
    """Train a model and make it champion if it is shown to be no worse than the one that is.

    Args:
        recipe: one of gfpipe's by name, or a TOML file.
        data: what to train on, NAME=PATH each.
        gate_data: what the gate decides on, as `data`; of it, the faces that neither model was trained on.
        model: id of the new model; nothing means the recipe's name and the day.
        out: folder of the run; nothing means runs/MODEL.
        device: auto, cpu or cuda.
        detector: the model that finds the faces.
        margins: how much worse the new model may be, in points.
        begin_with: the model that training begins with, in its own network, and not as the recipe says; `champion` for
            whoever is so.
    """
    chosen = _beginning_with(recipes.find(recipe), begin_with)
    candidate = model or f"{chosen.name}-{flow_run.get_scheduled_start_time():%Y-%m-%d}"
    champion.refuse_as_id(candidate)
    for name in gate_data:
        datasets.read_to_measure(name)  # after the training would be too late
    reigning = champion.champion()
    folder = Path(out or f"runs/{candidate}")
    train_model(train.Config(chosen, tuple(data), folder, candidate, device=device, detector=detector))
    # One model, where this very run was made before and won: what is finished is only told again.
    both = tuple(dict.fromkeys((candidate, reigning)))
    faces = evaluate.Config(both, tuple(gate_data), detector=detector, device=device)
    found: results.Written | Decision | TooFewFacesError = evaluate_models(faces, folder / "gate").result()
    if isinstance(found, results.Written):
        found = promote_or_not(promote.Config(candidate, margins), found.answers).result()
    decision = found if isinstance(found, Decision) else _undecided(candidate, reigning, found)
    said = [tables.reasons(decision), *([tables.consequences(decision)] if decision.promoted else [])]
    create_markdown_artifact("\n\n".join(said), "decision", tables.verdict(decision))
    return verdict(decision)  # type: ignore[return-value]  # Prefect hands out the state's data


def _beginning_with(recipe: Recipe, model: str | None) -> Recipe:
    if not model:
        return recipe
    card = store.card(champion.resolve(model))
    return replace(recipe, initial=card.id, network=card.network)


def _undecided(candidate: str, reigning: str, why: object) -> Decision:
    return Decision(candidate, reigning, passed=False, checks=(), undecided=str(why))


def verdict(decision: Decision) -> State[Any]:
    """That a candidate is not promoted is what the gate is there for, and no failure."""
    name = "No decision" if decision.undecided else "Promoted" if decision.promoted else "Not promoted"
    return Completed(name=name, message=tables.verdict(decision), data=decision)


@contextmanager
def _progress(key: str) -> Iterator[OnProgress]:
    """Tell the UI, now and then, and the listener, always, how far it is."""
    artifact = cast("UUID", create_progress_artifact(0.0, key, "preparing"))
    told = time.monotonic()

    def on_progress(now: Progress) -> None:
        nonlocal told
        _hearing.tell(now)
        if time.monotonic() - told > _TOLD_EVERY_SECONDS and now.total:
            told = time.monotonic()
            what = f"{now.stage}, epoch {now.epoch} of {now.epochs}" if now.epoch else now.activity
            update_progress_artifact(artifact, 100 * now.done / now.total, f"{what}: {now.done} of {now.total}")

    yield on_progress
    update_progress_artifact(artifact, 100.0, "done")


@contextmanager
def _on_device(device: str) -> Iterator[None]:
    """Share a GPU with the analyses that run beside this."""
    with ExitStack() as held:
        if resolve_device(device).type == "cuda":
            server.require_limits("gpu")
            held.enter_context(concurrency(["gpu"], strict=True))
        yield


def show(pictures: Sequence[Path], folder: Path, of: str) -> None:
    """Have the UI show pictures: it takes an address, and one that holds the picture itself needs no other server."""
    for path in pictures:
        if path.suffix == ".svg":  # a twentieth of the PNG's size, and sharp on any screen
            address = f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode()}"
            create_image_artifact(address, results.slug(str(path.relative_to(folder).with_suffix(""))), of)

"""The loop: the archive's own faces teach a model, and people's answers and benchmarks decide whether it may reign.

expired crops go -> sure faces become a set -> train, evaluate, gate -> where promoted: history read again, or the break
"""

from pathlib import Path
from typing import Any, Final

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from flows import tables  # first: what flows/server.py sets, Prefect reads when it is imported
from flows.publish import publish_lake
from flows.reclassify import reclassify_lake
from flows.retrain import retrain_model, show
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.evaluation import gate
from gfpipe.evaluation.decision import Decision
from gfpipe.evaluation.gate import Margins
from gfpipe.lake.retention import What
from gfpipe.stages import curate, purge
from gfpipe.training import datasets, splits

LEAST_LABELS: Final = 200


@task(task_run_name="remove expired crops", cache_policy=NO_CACHE)
def purge_expired(lake: str) -> purge.Summary:
    """What may not be kept any more is gone before anything learns from it."""
    summary = purge.run(lake, What(expired=True))
    if summary.after:
        left = "\n".join(f"- {held.name}: {held.problem}" for held in summary.after)
        create_markdown_artifact(left, "left-after-expiry", "Expired pictures that could not be removed")
    return summary


@flow(name="purge", flow_run_name="expired crops")
def remove_expired(lake: str) -> purge.Summary:
    """Remove crops whose day has come, and every copy of them; whatever is left fails the run.

    Args:
        lake: the folder of shards.
    """
    summary = purge_expired(lake)
    said = f"{len(summary.before)} files held expired pictures, {len(summary.after)} are left"
    state = Failed if summary.after else Completed
    return state(message=said, data=summary)  # type: ignore[return-value]  # Prefect hands out the state's data


@task(task_run_name="curate {config.name}", cache_policy=NO_CACHE)
def curate_faces(config: curate.Config) -> curate.Summary:
    """Choose the faces that the model is sure of; the UI gets what was dropped and why, and the curves."""
    summary = curate.run(config)
    create_table_artifact(tables.accounts(summary.card), "curated", f"{config.name}: faces by perceived gender")
    show(summary.pictures, summary.folder, config.name)
    return summary


@task(task_run_name="look for people's answers", cache_policy=NO_CACHE)
def labelled_by_people(lake: str, least: int) -> list[str]:
    """The archive's faces that people labelled, as a data set for the gate; none where they are too few to decide."""
    name = f"archive:lake={lake}"
    try:
        found, why = len(splits.distinct([datasets.read(name)]).images), ""
    except UsageError as exc:
        found, why = 0, f": {exc}"
    least = max(least, gate.FEWEST_FACES)
    if found >= least:
        return [name]
    counted = f"{found} kept faces have an answer, {least} are needed{why}"
    said = f"The gate decides without the archive's own labels: {counted}."
    create_markdown_artifact(said, "no-labels", "What the gate could not look at")
    return []


def _run_name() -> str:
    given = flow_run.parameters
    return f"{Path(given['lake']).name} · {given['name'] or f'{flow_run.get_scheduled_start_time():%Y-%m}'}"


@flow(name="curate", flow_run_name=_run_name)
def curate_and_retrain(
    lake: str,
    data: list[str],
    gate_data: list[str],
    recipe: str = "pseudo-labels",
    name: str | None = None,
    rules: Rules = Rules(threshold_female=0.9, threshold_male=0.9),  # noqa: B008 - frozen
    soft: bool = False,
    model: str | None = None,
    out: str | None = None,
    begin_with: str = "champion",
    device: str = "auto",
    margins: Margins = Margins(),  # noqa: B008 - frozen
    least_labels: int = LEAST_LABELS,
    reestimate: bool = False,
) -> Decision:
    """Curate an archive's crops, train a model with them, and promote it if it is shown to be no worse.

    Args:
        lake: with crops that an analysis kept; on this machine.
        data: labelled faces to learn from beside the curated ones, as the recipe names them.
        gate_data: what the gate decides on, as `data`, beside the archive's faces that people labelled.
        recipe: one of gfpipe's by name, or a TOML file; it has a data set `curated`.
        name: of the curated set; nothing means the month.
        rules: which faces are sure enough, and how they are balanced.
        soft: learn the probabilities themselves.
        model: id of the new model; nothing means the recipe's name and the day.
        out: folder of the run; nothing means runs/MODEL.
        begin_with: the model that training begins with, in its own network; empty: as the recipe says.
        device: auto, cpu or cuda.
        margins: how much worse the new model may be, in points.
        least_labels: labelled faces of the archive that the gate needs before it looks at them.
        reestimate: where the model is promoted, read all of the lake again under it and publish; else the figures
            break where the new model begins, and say so.
    """
    purge_expired(lake)
    wanted = name or f"{flow_run.get_scheduled_start_time():%Y-%m}"
    curated = curate_faces(curate.Config(Path(lake), wanted, rules, soft, replace=True))
    decision = retrain_model(
        recipe,
        [*data, f"curated={curated.folder}"],
        [*gate_data, *labelled_by_people(lake, least_labels)],
        model=model,
        out=out,
        begin_with=begin_with,
        device=device,
        margins=margins,
    )
    if decision.promoted:
        _follow(lake, decision, device, reestimate=reestimate)
    return _verdict(decision)  # type: ignore[return-value]  # Prefect hands out the state's data


def _follow(lake: str, decision: Decision, device: str, *, reestimate: bool) -> None:
    """Bring history under the new model, or mark where the series breaks."""
    if reestimate:
        reclassify_lake(lake, decision.candidate, device)
    publish_lake(lake)
    if not reestimate:
        said = f"{tables.consequences(decision)}\n\nUntil then, the view `classifier_breaks` says where figures break."
        create_markdown_artifact(said, "break", f"Figures break where {decision.candidate} begins")


def _verdict(decision: Decision) -> State[Any]:
    name = "Promoted" if decision.promoted else "Not promoted"
    return Completed(name=name, message=tables.verdict(decision), data=decision)

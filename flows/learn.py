"""The loop: the archive's own faces teach a model, and people's answers and benchmarks decide whether it may reign.

expired crops go -> sure faces become a set -> train, evaluate, gate -> where promoted: history read again, or the break
"""

from pathlib import Path

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed

from gfpipe.attributes.spec import FEMALE
from gfpipe.choices import Device
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.evaluation.gate.decision import FEWEST_FACES, Decision
from gfpipe.evaluation.gate.rules import Margins
from gfpipe.evaluation.measures import subgroups
from gfpipe.flows import tables
from gfpipe.flows.publish import publish_lake
from gfpipe.flows.reclassify import reclassify_lake
from gfpipe.flows.retrain import retrain_model, show, verdict
from gfpipe.lake.retention import What
from gfpipe.models import champion, store
from gfpipe.settings import LEAST_LABELS
from gfpipe.stages.analysis import purge
from gfpipe.stages.models import curate
from gfpipe.training.data import datasets, splits


@task(task_run_name="remove expired crops", cache_policy=NO_CACHE)
def purge_expired(lake: str) -> State[purge.Summary]:
    """What may not be kept any more is gone before anything learns from it."""
    summary = purge.run(lake, What(expired=True))
    if summary.after:
        left = "\n".join(f"- {held.name}: {held.problem}" for held in summary.after)
        create_markdown_artifact(left, "left-after-expiry", "Expired pictures that could not be removed")
    return Completed(message=_removed(summary), data=summary)


@flow(name="purge", flow_run_name="expired crops")
def remove_expired(lake: str) -> purge.Summary:
    """Remove crops whose day has come, and every copy of them; whatever is left fails the run.

    Args:
        lake: the folder of shards.
    """
    summary = purge_expired(lake).result()
    state = Failed if summary.after else Completed
    return state(message=_removed(summary), data=summary)  # type: ignore[return-value]  # Prefect hands out the data


def _removed(summary: purge.Summary) -> str:
    return f"{len(summary.before)} files held expired pictures, {len(summary.after)} are left"


@task(task_run_name="curate {config.name}", cache_policy=NO_CACHE)
def curate_faces(config: curate.Config) -> State[curate.Summary]:
    """Choose the faces that the model is sure of; the UI gets what was dropped and why, and the curves."""
    summary = curate.run(config)
    create_table_artifact(tables.accounts(summary.card), "curated", f"{config.name}: crops by perceived gender")
    show(summary.pictures, summary.folder, config.name)
    return Completed(message=tables.chosen(summary.card), data=summary)


@task(task_run_name="look for people's answers", cache_policy=NO_CACHE)
def labelled_by_people(lake: str, least: int) -> State[list[str]]:
    """The archive's faces that people labelled, as a data set for the gate; none where they are too few to decide."""
    name, least, why = f"archive:lake={lake}", max(least, FEWEST_FACES), ""
    try:
        women, men = _unseen(name)
    except UsageError as exc:
        women, men, why = 0, 0, f": {exc}"
    said = f"{women + men} kept faces have an answer and are new to the champion ({women} women, {men} men)"
    if women + men >= least and min(women, men) >= subgroups.FEWEST:
        return Completed(message=said, data=[name])
    said = f"{said}, {least} are needed, and {subgroups.FEWEST} of either{why}"
    create_markdown_artifact(
        f"The gate decides without the archive's own labels: {said}.", "no-labels", "What the gate could not look at"
    )
    return Completed(name="Too few", message=said, data=list[str]())


def _unseen(name: str) -> tuple[int, int]:
    """How many women and men of a data set the champion was not trained on."""
    faces = splits.distinct([datasets.read(name)])
    unseen = ~np.isin(faces.digests, store.seen(champion.champion()))
    women = int(np.sum(faces.perceived_gender[unseen] == FEMALE))
    return women, int(np.sum(unseen)) - women


def _run_name() -> str:
    given = flow_run.parameters
    return f"{Path(given['lake']).name} · {given['name'] or f'{flow_run.get_scheduled_start_time():%Y-%m}'}"


@flow(name="learn", flow_run_name=_run_name)
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
    device: str = Device.AUTO,
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
    curated = curate_faces(curate.Config(Path(lake), wanted, rules, soft, replace=True)).result()
    labelled = labelled_by_people(lake, least_labels).result()
    decision = retrain_model(
        recipe,
        [*data, f"curated={curated.folder}"],
        [*gate_data, *labelled],
        model=model,
        out=out,
        begin_with=begin_with,
        device=device,
        margins=margins,
    )
    said = [tables.reasons(decision), f"Learned from the set {wanted}: {tables.chosen(curated.card)}."]
    if decision.promoted:
        said.append("History is read again under it." if reestimate else "Figures break where it begins.")
    create_markdown_artifact("\n\n".join(said), "decision", tables.verdict(decision))
    if decision.promoted:
        _follow(lake, decision, device, reestimate=reestimate)
    return verdict(decision)  # type: ignore[return-value]  # Prefect hands out the state's data


def _follow(lake: str, decision: Decision, device: str, *, reestimate: bool) -> None:
    """Bring history under the new model, or mark where the series breaks."""
    if reestimate:
        reclassify_lake(lake, decision.candidate, device)
    publish_lake(lake)
    if not reestimate:
        said = f"{tables.consequences(decision)}\n\nUntil then, the view `classifier_breaks` says where figures break."
        create_markdown_artifact(said, "break", f"Figures break where {decision.candidate} begins")

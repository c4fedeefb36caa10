"""Flow `learn`: train a classifier on an archive's own crops.

remove expired crops -> curate a set -> train, evaluate, gate -> if promoted: reclassify, or mark the break, and publish
"""

from pathlib import Path

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from gfpipe.attributes.spec import FEMALE
from gfpipe.errors import UsageError
from gfpipe.evaluation.gate import wording
from gfpipe.evaluation.gate.decision import MIN_DECISION_FACES, Decision
from gfpipe.evaluation.measures import subgroups
from gfpipe.flows.artifacts import create_table
from gfpipe.flows.jobs.training import LearnJob, RetrainJob
from gfpipe.flows.publish import publish_lake
from gfpipe.flows.reclassify import reclassify_lake
from gfpipe.flows.retrain import retrain_model, show, verdict
from gfpipe.flows.security import site
from gfpipe.flows.upkeep import purge_expired
from gfpipe.models import champion, store
from gfpipe.stages.models import curate
from gfpipe.training.data import datasets, splits


@task(task_run_name="curate {config.name}", cache_policy=NO_CACHE)
def curate_faces(config: curate.Config) -> State[curate.Summary]:
    """Select the faces that the model is confident about; the UI shows what was dropped and why, and the curves."""
    summary = curate.run(config)
    create_table(summary.card.rows, "curated", f"{config.name}: crops by perceived gender")
    show(summary.pictures, summary.folder, config.name)
    return Completed(message=summary.card.summary, data=summary)


@task(task_run_name="find labelled faces", cache_policy=NO_CACHE)
def labelled_by_people(lake: str, least: int) -> State[list[str]]:
    """The archive's faces that people labelled, as a data set for the gate; an empty list if they are too few."""
    name, least, problem = f"archive:lake={lake}", max(least, MIN_DECISION_FACES), ""
    try:
        women, men = _unseen(name)
    except UsageError as exc:
        women, men, problem = 0, 0, f": {exc}"
    count = f"{women + men} stored faces are labelled and new to the champion ({women} women, {men} men)"
    if women + men >= least and min(women, men) >= subgroups.MIN_GROUP_FACES:
        return Completed(message=count, data=[name])
    count = f"{count}; {least} are needed, and {subgroups.MIN_GROUP_FACES} each of women and men{problem}"
    text = f"The gate decides without the archive's own labels: {count}."
    create_markdown_artifact(text, "no-labels", "Labels that the gate could not use")
    return Completed(name="Too few", message=count, data=list[str]())


def _unseen(name: str) -> tuple[int, int]:
    """How many women and men of a data set the champion was not trained on."""
    faces = splits.distinct([datasets.read(name)])
    unseen = ~np.isin(faces.digests, store.seen(champion.champion()))
    women = int(np.sum(faces.perceived_gender[unseen] == FEMALE))
    return women, int(np.sum(unseen)) - women


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return f"{Path(job.lake).name} · {job.name or f'{flow_run.get_scheduled_start_time():%Y-%m}'}"


@flow(name="learn", flow_run_name=_run_name)
def curate_and_retrain(job: LearnJob) -> Decision:
    """Curate an archive's crops, train a model with them, and promote it if it is shown to be no worse."""
    site.refuse_others(dict(job), lambda own: dict(LearnJob.of(own)))
    purge_expired(job.lake)
    name = job.name or f"{flow_run.get_scheduled_start_time():%Y-%m}"
    curated = curate_faces(curate.Config(Path(job.lake), name, job.rules, job.soft, replace=True)).result()
    labelled = labelled_by_people(job.lake, job.least_labels).result()
    data = {"data": [*job.data, f"curated={curated.folder}"], "gate_data": [*job.gate_data, *labelled]}
    decision = retrain_model(RetrainJob(**{key: getattr(job, key) for key in RetrainJob.model_fields} | data))
    text = [wording.reasons(decision), f"Trained on the set {name}: {curated.card.summary}."]
    if decision.promoted:
        text.append("The lake is reclassified." if job.reestimate else "Figures break where the new model begins.")
    create_markdown_artifact("\n\n".join(text), "decision", wording.verdict(decision))
    if decision.promoted and job.reestimate:
        reclassify_lake(job.reclassification(decision.candidate))
    if decision.promoted:
        publish_lake(job.lake, job.counting)
    if decision.promoted and not job.reestimate:
        breaks = (
            f"{wording.consequences(decision)}\n\nUntil then, the view `classifier_breaks` shows where figures break."
        )
        create_markdown_artifact(breaks, "break", f"Figures break where {decision.candidate} begins")
    return verdict(decision)  # type: ignore[return-value]  # Prefect returns the state's data

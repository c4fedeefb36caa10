"""Run a flow from a command: start a Prefect server if none is configured, and show progress."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gfpipe import workers
from gfpipe.archive.manifest import Manifest
from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.cli import console
from gfpipe.counting import Counting
from gfpipe.errors import GfpipeError
from gfpipe.flows import server
from gfpipe.flows.jobs.recordings import AnalysisJob, ReclassifyJob, resolved
from gfpipe.lake import identity
from gfpipe.lake.identity import Change
from gfpipe.models import store
from gfpipe.output import overview
from gfpipe.output.formats import counted
from gfpipe.recording import Rejected, Summary
from gfpipe.stages.analysis import WORKER_MODULES, listing
from gfpipe.stages.analysis import analyse as stage

if TYPE_CHECKING:  # importing scikit-learn takes seconds
    from gfpipe.evaluation.gate.decision import Decision
    from gfpipe.flows.jobs.training import RetrainJob
    from gfpipe.stages.figures.publish import Published


def analyse(job: AnalysisJob) -> tuple[list[Summary], tuple[Rejected, ...]]:
    """Run the flow `analyse`; returns the summaries, and the files and rows that name no recording.

    If the lake has everything and no server is configured that would show the run, neither Prefect nor workers start.
    """
    selected, changes = announce(job)
    summaries = [] if server.may_be_configured() else _finished(job, selected, changes)
    summaries = summaries or _on_recordings("analyse", "analyse_archive", job)
    classifier_id = store.card(resolved(job).classifier).id
    if others := overview.other_models(summaries, classifier_id):
        console.say(f"classified: {others}, others by {classifier_id}; for one series, run:", "yellow")
        console.say(f"  gfpipe reclassify --lake {job.lake} --classifier {classifier_id}", "yellow")
    return summaries, selected.rejected


def _finished(job: AnalysisJob, selected: Manifest, changes: Sequence[Change]) -> list[Summary]:
    """The summaries of all recordings, with the archive's list in the lake; empty if there is work to do."""
    provenance = stage.prepare(resolved(job))
    summaries = []
    for summary in job.finished(selected, provenance):
        if summary is None:
            return []
        summaries.append(summary)
    listing.run(job.lake, job.holdings(), changes)
    return summaries


def announce(job: AnalysisJob) -> tuple[Manifest, tuple[Change, ...]]:
    """Print what the archive lists and the lake must change; returns the recordings of the job, and the changes."""
    holdings = job.holdings()
    selected, changes = job.select(holdings), listing.plan(job.lake, holdings)
    console.say(f"{counted(len(selected.recordings), 'recording')} in {job.archive}")
    for line in identity.described(changes):
        console.say(line, "yellow")
    for note in holdings.notes:
        console.say(note, "yellow")
    for row in selected.rejected:
        console.say(f"rejected  {console.short(row.path)}\n          {row.problem}", "yellow")
    return selected, changes


def reclassify(job: ReclassifyJob) -> list[Summary]:
    """Run the flow `reclassify`; a recording that failed is left as it was."""
    console.say(f"{counted(len(job.select(job.holdings()).recordings), 'recording')} in {job.lake}")
    return _on_recordings("reclassify", "reclassify_lake", job)


def _on_recordings(module: str, flow: str, job: AnalysisJob | ReclassifyJob) -> list[Summary]:
    def prepare() -> None:
        """Fetch missing models and load what the flow needs."""
        import_module(f"gfpipe.stages.analysis.{module}").prepare(resolved(job))

    if job.scheduler is None:
        workers.warm(WORKER_MODULES)
    progress = console.analysis_progress()
    summaries: list[Summary] = _run(module, flow, job, progress, prepare=prepare, slots=job.workers)
    return summaries


def retrain(job: "RetrainJob") -> "Decision":
    """Run the flow `retrain`, or `learn` for its job."""
    from gfpipe.flows.jobs.training import LearnJob  # noqa: PLC0415 - importing scikit-learn takes seconds
    from gfpipe.training import recipe as recipes  # noqa: PLC0415
    from gfpipe.training.data import datasets  # noqa: PLC0415

    recipes.find(job.recipe)
    for name in job.data:
        datasets.read(name)
    for name in job.gate_data:
        datasets.read_to_measure(name)
    flow = ("learn", "curate_and_retrain") if isinstance(job, LearnJob) else ("retrain", "retrain_model")
    decision: Decision = _run(*flow, job, console.training_progress())
    return decision


def publish(lake: str, counting: Counting = Counting(), *, rebuild: bool = False) -> "Published":  # noqa: B008 - frozen
    """Run the flow `publish`."""
    from gfpipe.warehouse import lake_folder  # noqa: PLC0415 - imports DuckDB

    lake_folder(lake)  # before a server is started
    published: Published = _run("publish", "publish_lake", lake, counting=counting, rebuild=rebuild)
    return published


def _run(
    module: str,
    flow: str,
    job: Any,
    progress: AbstractContextManager[OnProgress] | None = None,
    *,
    prepare: Callable[[], object] = lambda: None,
    slots: int = 0,
    **options: Any,
) -> Any:
    """Run `flow` of `gfpipe.flows.module`; return its result, also if the run counts as failed, or raise its error."""

    def load() -> None:
        prepare()
        import_module(f"gfpipe.flows.{module}")

    with server.available(load, console.say, slots=slots):
        from gfpipe.flows.progress import reporting_to  # noqa: PLC0415 - importing Prefect takes seconds

        server.quiet()
        with progress or nullcontext(no_progress) as on_progress, reporting_to(on_progress):
            state = getattr(import_module(f"gfpipe.flows.{module}"), flow)(job, return_state=True, **options)
    result = state.result(raise_on_failure=False)
    if isinstance(result, GfpipeError):
        raise result
    if isinstance(result, BaseException):
        raise GfpipeError(f"the flow run failed: {result}") from result
    return result

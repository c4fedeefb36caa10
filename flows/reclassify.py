"""Flow `reclassify`: bring the recordings of a lake under one classifier."""

from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.runtime import flow_run

from gfpipe.flows.analyse import analyse_missing, final_state, run_name
from gfpipe.flows.jobs.recordings import ReclassifyJob, resolved
from gfpipe.output import overview
from gfpipe.recording import Recording, Status, Summary
from gfpipe.stages.analysis import reclassify as stage
from gfpipe.workers import Pool


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return run_name(job.lake, job, "everything")


@flow(name="reclassify", flow_run_name=_run_name)
def reclassify_lake(job: ReclassifyJob) -> list[Summary]:
    """Classify the faces of analysed recordings, whose files must exist, with another model; detect none again."""
    analysis = resolved(job)
    stage.prepare(analysis)
    recordings = job.select(job.holdings()).recordings
    finished = [stage.finished(recording, job.lake, analysis) for recording in recordings]

    def work(pool: Pool, recording: Recording, _: int) -> Summary:
        return pool.submit(stage.run, recording, job.lake, analysis).result()

    summaries, errors = analyse_missing(job, work, _fail, analysis.device, recordings, finished, headline)
    if problems := overview.problems((), [summary for summary in summaries if summary.status is Status.FAILED]):
        create_markdown_artifact(problems, "problems", headline(summaries))
    failed = any(summary.status is Status.FAILED for summary in summaries)
    return final_state(  # type: ignore[return-value]  # Prefect returns the data
        headline(summaries), summaries, errors, has_new_failures=failed
    )


def _fail(recording: Recording, reason: str) -> Summary:
    """The lake keeps the classification that it has."""
    return Summary(recording, Status.FAILED, reason=reason)


def headline(summaries: Sequence[Summary]) -> str:
    """The run in one line: ``11 reclassified, 2 left as they were``."""
    failed = sum(summary.status is Status.FAILED for summary in summaries)
    before = sum(summary.reused for summary in summaries)
    done = len(summaries) - failed - before
    return overview.counted({"reclassified": done, "left as they were": failed, "under this model before": before})

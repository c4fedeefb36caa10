"""Flow `analyse`: write the shards of every recording of an archive that is not in the lake yet."""

import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import PurePath
from typing import Any, Final

from prefect import Task, flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from gfpipe import workers
from gfpipe.attributes import device as devices
from gfpipe.base.progress import Progress
from gfpipe.errors import DiskFullError, LakeError, WorkerError
from gfpipe.flows import limits
from gfpipe.flows.artifacts import Report, create_table
from gfpipe.flows.jobs.recordings import AnalysisJob, RecordingsJob, resolved
from gfpipe.flows.progress import reported
from gfpipe.flows.security import site
from gfpipe.lake import identity
from gfpipe.nights import verdict, wording
from gfpipe.output import overview
from gfpipe.output.formats import clock, counted
from gfpipe.output.names import markdown
from gfpipe.recording import Recording, Status, Summary
from gfpipe.stages.analysis import WORKER_MODULES, listing
from gfpipe.stages.analysis import analyse as stage
from gfpipe.workers import Pool, is_pool_failure

# Errors of a network drive that is away for a moment.
_NETWORK_ERRORS: Final = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH}
)
_CLUSTER_IN_FLIGHT: Final = 64  # recordings submitted to a Dask cluster at once; the limit "decode" is how many run

Work = Callable[[Pool, Recording, int], Summary]  # on a recording, with at most so many workers of a pool
Fail = Callable[[Recording, str], Summary]  # records the reason of a failure outside the work


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to retry: a worker died or a share went away, as opposed to a bad file or a full disk."""
    error = state.data if isinstance(state.data, BaseException) else state.result(raise_on_failure=False)
    if not isinstance(error, BaseException):
        return False
    if isinstance(error, OSError):
        return isinstance(error, ConnectionError | TimeoutError) or error.errno in _NETWORK_ERRORS
    return isinstance(error, ConcurrencySlotAcquisitionError) or is_pool_failure(error)  # the former: a busy server


@task(
    task_run_name="{recording.label}",
    cache_policy=NO_CACHE,  # the finished shard is the cache
    retries=2,
    retry_delay_seconds=20,
    retry_condition_fn=is_transient,
)
def analyse_recording(
    recording: Recording, work: Work, fail: Fail, pool: Pool, shares: Callable[[], int], limit_names: list[str]
) -> State[Summary]:
    """Run `work` on one recording in its share of the workers; an unreadable file ends as `Failed` with its reason."""
    with concurrency(limit_names, strict=True):
        try:
            summary = work(pool, recording, shares())
        except WorkerError as exc:
            summary = fail(recording, f"{recording.path}: {exc}")
    if summary.status is Status.FAILED:
        return Failed(message=summary.reason, data=summary)
    if summary.status is Status.PARTIAL:
        return Completed(name="Partial", message=summary.reason, data=summary)
    outcome = f"{clock(summary.analysed_seconds)} analysed, {counted(summary.faces, 'face')}"
    return Completed(message="; ".join(filter(None, (outcome, summary.note))), data=summary)


def run_name(folder: str, job: RecordingsJob, otherwise: str) -> str:
    """Name a flow run after a folder, and the job's channels and days."""
    days = f"{job.since or 'the beginning'} to {job.until or 'the end'}" if job.since or job.until else otherwise
    return " · ".join([PurePath(folder).name, *(job.channels or []), days])


def _run_name() -> str:
    job = flow_run.parameters["job"]
    return run_name(job.archive, job, f"new by {flow_run.get_scheduled_start_time():%Y-%m-%d}")


@flow(name="analyse", flow_run_name=_run_name)
def analyse_archive(job: AnalysisJob) -> list[Summary]:
    """Detect and classify the faces of an archive's recordings, and report what could not be read."""
    site.refuse_others(dict(job), lambda own: dict(AnalysisJob.of(own)))
    report = Report("night")
    holdings = job.holdings()
    changes = listing.plan(job.lake, holdings)
    if lines := identity.described(changes):
        create_markdown_artifact(
            "\n".join(f"- {markdown(line)}" for line in lines), "changes", "Listed otherwise than before"
        )
    listing.run(job.lake, holdings, changes)
    selected = job.select(holdings)
    analysis = resolved(job)
    provenance = stage.prepare(analysis)
    finished = list(job.finished(selected, provenance))
    work = partial(stage.run_in, lake=job.lake, config=analysis, retention=job.crops, counting=job.counting)
    fail = partial(stage.fail, lake=job.lake, provenance=provenance)
    summaries, errors = analyse_missing(
        job, work, fail, analysis.device, selected.recordings, finished, overview.headline
    )
    if errors and isinstance(errors[-1], DiskFullError):
        headline = overview.headline(summaries, len(selected.rejected))
        state = final_state(headline, summaries, errors, has_new_failures=True)
        report.write(markdown(str(state.message)), markdown(str(state.message)))
        return state  # type: ignore[return-value]  # Prefect returns the data
    night = verdict.of(job.lake, run=summaries)
    headline = night.headline
    if others := overview.other_models(summaries, provenance.classifier_id):
        headline += f"; classified: {others}, others by {provenance.classifier_id}"
    coverage = overview.coverage(selected.recordings, selected.rejected, summaries)
    create_table(overview.newest(coverage), "coverage", f"{markdown(headline)}; newest first")
    tried = [summary for summary in summaries if not summary.reused]
    if problems := overview.problems(selected.rejected, tried):
        create_markdown_artifact(problems, "problems", markdown(headline))
    report.write(wording.markdown(night), markdown(headline))
    return final_state(  # type: ignore[return-value]  # Prefect returns the state's data
        headline, summaries, errors, has_new_failures=bool(night.new)
    )


def analyse_missing(
    job: RecordingsJob,
    work: Work,
    fail: Fail,
    device: str,
    recordings: Sequence[Recording],
    finished: Sequence[Summary | None],
    headline: Callable[[Sequence[Summary]], str],
) -> tuple[list[Summary], list[BaseException]]:
    """Run `work` on every recording that is not finished, in one task run each, and report progress.

    Args:
        job: says where the workers are.
        work: has workers do a stage's `run`.
        fail: records the reason if the work ended its worker, or could not be done.
        device: auto, cpu or cuda.
        recordings: all recordings of the run.
        finished: for each recording, the summary of an earlier run, or None.
        headline: describes summaries in one line.

    Returns:
        The summaries of all recordings, and the errors that are not due to the recordings. A full disk is the last
        of them: it ends the work.
    """
    summaries = [summary for summary in finished if summary is not None]
    due = [recording for recording, summary in zip(recordings, finished, strict=True) if summary is None]
    errors: list[BaseException] = []
    with reported(
        "progress", lambda now: f"{now.done} of {now.total} recordings: {headline(summaries)}"
    ) as on_progress:
        on_progress(Progress("analysing", 0, len(due)))
        try:
            for number, (summary, error) in enumerate(_task_runs(due, job, work, fail, device), 1):
                summaries.append(summary)
                errors += [error] if error else []
                on_progress(Progress("analysing", number, len(due), item=summary))
        except DiskFullError as exc:
            errors.append(exc)
    return summaries, errors


def _task_runs(
    due: Sequence[Recording], job: RecordingsJob, work: Work, fail: Fail, device: str
) -> Iterator[tuple[Summary, BaseException | None]]:
    """Yield each recording's summary, and the error if it is not due to the recording, in order of completion.

    Raises:
        DiskFullError: the lake's disk is full; recordings in flight are abandoned.
    """
    uses_gpu = device == "cuda" or (job.scheduler is None and devices.is_gpu(device))
    names = ["decode", "gpu"] if uses_gpu else ["decode"]
    limits.require(*names)
    in_flight = job.workers or (_CLUSTER_IN_FLIGHT if job.scheduler else workers.cores())
    # The pool is closed first: when the flow is interrupted, threads must not wait for workers to finish.
    threads: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=in_flight)
    with (
        threads as runner,
        workers.pool(job.workers, job.scheduler, job.limits, WORKER_MODULES, on_gpu=uses_gpu) as pool,
    ):
        shares = Shares(len(due), pool.size)
        shared = {"work": work, "fail": fail, "pool": pool, "shares": shares, "limit_names": names}
        runs: dict[PrefectFuture[Any], Recording] = {
            runner.submit(analyse_recording, {"recording": recording, **shared}): recording for recording in due
        }
        for run in as_completed(list(runs)):
            run.wait()  # as_completed may yield it a moment before its state is known
            result = run.state.result(raise_on_failure=False)
            if isinstance(result, Summary):
                yield result, None
            else:
                yield _failed(runs[run], result, fail), result


class Shares:
    """How many workers each recording may use, so that none is idle while the last recordings are analysed.

    One, while as many recordings or more wait. The first recordings, of which one goes to each worker, use one too.
    """

    def __init__(self, recordings: int, workers: int) -> None:
        self._waiting, self._workers = recordings, workers
        self._started = workers if recordings < workers else 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """The share of the recording that is started now."""
        with self._lock:
            is_first, waiting = self._started < self._workers, max(self._waiting, 1)
            self._started += 1
            self._waiting -= 1
        return 1 if is_first else max(1, self._workers // waiting)


def _failed(recording: Recording, error: BaseException, fail: Fail) -> Summary:
    """Record an error that is not due to the recording; raise it if it is a full disk."""
    if isinstance(error, DiskFullError):
        raise error
    reason = str(error) or type(error).__name__
    try:
        return fail(recording, reason if recording.path in reason else f"{recording.path}: {reason}")
    except DiskFullError:
        raise
    except LakeError:  # the summary of the run has the first error
        return Summary(recording, Status.FAILED, reason=reason)


def final_state(
    headline: str, summaries: Sequence[Summary], errors: Sequence[BaseException], *, has_new_failures: bool
) -> State[list[Summary]]:
    """Fail the run on new failures, or an error such as a full disk, but not on recordings that failed before.

    The name of a failed state is that of Prefect, whose automations on failure react to the name.
    """
    if errors and isinstance(errors[-1], DiskFullError):
        return Failed(message=f"{headline}; stopped: {errors[-1]}", data=errors[-1])
    if errors:
        return Failed(message=f"{headline}; the first error: {errors[0]}", data=list(summaries))
    return (Failed if has_new_failures else Completed)(message=headline, data=list(summaries))

"""Recordings in, shards out: whatever an archive holds that is not in the lake yet."""

import errno
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import PurePath
from typing import Any, Final, cast
from uuid import UUID

from prefect import Task, flow, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.concurrency.sync import concurrency
from prefect.futures import PrefectFuture, as_completed
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from gfpipe import workers
from gfpipe.archive import manifest
from gfpipe.attributes.device import resolve_device
from gfpipe.flows import server, tables
from gfpipe.flows.progress import Hearing
from gfpipe.formats import clock
from gfpipe.lake import schedule
from gfpipe.models import champion
from gfpipe.recording import Recording, Status, Summary
from gfpipe.settings import DEFAULT_PATTERN, Analysis, Keeping
from gfpipe.stages.analysis import analyse as stage
from gfpipe.workers import is_pool_failure

# What a network drive that went away for a moment answers with.
_NETWORK_ERRORS: Final = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH}
)
_CLUSTER_IN_FLIGHT: Final = 64  # recordings handed to a Dask cluster at once; the limit "decode" says how many run

Work = Callable[[Recording, str, Analysis], Summary]
# `listener(due, None)` once it is known what there is to do, then `listener(due, summary)` each time.
_hearing = Hearing[[Sequence[Recording], Summary | None]]("recordings")
heard_by = _hearing.heard_by


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again may help: a worker died or a share went away, as opposed to a bad file or a full disk."""
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
    recording: Recording, lake: str, analysis: Analysis, pool: Executor, limits: list[str], work: Work = stage.run
) -> State[Summary]:
    """Have a worker write the shards of one recording; what is wrong with the file is the run's state and message."""
    with concurrency(limits, strict=True):
        summary: Summary = pool.submit(work, recording, lake, analysis).result()
    if summary.status is Status.FAILED:
        return Failed(message=summary.reason, data=summary)
    if summary.status is Status.PARTIAL:
        return Completed(name="Partial", message=summary.reason, data=summary)
    return Completed(message=f"{clock(summary.analysed_seconds)} analysed, {summary.faces} faces", data=summary)


def run_name(where: str, otherwise: str) -> str:
    """Name a flow run after the archive or lake, the channels and the nights that it was given."""
    given = flow_run.parameters
    nights = f"{given['since'] or 'the beginning'} to {given['until'] or 'the end'}"
    what = nights if given["since"] or given["until"] else otherwise
    return " · ".join([PurePath(given[where]).name, *(given["channels"] or []), what])


def _run_name() -> str:
    return run_name("archive", f"new by {flow_run.get_scheduled_start_time():%Y-%m-%d}")


@flow(name="analyse", flow_run_name=_run_name)
def analyse_archive(
    archive: str,
    lake: str,
    pattern: str = DEFAULT_PATTERN,
    timezone: str | None = None,
    since: date | None = None,
    until: date | None = None,
    channels: list[str] | None = None,
    analysis: Analysis = Analysis(),  # noqa: B008 - frozen
    workers: int = 0,
    scheduler: str | None = None,
    keeping: Keeping | None = None,
) -> list[Summary]:
    """Find every face that `archive` aired, and report what could not be read.

    Args:
        archive: a folder of recordings, or a CSV or Parquet manifest.
        lake: the folder that the shards go to.
        pattern: how the paths of a folder are read.
        timezone: of starts that carry none, such as Europe/Paris.
        since: first night, by the recordings' own clock; nothing means from the beginning.
        until: last night.
        channels: only these; nothing means all.
        analysis: sampling and models; the champion is whoever is so when the run begins.
        workers: processes that analyse; 0 means one a core.
        scheduler: address of a Dask scheduler whose workers do the work instead.
        keeping: which crops of faces are kept, and until when; nothing means none.
    """
    holdings = manifest.read(archive, pattern, timezone)
    schedule.record(lake, holdings.source, holdings.recordings, holdings.rejected)
    wanted = holdings.between(since, until).on(channels)
    # Here and nowhere else: workers, wherever they are, and the lake know models by their ids.
    analysis = replace(analysis, classifier=champion.resolve(analysis.classifier))
    provenance = stage.prepare(analysis)
    found = [stage.finished(recording, lake, provenance, keeping) for recording in wanted.recordings]
    orders = Orders(partial(stage.run, keeping=keeping), lake, analysis, workers, scheduler)
    summaries, errors = do_what_is_due(orders, wanted.recordings, found, tables.headline)
    headline = tables.headline(summaries, len(wanted.rejected))
    coverage = tables.coverage(wanted.recordings, wanted.rejected, summaries)
    create_table_artifact(tables.newest(coverage), "coverage", f"{headline}; newest first")
    if problems := tables.problems(wanted.rejected, summaries):
        create_markdown_artifact(problems, "problems", headline)
    return verdict(headline, summaries, errors)  # type: ignore[return-value]  # Prefect hands out the state's data


@dataclass(frozen=True)
class Orders:
    """What workers do with each recording (a stage's ``run``, to the lake, as configured), and where they are."""

    work: Work
    lake: str
    analysis: Analysis
    processes: int
    scheduler: str | None


@dataclass(frozen=True)
class _Outcome:
    """What became of one recording; the errors are not of its own making."""

    summary: Summary
    errors: tuple[BaseException, ...] = ()


def do_what_is_due(
    orders: Orders,
    recordings: Sequence[Recording],
    finished: Sequence[Summary | None],
    headline: Callable[[Sequence[Summary]], str],
) -> tuple[list[Summary], list[BaseException]]:
    """Have every recording worked on that is not finished, one task run each; the UI and the listener hear how far.

    Args:
        orders: what is done with each.
        recordings: all that are wanted.
        finished: for each, what was made of it before; None where there is work to do.
        headline: puts summaries into one line.

    Returns:
        The summaries of all recordings, and errors that are not of their own making.
    """
    summaries = [summary for summary in finished if summary is not None]
    due = [recording for recording, summary in zip(recordings, finished, strict=True) if summary is None]
    errors: list[BaseException] = []
    with _progress(due, tuple(summaries), headline) as note:
        for outcome in _each_in_a_worker(due, orders):
            summaries.append(outcome.summary)
            errors += outcome.errors
            note(outcome.summary)
    return summaries, errors


def _each_in_a_worker(due: Sequence[Recording], orders: Orders) -> Iterator[_Outcome]:
    """Work on recordings, as many at once as there are workers; yields in the order in which they end."""
    limits = ["decode", "gpu"] if _uses_gpu(orders.analysis, orders.scheduler) else ["decode"]
    server.require_limits(*limits)
    in_flight = orders.processes or (_CLUSTER_IN_FLIGHT if orders.scheduler else workers.cores())
    # The pool is closed first: where the flow is interrupted, threads must not wait for workers to finish.
    with _threads(in_flight) as runner, workers.pool(orders.processes, orders.scheduler) as pool:
        order = {"lake": orders.lake, "analysis": orders.analysis, "work": orders.work}
        shared = order | {"pool": pool, "limits": limits}
        runs: dict[PrefectFuture[Any], Recording] = {
            runner.submit(analyse_recording, {"recording": recording, **shared}): recording for recording in due
        }
        for run in as_completed(list(runs)):
            yield _outcome(run, runs[run])


def _threads(number: int) -> ThreadPoolTaskRunner[Any]:
    return ThreadPoolTaskRunner(max_workers=number)


def _uses_gpu(analysis: Analysis, scheduler: str | None) -> bool:
    return analysis.device == "cuda" or (scheduler is None and resolve_device(analysis.device).type == "cuda")


def _outcome(run: PrefectFuture[Any], recording: Recording) -> _Outcome:
    run.wait()  # it may be announced a moment before its state is known
    found = run.state.result(raise_on_failure=False)
    if isinstance(found, Summary):
        return _Outcome(found)
    return _Outcome(Summary(recording, Status.FAILED, reason=str(found) or type(found).__name__), (found,))


def verdict(headline: str, summaries: Sequence[Summary], errors: Sequence[BaseException]) -> State[list[Summary]]:
    """A bad file is named and is no alarm; a full disk is one, and so is an archive of which nothing can be read."""
    failed = sum(summary.status is Status.FAILED for summary in summaries)
    if errors:
        return Failed(message=f"{headline}; the first error: {errors[0]}", data=list(summaries))
    if summaries and failed == len(summaries):
        return Failed(message=f"{headline}: nothing could be read", data=list(summaries))
    return Completed(name="Some failed" if failed else "Completed", message=headline, data=list(summaries))


@contextmanager
def _progress(
    due: Sequence[Recording], before: Sequence[Summary], headline: Callable[[Sequence[Summary]], str]
) -> Iterator[Callable[[Summary], None]]:
    """Tell the UI and the listener how far the run is."""
    ended = list[Summary]()

    def text() -> str:
        return f"{len(ended)} of {len(due)} recordings: {headline([*before, *ended])}"

    artifact = cast("UUID", create_progress_artifact(0.0 if due else 100.0, "progress", text()))
    _hearing.tell(due, None)

    def note(summary: Summary) -> None:
        ended.append(summary)
        update_progress_artifact(artifact, 100 * len(ended) / len(due), text())
        _hearing.tell(due, summary)

    yield note

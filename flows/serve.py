"""``gfpipe serve``: Prefect's server, its UI and the scheduled runs of a site, in one process tree.

The runner executes the flows of this process: what the API says about a deployment's code (entry point, pull steps, job
variables) has no effect. Their parameters are checked in the run (:mod:`gfpipe.flows.security.site`).
"""

import asyncio
import logging
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

from prefect.client.orchestration import get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy, State, StateType
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.schedules import Cron, Interval, Schedule
from prefect.states import Crashed
from prefect.types.entrypoint import EntrypointType

from gfpipe import settings
from gfpipe.errors import UsageError
from gfpipe.flows import limits, server
from gfpipe.flows.analyse import analyse_archive
from gfpipe.flows.jobs.recordings import AnalysisJob
from gfpipe.flows.publish import publish_lake
from gfpipe.flows.security import site as confinement
from gfpipe.flows.upkeep import compact_lake, remove_expired
from gfpipe.settings import Settings

UI_PORT: Final = 4200
_REPORT_SECONDS: Final = 60.0  # systemd kills a service after 90
# The next night is skipped while a run takes longer than a day.
_ONE_AT_A_TIME: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
_EVERY: Final = re.compile(r"every (\d+) (seconds|minutes|hours)")


def serve(config: str | Path, port: int = UI_PORT, say: Callable[[str], object] = print) -> None:
    """Serve the scheduled runs of a site until interrupted.

    Args:
        config: the site's ``gfpipe.toml``.
        port: port of the UI; not used if a server is configured.
        say: called with the address of the UI and the schedules.

    Raises:
        UsageError: the configuration or a schedule is not valid, the port is in use, or the configured server has no
            concurrency limits.
    """
    site = settings.load(config)
    scheduled = list(_scheduled(site))
    with _server(port, site.workers, say):
        os.environ[confinement.VARIABLE] = str(Path(config).absolute())
        os.environ["PYTHONSAFEPATH"] = "1"  # the processes of flow runs import no packages of the current folder
        runner = _Runner()
        for due in scheduled:
            runner.add_flow(due.flow, **due.options)
            say(f"{due.flow.name}/{due.name}: {due.line} ({site.timezone or 'UTC'})")
        try:
            with _interruptible(), suppress(KeyboardInterrupt):
                asyncio.run(runner.start())
        finally:
            _await_runs()


def deployments(site: Settings) -> list[RunnerDeployment]:
    """The deployments of a site with their schedules: nightly, and monthly if it trains.

    Raises:
        UsageError: a schedule is neither a cron line nor ``every N seconds|minutes|hours``.
    """
    return [cast("RunnerDeployment", due.flow.to_deployment(**due.options)) for due in _scheduled(site)]


@dataclass(frozen=True)
class _Due:
    """A flow that is scheduled: the name of its deployment, the line of the settings, and its parameters."""

    flow: Flow[Any, Any]
    name: str
    line: str
    schedule: Schedule
    parameters: dict[str, Any]

    @property
    def options(self) -> dict[str, Any]:
        """Options of the deployment."""
        return {
            "name": self.name,
            "schedule": self.schedule,
            "parameters": self.parameters,
            "entrypoint_type": EntrypointType.MODULE_PATH,  # found wherever gfpipe is installed
            "concurrency_limit": _ONE_AT_A_TIME,
        }


def _scheduled(site: Settings) -> Iterator[_Due]:
    def due(flow: Any, name: str, line: str, **parameters: Any) -> _Due:
        return _Due(flow, name, line, schedule(line, site.timezone), parameters)

    yield due(analyse_archive, "nightly", site.analyse_schedule, job=AnalysisJob.of(site))
    yield due(publish_lake, "nightly", site.publish_schedule, lake=site.lake, counting=site.counting)
    yield due(compact_lake, "weekly", site.compact_schedule, lake=site.lake)
    if site.crops:
        yield due(remove_expired, "nightly", site.purge_schedule, lake=site.lake)
    if site.learn:
        from gfpipe.flows.jobs.training import LearnJob  # noqa: PLC0415
        from gfpipe.flows.learn import curate_and_retrain  # noqa: PLC0415 - importing torch takes seconds

        yield due(curate_and_retrain, "monthly", site.learn.schedule, job=LearnJob.of(site))


def schedule(text: str, timezone: str | None) -> Schedule:
    """Parse ``0 3 * * *`` or ``every 30 minutes``.

    Raises:
        UsageError: it is neither.
    """
    if every := _EVERY.fullmatch(text.strip()):
        return Interval(timedelta(**{every[2]: int(every[1])}), timezone=timezone)
    try:
        return Cron(text, timezone=timezone)
    except ValueError as exc:
        raise UsageError(f"schedule {text!r}: neither a cron line such as '0 3 * * *' nor 'every 30 minutes'") from exc


@contextmanager
def _server(port: int, slots: int, say: Callable[[str], object]) -> Iterator[None]:
    if api_url := server.configured():
        limits.require("decode")
        say(f"runs are shown by the server at {api_url.removesuffix('/api')}")
        yield
        return
    new = server.Server(port, full=True)
    try:
        say("starting Prefect's server …")
        new.wait()
        with server.using(new.api_url):
            _close_interrupted_runs()
            limits.create(slots)
            say(f"runs are shown at {new.url}")
            yield
    finally:
        new.stop()


def _close_interrupted_runs() -> None:
    """Mark scheduled runs as crashed that were running when an earlier server was killed.

    Runs without a deployment belong to commands, which may still be running.
    """
    unfinished = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    scheduled = filters.FlowRunFilter(
        deployment_id=filters.FlowRunFilterDeploymentId(is_null_=False),
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=unfinished)),
    )
    tasks = filters.TaskRunFilter(
        state=filters.TaskRunFilterState(type=filters.TaskRunFilterStateType(any_=unfinished))
    )
    crashed: State[Any] = Crashed(message="stopped with the server or the machine; the next run resumes the work")
    with get_client(sync_client=True) as client:
        for task_run in client.read_task_runs(flow_run_filter=scheduled, task_run_filter=tasks):
            client.set_task_run_state(task_run.id, crashed, force=True)
        for flow_run in client.read_flow_runs(flow_run_filter=scheduled):
            client.set_flow_run_state(flow_run.id, crashed, force=True)


class _Runner(Runner):
    """A runner that SIGTERM stops as Ctrl-C does."""

    def handle_sigterm(self, *_: Any, **__: Any) -> None:
        """Stop."""
        _interrupt()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Stop at the first Ctrl-C.

    asyncio's handler cancels its task once, which Prefect's runner can miss on a busy machine; asyncio does not replace
    another handler.
    """
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    """End the runs, which stop their workers and report to the server, and then the runner."""
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # which reports cancelled callbacks as errors
    for run in multiprocessing.active_children():
        run.terminate()
    raise KeyboardInterrupt


def _await_runs() -> None:
    """Wait until the interrupted runs have reported to the server; kill those that do not end."""
    deadline = time.monotonic() + _REPORT_SECONDS
    for run in multiprocessing.active_children():
        run.join(max(0.0, deadline - time.monotonic()))
        if run.is_alive():
            run.kill()

"""The embedded default: Prefect's server, its UI and the nightly runs, in one command on one machine."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import prefect
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from gfpipe import settings
from gfpipe.curation.selection import Rules
from gfpipe.errors import UsageError
from gfpipe.flows import server
from gfpipe.flows.analyse import analyse_archive
from gfpipe.flows.jobs import AnalysisJob
from gfpipe.flows.learn import curate_and_retrain, remove_expired
from gfpipe.flows.publish import publish_lake
from gfpipe.flows.training_jobs import LearnJob
from gfpipe.settings import Learning, Settings

UI_PORT: Final = 4200
_EVERY: Final = re.compile(r"every (\d+) (seconds|minutes|hours)")


def serve(config: str | Path, port: int = UI_PORT, say: Callable[[str], object] = print) -> None:
    """Serve the nightly runs of a site until interrupted.

    Args:
        config: the site's ``gfpipe.toml``.
        port: of the UI; not used where a server is configured.
        say: is told where the UI is and when the runs are due.

    Raises:
        UsageError: a faulty configuration or schedule, a taken port, a configured server without the limits.
    """
    site = settings.load(config)
    served = deployments(site)
    with _server(port, site.workers, say):
        for deployment, line in zip(served, (due.line for due in _due(site)), strict=True):
            say(f"{deployment.full_name}: {line} ({site.timezone or 'UTC'})")
        os.environ["PYTHONSAFEPATH"] = "1"  # the processes of flow runs import no packages of the current folder
        with _interruptible():
            prefect.serve(*served, print_starting_message=False)


def deployments(site: Settings) -> list[RunnerDeployment]:
    """The deployments of a site, on their schedules: by night, and by month where it is to learn.

    Raises:
        UsageError: a schedule is neither a cron line nor ``every N seconds|minutes|hours``.
    """
    common: dict[str, Any] = {
        "entrypoint_type": EntrypointType.MODULE_PATH,  # found wherever gfpipe is installed
        # A night that takes longer than a day is finished, not joined by the next.
        "concurrency_limit": ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
    }
    return [
        cast(
            "RunnerDeployment",
            due.flow.to_deployment(
                due.name, schedule=schedule(due.line, site.timezone), parameters=due.parameters, **common
            ),
        )
        for due in _due(site)
    ]


@dataclass(frozen=True)
class _Due:
    """A flow, and when it runs."""

    flow: Any
    name: str
    line: str
    parameters: dict[str, Any]


def _due(site: Settings) -> list[_Due]:
    lake = _absolute(site.lake)
    due = [
        _Due(analyse_archive, "nightly", site.analyse_schedule, {"job": _analysis_job(site)}),
        _Due(publish_lake, "nightly", site.publish_schedule, {"lake": lake}),
    ]
    if site.crops:
        due.append(_Due(remove_expired, "nightly", site.purge_schedule, {"lake": lake}))
    if site.learn:
        due.append(_Due(curate_and_retrain, "monthly", site.learn.schedule, {"job": _learn_job(site.learn, lake)}))
    return due


def _analysis_job(site: Settings) -> AnalysisJob:
    values = {name: getattr(site, name) for name in AnalysisJob.model_fields if hasattr(site, name)}
    return AnalysisJob(**values | {"archive": _absolute(site.archive), "lake": _absolute(site.lake)})


def _learn_job(learning: Learning, lake: str) -> LearnJob:
    return LearnJob(
        lake=lake,
        data=learning.data,
        gate_data=learning.gate_data,
        recipe=learning.recipe,
        rules=Rules(threshold_female=learning.threshold, threshold_male=learning.threshold),
        reestimate=learning.reestimate,
    )


def schedule(text: str, timezone: str | None) -> Schedule:
    """Read ``0 3 * * *`` or ``every 30 minutes``.

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
        server.require_limits("decode")
        say(f"runs are shown by the server at {api_url.removesuffix('/api')}")
        yield
        return
    own = server.Server(port, full=True)
    try:
        say("starting Prefect's server …")
        own.wait()
        with server.using(own.api_url):
            server.close_interrupted_runs()
            server.create_limits(slots)
            say(f"runs are shown at {own.url}")
            yield
    finally:
        own.stop()


@contextmanager
def _interruptible() -> Iterator[None]:
    """End at the first Ctrl-C, whatever Prefect is doing.

    Left to itself asyncio asks its task to end, once, and it was seen on a busy machine that Prefect's runner missed
    that and went on. With a handler of ours asyncio leaves the signal alone.
    """

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _absolute(path: str) -> str:
    return path if "://" in path else str(Path(path).resolve())

"""Prefect's server: the one that is configured, or one of our own that lives no longer than the command it serves.

    python -m gfpipe.flows.server FD ephemeral|full     is what runs in the server's own process

Prefect could start a server by itself, but only once it has imported all of it, then the server imports the same
again. Started from here it comes up beside whatever else a command must load, and it hangs on a pipe: when this
process is gone, however it went, so is the server.
"""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from gfpipe import workers
from gfpipe.errors import GfpipeError, UsageError

START_SECONDS: Final = 180.0  # a busy machine, and a database that must be brought up to date first
_IN_MEMORY: Final = "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"
_GPU_SLOTS: Final = 4  # recordings that share a GPU


class Server:
    """A Prefect server in a process of its own, on this machine only.

    Args:
        port: 0 takes any that is free.
        full: with the UI, the scheduler and every other service; else only what a single flow run needs.

    Raises:
        UsageError: something else listens on that port.
    """

    def __init__(self, port: int = 0, *, full: bool = False) -> None:
        with socket.socket() as listener:
            # A server that has just ended leaves its port in a state that forbids a second one without this.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as exc:
                raise UsageError(f"port {port} is taken by another program; choose another with --port") from exc
            database, lock = _database(full=full)
            listener.listen(128)  # from now on who calls is kept waiting, not refused
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.api_url = f"{self.url}/api"
            self._lock = lock
            self._log = None if full else _home() / "gfpipe-server.log"
            self._process = subprocess.Popen(
                # -P: packages in the current folder are not imported.
                [sys.executable, "-P", "-m", __name__, str(listener.fileno()), "full" if full else "ephemeral"],
                stdin=subprocess.PIPE,
                # A command shows its own progress; who serves wants to see everything.
                stderr=self._log.open("w") if self._log else None,
                pass_fds=[listener.fileno(), *([lock.fileno()] if lock else [])],
                env={**os.environ, "PREFECT_API_URL": "", "PREFECT_SERVER_UI_API_URL": self.api_url} | database,
                start_new_session=True,  # Ctrl-C is for the command; the server must outlast its last report
            )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            GfpipeError: it ended instead, or took longer than ``START_SECONDS``.
        """
        import httpx  # noqa: PLC0415 - not before the server's process is under way

        try:
            httpx.get(f"{self.api_url}/health", timeout=START_SECONDS).raise_for_status()
        except httpx.HTTPError as exc:
            self.stop()
            raise GfpipeError(
                f"Prefect's server did not come up ({exc or type(exc).__name__}); "
                f"what it said stands {f'in {self._log}' if self._log else 'above'}. "
                "If its database is damaged, move gfpipe.db and prefect.db out of ~/.prefect"
            ) from exc

    def stop(self) -> None:
        """End it; harmless when it has ended already."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._lock:
            self._lock.close()


def _database(*, full: bool) -> tuple[dict[str, str], IO[str] | None]:
    """Where a server of ours keeps its runs, and the lock on it: two servers on one SQLite file block each other.

    The one with the UI uses Prefect's own file; those of commands share another, so that it is up to date already,
    one at a time, and a second that runs meanwhile keeps its runs in memory.

    Raises:
        UsageError: another server with a UI has the file.
    """
    home, url = _home(), "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    if url in os.environ or "PREFECT_API_DATABASE_CONNECTION_URL" in os.environ:
        return {}, None  # the site has a database of its own, such as PostgreSQL
    name = "prefect" if full else "gfpipe"
    lock = (home / f"{name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the server inherits it; it goes when both are gone
    except BlockingIOError as exc:
        lock.close()
        if full:
            raise UsageError(
                f"another gfpipe serve keeps its runs in {home}; stop it, or give this one a folder with PREFECT_HOME"
            ) from exc
        return {url: _IN_MEMORY}, None
    return {url: f"sqlite+aiosqlite:///{home / name}.db"}, lock


def _home() -> Path:
    """Prefect's own folder, ``~/.prefect`` unless ``PREFECT_HOME`` says otherwise."""
    from prefect.settings import get_current_settings  # noqa: PLC0415

    home = Path(get_current_settings().home)
    home.mkdir(parents=True, exist_ok=True)
    return home


def configured() -> str | None:
    """The API address that ``PREFECT_API_URL`` or Prefect's active profile names, if any."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - Prefect takes seconds: only where needed

    return get_current_settings().api.url


@contextmanager
def available(
    meanwhile: Callable[[], object] = lambda: None, say: Callable[[str], object] = lambda _: None, *, slots: int = 0
) -> Iterator[str]:
    """Have a Prefect server while the body runs: the configured one, or one of our own.

    Args:
        meanwhile: what there is to do while the server starts: fetch models, start workers.
        say: is told what is being waited for.
        slots: recordings decoded at once, on a server of our own; 0 means one a core.

    Yields:
        The address of its API.

    Raises:
        GfpipeError: no server came up.
    """
    if api_url := configured():
        meanwhile()
        yield api_url
        return
    server = _own()
    meanwhile()
    say("waiting for Prefect's server …")
    server.wait()
    with using(server.api_url):
        create_limits(slots)
        yield server.api_url


@cache
def _own() -> Server:
    """One for the whole process, never stopped: at exit Prefect still sends it the last events and log lines."""
    return Server()


@contextmanager
def using(api_url: str) -> Iterator[None]:
    """Let Prefect in this process, and in those it starts, talk to ``api_url``."""
    from prefect.settings import PREFECT_API_URL, temporary_settings  # noqa: PLC0415

    before = os.environ.get("PREFECT_API_URL")
    os.environ["PREFECT_API_URL"] = api_url
    try:
        with temporary_settings({PREFECT_API_URL: api_url}):
            yield
    finally:
        del os.environ["PREFECT_API_URL"]
        if before is not None:
            os.environ["PREFECT_API_URL"] = before


def create_limits(slots: int = 0) -> None:
    """Create the concurrency limits that the tasks require, on a server of our own.

    A server that was killed leaves the slots of its leases taken for ever; as ours has only just started, nobody
    holds one yet. ``slots`` recordings may be decoded at once, or more where the limit is higher already.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas.actions import (  # noqa: PLC0415
        GlobalConcurrencyLimitCreate,
        GlobalConcurrencyLimitUpdate,
    )
    from prefect.exceptions import ObjectAlreadyExists  # noqa: PLC0415

    wanted = {"decode": slots or workers.cores(), "gpu": _GPU_SLOTS}
    with get_client(sync_client=True) as client:
        existing = client.read_global_concurrency_limits(limit=200)
        for name in wanted.keys() - {limit.name for limit in existing}:
            with suppress(ObjectAlreadyExists):  # another command was quicker
                client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=name, limit=wanted[name]))
        for limit in existing:
            number = max(limit.limit, wanted.get(limit.name, 0))
            freed = GlobalConcurrencyLimitUpdate(limit=number, active=True, active_slots=0)
            client.update_global_concurrency_limit(limit.name, freed)


def close_interrupted_runs() -> None:
    """Call crashed what was running when an earlier server of ours was killed, or it would seem to run for ever.

    Only scheduled runs: those of a command that runs now beside this server are none of ours.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas import filters  # noqa: PLC0415
    from prefect.client.schemas.objects import State, StateType  # noqa: PLC0415
    from prefect.states import Crashed  # noqa: PLC0415

    under_way = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
    scheduled = filters.FlowRunFilter(
        deployment_id=filters.FlowRunFilterDeploymentId(is_null_=False),
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=under_way)),
    )
    tasks = filters.TaskRunFilter(state=filters.TaskRunFilterState(type=filters.TaskRunFilterStateType(any_=under_way)))
    crashed: State[Any] = Crashed(
        message="stopped with the server or the machine; the next run goes on where this one stopped"
    )
    with get_client(sync_client=True) as client:
        for task_run in client.read_task_runs(flow_run_filter=scheduled, task_run_filter=tasks):
            client.set_task_run_state(task_run.id, crashed, force=True)
        for flow_run in client.read_flow_runs(flow_run_filter=scheduled):
            client.set_flow_run_state(flow_run.id, crashed, force=True)


def require_limits(*names: str) -> None:
    """Make sure that the server has the concurrency limits that a flow's tasks will hold.

    Raises:
        UsageError: one is missing; it is for the server's operator to say how much that server's machines bear.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    if configured() is None:  # Prefect's own temporary server, for a flow called from Python
        create_limits()
    with get_client(sync_client=True) as client:
        for name in names:
            try:
                client.read_global_concurrency_limit_by_name(name)
            except ObjectNotFound as exc:
                raise UsageError(
                    f"the Prefect server at {client.api_url} has no concurrency limit {name!r}; "
                    "create it with limits.sh, which gfpipe config init writes"
                ) from exc


def quiet() -> None:
    """Keep the runs' log lines to the server: a command that shows its own progress needs no second voice."""
    import prefect.main  # noqa: PLC0415, F401

    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).propagate = False


class _RetrySoon:
    """Asks clients to come back at once where SQLite was busy; Prefect's own would wait two seconds and more."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def hurried(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                message["headers"] = [*message["headers"], (b"retry-after", b"0.1")]
            await send(message)

        await self._app(scope, receive, hurried)


def _serve(descriptor: int, *, full: bool) -> None:
    """Be the server until standard input, which nobody writes to, is closed at the other end."""
    import uvicorn  # noqa: PLC0415
    from prefect.server.api.server import create_app  # noqa: PLC0415

    app = _RetrySoon(create_app(ephemeral=not full, final=True))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=3))

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(int(sys.argv[1]), full=sys.argv[2] == "full")

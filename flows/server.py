"""Prefect servers: the configured one, or one that is started for a command and ends with it.

    python -m gfpipe.flows.server FD ephemeral|full

is the process of a server. Prefect can start a server itself, but only after it has been imported, and one that is
killed leaves it running. This one starts while the command imports what it needs, and ends when a pipe closes.
"""

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, Final

from gfpipe.errors import GfpipeError, UsageError

START_SECONDS: Final = 180.0  # on a busy machine, with a database to migrate
_IN_MEMORY: Final = "sqlite+aiosqlite:///file::memory:?cache=shared&uri=true&check_same_thread=false"
_LEAST_FREE_BYTES: Final = 32 << 20
_SMALLEST_BYTES: Final = 1 << 20  # of a database without runs


class Server:
    """A Prefect server in another process, reachable from this machine only.

    Args:
        port: port to listen on; 0: any free port.
        full: with UI, scheduler and all other services; else only what a flow run needs.

    Raises:
        UsageError: the port is in use.
    """

    def __init__(self, port: int = 0, *, full: bool = False) -> None:
        with socket.socket() as listener:
            # Without this the port of a server that has just ended cannot be used again.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError as exc:
                raise UsageError(f"port {port} is taken by another program; choose another with --port") from exc
            database, lock = _database(full=full)
            listener.listen(128)  # from here on, connections wait instead of being refused
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.api_url = f"{self.url}/api"
            self._lock = lock
            self._log = None if full else _home() / "gfpipe-server.log"
            self._process = subprocess.Popen(
                # -P: packages in the current folder are not imported.
                [sys.executable, "-P", "-m", __name__, str(listener.fileno()), "full" if full else "ephemeral"],
                stdin=subprocess.PIPE,
                stderr=self._log.open("w") if self._log else None,
                pass_fds=[listener.fileno(), *([lock.fileno()] if lock else [])],
                env={**os.environ, "PREFECT_API_URL": "", "PREFECT_SERVER_UI_API_URL": self.api_url} | database,
                start_new_session=True,  # Ctrl-C ends the command; the server must receive its last report
            )

    def wait(self) -> None:
        """Wait until the server is ready.

        Raises:
            GfpipeError: it ended, or was not ready after ``START_SECONDS``.
        """
        import httpx  # noqa: PLC0415 - after the server's process has been started

        try:
            httpx.get(f"{self.api_url}/health", timeout=START_SECONDS).raise_for_status()
        except httpx.HTTPError as exc:
            self.stop()
            if not _has_room(_home()):
                raise _no_room(_home()) from exc
            raise GfpipeError(
                f"Prefect's server did not come up ({exc or type(exc).__name__}); "
                f"its output is {f'in {self._log}' if self._log else 'above'}. "
                f"If its database is damaged, move gfpipe.db and prefect.db out of {_home()}"
            ) from exc

    def stop(self) -> None:
        """End the server."""
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
    """Environment variables that name the database of a server, and its lock: two servers block each other on SQLite.

    A server with the UI uses Prefect's own file. A command uses another one, which is migrated already, or, if another
    command uses that or the disk is full, a database in memory.

    Raises:
        UsageError: another server with the UI uses the file.
    """
    home, url = _home(), "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    if url in os.environ or "PREFECT_API_DATABASE_CONNECTION_URL" in os.environ:
        return {}, None  # such as PostgreSQL
    if not full and not _has_room(home):
        return {url: _IN_MEMORY}, None
    if not _has_room(home, _SMALLEST_BYTES):
        raise _no_room(home)
    name = "prefect" if full else "gfpipe"
    lock = (home / f"{name}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # inherited by the server: released when both have ended
    except BlockingIOError as exc:
        lock.close()
        if full:
            raise UsageError(
                f"another gfpipe serve keeps its runs in {home}; stop it, or give this one a folder with PREFECT_HOME"
            ) from exc
        return {url: _IN_MEMORY}, None
    return {url: f"sqlite+aiosqlite:///{home / name}.db"}, lock


def _home() -> Path:
    """Prefect's folder: ``PREFECT_HOME``, or ``~/.prefect``."""
    from prefect.settings import get_current_settings  # noqa: PLC0415

    home = Path(get_current_settings().home)
    home.mkdir(parents=True, exist_ok=True)
    return home


def _has_room(folder: Path, least: int | None = None) -> bool:
    """Whether a database fits into a folder."""
    return shutil.disk_usage(folder).free >= (_LEAST_FREE_BYTES if least is None else least)


def _no_room(folder: Path) -> GfpipeError:
    return GfpipeError(
        f"{folder}: no space left on the disk of Prefect's database; free some, or set PREFECT_HOME to a folder on "
        "another disk"
    )


def configured() -> str | None:
    """The API address in ``PREFECT_API_URL`` or Prefect's active profile, if any."""
    from prefect.settings import get_current_settings  # noqa: PLC0415 - importing Prefect takes seconds

    return get_current_settings().api.url


def may_be_configured() -> bool:
    """Whether :func:`configured` may return an address: false if nothing that Prefect reads is there.

    Prefect itself, which knows, takes seconds to import.
    """
    home = Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect")
    profiles = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml")
    marks = {
        profiles: b"",
        Path("prefect.toml"): b"",
        Path(".env"): b"prefect_",
        Path("pyproject.toml"): b"tool.prefect",
    }
    return any(name.startswith("PREFECT_API_") for name in os.environ) or any(
        file.is_file() and mark in file.read_bytes().lower() for file, mark in marks.items()
    )


@contextmanager
def available(
    meanwhile: Callable[[], object] = lambda: None, say: Callable[[str], object] = lambda _: None, *, slots: int = 0
) -> Iterator[str]:
    """Provide a Prefect server while the body runs: the configured one, or else a new one.

    Args:
        meanwhile: called while the server starts, such as to fetch models.
        say: called with a message if the server has to be waited for.
        slots: recordings decoded at once on a new server; 0: one a core.

    Yields:
        The address of its API.

    Raises:
        GfpipeError: the server did not start.
    """
    if api_url := configured():
        meanwhile()
        yield api_url
        return
    server = _shared()
    meanwhile()
    say("waiting for Prefect's server …")
    server.wait()
    with using(server.api_url):
        from gfpipe.flows import limits  # noqa: PLC0415

        limits.create(slots)
        yield server.api_url


@cache
def _shared() -> Server:
    """The server of this process; it is not stopped, because Prefect sends the last events and log lines at exit."""
    return Server()


@contextmanager
def using(api_url: str) -> Iterator[None]:
    """Set the API address of Prefect in this process and its children, and the secret that new servers ask for."""
    from prefect.settings import (  # noqa: PLC0415
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_SERVER_API_AUTH_STRING,
        temporary_settings,
    )

    secret = PREFECT_SERVER_API_AUTH_STRING.value()
    values = {PREFECT_API_URL: api_url} | ({PREFECT_API_AUTH_STRING: secret} if secret else {})
    before = {setting.name: os.environ.get(setting.name) for setting in values}
    os.environ.update({setting.name: value for setting, value in values.items()})
    try:
        with temporary_settings(values):
            yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def quiet() -> None:
    """Do not print the log lines of runs, which the server stores: commands show progress themselves."""
    import prefect.main  # noqa: PLC0415, F401

    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).propagate = False


class _RetrySoon:
    """Middleware that lets clients retry at once when SQLite was busy, instead of after two seconds and more."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_soon(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                message["headers"] = [*message["headers"], (b"retry-after", b"0.1")]
            await send(message)

        await self._app(scope, receive, send_soon)


def _serve(descriptor: int, *, full: bool) -> None:
    """Run the server until standard input is closed."""
    server: Any = None

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        if server is None:
            os._exit(0)  # while Prefect is imported
        server.should_exit = True

    threading.Thread(target=end_with_parent, daemon=True).start()
    listener = socket.socket(fileno=descriptor)
    port = listener.getsockname()[1]
    from gfpipe.flows.security import access  # noqa: PLC0415

    os.environ["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] = ",".join(access.origins(port))  # read when Prefect is imported
    import uvicorn  # noqa: PLC0415
    from prefect.server.api.server import create_app  # noqa: PLC0415

    app = access.AccessControl(_RetrySoon(create_app(ephemeral=not full, final=True)), port)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=3))
    server.run(sockets=[listener])


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(int(sys.argv[1]), full=sys.argv[2] == "full")

"""Starts worker processes by forking one that has imported what they need.

Importing torch takes seconds of processor time: it is done once for all workers, for those that replace a worker that
crashed, and for later pools of this process.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any, Final

from gfpipe.errors import TransientError

START_SECONDS: Final = 300.0  # to import torch, perhaps from a network drive
CHECK_SECONDS: Final = 0.25  # how often it is checked whether to go on waiting


@cache
def launcher(modules: tuple[str, ...]) -> "Launcher":
    """The launcher of this process for workers that have imported ``modules``."""
    return Launcher(modules)


class Launcher:
    """A process that forks workers. It ends with this process, and so do they.

    A worker computes in one thread, unless ``OMP_NUM_THREADS`` is set: where cores are busy, threads wait for one
    another, and detection in two of them took ten times as long. More workers use more cores.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = list(modules)
        self._lock = threading.Lock()
        self._connection: Connection[Any, Any] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def warm(self) -> None:
        """Start importing now, without waiting for it."""
        with self._lock:
            self._open()

    def start(self, descriptor: int, is_wanted: Callable[[], bool] = lambda: True) -> int:
        """Fork a worker that answers calls on a socket, with the environment and folder of this process; its pid.

        Raises:
            TransientError: no process could be started, or it is not wanted any more.
        """
        with self._lock:
            for _ in range(2):  # once more if the launcher was killed
                try:
                    connection, process = self._open()
                    connection.send(("start", _environment(), str(Path.cwd()), [*sys.path]))
                    send_handle(connection, descriptor, process.pid)
                    if not _answers(connection, is_wanted):
                        process.kill()  # it is still importing
                        self._connection = None
                        raise TransientError("no worker process was started: it took too long, or was stopped")
                    pid: int = connection.recv()
                except (EOFError, OSError):
                    self._connection = None
                else:
                    return pid
        raise TransientError("a worker process could not start; its error is above")

    def kill(self, pid: int) -> None:
        """Kill a worker, if it runs."""
        self._ask("kill", pid)

    def exit_code(self, pid: int) -> int | None:
        """A worker's exit code, negative for a signal; None if it runs, or if this is not known."""
        code: int | None = self._ask("exit_code", pid)
        return code

    def _ask(self, request: str, pid: int) -> Any:
        with self._lock:
            if self._connection is None:
                return None  # its workers have ended with it
            try:
                self._connection.send((request, pid))
                return self._connection.recv()
            except (EOFError, OSError):
                self._connection = None
                return None

    def _open(self) -> "tuple[Connection[Any, Any], subprocess.Popen[bytes]]":
        if self._connection is None or self._process is None:
            self._connection, theirs = Pipe()
            main = f"from gfpipe.workers.child import launch; launch({theirs.fileno()}, {self._modules})"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", main],  # packages in the current folder are not imported
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=_environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            theirs.close()
        return self._connection, self._process


def _environment() -> dict[str, str]:
    return {"OMP_NUM_THREADS": "1", **os.environ}


def _answers(connection: "Connection[Any, Any]", is_wanted: Callable[[], bool]) -> bool:
    """Wait for an answer while it is wanted."""
    deadline = time.monotonic() + START_SECONDS
    while not connection.poll(CHECK_SECONDS):
        if not is_wanted() or time.monotonic() > deadline:
            return False
    return True

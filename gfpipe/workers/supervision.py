"""Runs calls in worker processes under limits.

Libraries that decode damaged files crash, hang in C code, or take all memory. None of this can be stopped from within
a process, so that each thread that makes calls has a process of its own, watches it, and replaces it when it ends.
"""

import pickle
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Final

import cloudpickle

from gfpipe.base.limits import Limits
from gfpipe.errors import StalledError, TransientError, WorkerError
from gfpipe.workers.child import BEAT
from gfpipe.workers.launcher import CHECK_SECONDS, START_SECONDS, Launcher

_EXIT_SECONDS: Final = 5.0
_MEMORY_FIELDS: Final = ("RssAnon:", "RssShmem:", "VmSwap:")


class Supervisor:
    """Runs calls in processes, one for each thread that makes calls, which keep their models loaded."""

    def __init__(self, limits: Limits, launcher: Launcher) -> None:
        self._limits = limits
        self._launcher = launcher
        self._process_of: dict[int, Process] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def __call__(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Run a call in this thread's process, and return its result or raise its exception.

        If its process crashes or takes too much memory, the call is made once more in a new process: another call may
        have left the first one damaged, or the system may have killed it in want of memory.

        Raises:
            WorkerError: the call ended both processes, or made no progress.
            TransientError: no process could be started, or the supervisor was closed.
        """
        call = cloudpickle.dumps(partial(fn, *args, **kwargs))
        try:
            return self._process().run(call, self._limits)
        except StalledError:
            raise
        except WorkerError:
            pass
        try:
            return self._process().run(call, self._limits)
        except WorkerError as exc:
            raise WorkerError(f"{exc}, also when it was tried again alone in a new process") from None

    def close(self) -> None:
        """End the processes, and what they work on."""
        with self._lock:
            self._is_closed = True
            for process in self._process_of.values():
                process.kill()

    def _process(self) -> "Process":
        thread = threading.get_ident()
        process = self._process_of.get(thread)
        if process is None or process.has_ended:
            process = Process(self._launcher, lambda: not self._is_closed)
        with self._lock:
            self._process_of[thread] = process
            if self._is_closed:
                process.kill()
                raise TransientError("the workers were stopped")
        return process


class Process:
    """A worker process, which does one call at a time."""

    def __init__(self, launcher: Launcher, is_wanted: Callable[[], bool] = lambda: True) -> None:
        self._launcher = launcher
        self._connection, theirs = Pipe()
        with theirs:
            self._pid = launcher.start(theirs.fileno(), is_wanted)
        self._has_started = False
        self.has_ended = False

    def run(self, call: bytes, limits: Limits) -> Any:
        """Run a pickled call, and return its result or raise its exception.

        Raises:
            WorkerError: the process crashed or took too much memory.
            StalledError: it made no progress, and was ended.
            TransientError: it could not start.
        """
        try:
            self._connection.send_bytes(call)
            succeeded, value = pickle.loads(self._answer(limits))  # noqa: S301 - from our own process
        except (EOFError, ConnectionError):
            end = self._describe_end()
            self.kill()
            if not self._has_started:
                raise TransientError(f"a worker process could not start: it {end}") from None
            raise WorkerError(f"its worker process {end}") from None
        if succeeded:
            return value
        raise value

    def kill(self) -> None:
        """End the process without waiting for it: it may be stuck in a system call."""
        self.has_ended = True
        self._launcher.kill(self._pid)

    def _answer(self, limits: Limits) -> bytes:
        """Wait for the outcome, and enforce the limits."""
        progress_at = time.monotonic()
        while not self.has_ended:
            if self._connection.poll(CHECK_SECONDS):
                message = self._connection.recv_bytes()
                if message != BEAT:
                    return message
                self._has_started = True
                progress_at = time.monotonic()
            allowed = limits.stall_seconds if self._has_started else max(START_SECONDS, limits.stall_seconds)
            if time.monotonic() - progress_at > allowed:
                self.kill()
                if not self._has_started:
                    raise TransientError(f"a worker process did not start within {allowed:g} s")
                raise StalledError(
                    f"no progress for {allowed:g} s, so that its process was ended: its storage does not respond, or "
                    "its decoder hangs; copy the file again, or raise stall_seconds"
                )
            if self._memory() > limits.memory_gib * 2**30:
                self.kill()
                raise WorkerError(f"it took more than {limits.memory_gib:g} GiB of memory (memory_gib)")
        raise TransientError("the workers were stopped")

    def _memory(self) -> int:
        """Bytes that belong to the process alone; 0 if the system does not tell."""
        with suppress(OSError):
            lines = Path(f"/proc/{self._pid}/status").read_text(encoding="ascii").splitlines()
            return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(_MEMORY_FIELDS))
        return 0

    def _describe_end(self) -> str:
        deadline = time.monotonic() + _EXIT_SECONDS
        while (code := self._launcher.exit_code(self._pid)) is None:
            if time.monotonic() > deadline:
                return "closed its connection"
            time.sleep(CHECK_SECONDS)
        if code == -signal.SIGKILL:
            return "was killed, as the system does when memory runs out"
        return f"exited with code {code}" if code >= 0 else f"was ended by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

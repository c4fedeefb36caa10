"""Worker processes, and the process that forks them.

A worker receives calls on a socket, and answers each with signs of progress and an outcome.
"""

import gc
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import Any, Final

import cloudpickle

from gfpipe.base.heartbeat import beat

BEAT: Final = b""  # every other message is a pickled (succeeded, result or exception)


def launch(descriptor: int, modules: Sequence[str]) -> None:
    """Import modules, then fork a worker for each request, until the parent closes the socket or exits.

    This process has one thread, so that it can be forked.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends its workers
    connection: Connection[Any, Any] = Connection(descriptor)
    for module in modules:
        import_module(module)
    gc.freeze()  # collections would write to the pages that workers share
    ended: dict[int, int] = {}
    while True:
        try:
            request, *arguments = connection.recv()
            if request == "start":
                worker = recv_handle(connection)
        except (EOFError, ConnectionError):
            return
        with suppress(ChildProcessError):
            while (reaped := os.waitpid(-1, os.WNOHANG))[0]:
                ended[reaped[0]] = os.waitstatus_to_exitcode(reaped[1])
        if request == "start":
            connection.send(_fork(worker, connection, *arguments))
            os.close(worker)
        elif request == "kill":
            if arguments[0] not in ended:
                os.kill(arguments[0], signal.SIGKILL)
            connection.send(None)
        else:
            connection.send(ended.get(arguments[0]))


def _fork(
    descriptor: int, requests: "Connection[Any, Any]", environment: dict[str, str], folder: str, path: list[str]
) -> int:
    """Fork a worker with the environment, the current folder and the module path that its parent has now."""
    launcher = os.getpid()
    if pid := os.fork():
        return pid
    try:
        requests.close()
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.path[:] = path
        _answer_calls(descriptor, launcher)
    finally:
        os._exit(0)


def _answer_calls(descriptor: int, launcher: int) -> None:
    """Answer calls, each a pickled function without arguments, until the parent closes the socket or exits."""
    threading.Thread(target=_exit_with, args=(launcher,), daemon=True).start()
    connection: Connection[bytes, bytes] = Connection(descriptor)
    lock = threading.Lock()

    def send(message: bytes) -> None:
        with lock:
            connection.send_bytes(message)

    beat.connect(lambda: send(BEAT))
    while True:
        try:
            call = connection.recv_bytes()
        except (EOFError, ConnectionError):
            return
        send(_outcome(call, send))


def _outcome(call: bytes, send: Callable[[bytes], None]) -> bytes:
    try:
        work = pickle.loads(call)  # noqa: S301 - from the parent; imports what the work needs, such as torch
        send(BEAT)
        outcome: tuple[bool, Any] = True, work()
    except Exception as exc:  # noqa: BLE001 - the parent raises it
        exc.add_note(f"in a worker process:\n{traceback.format_exc()}")
        outcome = False, exc
    gc.collect()  # a container and its streams refer to each other, so that decoders would keep their frames
    try:
        message: bytes = cloudpickle.dumps(outcome)
        pickle.loads(message)  # noqa: S301 - exceptions of some libraries cannot be read back
    except Exception:  # noqa: BLE001
        error = RuntimeError(f"{type(outcome[1]).__name__}: {outcome[1]}")
        message = cloudpickle.dumps((False, error))
    return message


def _exit_with(launcher: int) -> None:
    """Exit when the launcher has ended, as it does when its parent was killed."""
    while os.getppid() == launcher:
        time.sleep(1)
    os._exit(1)

"""A worker process: it receives calls on a socket, and answers each with signs of progress and an outcome."""

import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Final

import cloudpickle

from gfpipe.base.heartbeat import beat

BEAT: Final = b""  # every other message is a pickled (succeeded, result or exception)


def main(descriptor: int, parent: int) -> None:
    """Answer calls, each a pickled function without arguments, until the parent closes the socket or exits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends its workers
    threading.Thread(target=_exit_with, args=(parent,), daemon=True).start()
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
    try:
        message: bytes = cloudpickle.dumps(outcome)
        pickle.loads(message)  # noqa: S301 - exceptions of some libraries cannot be read back
    except Exception:  # noqa: BLE001
        error = RuntimeError(f"{type(outcome[1]).__name__}: {outcome[1]}")
        message = cloudpickle.dumps((False, error))
    return message


def _exit_with(parent: int) -> None:
    """Exit when the parent process was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)

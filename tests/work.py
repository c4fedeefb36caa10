"""Work for worker processes, in a module that is quick to import."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from gfpipe.base.heartbeat import beat
from gfpipe.errors import DiskFullError
from gfpipe.recording import Recording, Status, Summary


def imported(module: str) -> bool:
    return module in sys.modules


def threads() -> int:
    import torch

    return torch.get_num_threads()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        os.abort()
    return os.getpid()


def hang() -> None:
    ctypes.CDLL(None).pause()  # in C, where no exception of Python arrives


def hang_with_the_interpreter_locked() -> None:
    ctypes.PyDLL(None).pause()


def progress_for(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        beat()
    return "done"


def take(gib: float) -> int:
    return len(bytearray(b"x") * int(gib * 2**30))


def double(number: int) -> int:
    time.sleep(0.05)
    return 2 * number


class UnpicklableError(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail() -> None:
    raise UnpicklableError("cannot be", "read back")


def analyse(recording: Recording, lake: str, config: object) -> Summary:
    """Stands in for the stage: programmes are named after what they do."""
    {"crash": os.abort, "hang": hang}.get(recording.programme, lambda: None)()
    return Summary(recording, Status.DONE)


def fill_the_disk(recording: Recording, lake: str, *_: object) -> Summary:
    """Stands in for the stage on a full disk, and notes that it was called."""
    Path(lake, f"{recording.recording_id}.tried").touch()
    raise DiskFullError(f"{lake}: no space left on its disk; free some, then run again")

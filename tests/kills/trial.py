"""One kind of work, interrupted again and again from the same start."""

import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gfpipe.errors import GfpipeError
from tests.kills.scenarios import Scenario, State

_FORK = multiprocessing.get_context("fork")  # with everything imported; this process starts no threads
_ROOMY = 2**28  # bytes
_FINE_PAGES = 16


class Trial:
    """Interrupts `scenario` in copies of one prepared folder, and counts what went wrong.

    Attributes:
        counts: interruptions; what was wrong or lost, leftovers, and unclear errors.
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._scenario, self._start, self._place = scenario, folder / "start", folder / "trial"
        self._start.mkdir()
        scenario.load()
        _in_child(scenario.prepare, self._start)
        self._before: State = _in_child(scenario.state, self._start)
        self._restore()
        _import(_in_child(_imports_of, scenario.act, self._place))
        self._restore()
        start = time.monotonic()
        _in_child(scenario.act, self._place)
        self._seconds = time.monotonic() - start
        self._after: State = _in_child(scenario.state, self._place)
        self.counts = Counter(dict.fromkeys(("interrupted", "wrong", "lost", "leftovers", "unclear"), 0))

    def kill_at_renames(self) -> None:
        """Kill the work before and after each of its renames."""
        for number in range(1_000):
            for after in (False, True):
                self._restore()
                process = _FORK.Process(target=_dying, args=(self._scenario.act, self._place, number, after))
                process.start()
                process.join()
                if process.exitcode == 0:  # it has fewer renames
                    return
                if process.exitcode != -signal.SIGKILL:
                    raise RuntimeError(f"the work failed by itself, with exit code {process.exitcode}")
                self._judge()

    def kill_at(self, share: float) -> bool:
        """Kill the work after a share of its usual length; False if it was finished already."""
        self._restore()
        process = _FORK.Process(target=self._scenario.act, args=(self._place,))
        process.start()
        process.join(share * self._seconds)
        process.kill()
        process.join()
        is_interrupted = process.exitcode == -signal.SIGKILL
        # The length changes with the load of the machine: nine kills come for each that is late.
        self._seconds *= 1.01 if is_interrupted else 0.91
        if is_interrupted:
            self._judge()
        return is_interrupted

    def fill_disks(self) -> None:
        """Do the work on disks with little left, from 0 to the first on which it succeeds.

        The budget grows by one page of 4 KiB, from 64 KiB on by a half.
        """
        pages = -1
        while True:
            pages += (pages + 1) // 2 if pages >= _FINE_PAGES else 1
            self._restore()
            disk = self._place.with_name("disk")
            disk.mkdir(exist_ok=True)
            _mount("-t", "tmpfs", "-o", f"size={_ROOMY}", "tmpfs", str(disk))
            try:
                shutil.copytree(self._place, disk, dirs_exist_ok=True)
                usage = os.statvfs(disk)
                _mount("-o", f"remount,size={(usage.f_blocks - usage.f_bfree + pages) * usage.f_frsize}", str(disk))
                error = _in_child(_error_of, self._scenario.act, disk)
                _mount("-o", f"remount,size={_ROOMY}", str(disk))
                if error is None:
                    return
                self.counts["unclear"] += "no space left" not in error.lower() or str(disk) not in error
                self._judge(disk)
            finally:
                subprocess.run(["umount", disk], check=True)

    def _restore(self) -> None:
        shutil.rmtree(self._place, ignore_errors=True)
        shutil.copytree(self._start, self._place)

    def _judge(self, place: Path | None = None) -> None:
        place = place or self._place
        self.counts["interrupted"] += 1
        state: State = _in_child(self._scenario.state, place)
        for part, old in self._before.items():
            self.counts["wrong"] += state.get(part, "missing") not in (old, self._after[part], None)
        _in_child(self._scenario.act, place)
        state = _in_child(self._scenario.state, place)
        self.counts["lost"] += sum(state.get(part) != value for part, value in self._after.items())
        self.counts["leftovers"] += sum(
            path.name.startswith(".") and ".lock" not in path.name for path in place.rglob("*")
        )


def _imports_of(act: Callable[[Path], object], place: Path) -> list[str]:
    """The modules that the work imports."""
    known = set(sys.modules)
    act(place)
    return [name for name in sys.modules if name not in known]


def _import(names: Iterable[str]) -> None:
    """Import what every child would import."""
    for name in names:
        with suppress(Exception):  # made at run time
            importlib.import_module(name)


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function in a process of its own."""
    receiver, sender = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=_send, args=(sender, function, *arguments))
    process.start()
    sender.close()
    result = receiver.recv()
    process.join()
    return result


def _send(sender: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    sender.send(function(*arguments))


def _error_of(act: Callable[[Path], object], place: Path) -> str | None:
    try:
        act(place)
    except GfpipeError as exc:
        return str(exc)
    return None


def _dying(act: Callable[[Path], object], place: Path, number: int, after: bool) -> None:
    """Act, and be killed before or after the rename of this number."""
    done = 0

    def counted(rename: Callable[..., None]) -> Callable[..., None]:
        def renamed(*arguments: Any, **options: Any) -> None:
            nonlocal done
            if done == number and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            rename(*arguments, **options)
            if done == number and after:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1

        return renamed

    os.rename, os.replace = counted(os.rename), counted(os.replace)
    act(place)

"""One damaged file read in a worker process, and what came of it compared with the intact clip."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.reader import open_video
from tests.fuzz.clips import FPS, SECONDS, picture
from tests.fuzz.intact import Expected

HANG_SECONDS: Final = 30.0  # processor time without a batch of samples
_HEIGHT, _WIDTH = 24, 32
_SAME: Final = 14.0  # mean difference of two small pictures of one moment, out of 255
_EARLY, _LATE = 1.5, 1.5  # seconds: a keyframe stands for the time around it


class Result(StrEnum):
    """How a reading ended."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    FOREIGN = "foreign error"


@dataclass(frozen=True)
class Reading:
    """One pass over one file.

    Attributes:
        problem: the message of a failure or error, or what is wrong with the samples.
        wrong: whether an intact stretch has a wrong picture, or more time was read than the file has.
        unnoticed: samples of damaged stretches whose picture is of another moment, or of none.
        peak_bytes: largest resident memory of the process.
    """

    result: Result
    problem: str = ""
    analysed_seconds: float = 0.0
    samples: int = 0
    wrong: bool = False
    unnoticed: int = 0
    peak_bytes: int = 0
    processor_seconds: float = 0.0


def read(path: Path, sampling: Sampling, expected: Expected) -> Reading:
    """Read a file to its end; errors that are not of gfpipe are a result too.

    A reading that hangs ends its process, by SIGPROF.
    """
    _reset_peak()
    begin = time.process_time()
    with _watchdog():
        found = _read(path, sampling, expected)
    return Reading(**(vars(found) | {"peak_bytes": _peak(), "processor_seconds": time.process_time() - begin}))


def _read(path: Path, sampling: Sampling, expected: Expected) -> Reading:
    times: list[float] = []
    steps: list[float] = []
    differences: list[NDArray[np.float32]] = []
    try:
        reader = open_video(path, sampling, 1.0)
        for batch in reader:
            _rearm()
            times.extend(batch.seconds)
            steps.extend(batch.step_seconds)
            differences.extend(np.abs(_known() - _small(pixels)).mean(axis=(1, 2)) for pixels in batch.pixels)
    except RecordingError as exc:
        return Reading(Result.FAILED, str(exc))
    except Exception as exc:  # noqa: BLE001 - what the trial looks for
        return Reading(Result.FOREIGN, f"{type(exc).__name__}: {exc}")
    result, total = Result.PARTIAL if reader.lost else Result.DONE, float(sum(steps))
    problem = f"{total:.1f} s analysed" if total > expected.most_seconds else ""
    unnoticed = 0
    for seconds, step, difference in zip(times, steps, differences, strict=True):
        fault = _fault(seconds, step, difference, keeps_time=expected.keeps_time)
        if fault and any(start <= seconds and seconds + step <= end for start, end in expected.stretches):
            problem = problem or f"{fault} at {seconds:.2f} s"
        unnoticed += bool(fault)
    return Reading(result, problem, total, len(times), bool(problem), unnoticed)


def _fault(seconds: float, step: float, difference: NDArray[np.float32], *, keeps_time: bool) -> str:
    """What is wrong with a sample, whose picture differs so much from each frame of the clip."""
    if difference.min() > _SAME:
        return "a picture of no moment"
    moments = np.arange(len(difference)) / FPS
    near = (moments >= seconds - _EARLY) & (moments <= seconds + step + _LATE)
    if keeps_time and (not near.any() or difference[near].min() > _SAME):
        return f"the picture of {moments[difference.argmin()]:.2f} s"
    return ""


@contextmanager
def _watchdog() -> Iterator[None]:
    """End the process once it has used too much processor time; a busy machine does not make a reading hang."""
    _rearm()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _rearm() -> None:
    signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS)


def _reset_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak() -> int:
    """Largest resident memory since the last reset, in bytes; 0 where the system does not tell."""
    with suppress(OSError):
        lines = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    return 0


@lru_cache(maxsize=1)
def _known() -> NDArray[np.float32]:
    """Small pictures of all frames of the clip, (F, H, W)."""
    return np.stack([_small(picture(index / FPS, 144, 192)) for index in range(SECONDS * FPS)])


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A picture of any size as (24, 32) grey values, by the mean of its cells."""
    rows = np.linspace(0, pixels.shape[0], _HEIGHT + 1).astype(int)[:-1]
    columns = np.linspace(0, pixels.shape[1], _WIDTH + 1).astype(int)[:-1]
    grey = pixels.mean(axis=2, dtype=np.float32)
    sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=0), columns, axis=1)
    counts = np.outer(np.diff([*rows, pixels.shape[0]]), np.diff([*columns, pixels.shape[1]]))
    return np.asarray(sums / np.maximum(counts, 1), np.float32)

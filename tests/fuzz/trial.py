"""One damaged file read in a worker process, and what came of it compared with the intact clip."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.reader import open_video
from tests.fuzz.clips import FPS, SECONDS, picture

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
        analysed_seconds: sum of the steps.
        shifted: samples whose picture is of another moment of the clip.
        garbled: samples whose picture is of no moment of the clip.
    """

    result: Result
    reason: str = ""
    analysed_seconds: float = 0.0
    samples: int = 0
    shifted: int = 0
    garbled: int = 0


def read(path: Path, sampling: Sampling) -> Reading:
    """Read a file to its end; errors that are not of gfpipe are a result too."""
    times: list[float] = []
    steps: list[float] = []
    small: list[NDArray[np.float32]] = []
    try:
        reader = open_video(path, sampling, 1.0)
        for batch in reader:
            times.extend(batch.seconds)
            steps.extend(batch.step_seconds)
            small.extend(map(_small, batch.pixels))
    except RecordingError as exc:
        return Reading(Result.FAILED, str(exc))
    except Exception as exc:  # noqa: BLE001 - what the trial looks for
        return Reading(Result.FOREIGN, f"{type(exc).__name__}: {exc}")
    known = _known()
    differences = [np.abs(known - each).mean(axis=(1, 2)) for each in small]
    moments = np.arange(len(known)) / FPS
    garbled = shifted = 0
    for seconds, step, difference in zip(times, steps, differences, strict=True):
        near = (moments >= seconds - _EARLY) & (moments <= seconds + step + _LATE)
        garbled += bool(difference.min() > _SAME)
        shifted += bool(difference.min() <= _SAME and (not near.any() or difference[near].min() > _SAME))
    result = Result.PARTIAL if reader.lost else Result.DONE
    return Reading(result, "", float(sum(steps)), len(times), shifted, garbled)


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

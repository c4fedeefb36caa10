"""What inaSpeechSegmenter heard: its CSVs, checked and matched to recordings.

It writes a file a recording, ``programme.csv`` for ``programme.mp4``: tab-separated ``labels, start, stop``, seconds
from the start, labels ``female, male, music, noise, noEnergy``. Source: Doukhan et al., An open-source speaker gender
detection framework for monitoring gender equality, ICASSP 2018; https://github.com/ina-foss/inaSpeechSegmenter
"""

import csv
import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError

PROGRAM: Final = "inaSpeechSegmenter"
LABELS: Final = ("female", "male", "music", "noise", "noEnergy")
_COLUMNS: Final = ["labels", "start", "stop"]
_SLACK: Final = 10.0  # seconds by which sound may outlast the picture


@dataclass(frozen=True)
class Segment:
    """A stretch of one recording's sound; columns of the lake's table ``speech``."""

    label: str
    start_seconds: float
    stop_seconds: float


def read(path: Path, seconds: float | None = None) -> tuple[Segment, ...]:
    """Read and check the segments of one recording, in order of time.

    Args:
        path: a CSV of inaSpeechSegmenter.
        seconds: how long the recording is, where that is known.

    Raises:
        UsageError: it is no such CSV, was made without telling voices apart, or is of another recording.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = list(csv.reader(file, delimiter="\t")) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(f"{path}: cannot be read as a CSV of inaSpeechSegmenter: {exc}") from exc
    if header != _COLUMNS:
        raise UsageError(f"{path}: its first line is not {', '.join(_COLUMNS)}, separated by tabs")
    segments = tuple(_segment(f"{path}, line {number}", row) for number, row in enumerate(rows, start=2) if row)
    if not segments:
        raise UsageError(f"{path}: there are no segments in it")
    _refuse_what_cannot_be(path, segments, seconds)
    return segments


def _segment(where: str, row: list[str]) -> Segment:
    label, start, stop = row if len(row) == 3 else ("", "", "")
    if label == "speech":
        raise UsageError(f"{where}: speech by nobody; run inaSpeechSegmenter with --detect_gender true")
    if label not in LABELS:
        raise UsageError(f"{where}: label {label!r} is none of {', '.join(LABELS)}")
    try:
        segment = Segment(label, float(start), float(stop))
    except ValueError as exc:
        raise UsageError(f"{where}: start and stop must be seconds: {exc}") from exc
    if not 0 <= segment.start_seconds < segment.stop_seconds < math.inf:
        raise UsageError(f"{where}: from {start} to {stop} is no stretch of time")
    return segment


def _refuse_what_cannot_be(path: Path, segments: tuple[Segment, ...], seconds: float | None) -> None:
    for earlier, later in pairwise(segments):
        if later.start_seconds < earlier.stop_seconds - 1e-6:
            raise UsageError(f"{path}: segments overlap at {later.start_seconds:g} s; time would count twice")
    end = segments[-1].stop_seconds
    if seconds and end > seconds + _SLACK:
        raise UsageError(f"{path}: goes on to {end:.1f} s, but the recording ends at {seconds:.1f} s; is it another's?")

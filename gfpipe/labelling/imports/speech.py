"""Reads the speech segments that inaSpeechSegmenter wrote.

One file per recording, ``programme.csv`` for ``programme.mp4``: tab-separated ``labels, start, stop``, in seconds from
the start, with labels ``female, male, music, noise, noEnergy``. Source: Doukhan et al., An open-source speaker gender
detection framework for monitoring gender equality, ICASSP 2018; https://github.com/ina-foss/inaSpeechSegmenter
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.labelling.imports import external
from gfpipe.tables import sheet

PROGRAM: Final = "inaSpeechSegmenter"
LABELS: Final = ("female", "male", "music", "noise", "noEnergy")
_COLUMNS: Final = ("labels", "start", "stop")


@dataclass(frozen=True)
class Segment:
    """A segment of a recording's sound; columns of the lake's table ``speech``."""

    label: str
    start_seconds: float
    stop_seconds: float


def read(path: Path, seconds: float | None = None) -> tuple[Segment, ...]:
    """Read and validate the segments of one recording (of this duration, if known), in order of time.

    Raises:
        UsageError: the file has another format, does not distinguish women and men, or is about another recording.
    """
    table = sheet.read(path)
    table.needs(_COLUMNS, f"{PROGRAM} writes {', '.join(_COLUMNS)}")
    if table.refused:
        raise sheet.refusal(path, table.refused)
    segments = tuple(
        _segment(row.place, row["labels"], table.number(row["start"]), table.number(row["stop"])) for row in table.rows
    )
    if not segments:
        raise UsageError(f"{path}: contains no segments")
    for earlier, later in pairwise(segments):
        if later.start_seconds < earlier.stop_seconds - 1e-6:
            raise UsageError(f"{path}: segments overlap at {later.start_seconds:g} s; time would count twice")
    external.check_length(path, segments[-1].stop_seconds, seconds)
    return segments


def _segment(where: str, label: str, start: str, stop: str) -> Segment:
    if label == "speech":
        raise UsageError(f"{where}: neither female nor male speech; run inaSpeechSegmenter with --detect_gender true")
    if label not in LABELS:
        raise UsageError(f"{where}: label {label!r} is not one of {', '.join(LABELS)}")
    try:
        segment = Segment(label, float(start), float(stop))
    except ValueError as exc:
        raise UsageError(f"{where}: start and stop must be seconds: {exc}") from exc
    if not 0 <= segment.start_seconds < segment.stop_seconds < math.inf:
        raise UsageError(f"{where}: {start} to {stop} is not a valid interval")
    return segment

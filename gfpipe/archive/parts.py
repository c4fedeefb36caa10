"""Numbered parts of one recording, as VDR writes them: each begins where the parts before it end.

The time between two parts is that of the clock of their transport streams, which goes on from part to part and wraps
at 33 bits. If the clock was reset, or the files are no transport streams, a part follows its predecessor without a gap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from pathlib import PurePath
from typing import Final

from gfpipe.archive.programmes import Listed
from gfpipe.errors import GfpipeError, RecordingError
from gfpipe.recording import Rejected
from gfpipe.video.streams import transport

# A longer time between two parts that follow each other means that the clock was reset.
_LONGEST_GAP: Final = 600.0
_LONGEST_GAP_OF_MISSING: Final = 43_200.0  # the same where parts between them are missing
_LONGEST_OVERLAP: Final = 1.0


def placed(rows: Sequence[Listed | Rejected]) -> list[Listed | Rejected]:
    """The rows, of which the parts of recordings say how much time passed before them.

    A part is rejected if its predecessors are missing or cannot be read, so that its start is not known.
    """
    parts = sorted((row for row in rows if isinstance(row, Listed) and row.part is not None), key=_order)
    others = [row for row in rows if not isinstance(row, Listed) or row.part is None]
    return [*others, *(part for _, group in groupby(parts, key=_recording) for part in _placed(list(group)))]


def _recording(row: Listed) -> tuple[object, ...]:
    return str(PurePath(row.path).parent), row.channel, row.programme, row.start


def _order(row: Listed) -> tuple[object, ...]:
    return *_recording(row), row.part or 0, row.path


def _placed(parts: Sequence[Listed]) -> Iterable[Listed | Rejected]:
    """The parts of one recording, in order."""
    first = parts[0]
    if (first.part or 0) > 1:
        problem = f"the parts before part {first.part} are missing, so that its start is not known; add them"
        return [_rejected(part, problem) for part in parts]
    seconds, found = 0.0, list[Listed | Rejected]([first])
    for before, part in pairwise(parts):
        if part.part != before.part:
            try:
                seconds += _seconds_between(before, part)
            except GfpipeError as exc:
                problem = f"its start is not known, because the part before it cannot be read: {exc}"
                return [*found, *(_rejected(other, problem) for other in parts[len(found) :])]
        found.append(replace(part, seconds_before=round(seconds, 3)))
    return found


def _rejected(part: Listed, problem: str) -> Rejected:
    return Rejected(part.path, f"{part.place}: {problem}", part.channel, part.programme)


def _seconds_between(before: Listed, part: Listed) -> float:
    """Time from the start of a part to that of the next one.

    Raises:
        RecordingError: the first of the two cannot be read, or has no duration.
    """
    if (clock := transport.clock_of(before.path)) is None:
        return _duration(before.path)
    gap = 0.0
    if following := transport.clock_of(part.path):
        gap = transport.seconds_between(clock.end, following.start)
        is_next = (part.part or 0) == (before.part or 0) + 1
        if not -_LONGEST_OVERLAP < gap < (_LONGEST_GAP if is_next else _LONGEST_GAP_OF_MISSING):
            gap = 0.0
    return transport.seconds_between(clock.start, clock.end) % transport.CLOCK_SECONDS + gap


def _duration(path: str) -> float:
    from gfpipe.video.probe import probe  # noqa: PLC0415 - PyAV is slow to import, and rarely needed here

    if (seconds := probe(path).duration_seconds) is None:
        raise RecordingError(f"{path}: has no duration")
    return seconds

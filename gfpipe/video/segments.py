"""What was read of a recording, and of its segments together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from gfpipe.video.frames import LostRange, Reader, VideoInfo


@dataclass(frozen=True)
class Reading:
    """Everything but the samples of a reader that has read to its end; attributes as of the reader."""

    info: VideoInfo
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]
    begin: float | None
    until: float | None
    first: float | None

    @classmethod
    def of(cls, reader: Reader) -> Self:
        """The reading of a reader."""
        return cls(reader.info, reader.lost, reader.notes, reader.begin, reader.until, reader.first)


def joined(readings: Sequence[Reading]) -> Reading | None:
    """The reading of a recording from those of its consecutive segments; None if it is not their sum.

    It is if each segment begins where the one before ended, which damage may prevent, and they have a sample.
    """
    begun = [reading for reading in readings if reading.begin is not None]
    shown = next((reading for reading in begun if reading.first is not None), None)
    last, fit = begun[-1], all(before.until == reading.begin for before, reading in pairwise(begun))
    lost = _joined_losses([lost for reading in begun for lost in reading.lost], last.info.frame_seconds / 2)
    if not fit or shown is None or lost is None or last.until is not None:
        return None
    return replace(
        last,
        info=replace(last.info, width=shown.info.width, height=shown.info.height),
        lost=lost,
        begin=begun[0].begin,
        first=shown.first,
    )


def _joined_losses(ranges: Sequence[LostRange], rounding_seconds: float) -> tuple[LostRange, ...] | None:
    """Ordered ranges, of which two that a seam divides are one; None if they have different reasons."""
    joined: list[LostRange] = []
    for lost in ranges:
        if not joined or lost.start_seconds - joined[-1].end_seconds >= rounding_seconds:
            joined.append(lost)
        elif joined[-1].reason is lost.reason:
            joined[-1] = replace(joined[-1], end_seconds=lost.end_seconds)
        else:
            return None
    return tuple(joined)

"""What was read of a recording, and of its segments together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from gfpipe.video.frames import LostRange, Reader, VideoInfo


@dataclass(frozen=True)
class Reading:
    """Everything but the samples of a reader that has read to its end; attributes as of the reader.

    Attributes:
        first: time of the first sample, in seconds from the recording's start; None if there is none.
    """

    info: VideoInfo
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]
    begin: float | None
    until: float | None
    first: float | None

    @classmethod
    def of(cls, reader: Reader, first: float | None) -> Self:
        """The reading of a reader whose first sample is at a time."""
        return cls(reader.info, reader.lost, reader.notes, reader.begin, reader.until, first)


def joined(readings: Sequence[Reading]) -> Reading | None:
    """The reading of a recording from those of its consecutive segments; None if it is not their sum.

    It is if each segment begins where the one before ended, and with a sample. A segment ends elsewhere if a keyframe
    is damaged, and begins without a sample if it cannot be decoded alone.
    """
    begun = [reading for reading in readings if reading.begin is not None]
    fit = all(
        before.until == reading.begin and (reading.first == reading.begin or (reading.first is None and not reading.lost))
        for before, reading in pairwise(begun)
    )
    last = begun[-1]
    if not fit or last.until is not None:
        return None
    shown = next((reading.info for reading in begun if reading.first is not None), last.info)
    return replace(
        last,
        info=replace(last.info, width=shown.width, height=shown.height),
        lost=tuple(lost for reading in begun for lost in reading.lost),
        begin=begun[0].begin,
        first=next((reading.first for reading in begun if reading.first is not None), None),
    )

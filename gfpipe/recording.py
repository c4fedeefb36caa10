"""A recording, and the summary of its analysis."""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from gfpipe.errors import UsageError

REFERENCE_LINES: Final = 360  # face heights are in lines of a frame of this height
_T = TypeVar("_T")


@dataclass(frozen=True)
class Recording:
    """A media file and its metadata.

    Attributes:
        path: the file, as in the archive.
        channel: the broadcaster's channel.
        programme: the title.
        start: start on air, with a time zone.
        scheduled_seconds: scheduled duration, if known.
    """

    path: str
    channel: str
    programme: str
    start: datetime
    scheduled_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise UsageError(f"{self.path}: the start {self.start:%Y-%m-%d %H:%M:%S} has no time zone")
        if self.scheduled_seconds is not None and not self.scheduled_seconds > 0:
            raise UsageError(f"{self.path}: the end is {-self.scheduled_seconds:g} s before the start")

    @property
    def recording_id(self) -> str:
        """Channel, start in UTC and programme as a file name, independent of the path."""
        start = self.start.astimezone(UTC)
        key = "\0".join((self.channel, start.isoformat(), self.programme))
        return "-".join(
            (
                _slug(self.channel),
                f"{start:%Y%m%dT%H%M%SZ}",
                _slug(self.programme),
                hashlib.blake2b(key.encode(), digest_size=4).hexdigest(),
            )
        )

    @property
    def timezone(self) -> str:
        """IANA name if known, else the offset from UTC such as ``+02:00``."""
        return zone_name(self.start)

    @property
    def label(self) -> str:
        """For display: ``channel · 2001-03-04 20:00 · programme``."""
        return f"{self.channel} · {self.start:%Y-%m-%d %H:%M} · {self.programme}"


@dataclass(frozen=True)
class Rejected:
    """A file or manifest row that is not a valid recording, with the reason."""

    path: str
    problem: str
    channel: str | None = None
    programme: str | None = None
    start: datetime | None = None


@dataclass(frozen=True)
class Segment:
    """A part of a recording, between two keyframes; by default the whole.

    Attributes:
        begin: byte of the file. The segment begins with the first sample at a keyframe from there on.
        end: byte of the file. It ends before the first sample at a keyframe from there on; None: at the file's end.
    """

    begin: int = 0
    end: int | None = None

    def contains(self, position: int) -> bool:
        """Whether a keyframe at a byte of the file is not after the segment's end."""
        return self.end is None or position < self.end


WHOLE: Final = Segment()


class Status(StrEnum):
    """Outcome of an analysis."""

    DONE = "done"
    PARTIAL = "partial"  # some ranges of the file were lost
    FAILED = "failed"


@dataclass(frozen=True)
class Timings:
    """Wall-clock seconds per step, in one worker."""

    decode: float = 0.0
    detect: float = 0.0
    chips: float = 0.0
    classify: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        """Sum of all steps."""
        return self.decode + self.detect + self.chips + self.classify + self.write


class Clock:
    """Accumulates :class:`Timings`."""

    def __init__(self, timings: Timings = Timings()) -> None:
        self.timings = timings

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Add the duration of the body to a step."""
        start = time.perf_counter()
        yield
        seconds = getattr(self.timings, step) + time.perf_counter() - start
        self.timings = replace(self.timings, **{step: seconds})

    def each(self, step: str, batches: Iterable[_T]) -> Iterator[_T]:
        """Iterate, and add the duration of the iterator, without the loop's body, to a step."""
        iterator = iter(batches)
        while True:
            with self(step):
                batch = next(iterator, None)
            if batch is None:
                return
            yield batch


@dataclass(frozen=True)
class Summary:
    """Summary of the analysis of a recording.

    Attributes:
        duration_seconds: length found by the analysis, with lost time at the end.
        analysed_seconds: sum of ``step_seconds`` over the samples.
        lost_seconds: missing or undecodable time within the container's or the scheduled duration.
        reason: why the recording is partial or failed, with a remedy.
        note: what else a user should know, such as which of several programmes was analysed.
        classifier_id: of an earlier run.
        reused: the shards existed already.
    """

    recording: Recording
    status: Status
    duration_seconds: float | None = None
    analysed_seconds: float = 0.0
    lost_seconds: float = 0.0
    samples: int = 0
    faces: int = 0
    reason: str | None = None
    note: str | None = None
    classifier_id: str | None = None
    timings: Timings = Timings()
    reused: bool = False


def zone_name(moment: datetime) -> str:
    """IANA name of the zone of a moment if known, else its offset from UTC such as ``+02:00``."""
    return getattr(moment.tzinfo, "key", None) or moment.isoformat()[-6:]


def in_zone(moment: datetime, name: str) -> datetime:
    """Convert a moment to the zone of a name as of :func:`zone_name`."""
    return moment.astimezone(zone(name))


def zone(name: str) -> tzinfo | None:
    """The zone of a name as of :func:`zone_name`."""
    return datetime.strptime(name, "%z").tzinfo if name[0] in "+-" else ZoneInfo(name)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "x"

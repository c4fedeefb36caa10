"""A recording, and what became of it: the two records that every stage passes on."""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from gfpipe.errors import UsageError

REFERENCE_LINES: Final = 360  # face heights are given in lines of a picture of this height
_T = TypeVar("_T")


@dataclass(frozen=True)
class Recording:
    """One media file and what is known of it.

    Attributes:
        path: where the file is, as the archive gave it.
        channel: the broadcaster's channel.
        programme: the title.
        start: when it went on air, with a time zone.
        scheduled_seconds: how long it should last by the manifest; None where nobody said.
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
            raise UsageError(f"{self.path}: the end lies {-self.scheduled_seconds:g} s before the start")

    @property
    def recording_id(self) -> str:
        """Channel, start in UTC and programme, made safe for file names: the same wherever the file is moved to."""
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
        """IANA name where it is known, else the offset from UTC such as ``+02:00``."""
        return zone_name(self.start)

    @property
    def label(self) -> str:
        """What a person on duty reads: ``channel · 2001-03-04 20:00 · programme``."""
        return f"{self.channel} · {self.start:%Y-%m-%d %H:%M} · {self.programme}"


@dataclass(frozen=True)
class Rejected:
    """A file or manifest row that names no recording we could analyse, and why; it stays in the accounts."""

    path: str
    problem: str
    channel: str | None = None
    programme: str | None = None
    start: datetime | None = None


class Status(StrEnum):
    """What became of a recording."""

    DONE = "done"
    PARTIAL = "partial"  # some ranges of the file were lost
    FAILED = "failed"


@dataclass(frozen=True)
class Timings:
    """Where the seconds went, by step; wall-clock seconds in one worker."""

    decode: float = 0.0
    detect: float = 0.0
    chips: float = 0.0
    classify: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        """All steps together."""
        return self.decode + self.detect + self.chips + self.classify + self.write


class Clock:
    """Adds up :class:`Timings`."""

    def __init__(self) -> None:
        self.timings = Timings()

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Count what is done in a block to a step."""
        start = time.perf_counter()
        yield
        spent = getattr(self.timings, step) + time.perf_counter() - start
        self.timings = replace(self.timings, **{step: spent})

    def each(self, step: str, batches: Iterable[_T]) -> Iterator[_T]:
        """Iterate, counting only the time the iterator itself takes."""
        iterator = iter(batches)
        while True:
            with self(step):
                batch = next(iterator, None)
            if batch is None:
                return
            yield batch


@dataclass(frozen=True)
class Summary:
    """What one analysis of one recording came to; small enough to travel between machines.

    Attributes:
        duration_seconds: what the container promises; None where it does not say or cannot be opened.
        analysed_seconds: the sum of ``step_seconds`` over the samples.
        lost_seconds: promised or scheduled, but not decodable.
        reason: why the recording is partial or failed, and what to do about it.
        reused: the shards were there already; nothing was decoded.
    """

    recording: Recording
    status: Status
    duration_seconds: float | None = None
    analysed_seconds: float = 0.0
    lost_seconds: float = 0.0
    samples: int = 0
    faces: int = 0
    reason: str | None = None
    timings: Timings = Timings()
    reused: bool = False


def zone_name(moment: datetime) -> str:
    """IANA name of the zone of a moment where it is known, else the offset from UTC such as ``+02:00``."""
    return getattr(moment.tzinfo, "key", None) or moment.isoformat()[-6:]


def in_zone(moment: datetime, name: str) -> datetime:
    """The same moment in a zone of a name that :func:`zone_name` gave."""
    is_offset = name[0] in "+-"
    return moment.astimezone(datetime.strptime(name, "%z").tzinfo if is_offset else ZoneInfo(name))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "x"

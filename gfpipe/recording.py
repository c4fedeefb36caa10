"""A recording, and what became of it: the two records that every stage passes on."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gfpipe.errors import UsageError


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


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:40] or "x"

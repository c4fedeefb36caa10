"""The verdict on a night: what was due, what was analysed, and which failures are new."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from gfpipe.nights import survey
from gfpipe.nights.failures import Failure, evening
from gfpipe.output.formats import clock, counted
from gfpipe.recording import Status, Summary

_A_DAY: Final = timedelta(days=1)
_AN_HOUR: Final = 3600.0
_NOON: Final = time(12)


@dataclass(frozen=True)
class Verdict:
    """The verdict on the night of a lake's latest run.

    Attributes:
        evening: first day of the night, in the zone of most recordings.
        name: for display, such as ``Last night, 25-26 November``.
        last_run: when the archive was last listed or a recording analysed; None: never.
        analysed: recordings analysed in the night, also in part.
        partial: those of them that lack some of their time.
        waiting: recordings that the archive lists, and that were not analysed yet.
        seconds: time on air of the night's recordings, as far as known.
        analysed_seconds: time that was analysed.
        new: failures whose first attempt was in this night.
        known: failures of earlier nights.
        acknowledged: failures that need no attention.
    """

    evening: date
    name: str
    last_run: datetime | None
    analysed: int
    partial: int
    waiting: int
    seconds: float
    analysed_seconds: float
    new: tuple[Failure, ...]
    known: tuple[Failure, ...]
    acknowledged: tuple[Failure, ...]

    @property
    def recordings(self) -> int:
        """Number of recordings that were due."""
        return self.analysed + self.waiting + len(self.new)

    @property
    def headline(self) -> str:
        """The verdict in one line."""
        return f"{self.name}: {'; '.join((self._work, *self._problems))}"

    @property
    def _work(self) -> str:
        if not self.recordings:
            return "no new recordings"
        hours = f"{self.analysed_seconds / 3600:,.1f} of {self.seconds / 3600:,.1f} hours"
        if self.seconds < _AN_HOUR:
            hours = f"{clock(self.analysed_seconds)} of {clock(self.seconds)}"
        return f"{self.analysed:,} of {counted(self.recordings, 'recording')}, {hours}"

    @property
    def _problems(self) -> tuple[str, ...]:
        counts = {
            counted(len(self.new), "new failure"): len(self.new),
            f"{len(self.known):,} known": len(self.known),
            f"{len(self.acknowledged):,} acknowledged": len(self.acknowledged),
            f"{self.partial:,} only in part": self.partial,
            f"{self.waiting:,} not analysed yet": self.waiting,
        }
        return tuple(text for text, count in counts.items() if count) or ("no failures",)


def of(
    lake: str, channels: Sequence[str] | None = None, run: Iterable[Summary] = (), now: datetime | None = None
) -> Verdict:
    """The verdict on the night of the latest run.

    Args:
        lake: folder or URL.
        channels: only these; None: all.
        run: summaries of a run of this night: its failures count also where the lake keeps an earlier analysis.
        now: the present, with a time zone.

    Raises:
        LakeError: the lake cannot be read.
    """
    now = now or datetime.now(UTC)
    found = survey.take(lake, channels, run, now)
    day = evening(found.last_run or now, found.zone)
    begin = datetime.combine(day, _NOON, found.zone)
    done = found.analysed_since(begin)
    failed = [failure for failure in found.failures if failure.acknowledged is None]
    new = tuple(failure for failure in failed if failure.since >= begin)
    return Verdict(
        evening=day,
        name=_name(day, now.astimezone(found.zone)),
        last_run=found.last_run and found.last_run.astimezone(found.zone),
        analysed=len(done),
        partial=sum(row["status"] == Status.PARTIAL for row in done),
        waiting=len(found.waiting),
        seconds=sum(map(survey.seconds, (*done, *found.waiting))) + sum(failure.seconds for failure in new),
        analysed_seconds=sum(row["analysed_seconds"] for row in done),
        new=new,
        known=tuple(failure for failure in failed if failure.since < begin),
        acknowledged=tuple(failure for failure in found.failures if failure.acknowledged is not None),
    )


def _name(day: date, now: datetime) -> str:
    """The night as the present calls it."""
    if evening(now, now.tzinfo) == day and now.time() >= _NOON:
        return f"Since noon, {day.day} {day:%B}"
    days = period(day, day + _A_DAY)
    return f"Last night, {days}" if now.date() == day + _A_DAY else f"Night of {days} {day.year}"


def period(first: date, last: date) -> str:
    """Days for display: ``25-26 November``, ``30 November-1 December``."""
    month = f" {first:%B}" * (first.month != last.month)
    return f"{first.day}{month}-{last.day} {last:%B}"

"""Excluded intervals, as stretches of one recording."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gfpipe.archive import annotations
from gfpipe.choices import DateOrder

Interval = tuple[datetime, datetime]


class Exclusions:
    """Excluded intervals of an archive, by channel and time zone.

    Args:
        path: a table of channel, start, end and reason; None for no exclusions.
        dates: the order of dates in it, if it does not show it.
        zones: channel and time zone of the recordings.

    Raises:
        UsageError: the table is not valid.
    """

    def __init__(self, path: Path | None, dates: DateOrder | None, zones: Sequence[tuple[str, str]]) -> None:
        rows = [] if path is None else annotations.exclusions(path, zones, dates).to_pylist()
        self._of_zone: dict[tuple[str, str], list[Interval]] = {}
        for row in rows:
            self._of_zone.setdefault((row["channel"], row["timezone"]), []).append((row["starts"], row["ends"]))

    def of(self, recording: Mapping[str, Any], seconds: float) -> Iterator[tuple[float, float]]:
        """Start and length of what is excluded of a recording, in seconds from its start."""
        for starts, ends in self._of_zone.get((recording["channel"], recording["timezone"]), ()):
            first = max(0.0, (starts - recording["started_at"]).total_seconds())
            last = min(seconds, (ends - recording["started_at"]).total_seconds())
            if last > first:
                yield first, last - first

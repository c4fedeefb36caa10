"""Recordings of an archive: a folder read with a path pattern, or a manifest.

Invalid rows are rejected with a reason, and reported; the others are read.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import partial
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gfpipe.archive import folder, programmes
from gfpipe.archive.airtime import interval
from gfpipe.archive.folder import MEDIA, Contents
from gfpipe.archive.pattern import Pattern
from gfpipe.archive.programmes import Listed
from gfpipe.base.files import as_text
from gfpipe.choices import DateOrder
from gfpipe.errors import UsageError
from gfpipe.recording import Recording, Rejected


@dataclass(frozen=True)
class Manifest:
    """Contents of an archive: recordings in order of air time, rejected rows, and notes about the whole."""

    source: str
    recordings: tuple[Recording, ...]
    rejected: tuple[Rejected, ...] = ()
    notes: tuple[str, ...] = ()

    def between(self, since: date | None, until: date | None) -> "Manifest":
        """Select local days of the start from ``since`` to ``until``, inclusive."""

        def is_within(item: Recording | Rejected) -> bool:
            if item.start is None:
                return True
            day = item.start.date()
            return (since is None or day >= since) and (until is None or day <= until)

        return self._filter(is_within, f"starts from {since or 'the beginning'} to {until or 'the end'}")

    def on(self, channels: Collection[str] | None) -> "Manifest":
        """Select channels; None or empty selects all."""
        if not channels:
            return self
        known = sorted({recording.channel for recording in self.recordings})
        for channel in channels:
            if channel not in known:
                raise UsageError(f"{self.source}: no channel {channel!r}; choose one of {', '.join(known)}")
        return self._filter(lambda item: item.channel is None or item.channel in channels, "is on that channel")

    def _filter(self, condition: Callable[[Recording | Rejected], bool], description: str) -> "Manifest":
        recordings = tuple(filter(condition, self.recordings))
        if self.recordings and not recordings:
            first, last = self.recordings[0].start, self.recordings[-1].start
            raise UsageError(
                f"{self.source}: no recording {description}; they range from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
            )
        return replace(self, recordings=recordings, rejected=tuple(filter(condition, self.rejected)))


def read(archive: str | Path, pattern: str, timezone: str | None = None, dates: DateOrder | None = None) -> Manifest:
    """Read an archive: a folder, or a manifest (:mod:`gfpipe.archive.programmes`).

    Args:
        archive: folder, or CSV, XLSX or Parquet file; its relative paths are relative to its folder.
        pattern: pattern of a folder's paths, see :class:`gfpipe.archive.pattern.Pattern`.
        timezone: IANA name of the zone for starts without a zone, and to which others are converted.
        dates: order of dates such as 01/03/2024 in a manifest that does not show it.

    Raises:
        UsageError: the archive does not exist or has no valid recording; the pattern, zone or manifest is not valid.
    """
    try:
        path = Path(archive).expanduser().absolute()  # workers may have another working directory
    except RuntimeError as exc:
        raise UsageError(f"{archive}: {exc}") from exc
    zone, notes = _zone(timezone), list[str]()
    if path.is_dir():
        contents = folder.scan(str(path))
        rows = _folder_rows(path, Pattern(pattern), contents)
        notes = _notes(contents, rows)
    elif path.is_file():
        rows = programmes.read(path, dates)
    else:
        raise UsageError(f"{archive}: no such folder or manifest; is the archive mounted?")
    return replace(_manifest(str(path), rows, zone), notes=tuple(notes))


def _folder_rows(root: Path, pattern: Pattern, contents: Contents) -> list[Listed | Rejected]:
    rows: list[Listed | Rejected] = []
    for path in contents.files:
        if match := pattern.match(PurePath(path).relative_to(as_text(str(root))).as_posix()):
            rows.append(Listed(PurePath(path).name, path, match.channel, match.programme, match.start))
        else:
            rows.append(Rejected(path, f"the path does not fit the pattern {pattern.text!r}"))
    if not rows and contents.problems:
        raise UsageError(f"{contents.problems[0].path}: {contents.problems[0].problem}")
    if not rows:
        raise UsageError(f"{root}: no recordings in it; their extensions are {', '.join(sorted(MEDIA))}")
    if all(isinstance(row, Rejected) for row in rows):
        first = PurePath(rows[0].path).relative_to(as_text(str(root)))
        raise UsageError(
            f"{root}: none of {len(rows)} media files fits the pattern {pattern.text!r}; the first is {first}. Give "
            "another pattern with --pattern"
        )
    return [*rows, *contents.problems]


def _notes(contents: Contents, rows: Sequence[Listed | Rejected]) -> list[str]:
    notes = []
    if contents.passed_over:
        others = contents.passed_over.most_common()
        counts = (f"{count} .{ending}" if ending else f"{count} without ending" for ending, count in others)
        notes.append(f"passed over, as their endings are not those of videos: {', '.join(counts)}")
    starts = [row.start for row in rows if isinstance(row, Listed)]
    if len(starts) > 1 and not any(start.time() != time() for start in starts):
        notes.append(
            f"all {len(starts)} recordings start at 00:00: if their paths contain the time, give a --pattern with "
            "{time}"
        )
    return notes


def _manifest(source: str, rows: Sequence[Listed | Rejected], zone: ZoneInfo | None) -> Manifest:
    """Resolve local times, order recordings by air time, and reject duplicates."""
    recordings: dict[str, Recording] = {}
    rejected = [row for row in rows if isinstance(row, Rejected)]
    places: dict[str, str] = {}  # where each file is listed
    ends: dict[str, datetime] = {}  # of the row before, by channel
    for row in rows:
        if isinstance(row, Rejected):
            continue
        reject = partial(Rejected, row.path, channel=row.channel, programme=row.programme)
        try:
            start, end = interval(row.start, row.ends, zone, ends.get(row.channel))
            # Timestamps, because datetimes of one zone are subtracted as local times.
            seconds = None if end is None else end.timestamp() - start.timestamp()
            recording = Recording(row.path, row.channel, row.programme, start, seconds)
        except UsageError as exc:
            rejected.append(reject(f"{row.place}: {exc}"))
            continue
        ends[row.channel] = end or start
        if (place := places.setdefault(os.path.normpath(row.path), row.place)) is not row.place:
            problem = f"the file is listed in {place} already; list it once, from its first programme to its end"
            rejected.append(reject(f"{row.place}: {problem}", start=start))
            continue
        first = recordings.setdefault(recording.recording_id, recording)
        if first is not recording:
            problem = f"same channel, start and programme as {first.path}, which is analysed; remove one of the two"
            rejected.append(reject(f"{row.place}: {problem}", start=start))
    if not recordings:
        raise UsageError(f"{source}: none of its {len(rows)} rows is valid; the first: {rejected[0].problem}")
    ordered = sorted(recordings.values(), key=lambda row: (row.start.timestamp(), row.channel, row.path))
    return Manifest(source, tuple(ordered), tuple(rejected))


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise UsageError(f"--timezone {name!r} is unknown; use an IANA name such as Europe/Paris or UTC") from exc

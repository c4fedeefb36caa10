"""Recordings of an archive: a folder read with a path pattern, or a manifest.

Invalid rows are rejected with a reason, and reported; the others are read.
"""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gfpipe.archive import folder, guided, parts, programmes, single
from gfpipe.archive.airtime import interval
from gfpipe.archive.folder import MEDIA, Contents
from gfpipe.archive.guided import Timed
from gfpipe.archive.guides.guide import Guide
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


def read(
    archive: str | Path,
    pattern: str,
    timezone: str | None = None,
    dates: DateOrder | None = None,
    guide: str | Path | None = None,
    guide_timezone: str | None = None,
    *,
    channel: str | None = None,
    start: str | None = None,
) -> Manifest:
    """Read an archive: a folder, a manifest (:mod:`gfpipe.archive.programmes`), or one recording.

    Args:
        archive: folder, CSV, XLSX or Parquet file, whose relative paths are relative to its folder, or media file.
        pattern: pattern of a folder's paths, see :class:`gfpipe.archive.pattern.Pattern`.
        timezone: IANA name of the zone for starts without a zone, and to which others are converted.
        dates: order of dates such as 01/03/2024 in a manifest that does not show it.
        guide: programme guide, a file or folder: names recordings without a programme (:mod:`gfpipe.archive.guided`).
        guide_timezone: IANA name of the zone of the guide's times without an offset; None: UTC, as XMLTV defines.
        channel: channel of one recording, if its path does not tell it; others ignore it.
        start: start on air of one recording, if its path does not tell it.

    Raises:
        UsageError: the archive does not exist or has no valid recording; the pattern, a zone, the manifest or the guide
            is not valid.
    """
    try:
        path = Path(archive).expanduser().absolute()  # workers may have another working directory
    except RuntimeError as exc:
        raise UsageError(f"{archive}: {exc}") from exc
    zone, notes = _zone(timezone, "--timezone"), list[str]()
    programme_guide = guide and Guide.read(guide, _zone(guide_timezone, "--guide-timezone") or UTC)
    if start is not None and not path.is_file():
        raise UsageError(f"{archive}: --start is for an archive that is one file")
    if path.is_dir():
        contents = folder.scan(str(path))
        rows = _folder_rows(path, Pattern(pattern), contents)
        notes = _notes(contents, rows)
    elif path.is_file() and single.is_recording(path, start):
        rows = [single.listed(path, Pattern(pattern), channel, start, dates)]
    elif path.is_file():
        rows = programmes.read(path, dates)
    else:
        raise UsageError(f"{archive}: no such folder or manifest; is the archive mounted?")
    timed, rejected = _timed(rows, zone)
    if programme_guide:
        timed, more = guided.complete(timed, programme_guide)
        notes += more
    return replace(_manifest(str(path), timed, rejected), notes=tuple(notes))


def _folder_rows(root: Path, pattern: Pattern, contents: Contents) -> list[Listed | Rejected]:
    rows: list[Listed | Rejected] = []
    for path in contents.files:
        if match := pattern.match(PurePath(path).relative_to(as_text(str(root))).as_posix()):
            name = PurePath(path).name
            rows.append(Listed(name, path, match.channel, match.programme, match.start, part=match.part))
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
    return [*parts.placed(rows), *contents.problems]


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


def _timed(rows: Sequence[Listed | Rejected], zone: ZoneInfo | None) -> tuple[list[Timed], list[Rejected]]:
    """Resolve local times."""
    timed: list[Timed] = []
    rejected = [row for row in rows if isinstance(row, Rejected)]
    ends: dict[str, datetime] = {}  # of the row before, by channel
    for row in rows:
        if isinstance(row, Rejected):
            continue
        try:
            start, end = interval(row.start, row.ends, zone, ends.get(row.channel))
        except UsageError as exc:
            rejected.append(_rejected(row, str(exc)))
            continue
        ends[row.channel] = end or start
        timed.append(Timed(row, _later(start, row.seconds_before), end))
    return timed, rejected


def _later(start: datetime, seconds: float) -> datetime:
    """A moment after a start, in its zone; local times are added without changes of the clock."""
    return (start.astimezone(UTC) + timedelta(seconds=seconds)).astimezone(start.tzinfo) if seconds else start


def _manifest(source: str, timed: Sequence[Timed], rejected: list[Rejected]) -> Manifest:
    """Order recordings by air time, and reject duplicates."""
    recordings: dict[str, Recording] = {}
    places: dict[str, str] = {}  # where each file is listed
    for item in timed:
        row, start = item.listed, item.start
        # Timestamps, because datetimes of one zone are subtracted as local times.
        seconds = None if item.end is None else item.end.timestamp() - start.timestamp()
        recording = Recording(row.path, row.channel, row.programme or row.channel, start, seconds)
        if (place := places.setdefault(os.path.normpath(row.path), row.place)) is not row.place:
            problem = f"the file is listed in {place} already; list it once, from its first programme to its end"
            rejected.append(_rejected(row, problem, start))
            continue
        first = recordings.setdefault(recording.recording_id, recording)
        if first is not recording:
            problem = f"same channel, start and programme as {first.path}, which is analysed; remove one of the two, "
            problem += "or give a pattern with {part} if they are parts of one recording"
            rejected.append(_rejected(row, problem, start))
    if not recordings:
        raise UsageError(f"{source}: none of its {len(rejected)} rows is valid; the first: {rejected[0].problem}")
    ordered = sorted(recordings.values(), key=lambda row: (row.start.timestamp(), row.channel, row.path))
    return Manifest(source, tuple(ordered), tuple(rejected))


def _rejected(row: Listed, problem: str, start: datetime | None = None) -> Rejected:
    return Rejected(row.path, f"{row.place}: {problem}", row.channel, row.programme or row.channel, start)


def _zone(name: str | None, option: str) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise UsageError(f"{option} {name!r} is unknown; use an IANA name such as Europe/Paris or UTC") from exc

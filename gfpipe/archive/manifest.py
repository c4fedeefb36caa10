"""Recordings of an archive: a folder read with a path pattern, or a CSV or Parquet manifest.

Invalid rows are rejected with a reason, and reported; the others are read.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from gfpipe.archive.pattern import Pattern
from gfpipe.errors import UsageError
from gfpipe.recording import Recording, Rejected

MEDIA: Final = frozenset(
    "3gp asf avi dv flv m2t m2ts m2v m4v mkv mov mp4 mpeg mpg mts mxf ogv ts vob webm wmv".split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Manifest:
    """Contents of an archive: recordings in order of air time, and rejected rows."""

    source: str
    recordings: tuple[Recording, ...]
    rejected: tuple[Rejected, ...] = ()

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


def read(archive: str | Path, pattern: str, timezone: str | None = None) -> Manifest:
    """Read an archive: a folder, or a manifest with columns path, channel, programme, start and optionally end.

    Args:
        archive: folder, or ``.csv``/``.parquet`` file; its relative paths are relative to its folder.
        pattern: pattern of a folder's paths, see :class:`gfpipe.archive.pattern.Pattern`.
        timezone: IANA name of the zone for starts without a zone, and to which others are converted.

    Raises:
        UsageError: the archive does not exist or has no valid recording; the pattern, zone or manifest is not valid.
    """
    path, zone = Path(archive).expanduser().absolute(), _zone(timezone)  # workers may have another working directory
    if path.is_dir():
        rows = _folder_rows(path, Pattern(pattern))
    elif path.is_file():
        rows = _manifest_rows(path)
    else:
        raise UsageError(f"{archive}: no such folder or manifest; is the archive mounted?")
    return _manifest(str(path), [_with_zone(row, zone) for row in rows])


_Row = Recording | Rejected


@dataclass(frozen=True)
class _Naive:
    """A valid row, before its time zone is resolved."""

    path: str
    channel: str
    programme: str
    start: datetime
    end: datetime | None = None


def _folder_rows(folder: Path, pattern: Pattern) -> list[_Naive | Rejected]:
    rows: list[_Naive | Rejected] = []
    for path in sorted(_media_files(folder)):
        if match := pattern.match(path.relative_to(folder).as_posix()):
            rows.append(_Naive(str(path), match.channel, match.programme, match.start))
        else:
            rows.append(Rejected(str(path), f"the path does not fit the pattern {pattern.text!r}"))
    if not rows:
        raise UsageError(f"{folder}: no recordings in it; their extensions are {', '.join(sorted(MEDIA))}")
    if all(isinstance(row, Rejected) for row in rows):
        raise UsageError(
            f"{folder}: none of {len(rows)} media files fits the pattern {pattern.text!r}; "
            f"the first is {Path(rows[0].path).relative_to(folder)}. Give another pattern with --pattern"
        )
    return rows


def _media_files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower().lstrip(".") in MEDIA and not path.is_dir():
            yield path


def _manifest_rows(path: Path) -> list[_Naive | Rejected]:
    try:
        if path.suffix.lower() == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except Exception as exc:
        raise UsageError(f"{path}: cannot be read as a CSV or Parquet manifest: {exc}") from exc
    if missing := {"path", "channel", "programme", "start"} - set(table.columns):
        raise UsageError(
            f"{path}: columns missing: {', '.join(sorted(missing))}; a manifest has path, channel, programme, start "
            "and optionally end"
        )
    if table.empty:
        raise UsageError(f"{path}: the manifest has no rows")
    return [_manifest_row(path, number, row) for number, row in enumerate(table.to_dict(orient="records"), start=2)]


def _manifest_row(manifest: Path, number: int, row: dict[Any, Any]) -> _Naive | Rejected:
    text = {key: "" if pd.isna(value) else str(value).strip() for key, value in row.items()}
    file = str(manifest.parent / text["path"]) if text["path"] and "://" not in text["path"] else text["path"]
    where = f"{manifest.name}, row {number}"
    reject = partial(Rejected, file or where, channel=text["channel"] or None, programme=text["programme"] or None)
    for key in ("path", "channel", "start"):
        if not text[key]:
            return reject(f"{where}: {key} is empty")
    try:
        start = datetime.fromisoformat(text["start"])
        end = datetime.fromisoformat(text["end"]) if text.get("end") else None
    except ValueError as exc:
        return reject(f"{where}: {exc}; write times as 2001-03-04T20:00:00+01:00")
    return _Naive(file, text["channel"], text["programme"] or text["channel"], start, end)


def _with_zone(row: _Naive | Rejected, zone: ZoneInfo | None) -> _Row:
    if isinstance(row, Rejected):
        return row
    reject = partial(Rejected, row.path, channel=row.channel, programme=row.programme)
    start, end = (_localise(moment, zone) for moment in (row.start, row.end))
    if start is None or start.tzinfo is None or (end is not None and end.tzinfo is None):
        return reject(f"the start {row.start:%Y-%m-%d %H:%M} has no time zone; give one with --timezone Europe/Paris")
    scheduled = None if end is None else end.timestamp() - start.timestamp()  # also across daylight saving time
    try:
        return Recording(row.path, row.channel, row.programme, start, scheduled)
    except UsageError as exc:
        return reject(str(exc), start=start)


def _localise(moment: datetime | None, zone: ZoneInfo | None) -> datetime | None:
    if moment is None or zone is None:
        return moment
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def _manifest(source: str, rows: list[_Row]) -> Manifest:
    """Order recordings by air time, and reject duplicates."""
    recordings: dict[str, Recording] = {}
    rejected = [row for row in rows if isinstance(row, Rejected)]
    for row in rows:
        if isinstance(row, Rejected):
            continue
        first = recordings.setdefault(row.recording_id, row)
        if first is not row:
            problem = f"same channel, start and programme as {first.path}, which is analysed; remove one of the two"
            rejected.append(Rejected(row.path, problem, row.channel, row.programme, row.start))
    if not recordings:
        raise UsageError(f"{source}: none of its {len(rows)} rows is valid; the first: {rejected[0].problem}")
    ordered = sorted(recordings.values(), key=lambda row: (row.start.timestamp(), row.channel, row.path))
    return Manifest(source, tuple(ordered), tuple(rejected))


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise UsageError(f"--timezone {name!r} is unknown; use an IANA name such as Europe/Paris or UTC") from exc

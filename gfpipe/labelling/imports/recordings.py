"""Finds the recordings of a lake by id, path, or part of a path."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow.compute as pc

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import schema
from gfpipe.lake.index import earlier
from gfpipe.lake.storage import Storage

_IDS: Final = ("recording_id", "path")
_COLUMNS: Final = {
    "schedule": _IDS,
    "recordings": (*_IDS, "duration_seconds", "analysed_seconds", "lost_seconds", "width", "height"),
}


@dataclass(frozen=True)
class KnownRecording:
    """A recording of the lake, its duration, and the size of its frames in pixels; None if unknown."""

    recording_id: str
    path: str
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


class Recordings:
    """Index of recordings by id and by the last components of their paths."""

    def __init__(self, recordings: Iterable[KnownRecording]) -> None:
        self._by_id = {recording.recording_id: recording for recording in recordings}
        # by the last one, two and three components of each path, with and without the file extension
        self._by_suffix: dict[tuple[str, ...], list[KnownRecording]] = defaultdict(list)
        for recording in self._by_id.values():
            *folders, name = _parts(recording.path)
            for spelling in {name, PurePosixPath(name).stem}:
                path = (*folders, spelling)
                for suffix in {path[-1:], path[-2:], path[-3:]}:
                    self._by_suffix[suffix].append(recording)

    def named(self, name: str) -> KnownRecording:
        """Return the recording with this id, this path, or the only one whose path ends in `name` (whole components).

        Raises:
            UsageError: there is none, or more than one.
        """
        if name in self._by_id:
            return self._by_id[name]
        parts = _parts(name)
        matches = [
            recording
            for recording in self._by_suffix.get(parts[-3:], ())
            if _parts(recording.path)[-len(parts) :] == parts
        ]
        exact = [recording for recording in matches if _parts(recording.path) == parts]
        return _only(name, exact or matches, "give more of its path, or its recording_id")

    def beside(self, file: PurePosixPath, mirrored: int = 1) -> KnownRecording:
        """Return the recording that a file of another kind is about: ``south/news.csv`` or ``news.mp4.csv``.

        Of several with that name, the one that shares the most folders with the file, counted from the last. At least
        `mirrored` trailing components must match the recording's path.

        Raises:
            UsageError: there is none, or more than one.
        """
        parts = _parts(str(file.with_suffix("")))
        candidates = next(filter(None, (self._by_suffix.get(parts[-count:]) for count in (3, 2, 1))), [])
        shared = [1 + _shared(_parts(recording.path)[:-1], parts[:-1]) for recording in candidates]
        most = max(shared, default=0)
        nearest = [recording for recording, count in zip(candidates, shared, strict=True) if count == most >= mirrored]
        return _only("/".join(parts[-mirrored:]), nearest, "put the file into folders named like the archive's")


def read(lake: str) -> Recordings:
    """Read all recordings that were analysed or scheduled.

    Raises:
        LakeError: the lake does not exist, has no recordings, or cannot be read.
    """
    recordings = {
        row["recording_id"]: KnownRecording(row["recording_id"], row["path"]) for row in _rows(lake, "schedule")
    }
    for row in _rows(lake, "recordings"):
        # MPEG-TS declares no duration; decoded and lost time are all there is
        seconds = max(row["duration_seconds"] or 0.0, row["analysed_seconds"] + row["lost_seconds"]) or None
        recording = KnownRecording(row["recording_id"], row["path"], seconds, row["width"], row["height"])
        recordings[recording.recording_id] = recording
    if not recordings:
        raise LakeError(f"{lake}: there are no recordings in this lake; run: gfpipe analyse ARCHIVE --lake {lake}")
    return Recordings(recordings.values())


def _rows(lake: str, table: str) -> list[dict[str, Any]]:
    if table == "recordings":
        data = earlier.every(lake).select(_COLUMNS[table])
    else:
        condition = pc.field("recording_id").is_valid()
        data = Storage(lake).scan((table, f"v{schema.VERSION}"), schema.TABLES[table], _COLUMNS[table], condition)
    rows: list[dict[str, Any]] = [] if data is None else data.to_pylist()
    return rows


def _parts(path: str) -> tuple[str, ...]:
    """Split a path; in NFC, as file systems and spreadsheets spell accents differently."""
    return PurePosixPath(unicodedata.normalize("NFC", path)).parts or ("",)


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _only(name: str, matches: Sequence[KnownRecording], advice: str) -> KnownRecording:
    if not matches:
        raise UsageError(f"no recording of the lake has the id {name!r}, or a path that ends so")
    if len(matches) > 1:
        paths = ", ".join(recording.path for recording in matches[:3]) + (", …" if len(matches) > 3 else "")
        raise UsageError(f"{name!r} is the end of {len(matches)} paths ({paths}); {advice}")
    return matches[0]

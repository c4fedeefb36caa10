"""Which recordings a lake knows, and which of them a name means."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow.dataset as ds

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage

_COLUMNS: Final = {
    "schedule": ("recording_id", "path"),
    "recordings": (
        *("recording_id", "path", "duration_seconds", "analysed_seconds", "lost_seconds"),
        *("width", "height"),
    ),
}


@dataclass(frozen=True)
class Known:
    """What there is to hold a label against.

    Attributes:
        recording_id: the lake's name for it.
        path: where the archive has it.
        seconds: how long it is; None where nothing says it.
        width: pixels of its frames; None where none was decoded yet.
        height: the same.
    """

    recording_id: str
    path: str
    seconds: float | None = None
    width: int | None = None
    height: int | None = None


class Recordings:
    """Finds recordings by id, by path, or by the end of a path that only one of them has."""

    def __init__(self, known: Iterable[Known]) -> None:
        self._by_id = {recording.recording_id: recording for recording in known}
        # by the last one, two and three parts of each path, with and without what the file name ends in
        self._by_end: dict[tuple[str, ...], list[Known]] = defaultdict(list)
        for recording in self._by_id.values():
            *folders, name = _parts(recording.path)
            for each in {name, PurePosixPath(name).stem}:
                path = (*folders, each)
                for end in {path[-1:], path[-2:], path[-3:]}:
                    self._by_end[end].append(recording)

    def named(self, name: str) -> Known:
        """The recording whose id or path is `name`, or whose path alone ends in it (whole folders and file name).

        Raises:
            UsageError: there is none, or more than one.
        """
        if name in self._by_id:
            return self._by_id[name]
        parts = _parts(name)
        ends = [each for each in self._by_end.get(parts[-3:], ()) if _parts(each.path)[-len(parts) :] == parts]
        whole = [each for each in ends if _parts(each.path) == parts]  # a whole path may be the end of another
        return _only(name, whole or ends, "give more of its path, or its recording_id")

    def beside(self, file: PurePosixPath, mirrored: int = 1) -> Known:
        """The recording that a file of another kind is about: ``south/news.csv`` or ``news.mp4.csv``.

        Of recordings of that name, the one that shares the most folders with it, from the last upwards.

        Args:
            file: where the file is.
            mirrored: how many parts of its path, from the last, must be those of the recording's path.

        Raises:
            UsageError: there is none, or more than one.
        """
        parts = _parts(str(file.with_suffix("")))
        candidates = next(filter(None, (self._by_end.get(parts[-count:]) for count in (3, 2, 1))), [])
        sharing = [(1 + _shared(_parts(each.path)[:-1], parts[:-1]), each) for each in candidates]
        most = max((shared for shared, _ in sharing), default=0)
        nearest = [each for shared, each in sharing if shared == most >= mirrored]
        return _only("/".join(parts[-mirrored:]), nearest, "put the file into folders named as the archive's")


def read(lake: str) -> Recordings:
    """Every recording that was analysed or scheduled.

    Raises:
        LakeError: there is no such lake, nothing in it, or it cannot be read.
    """
    known = {row["recording_id"]: Known(row["recording_id"], row["path"]) for row in _rows(lake, "schedule")}
    for row in _rows(lake, "recordings"):
        # a file of MPEG-TS promises nothing, and what was decoded and lost is all there is
        seconds = max(row["duration_seconds"] or 0.0, row["analysed_seconds"] + row["lost_seconds"]) or None
        known[row["recording_id"]] = Known(row["recording_id"], row["path"], seconds, row["width"], row["height"])
    if not known:
        raise LakeError(f"{lake}: there are no recordings in this lake; run: gfpipe analyse ARCHIVE --lake {lake}")
    return Recordings(known.values())


def _rows(lake: str, table: str) -> list[dict[str, Any]]:
    wanted = ds.field("recording_id").is_valid()
    found = Storage(lake).scan((table, f"v{schema.VERSION}"), schema.TABLES[table], _COLUMNS[table], wanted)
    rows: list[dict[str, Any]] = [] if found is None else found.to_pylist()
    return rows


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(_normal(path)).parts or ("",)


def _normal(text: str) -> str:
    """One spelling for letters with accents: file systems and spreadsheets use two."""
    return unicodedata.normalize("NFC", text)


def _shared(some: Sequence[str], others: Sequence[str]) -> int:
    """How many parts two paths share, counted from their ends."""
    count = 0
    for one, other in zip(reversed(some), reversed(others), strict=False):
        if one != other:
            break
        count += 1
    return count


def _only(name: str, found: Sequence[Known], what_to_do: str) -> Known:
    if not found:
        raise UsageError(f"no recording of the lake has the id {name!r}, or a path that ends so")
    if len(found) > 1:
        names = ", ".join(recording.path for recording in found[:3]) + (", …" if len(found) > 3 else "")
        raise UsageError(f"{name!r} is the end of {len(found)} paths ({names}); {what_to_do}")
    return found[0]

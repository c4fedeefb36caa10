"""The warehouse as the views read it: one session, opened again after every publishing."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

from gfpipe import warehouse
from gfpipe.archive import annotations
from gfpipe.errors import UsageError
from gfpipe.estimates.published import contained
from gfpipe.estimates.question import Question
from gfpipe.pages.view.filters import Filter
from gfpipe.recording import Recording, in_zone
from gfpipe.warehouse import Warehouse

Row = Mapping[str, Any]


class Figures:
    """Answers questions about a published lake; thread-safe.

    Args:
        lake: its folder.
        programmes: a table of programmes and their genre.

    Raises:
        LakeError: the lake was never published, or cannot be read.
        UsageError: the table of programmes is not valid.
    """

    def __init__(self, lake: str, programmes: Path | None = None) -> None:
        self.lake = lake
        self.genres = _genres(programmes)
        self._lock = Lock()
        self._db, self._version = warehouse.open(lake), (0, 0)
        self._version = self._current()
        self._rows = lru_cache(64)(self._uncached)
        self._measured = lru_cache(32)(self._measure)

    def ask(self, name: str, given: Filter | None = None, **parameters: object) -> list[dict[str, Any]]:
        """Rows of a question of ``sql/questions/view``."""
        bound = {} if given is None else {"filter": given.bound(self.genres)}
        with self._lock:
            self._refresh()
            return list(self._db.ask(name, {**bound, **parameters}).to_pylist())

    def choices(self) -> Row:
        """First and last day, channels and programmes of the archive."""
        return self._rows("view_choices", self._current())[0]

    def recording(self, recording_id: str) -> Row:
        """The newest analysis of a recording; raises UsageError if the archive has none of that id."""
        rows = self.ask("view_recording", recording_id=recording_id)
        if not rows:
            raise UsageError(f"the archive has no recording {recording_id}")
        return rows[0]

    def measured(self, given: Filter, by: str) -> list[dict[str, Any]]:
        """Figures by one column with their 95 % intervals; they take seconds, but are remembered."""
        return self._measured(given, by, self._current())

    def published(self, given: Filter, by: str) -> list[dict[str, Any]] | None:
        """The same from the published estimates; None if they do not contain them."""
        with self._lock:
            self._refresh()
            table = contained(self._db, (by,)) if given == Filter() else None
        return None if table is None else table.to_pylist()

    def close(self) -> None:
        """Close the warehouse."""
        self._db.close()

    def _uncached(self, name: str, _: object) -> list[dict[str, Any]]:
        return self.ask(name)

    def _measure(self, given: Filter, by: str, _: object) -> list[dict[str, Any]]:
        from gfpipe.estimates.measure import measure  # noqa: PLC0415 - importing scipy takes long

        question: Question = replace(given.question(self.genres), by=(by,))
        with warehouse.open(self.lake) as db:  # its own session: others need not wait
            return list(measure(db, question).to_pylist())

    def _current(self) -> tuple[int, int]:
        found = self._db.path.stat()
        return found.st_ino, found.st_mtime_ns

    def _refresh(self) -> None:
        """Open the warehouse again if it was published anew."""
        if (version := self._current()) != self._version:
            db: Warehouse = warehouse.open(self.lake)
            self._db.close()
            self._db, self._version = db, version


def recording_of(row: Row) -> Recording:
    """The recording of a row that has its path, channel, programme, started_at and timezone."""
    return Recording(row["path"], row["channel"], row["programme"], in_zone(row["started_at"], row["timezone"]))


def _genres(path: Path | None) -> dict[str, frozenset[str]]:
    """The programmes of each genre, the first class of a table of programmes."""
    if path is None:
        return {}
    table = annotations.classes(path, "programme")
    genres: dict[str, set[str]] = {}
    for programme, genre in zip(table["programme"].to_pylist(), table.column(1).to_pylist(), strict=True):
        if genre is not None:
            genres.setdefault(genre, set()).add(programme)
    return {genre: frozenset(programmes) for genre, programmes in sorted(genres.items())}

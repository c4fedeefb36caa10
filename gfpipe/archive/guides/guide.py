"""A programme guide: finds the programme of a channel at a moment."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from gfpipe.archive.guides import files
from gfpipe.archive.guides.broadcasts import Broadcast, Contents
from gfpipe.errors import UsageError
from gfpipe.tables import sheet

NEAR_SECONDS: Final = 15 * 60.0  # recorders start early or late by less
_LONGEST_SECONDS: Final = 2 * 24 * 3600.0  # of a programme
_MOST_LISTED: Final = 3


@dataclass(frozen=True)
class Found:
    """The programme of a recording.

    Attributes:
        title: of the programme.
        stop: its end; None if the recording begins in the middle of it, or if its end is not listed.
    """

    title: str
    stop: datetime | None


class Guide:
    """The broadcasts of all channels by time."""

    def __init__(self, source: str, contents: Sequence[tuple[str, Contents]], zone: tzinfo = UTC) -> None:
        self.source = source
        self.notes: list[str] = []
        self._broadcasts: dict[str, list[Broadcast]] = {}
        self._ids: dict[str, set[str]] = defaultdict(set)  # of each name
        for name, content in contents:
            for key, names in content.names.items():
                for written in names:
                    self._ids[sheet.key(written)].add(key)
            self._merge(content)
            self._note(name, content, zone)
        self._starts = {
            channel: [item.start.timestamp() for item in items] for channel, items in self._broadcasts.items()
        }

    @classmethod
    def read(cls, path: str | Path, zone: tzinfo = UTC) -> "Guide":
        """Read a file or folder, see :func:`gfpipe.archive.guides.files.read`; raises UsageError."""
        path = Path(path)
        return cls(str(path), files.read(path, zone), zone)

    def channels(self) -> list[str]:
        """The ids of the channels that have programmes, in order."""
        return sorted(self._broadcasts)

    def channel(self, name: str) -> str | None:
        """The id of a channel by its id or one of its names; case, spaces, hyphens and underscores do not matter.

        Raises:
            UsageError: several channels have this name.
        """
        if name in self._broadcasts:
            return name
        ids = self._ids.get(sheet.key(name), set()) & self._broadcasts.keys()
        if len(ids) > 1:
            raise UsageError(
                f"{self.source}: {name!r} is a name of the channels {', '.join(sorted(ids))}; name the archive's "
                "channel after one of these ids, or remove the others from the guide"
            )
        return next(iter(ids), None)

    def at(self, name: str, start: datetime) -> Found | None:
        """The programme of a recording that begins at `start`.

        It is the one whose start is nearest, if it is less than 15 minutes away, else the one on air; of those that
        overlap, the one that began last.

        Raises:
            UsageError: several channels have this name.
        """
        if (channel := self.channel(name)) is None:
            return None
        items, starts, moment = self._broadcasts[channel], self._starts[channel], start.timestamp()
        after = bisect_left(starts, moment)
        near = [place for place in (after, after - 1) if 0 <= place < len(items)]
        nearest = min(near, key=lambda place: abs(starts[place] - moment))
        if abs(starts[nearest] - moment) < NEAR_SECONDS:
            stop = items[nearest].stop
            return Found(items[nearest].title, stop if stop is not None and stop > start else None)
        for place in range(after - 1, -1, -1):
            if moment - starts[place] > _LONGEST_SECONDS:
                break
            if (stop := items[place].stop) is not None and stop > start:
                return Found(items[place].title, None)
        return None

    def _merge(self, content: Contents) -> None:
        """Add a file; where it covers a time that earlier ones list, it replaces them, as it is newer."""
        new: dict[str, dict[float, Broadcast]] = defaultdict(dict)
        for item in content.broadcasts:
            first = new[item.channel].setdefault(item.start.timestamp(), item)
            if first is not item and first.title != item.title:
                content.problems.append(f"{item.place}: it begins together with {first.title!r}, {first.place}")
        for channel, items in new.items():
            ordered = [items[start] for start in sorted(items)]
            from_, until = ordered[0].start, ordered[-1].start
            kept = [item for item in self._broadcasts.get(channel, ()) if not from_ <= item.start <= until]
            merged = sorted([*kept, *ordered], key=lambda item: item.start.timestamp())
            self._broadcasts[channel] = list(_with_ends(merged))

    def _note(self, name: str, content: Contents, zone: tzinfo) -> None:
        if count := content.without_offset:
            self.notes.append(
                f"{name}: {count} times have no offset from UTC; they are read as {zone}. Give --guide-timezone if "
                "they are in another zone"
            )
        if problems := content.problems:
            more = [f"and {len(problems) - _MOST_LISTED} more"] if len(problems) > _MOST_LISTED else []
            self.notes.append("left out of the guide: " + "; ".join([*problems[:_MOST_LISTED], *more]))


def _with_ends(ordered: Sequence[Broadcast]) -> Iterable[Broadcast]:
    """A programme without an end lasts until the next one."""
    for item, following in zip(ordered, [*ordered[1:], None], strict=True):
        yield replace(item, stop=following.start) if item.stop is None and following is not None else item

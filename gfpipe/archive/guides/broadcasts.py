"""The content of a programme guide's file: channels with their names, and broadcasts."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Broadcast:
    """A programme on air.

    Attributes:
        place: where it is listed, such as ``guide.xml, line 12``.
        channel: id of the channel in the guide.
        title: first title.
        start: with a time zone.
        stop: None if it is not listed.
    """

    place: str
    channel: str
    title: str
    start: datetime
    stop: datetime | None


@dataclass
class Contents:
    """What a file lists, as it is being read.

    Attributes:
        names: names of each channel by its id.
        broadcasts: in the order of the file.
        problems: what was left out, with its line.
        without_offset: number of times without an offset from UTC.
    """

    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    broadcasts: list[Broadcast] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    without_offset: int = 0

    def add(self, place: str, channel: str, title: str, start: datetime, stop: datetime | None) -> None:
        """Add a broadcast.

        Raises:
            ValueError: it has no channel or title, or ends before it starts.
        """
        if not channel or not title:
            raise ValueError(f"it has no {'title' if channel else 'channel'}")
        if stop is not None and stop <= start:
            raise ValueError(f"its end {stop:%Y-%m-%d %H:%M:%S %z} is not after its start {start:%Y-%m-%d %H:%M:%S %z}")
        self.names[channel].add(channel)
        self.broadcasts.append(Broadcast(place, channel, unicodedata.normalize("NFC", title), start, stop))

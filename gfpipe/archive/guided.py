"""Recordings completed by a programme guide: their programme, if they have none of their own, and their end."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from gfpipe.archive.guides.guide import Guide
from gfpipe.archive.programmes import Listed

_MOST_LISTED: Final = 10


@dataclass(frozen=True)
class Timed:
    """A listed recording, and when it is on air."""

    listed: Listed
    start: datetime
    end: datetime | None


def complete(recordings: Sequence[Timed], guide: Guide) -> tuple[list[Timed], list[str]]:
    """Give recordings the programme and the end that the guide has for them; returns them with notes.

    An end is taken from the guide if the recording begins with its programme, and no later than the next recording of
    the channel begins: a programme may be recorded in several files.

    Raises:
        UsageError: several channels of the guide have the name of a channel.
    """
    following = _following(recordings)
    completed = []
    for item in recordings:
        listed, end = item.listed, item.end
        if found := guide.at(listed.channel, item.start):
            listed = replace(listed, programme=listed.programme or found.title)
            if end is None and found.stop is not None:
                begins = following.get((listed.channel, item.start.timestamp()), float("inf"))
                end = datetime.fromtimestamp(min(found.stop.timestamp(), begins), item.start.tzinfo)
        completed.append(replace(item, listed=listed, end=end))
    return completed, [*guide.notes, *_notes(recordings, completed, guide)]


def _following(recordings: Sequence[Timed]) -> dict[tuple[str, float], float]:
    """When the next recording of a channel begins, by channel and start; in seconds since 1970."""
    keys = sorted({(item.listed.channel, item.start.timestamp()) for item in recordings})
    return {one: other[1] for one, other in pairwise(keys) if one[0] == other[0]}


def _notes(before: Sequence[Timed], after: Sequence[Timed], guide: Guide) -> list[str]:
    notes = []
    unknown = sorted({item.listed.channel for item in before if guide.channel(item.listed.channel) is None})
    if unknown:
        names = guide.channels()
        more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
        notes.append(
            f"{guide.source} has no programmes of {', '.join(unknown[:_MOST_LISTED])}; its channels are "
            f"{', '.join(names[:_MOST_LISTED])}{more}"
        )
    nameless = [item for item in before if not item.listed.programme]
    if left := [item.listed.path for item in after if not item.listed.programme]:
        notes.append(
            f"{guide.source} names {len(nameless) - len(left)} of {len(nameless)} recordings without a programme; the "
            f"others, such as {left[0]}, are named after their channel"
        )
    return notes

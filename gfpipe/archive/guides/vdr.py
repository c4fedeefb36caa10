"""The file ``epg.data`` of the Video Disk Recorder, in which many programs store guides.

Source: VDR's manual page vdr(5), section EPG DATA. A line begins with a letter: ``C`` a channel, ``E`` an event with
id, start (Unix time) and seconds, ``T`` its title, ``e`` and ``c`` the ends of both.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from gfpipe.archive.guides.broadcasts import Contents
from gfpipe.tables import delimited

_REPLY: Final = re.compile(r"215[- ]")  # before each line of a reply of VDR's server to LSTE


def is_guide(first: bytes) -> bool:
    """Whether a file begins as `epg.data` does."""
    return re.match(rb"\s*(215-)?C \S", first) is not None


def read(file: BinaryIO, name: str) -> Contents:
    """Read a file; events that are not valid are left out, and listed as problems.

    Raises:
        ValueError: it is not text.
    """
    contents = Contents()
    channel = title = ""
    event: tuple[int, list[str]] | None = None  # its line and values
    number = 0
    for number, line in enumerate(delimited.decode(file.read()).splitlines(), 1):
        kind, _, text = _REPLY.sub("", line, count=1).strip().partition(" ")
        if kind == "C":
            channel, _, label = text.partition(" ")
            contents.names[channel].update(filter(None, (channel, label.strip())))
        elif kind == "E":
            event, title = (number, text.split()), ""
        elif kind == "T":
            title = " ".join(text.split())
        elif kind == "e" and event is not None:
            _add(contents, f"{name}, line {event[0]}", channel, title, event[1])
            event = None
    if event is not None:
        contents.problems.append(f"{name}, line {number}: the file ends within an event; is it complete?")
    return contents


def _add(contents: Contents, place: str, channel: str, title: str, values: list[str]) -> None:
    try:
        seconds, duration = int(values[1]), int(values[2])
        start = datetime.fromtimestamp(seconds, UTC)
        contents.add(place, channel, title, start, start + timedelta(seconds=duration) if duration else None)
    except (IndexError, OSError, OverflowError) as exc:
        contents.problems.append(f"{place}: an event has an id, its start in Unix time and its seconds ({exc})")
    except ValueError as exc:
        contents.problems.append(f"{place}: {exc}")

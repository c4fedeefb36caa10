"""Tables of transport streams: programmes, their streams (ISO/IEC 13818-1, 2.4.4) and names (EN 300 468, 5.2.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.video.streams.transport import packets_of, pids_of

_HEAD_BYTES: Final = 1 << 22
_ASSOCIATIONS, _PROGRAMME_MAP, _SERVICES = 0x00, 0x02, 0x42  # identifiers of tables
_ASSOCIATIONS_PID, _SERVICES_PID = 0x00, 0x11
_SERVICE: Final = 0x48  # a descriptor
# EN 300 468, annex A: the first byte of a text that is not in the default character set.
_ENCODINGS: Final = {number: f"iso8859-{number + 4}" for number in range(1, 12)} | {0x11: "utf-16-be", 0x15: "utf-8"}


@dataclass(frozen=True)
class StreamProgramme:
    """A programme of a transport stream, called service in DVB.

    Attributes:
        pids: packet identifiers of its streams.
        name: as of the service description table; empty if unknown.
    """

    number: int
    pids: frozenset[int]
    name: str = ""

    def __str__(self) -> str:
        return f"{self.number} ({self.name})" if self.name else str(self.number)


def programmes(path: str | Path) -> dict[int, StreamProgramme]:
    """The programmes of a transport stream by number, as of the start of the file."""
    found: dict[int, StreamProgramme] = {}
    for table in _sections(path, {_ASSOCIATIONS_PID: _ASSOCIATIONS}).values():
        numbers = {_word(table, at + 2) & 0x1FFF: _word(table, at) for at in range(8, len(table) - 4, 4)}
        wanted = {pid: _PROGRAMME_MAP for pid, number in numbers.items() if number}
        names = _names(path) if len(wanted) > 1 else {}
        for pid, streams in _sections(path, wanted).items():
            number = numbers[pid]
            found[number] = StreamProgramme(number, frozenset(_streams(streams)), names.get(number, ""))
    return dict(sorted(found.items()))


def _streams(table: bytes) -> Iterator[int]:
    """Identifiers of the streams of a programme map section."""
    at = 12 + (_word(table, 10) & 0x0FFF)
    while at + 5 <= len(table) - 4:
        yield _word(table, at + 1) & 0x1FFF
        at += 5 + (_word(table, at + 3) & 0x0FFF)


def _names(path: str | Path) -> dict[int, str]:
    """Names of programmes by number."""
    names: dict[int, str] = {}
    for table in _sections(path, {_SERVICES_PID: _SERVICES}).values():
        at = 11
        while at + 5 <= len(table) - 4:
            end = at + 5 + (_word(table, at + 3) & 0x0FFF)
            names[_word(table, at)] = _service_name(table[at + 5 : min(end, len(table) - 4)])
            at = end
    return names


def _service_name(descriptors: bytes) -> str:
    """The name in a service descriptor, after its type and its provider's name."""
    at = 0
    while at + 2 <= len(descriptors):
        tag, content = descriptors[at], descriptors[at + 2 : at + 2 + descriptors[at + 1]]
        if tag == _SERVICE and len(content) > 1:
            name = content[2 + content[1] :]
            return _text(name[1 : 1 + name[0]]) if name else ""
        at += 2 + descriptors[at + 1]
    return ""


def _text(data: bytes) -> str:
    encoding, start = "latin-1", 0
    if data[:1] < b"\x20":
        start = 3 if data[:1] == b"\x10" else 1
        encoding = f"iso8859-{data[2]}" if start == 3 and len(data) > 2 else _ENCODINGS.get(data[0] if data else 0, "")
    try:
        text = data[start:].decode(encoding or "latin-1", "replace")
    except LookupError:
        text = data[start:].decode("latin-1")
    return " ".join("".join(letter for letter in text if letter.isprintable()).split())


def _sections(path: str | Path, wanted: Mapping[int, int]) -> dict[int, bytes]:
    """The first section of each packet identifier with the given table id."""
    open_: dict[int, bytes] = {}
    done: dict[int, bytes] = {}
    for packets, _ in packets_of(path, 0, _HEAD_BYTES):
        pids = pids_of(packets)
        for index in np.flatnonzero(np.isin(pids, list(wanted))):
            packet, pid = packets[index].tobytes()[:188], int(pids[index])
            payload = packet[4 + (1 + packet[4] if packet[3] & 0x20 else 0) :]
            if pid in done or not packet[3] & 0x10 or not payload:
                continue
            begin = 1 + payload[0] if packet[1] & 0x40 else 0  # of a new section, after the end of another one
            sections = [open_[pid] + payload[bool(begin) : begin or None]] if pid in open_ else []
            sections += [payload[begin:]] if begin else []
            for section in sections:
                open_[pid] = section
                length = 3 + (_word(section, 1) & 0x0FFF)
                if section[:1] == bytes([wanted[pid]]) and 12 < length <= len(section):
                    done.setdefault(pid, section[:length])
        if len(done) == len(wanted):
            break
    return done


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2])

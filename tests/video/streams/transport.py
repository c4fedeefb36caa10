"""Transport streams changed packet by packet: other identifiers, programmes, scrambled payloads."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

PACKET = 188
VIDEO, MAP = 0x100, 0x1000  # identifiers that FFmpeg's muxer gives to the first stream and to the programme map


def pid_of(packet: bytes | bytearray) -> int:
    """The packet identifier."""
    return (packet[1] & 0x1F) << 8 | packet[2]


def packets_of(path: Path) -> list[bytearray]:
    """The packets of a stream."""
    data = path.read_bytes()
    return [bytearray(data[at : at + PACKET]) for at in range(0, len(data), PACKET)]


def write(path: Path, packets: list[bytearray]) -> Path:
    """Write packets to a file."""
    path.write_bytes(b"".join(packets))
    return path


def renumbered(packets: list[bytearray], pids: Mapping[int, int], version: int = 0) -> list[bytearray]:
    """Change packet identifiers, in the tables too, and the version of the programme map."""
    changed = []
    for old in packets:
        packet = bytearray(old)
        pid = pid_of(packet)
        if pid in {0, MAP} and packet[1] & 0x40:
            start, end = _section(packet)
            packet[start + 5] = packet[start + 5] & 0xC1 | version << 1
            at = start + (10 if pid == 0 else 8)
            while at < end - 4:
                value = int.from_bytes(packet[at : at + 2])
                packet[at : at + 2] = (value & 0xE000 | pids.get(value & 0x1FFF, value & 0x1FFF)).to_bytes(2)
                at += 4 if pid == 0 else 5
            if pid == MAP:
                packet[start + 13 : start + 15] = (0xE000 | pids.get(VIDEO, VIDEO)).to_bytes(2)
            _seal(packet)
        new = pids.get(pid, pid)
        packet[1] = packet[1] & 0xE0 | new >> 8
        packet[2] = new & 0xFF
        changed.append(packet)
    return changed


def numbered(packets: list[bytearray], programme: int) -> list[bytearray]:
    """Change the programme number of streams with one programme."""
    changed = [bytearray(packet) for packet in packets]
    for packet in changed:
        if packet[1] & 0x40 and _is_table(packet):
            start, _ = _section(packet)
            at = start + (8 if packet[start] == 0 else 3)
            packet[at : at + 2] = programme.to_bytes(2)
            _seal(packet)
    return changed


def multiplexed(first: list[bytearray], second: list[bytearray]) -> list[bytearray]:
    """Two streams of one programme each, with different identifiers, as one stream of two programmes."""
    mixed: list[bytearray] = []
    counter = 0
    step = len(second) / len(first)
    for index, packet in enumerate(first):
        if pid_of(packet) == 0:
            other = next(other for other in second if pid_of(other) == 0)
            start, end = _section(packet)
            entry = _section(other)[0] + 8
            packet[end - 4 : end] = other[entry : entry + 4]
            packet[start + 1 : start + 3] = (0xB000 | end + 4 - start - 3).to_bytes(2)
            _seal(packet)
            packet[3] = packet[3] & 0xF0 | counter % 16
            counter += 1
        mixed.append(packet)
        mixed += [p for p in second[int(index * step) : int((index + 1) * step)] if pid_of(p) != 0]
    return mixed


def services(names: Mapping[int, bytes]) -> bytearray:
    """A service description table with the names of programmes, each as coded text."""
    entries = bytearray()
    for number, name in names.items():
        content = bytes([1, 0, len(name)]) + name
        entries += number.to_bytes(2) + b"\xfc" + (0x8000 | len(content) + 2).to_bytes(2)
        entries += bytes([0x48, len(content)]) + content
    section = b"\x42" + (0xF000 | len(entries) + 12).to_bytes(2) + b"\0\1\xc1\0\0\0\1\xff" + entries + bytes(4)
    packet = bytearray((b"\x47\x40\x11\x10\0" + section).ljust(PACKET, b"\xff"))
    _seal(packet)
    return packet


def scrambled(packets: list[bytearray], begin: float, end: float) -> list[bytearray]:
    """Scramble the video's payloads in a range of packets, given as shares."""
    rng = np.random.default_rng(1)
    changed = [bytearray(packet) for packet in packets]
    for packet in changed[int(len(packets) * begin) : int(len(packets) * end)]:
        if pid_of(packet) == VIDEO and packet[3] & 0x10:
            payload = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
            packet[3] |= 0x80
            packet[payload:] = rng.bytes(PACKET - payload)
    return changed


def _is_table(packet: bytearray) -> bool:
    start, end = _section(packet)
    return packet[start] in {0, 2} and end <= PACKET and pid_of(packet) != VIDEO


def _section(packet: bytearray) -> tuple[int, int]:
    """Start and end of the section that begins in a packet."""
    start = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    start += 1 + packet[start]
    return start, start + 3 + (int.from_bytes(packet[start + 1 : start + 3]) & 0x0FFF)


def _seal(packet: bytearray) -> None:
    """Write the checksum of the section."""
    start, end = _section(packet)
    crc = 0xFFFFFFFF
    for byte in packet[start : end - 4]:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    packet[end - 4 : end] = crc.to_bytes(4)

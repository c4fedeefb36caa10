"""Presentation times that program streams and AVI leave out."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from collections.abc import Iterable, Iterator
from typing import Final

from av.packet import Packet
from av.video.stream import VideoStream

_MOST_HELD: Final = 32  # packets; MPEG-2 has far fewer B-frames in a row


def presented(packets: Iterable[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    """Give each packet without a presentation time the decoding time of the next packet that is no B-frame."""
    held: list[Packet[VideoStream]] = []
    for packet in packets:
        is_reference = packet.pts is None or packet.pts != packet.dts  # a B-frame is shown when it is decoded
        if held and (is_reference or len(held) == _MOST_HELD):
            if is_reference:
                _present(held[0], packet.dts)
            yield from held
            held = []
        if held or packet.pts is None:
            held.append(packet)
        else:
            yield packet
    if held:
        last = held[-1]
        _present(held[0], None if last.dts is None else last.dts + (last.duration or 0))
        yield from held


def _present(packet: Packet[VideoStream], pts: int | None) -> None:
    if pts is not None and packet.dts is not None and pts > packet.dts:
        packet.pts = pts

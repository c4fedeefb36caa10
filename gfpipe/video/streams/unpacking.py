"""Packed B-frames: MPEG-4 in AVI with two frames in one packet and none in another, so that packets show in order."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from av.packet import Packet
from av.video.stream import VideoStream

from gfpipe.video.streams.presentation import presented

_START: Final = b"\0\0\1\xb6"  # vop_start_code
_SKIPPED: Final = b"\x7f"
_I_FRAME, _P_FRAME, _B_FRAME = range(3)  # vop_coding_type (ISO/IEC 14496-2, table 6-20)
_NOT_CODED_BYTES: Final = 19  # most of a frame without content, as of FFmpeg's mpeg4_unpack_bframes


class Unpacker:
    """Gives each frame of an MPEG-4 stream a packet of its own, with the time at which it is shown.

    FFmpeg's filter mpeg4_unpack_bframes leaves the times of packed packets, which are those of other frames, and
    discards a B-frame before the packets of one byte that DivX writes.

    Attributes:
        is_packed: whether a packet with several frames was read so far.
    """

    def __init__(self) -> None:
        self.is_packed = False

    def __call__(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
        """The packets of frames, in decoding order; unchanged unless frames are packed."""
        return presented(self._single(packets))

    def _single(self, packets: Iterable[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
        """One packet a frame; without a presentation time, except B-frames, which are shown when they are decoded."""
        waiting: deque[bytes] = deque()
        for packet in packets:
            data = bytes(packet)
            frames = _split(data)
            if len(frames) > 1:
                self.is_packed = True
                waiting.clear()  # their own packets are missing
            if not self.is_packed:
                yield packet
                continue
            if not (waiting and is_not_coded(data)):  # else it is the time of the frame that waits, and nothing more
                waiting += frames
            if waiting:
                yield _replaced(packet, waiting.popleft())


def is_not_coded(data: bytes) -> bool:
    """Whether an MPEG-4 packet only says that the frame before is shown further; DivX writes one byte for it."""
    is_predicted = data.startswith(_START) and _kind(data) == _P_FRAME
    return data == _SKIPPED or (is_predicted and len(data) <= _NOT_CODED_BYTES)


def _split(data: bytes) -> list[bytes]:
    """The frames of a packet; headers belong to the first."""
    starts = [match.start() for match in re.finditer(_START, data)]
    return [data[start:end] for start, end in zip([0, *starts[1:]], [*starts[1:], None], strict=True)] if starts else []


def _kind(data: bytes) -> int:
    """The coding type of a frame."""
    start = data.index(_START) + len(_START)
    return data[start] >> 6 if start < len(data) else _P_FRAME


def _replaced(packet: Packet[VideoStream], data: bytes) -> Packet[VideoStream]:
    kind = _kind(data)
    frame: Packet[VideoStream] = Packet(len(data))  # type: ignore[assignment]  # with the padding that decoders need after the data
    frame.update(data)
    frame.stream, frame.time_base = packet.stream, packet.time_base
    frame.dts, frame.duration = packet.dts, packet.duration
    frame.pts = packet.dts if kind == _B_FRAME else None
    frame.is_keyframe = kind == _I_FRAME
    return frame

"""Notices what a decoder does not say: frames that never came out, and frames that refer to damaged ones."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from gfpipe.video.packets import Packets
from gfpipe.video.samples import hole_between


class Watch:
    """Compares the frames that come out of a decoder with the packets that went in.

    A picture is missing where the file has no packet, where a packet gave no frame, and from a damaged picture that
    others refer to up to the next picture that refers to none.
    """

    def __init__(self, packets: Packets, tolerance: float) -> None:
        """Take up to ``tolerance`` frames in a row for no loss: the second field of a picture may give none."""
        self._packets = packets
        self._tolerance = tolerance * packets.info.frame_seconds
        self._expected: list[float] = []
        self._is_broken = False

    def expect(self, packet: Packet[VideoStream]) -> None:
        """Note that a packet goes into the decoder."""
        if not packet.is_discard:
            heapq.heappush(self._expected, self._packets.seconds(packet))

    def missing_since(self, before: float, at: float) -> float:
        """From when on pictures are missing between two frames; ``at`` where there are none."""
        since = at
        while self._expected and self._expected[0] < at + 1e-6:
            due = heapq.heappop(self._expected)
            if due > before + 1e-6:
                since = min(since, due)
        if hole := hole_between(self._packets.holes, before, at):
            return min(since, hole.start_seconds)
        return since if at - since > self._tolerance else at

    def trusts(self, frame: VideoFrame, *, gap: bool) -> bool:
        """Whether a frame shows what was broadcast; ``gap``: frames are missing before it."""
        if frame.pict_type == PictureType.I:
            self._is_broken = frame.is_corrupt
        elif gap or (frame.is_corrupt and frame.pict_type != PictureType.B):
            self._is_broken = True
        return not (self._is_broken or frame.is_corrupt)

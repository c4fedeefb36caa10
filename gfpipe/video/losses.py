"""Losses that a decoder does not report: missing frames, and frames predicted from damaged ones."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

import heapq

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from gfpipe.video.packets import Packets
from gfpipe.video.samples import first_gap


class LossDetector:
    """Compares decoded frames with the packets sent to the decoder.

    A range is lost where the file has no packet, where a packet yields no frame, and from a damaged reference frame
    to the next intra frame. Up to ``tolerance`` missing frames in a row are tolerated: the second field of a frame may
    yield none.
    """

    def __init__(self, packets: Packets, tolerance: float) -> None:
        self._packets = packets
        self._tolerance = tolerance * packets.info.frame_seconds
        self._expected: list[float] = []
        self._is_broken = False

    def expect(self, packet: Packet[VideoStream]) -> None:
        """Record a packet sent to the decoder."""
        if not packet.is_discard:
            heapq.heappush(self._expected, self._packets.seconds(packet))

    def missing_since(self, previous: float, current: float) -> float:
        """Start of the loss between two frames at these times; ``current`` if there is none."""
        since = current
        while self._expected and self._expected[0] < current + 1e-6:
            expected = heapq.heappop(self._expected)
            if expected > previous + 1e-6:
                since = min(since, expected)
        if gap := first_gap(self._packets.gaps, previous, current):
            return min(since, gap.start_seconds)
        return since if current - since > self._tolerance else current

    def is_intact(self, frame: VideoFrame, *, after_loss: bool) -> bool:
        """Whether a frame and all its reference frames are undamaged."""
        if frame.pict_type == PictureType.I:
            self._is_broken = frame.is_corrupt
        elif after_loss or (frame.is_corrupt and frame.pict_type != PictureType.B):
            self._is_broken = True
        return not (self._is_broken or frame.is_corrupt)

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

    A range is lost where packets are missing from the file, where packets yield no frame, and from a damaged reference
    frame to the next intra frame, or to the end of the next gradual refresh. Up to ``tolerance`` missing frames in a
    row are tolerated: the second field of a frame may yield none.
    """

    def __init__(self, packets: Packets, tolerance: float) -> None:
        self._packets = packets
        self._tolerance = tolerance
        self._expected: list[float] = []
        self._is_broken = False
        self._refresh: int | None = None  # frames until the current gradual refresh is complete

    def expect(self, packet: Packet[VideoStream]) -> None:
        """Record a packet sent to the decoder."""
        if self._packets.decoder.is_coded(packet):
            heapq.heappush(self._expected, self._packets.seconds(packet))

    def lose_reference(self) -> None:
        """Record that the frame to which the next ones refer could not be decoded."""
        self._is_broken = True

    def missing_since(self, previous: float, current: float) -> float:
        """Start of the loss between two frames at these times; ``current`` if there is none."""
        missing = []
        while self._expected and self._expected[0] < current + 1e-6:
            expected = heapq.heappop(self._expected)
            if previous + 1e-6 < expected < current - 1e-6:
                missing.append(expected)
        since = missing[0] if missing else current
        if gap := first_gap(self._packets.gaps, previous, current):
            return min(since, gap.start_seconds)
        is_long = current - since > self._tolerance * self._packets.info.frame_seconds
        return since if is_long and len(missing) > self._tolerance else current

    def is_intact(self, frame: VideoFrame, *, after_loss: bool) -> bool:
        """Whether a frame and all its reference frames are undamaged."""
        decoder = self._packets.decoder
        is_corrupt = decoder.is_corrupt(frame)
        if frame.pict_type == PictureType.I:
            self._is_broken = is_corrupt
        elif after_loss or (is_corrupt and frame.pict_type != PictureType.B):
            self._is_broken = True
            self._refresh = None
        if frames := decoder.refresh_frames(frame):
            self._refresh = frames
        elif self._refresh is not None:
            self._refresh -= 1
            if self._refresh <= 0:
                self._is_broken, self._refresh = False, None
        return not (self._is_broken or is_corrupt)

"""Decoding of packets, with the damage that FFmpeg's decoders do not report in their frames."""

from __future__ import annotations  # PyAV's Packet is generic in its stubs only

from typing import Literal

import av.error
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.video.streams.syntax import Syntax


class Decoder:
    """Decodes one recording, whose stream may change.

    Attributes:
        codec: the context of the current stream.
    """

    def __init__(self, stream: VideoStream, threads: int) -> None:
        self._threads = threads
        self._skip_frame: Literal["NONREF", "DEFAULT"] = "DEFAULT"
        self._syntaxes: dict[VideoStream, Syntax] = {}
        self._damaged: set[int] = set()
        self._refreshes: dict[int, int] = {}
        self._follow(stream)

    def _follow(self, stream: VideoStream) -> None:
        self._stream = stream
        self.codec: VideoCodecContext = stream.codec_context
        if not self.codec.is_open:
            self.codec.thread_count = self._threads
            self.codec.thread_type = "AUTO" if self._threads != 1 else "NONE"
            if self.codec.name == "hevc":
                self.codec.options = {"err_detect": "explode"}  # else its errors are only logged
        self.codec.skip_frame = self._skip_frame

    def classify(self, packet: Packet[VideoStream]) -> None:
        """Clear the keyframe flag of the start of a gradual refresh, which cannot be decoded on its own."""
        if packet.is_keyframe and (frames := self._syntax(packet).refresh_frames(bytes(packet))):
            packet.is_keyframe = False
            packet.opaque = frames

    def is_coded(self, packet: Packet[VideoStream]) -> bool:
        """Whether a packet is a picture, so that a frame is expected of it."""
        return not packet.is_discard and self._syntax(packet).is_coded(bytes(packet))

    def skip(self, frames: Literal["NONREF", "DEFAULT"]) -> None:
        """Select which frames are not decoded, from the next packet on."""
        self._skip_frame = self.codec.skip_frame = frames

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """Decode a packet, or flush the decoder with None; damaged packets may yield no frame, and no error."""
        frames: list[VideoFrame] = []
        if packet is not None:
            if packet.stream is not self._stream:
                frames = self._send(None)
                self.flush()  # else the codec takes no more packets, should the programme come back
                self._follow(packet.stream)
            if packet.pts is not None and isinstance(packet.opaque, int):
                self._refreshes[packet.pts] = packet.opaque
            if self._syntax(packet).is_damaged(bytes(packet)):
                self._note_damage(packet)
        return frames + self._send(packet)

    def flush(self) -> None:
        """Forget all frames."""
        self.codec.flush_buffers()

    def is_corrupt(self, frame: VideoFrame) -> bool:
        """Whether the frame itself is damaged, apart from the frames it refers to."""
        return frame.is_corrupt or frame.pts in self._damaged

    def refresh_frames(self, frame: VideoFrame) -> int:
        """Number of frames after which a gradual refresh that begins here is complete; 0 for all other frames."""
        return self._refreshes.get(frame.pts, 0) if frame.pts is not None else 0

    def _send(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        try:
            return self.codec.decode(packet)
        except av.error.FFmpegError:
            if packet is not None:
                self._note_damage(packet)
            return []

    def _note_damage(self, packet: Packet[VideoStream]) -> None:
        if packet.pts is not None:
            self._damaged.add(packet.pts)

    def _syntax(self, packet: Packet[VideoStream]) -> Syntax:
        stream = packet.stream
        if stream not in self._syntaxes:
            self._syntaxes[stream] = Syntax(stream.codec_context.name, stream.codec_context.extradata)
        return self._syntaxes[stream]

"""Rules of coded pictures that decoders do not check: gradual refresh, damaged bytes, frames without content."""

import re
from collections.abc import Iterator
from typing import Final

from gfpipe.video.streams.unpacking import is_not_coded

_NAL_CODECS: Final = frozenset({"h264", "hevc"})
_START_CODE: Final = re.compile(rb"\x00\x00\x01")
# ISO/IEC 14496-10, 7.4.1, and 23008-2, 7.4.2: these do not occur within a NAL unit, whose encoder inserts a 3.
_FORBIDDEN: Final = re.compile(rb"\x00\x00[\x00-\x02]")
_SEI: Final = 6
_RECOVERY_POINT: Final = 6
_HEAD_BYTES: Final = 4096


class Syntax:
    """The syntax of one stream's packets.

    Args:
        codec: FFmpeg's name.
        extradata: as of the container; tells length prefixes from start codes.
    """

    def __init__(self, codec: str, extradata: bytes | None) -> None:
        self.codec = codec
        self._prefix = 0  # bytes of the length before each NAL unit; 0 for start codes
        if codec in _NAL_CODECS and extradata and extradata[0] == 1:
            at = 4 if codec == "h264" else 21
            self._prefix = (extradata[at] & 3) + 1 if len(extradata) > at else 4

    def is_damaged(self, data: bytes) -> bool:
        """Whether a packet has bytes that no encoder writes, such as a block of zeros."""
        if self.codec not in _NAL_CODECS:
            return False
        return any(_FORBIDDEN.search(unit.rstrip(b"\0")) for unit in self._units(data))

    def refresh_frames(self, data: bytes) -> int:
        """Frames until a gradual refresh that begins here is complete (recovery point SEI); 0 if none begins."""
        if self.codec != "h264":
            return 0
        units = self._units(data, _HEAD_BYTES)
        return max((_recovery_frames(unit) for unit in units if unit[0] & 0x1F == _SEI), default=0)

    def is_coded(self, data: bytes) -> bool:
        """Whether a packet has a picture, and does not only say that the last one is shown further."""
        return self.codec != "mpeg4" or not is_not_coded(data)

    def _units(self, data: bytes, limit: int | None = None) -> Iterator[bytes]:
        """NAL units, of the first ``limit`` bytes."""
        end = len(data) if limit is None else min(len(data), limit)
        if self._prefix:
            at = 0
            while at + self._prefix < end:
                size = int.from_bytes(data[at : at + self._prefix])
                at += self._prefix
                if size and at + size <= len(data):
                    yield data[at : at + size]
                at += size
            return
        starts = [match.end() for match in _START_CODE.finditer(data, 0, end)]
        for start, stop in zip(starts, [*(start - 3 for start in starts[1:]), end], strict=True):
            if stop > start:
                yield data[start:stop]


def _recovery_frames(unit: bytes) -> int:
    """``recovery_frame_cnt`` of an SEI unit; 0 if it has no recovery point."""
    data = unit[1:].replace(b"\0\0\3", b"\0\0")
    at = 0
    while at + 2 < len(data):
        kind, at = _sum_of_bytes(data, at)
        size, at = _sum_of_bytes(data, at)
        if kind == _RECOVERY_POINT:
            bits = "".join(f"{byte:08b}" for byte in data[at : at + size])
            zeros = len(bits) - len(bits.lstrip("0"))
            return int(bits[zeros : 2 * zeros + 1] or "1", 2) - 1
        at += size
    return 0


def _sum_of_bytes(data: bytes, at: int) -> tuple[int, int]:
    """A number written as bytes of 255 and a last one; with the position after it."""
    total = 0
    while at < len(data):
        total += data[at]
        at += 1
        if data[at - 1] != 0xFF:
            break
    return total, at

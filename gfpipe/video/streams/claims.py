"""What containers claim about times, and what of it is credible.

Durations in headers are claims: live recorders, editors and damage leave wrong ones. One counts only if the size of the
container's own structure shows that the end of the file is missing. A frame rate is absurd if it contradicts the
container's other clocks, and an index if it lists the same bytes over and over.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from gfpipe.base.files import on_disk
from gfpipe.video.frames import MATROSKA, MP4, MPEG_STREAMS

_LEAST_RATE, _MOST_RATE = Fraction(5), Fraction(300)
_IMPOSSIBLE_RATE: Final = 1000
_MOST_FRAME_SECONDS: Final = 120
_LONG_SECONDS: Final = 10
_SEGMENT: Final = b"\x18\x53\x80\x67"
_FLV_TAGS: Final = frozenset({8, 9, 18})  # sound, video, script
_FLV_HEADER: Final = 11
_HEAD_BYTES: Final = 1 << 12
_BOX: Final = 8  # bytes of the header of an MP4 box


def is_usual(rate: Fraction) -> bool:
    """Whether a frame rate occurs in recordings."""
    return _LEAST_RATE <= rate <= _MOST_RATE


def is_clock_absurd(container: InputContainer, stream: VideoStream, rates: Sequence[Fraction]) -> bool:
    """Whether the timestamps of a stream cannot be right.

    An unusual rate must agree with the duration of the stream, of the sound, and of the index.
    """
    if not rates or max(rates) < 1 / _MOST_FRAME_SECONDS:
        return bool(rates)
    tick = stream.time_base or Fraction(1)
    if container.format.name == MP4 and len(entries := stream.index_entries) > 1 and stream.duration:
        times = sorted(entry.timestamp for entry in entries)
        longest = max(b - a for a, b in pairwise(times))
        if longest * tick > _LONG_SECONDS and times[-1] - times[0] > 1.5 * stream.duration + _LONG_SECONDS / tick:
            return True
    if is_usual(rates[0]) or not stream.frames:
        return False
    if rates[0] > _IMPOSSIBLE_RATE:
        return True
    seconds = stream.frames / rates[0]
    others = [s.duration * s.time_base for s in container.streams if s.duration and s.time_base]
    return any(not seconds / 2 < other < 2 * seconds for other in others)


def is_index_repeated(container: InputContainer, stream: VideoStream) -> bool:
    """Whether an index lists the same bytes again and again: more than twice as many pictures as it has positions.

    Each entry has a time, so that a few pictures would be shown for hours.
    """
    if container.format.name not in (MP4, "avi"):
        return False
    positions = [entry.pos for entry in stream.index_entries if entry.size]
    return len(positions) > 2 * len(set(positions))


def is_cut_short(path: str | Path, container: InputContainer, stream: VideoStream) -> bool:
    """Whether the end of the file is missing, as far as its container tells."""
    size = on_disk(path).stat().st_size
    if container.format.name == MP4:
        return any(entry.pos + entry.size > size for entry in stream.index_entries)
    with on_disk(path).open("rb") as file:
        head = file.read(_HEAD_BYTES)
        file.seek(max(0, size - 4))
        tail = file.read(4)
        if container.format.name == MATROSKA:
            end = _segment_end(head)
            return end is not None and end > size
        if container.format.name == "avi":
            return head[:4] == b"RIFF" and int.from_bytes(head[4:8], "little") + 8 > size + 1
        if container.format.name == "flv":
            # The file ends with the size of its last tag, which begins with the tag's kind.
            file.seek(max(0, size - 4 - int.from_bytes(tail)))
            return (file.read(1) or b"\0")[0] & 0x1F not in _FLV_TAGS
    return container.format.name == "mxf"


def claimed_seconds(path: str | Path, container: InputContainer, stream: VideoStream) -> float:
    """The longest duration that a file's headers claim for its video or its whole; 0 if they claim none."""
    if container.format.name in MPEG_STREAMS:
        return 0.0
    claims = [(container.duration or 0) / av.time_base, float((stream.duration or 0) * (stream.time_base or 0))]
    return max(*claims, _movie_seconds(path) if container.format.name == MP4 else 0.0)


def _movie_seconds(path: str | Path) -> float:
    """Duration in the header of an MP4 (ISO/IEC 14496-12, 8.2.2), which FFmpeg does not report; 0 if unknown."""
    with on_disk(path).open("rb") as file:
        at = 0
        while len(head := file.read(_HEAD_BYTES)) >= _BOX and head[4:8] != b"moov":
            size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4])
            if size < _BOX:
                return 0.0
            at = file.seek(at + size)
    header = head[head.find(b"mvhd") + 4 :]
    at, length = (20, 8) if header[:1] == b"\1" else (12, 4)  # times of 64 or 32 bits
    scale, duration = int.from_bytes(header[at : at + 4]), int.from_bytes(header[at + 4 : at + 4 + length])
    is_known = b"mvhd" in head and scale and duration + 1 not in (1 << 32, 1 << 64)
    return duration / scale if is_known else 0.0


def _segment_end(head: bytes) -> int | None:
    """End of a Matroska file's segment (RFC 8794, 4); None if it is not known."""
    at = head.find(_SEGMENT) + len(_SEGMENT)
    if at < len(_SEGMENT) or at + 8 > len(head) or not head[at]:
        return None
    length = 9 - head[at].bit_length()
    size = int.from_bytes(head[at : at + length]) & ((1 << 7 * length) - 1)
    return None if size == (1 << 7 * length) - 1 else at + length + size

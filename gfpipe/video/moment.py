"""The picture of one sample, found again without reading the whole recording.

Seeking is quick and trusts the file's own clock. Where that clock is not to be trusted (MPEG streams whose time was set
anew, files without times), or where the picture found is not of the sample's moment, the recording is read from its
start by the reader that took the sample.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from gfpipe.arrays import array_dataclass
from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.exact import ExactReader
from gfpipe.video.frames import VideoInfo
from gfpipe.video.packets import Packets
from gfpipe.video.pictures import picture_size, to_rgb
from gfpipe.video.probe import open_container, video_info, video_stream
from gfpipe.video.reader import open_video

_SAME_SECONDS: Final = 0.002  # moments nearer to each other are one; the lake and the stream round differently
# How far before the moment to look for a keyframe, one after the other: what a file calls seeking differs.
_BACK_SECONDS: Final = (0.0, 2.0, 10.0, 60.0)
_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mxf"})
_CLOCK_SECONDS: Final = 2.0  # a clock that was set anew is further off than a group of pictures cut off at the start


@dataclass(frozen=True)
class Moment:
    """A sample, as the lake has it.

    Attributes:
        seconds: start of what it stands for, from the recording's start.
        sampling: how it was taken.
        every_seconds: how far apart samples were to be.
        recording_seconds: how long the recording was found to be, lost time included.
    """

    seconds: float
    sampling: Sampling
    every_seconds: float
    recording_seconds: float


@array_dataclass
class Still:
    """One picture of a recording.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, square pixels, as the analysis saw it.
        source_width, source_height: the coded picture's size; boxes of the lake are in its pixels.
    """

    pixels: NDArray[np.uint8]
    source_width: int
    source_height: int


def still(path: str | Path, moment: Moment) -> Still:
    """Decode the picture of one sample.

    Raises:
        RecordingError: the file is gone, is no video, or has no picture of that moment.
        TransientError: the place where the file lies failed.
    """
    with open_container(path) as container:
        stream = video_stream(container, path)
        info = video_info(container, stream)
        frame = _sought(container, stream, info, path, moment)
        if frame is not None:
            pixels = to_rgb(frame, picture_size(info), VideoReformatter())
            return Still(pixels, info.width, info.height)
    return _read(path, moment)


def _read(path: str | Path, moment: Moment) -> Still:
    """Go through the recording as the analysis did, up to the sample."""
    for batch in open_video(path, moment.sampling, moment.every_seconds):
        found = np.flatnonzero(np.abs(batch.seconds - moment.seconds) <= _SAME_SECONDS)
        if len(found):
            return Still(batch.pixels[found[0]].copy(), batch.source_width, batch.source_height)
        if batch.seconds[0] > moment.seconds:
            break
    raise RecordingError(
        f"{path}: has no picture at {moment.seconds:.3f} s; it is not the file that was analysed, or was damaged since"
    )


def _sought(
    container: InputContainer, stream: VideoStream, info: VideoInfo, path: str | Path, moment: Moment
) -> VideoFrame | None:
    """The sample's frame by seeking; None where that cannot be relied on."""
    tick = stream.time_base
    origin = _origin(path) if tick and _keeps_time(info, moment) else None
    if tick is None or origin is None:
        return None
    is_exact = moment.sampling is Sampling.EXACT
    at = _middle(path, moment) if is_exact else moment.seconds + _SAME_SECONDS
    for back in _BACK_SECONDS:
        start = max(0.0, at - back)
        try:
            container.seek(origin + int(start / tick), stream=stream)
            stream.codec_context.flush_buffers()
            frame = _shown_at(container, stream, origin, tick, at)
        except (av.error.FFmpegError, IndexError):
            return None
        if frame is not None:
            off = abs(_seconds(frame, origin, tick) - moment.seconds)
            return None if frame.is_corrupt or (not is_exact and off > _SAME_SECONDS) else frame
        if start == 0.0:
            break
    return None


def _shown_at(
    container: InputContainer, stream: VideoStream, origin: int, tick: Fraction, at: float
) -> VideoFrame | None:
    """From where the container stands, the frame on screen at a moment; None where no keyframe comes before it."""
    shown: VideoFrame | None = None
    started = False
    for packet in container.demux(stream):
        if not started and packet.pts is not None:
            if (packet.pts - origin) * tick > at and packet.is_keyframe:
                return None
            started = packet.is_keyframe
        if not started:
            continue
        for frame in packet.decode():
            if frame.pts is None:
                return None
            if _seconds(frame, origin, tick) > at:
                return shown
            shown = frame
    return shown


def _seconds(frame: VideoFrame, origin: int, tick: Fraction) -> float:
    return float(((frame.pts or 0) - origin) * tick)


def _keeps_time(info: VideoInfo, moment: Moment) -> bool:
    """Whether the file's clock runs from start to end: by its container, or by the length that the analysis found."""
    if info.container in _INDEXED:
        return True
    promised = info.duration_seconds
    return promised is not None and abs(promised - moment.recording_seconds) < _CLOCK_SECONDS


def _origin(path: str | Path) -> int | None:
    """What the stream's clock says at the recording's start, in its ticks; None where it is set anew right there."""
    with Packets(path) as packets:
        next(iter(packets))
        return None if packets.clock_restarts else packets.origin


def _middle(path: str | Path, moment: Moment) -> float:
    reader = ExactReader(path, moment.every_seconds, None, 1)
    return reader.middle(int(moment.seconds / moment.every_seconds + 1e-6))

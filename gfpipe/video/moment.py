"""Random access to the frame of one sample.

Seeking relies on the file's timestamps. Where they are unreliable (MPEG streams with a reset clock, files without
timestamps) or seeking finds the frame of another time, the recording is read from its start with the original reader.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Final

import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.exact import ExactReader
from gfpipe.video.frames import INDEXED, MATROSKA, MPEG_STREAMS, VideoInfo
from gfpipe.video.packets import Packets
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.pictures.renderer import Renderer
from gfpipe.video.probe import foreign_errors, open_container, video_info, video_stream
from gfpipe.video.reader import open_video
from gfpipe.video.streams.decoder import Decoder
from gfpipe.video.streams.unpacking import Unpacker

_SAME_SECONDS: Final = 0.002  # the lake and the stream round times differently
# Seek this far before the sample, in turn: containers differ in where a seek arrives.
_BACK_SECONDS: Final = (0.0, 2.0, 10.0, 60.0)
_CLOCK_SECONDS: Final = 2.0  # a reset clock differs by more than the group of pictures cut off at the start


@dataclass(frozen=True)
class Moment:
    """A sample as stored in the lake, with the settings of its analysis."""

    seconds: float  # start of its interval, from the recording's start
    sampling: Sampling
    every_seconds: float
    recording_seconds: float  # duration found by the analysis, lost time included
    programme: int | None = None  # as given to the analysis


def still(path: str | Path, moment: Moment) -> Picture:
    """Decode the frame of one sample; the picture is identical to the analysed one.

    Raises:
        RecordingError: the file is missing, not a video, or has no frame at that time.
        TransientError: the storage failed.
    """
    with foreign_errors(path), open_container(path) as container:
        stream = video_stream(container, path, moment.programme)
        info = video_info(container, stream)
        if (frame := _seek(container, stream, info, path, moment)) is not None:
            return Renderer(stream, path)(frame)
    return _read(path, moment)


def _read(path: str | Path, moment: Moment) -> Picture:
    """Read the recording from its start, as the analysis did, up to the sample."""
    for batch in open_video(path, moment.sampling, moment.every_seconds, programme=moment.programme):
        matches = np.flatnonzero(np.abs(batch.seconds - moment.seconds) <= _SAME_SECONDS)
        if len(matches):
            return batch.pictures[int(matches[0])]
        if batch.seconds[0] > moment.seconds:
            break
    raise RecordingError(
        f"{path}: no frame at {moment.seconds:.3f} s; this is not the analysed file, or it was damaged since"
    )


def _seek(
    container: InputContainer, stream: VideoStream, info: VideoInfo, path: str | Path, moment: Moment
) -> VideoFrame | None:
    """The sample's frame by seeking; None if seeking is unreliable."""
    tick = stream.time_base
    clock = _clock(path, moment.programme) if tick and _has_continuous_clock(info, moment) else None
    if tick is None or clock is None:
        return None
    origin, first = clock
    seconds = moment.seconds + _SAME_SECONDS
    if is_exact := moment.sampling is Sampling.EXACT:
        reader = ExactReader(path, moment.every_seconds, programme=moment.programme)
        reader.start_seconds = first
        seconds = reader.middle(int((moment.seconds - first) / moment.every_seconds + 1e-6))
    for back in _BACK_SECONDS:
        start = max(0.0, seconds - back)
        try:
            container.seek(origin + int(start / tick), stream=stream)
            stream.codec_context.flush_buffers()
            frame = _frame_at(container, stream, origin, tick, seconds, info)
        except (av.error.FFmpegError, IndexError):
            return None
        if frame is not None:
            off = abs(_seconds(frame, origin, tick) - moment.seconds)
            return None if frame.is_corrupt or (not is_exact and off > _SAME_SECONDS) else frame
        if start == 0.0:
            break
    return None


def _frame_at(
    container: InputContainer, stream: VideoStream, origin: int, tick: Fraction, seconds: float, info: VideoInfo
) -> VideoFrame | None:
    """Decode from the container's position to the frame shown at a time.

    None if no keyframe precedes it, or the frame may be the last one before the programme moved to another stream.
    """
    longest = 1.5 * info.frame_seconds if info.container in MPEG_STREAMS else math.inf
    shown: VideoFrame | None = None
    started = False
    decoder = Decoder(stream, 1)
    packets = (packet for packet in container.demux(stream) if packet.size)
    for packet in chain(Unpacker()(packets) if info.codec == "mpeg4" else packets, [None]):
        if packet is not None:
            decoder.classify(packet)
        if not started and packet is not None and packet.pts is not None:
            if (packet.pts - origin) * tick > seconds and packet.is_keyframe:
                return None
            started = packet.is_keyframe
        if not started:
            continue
        for frame in stream.codec_context.decode(packet):
            if frame.pts is None:
                return None
            if _seconds(frame, origin, tick) > seconds:
                return _near(shown, seconds - longest, origin, tick)
            shown = frame
    return _near(shown, seconds - min(longest, _CLOCK_SECONDS), origin, tick)


def _near(frame: VideoFrame | None, since: float, origin: int, tick: Fraction) -> VideoFrame | None:
    """The frame if it is shown from a time on; else None."""
    return frame if frame is not None and _seconds(frame, origin, tick) > since else None


def _seconds(frame: VideoFrame, origin: int, tick: Fraction) -> float:
    return float(((frame.pts or 0) - origin) * tick)


def _has_continuous_clock(info: VideoInfo, moment: Moment) -> bool:
    """Whether timestamps run from start to end, judged by the container, or by the analysed duration."""
    if info.container in INDEXED | {MATROSKA}:
        return True
    duration = info.duration_seconds
    return duration is not None and abs(duration - moment.recording_seconds) < _CLOCK_SECONDS


def _clock(path: str | Path, programme: int | None) -> tuple[int, float] | None:
    """Timestamp of the recording's start in ticks, and time of its first frame in seconds.

    None if the clock is reset within the first packets.
    """
    with Packets(path, programme=programme) as packets:
        next(iter(packets))
        return None if packets.clock_restarts else (packets.origin, packets.start_seconds)

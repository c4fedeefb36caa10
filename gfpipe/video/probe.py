"""What a media file is, before anything of it is decoded; where FFmpeg's errors become gfpipe's."""

import errno
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from gfpipe.errors import RecordingError, TransientError
from gfpipe.video.frames import VideoInfo

# What is wrong with a file is said in our own words; FFmpeg's remarks on every damaged macroblock help nobody.
av.logging.set_level(av.logging.PANIC)

# The share, the network or the machine failed, not the recording.
_TRANSIENT: Final = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.EAGAIN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ECONNABORTED,
        errno.ENOTCONN,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.EREMOTEIO,
    }
)
_PROBE_BLOCK: Final = 1 << 16


def probe(path: str | Path) -> VideoInfo:
    """Read what a container says of its first video stream; nothing is decoded beyond what FFmpeg needs for that.

    Raises:
        RecordingError: the file is missing, unreadable, empty, no video, or broken beyond opening.
        TransientError: the place where the file lies failed.
    """
    with open_container(path) as container:
        return video_info(container, video_stream(container, path))


def open_container(path: str | Path) -> InputContainer:
    """Open a media file for reading.

    Raises:
        RecordingError: the file is missing, unreadable, empty, no media, or an MP4 without its index.
        TransientError: the place where the file lies failed.
    """
    if check_readable(path) == 0:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again from where it was recorded")
    try:
        # Absolute, for a bare "20:00.ts" looks like a protocol; merged, for a broadcaster may renumber its streams.
        return av.open(str(Path(path).absolute()), mode="r", options={"merge_pmt_versions": "1"})
    except av.error.FFmpegError as exc:
        check_readable(path)  # a share that went away meanwhile is not the file's own fault
        raise RecordingError(
            f"{path}: not a video file, or one cut off before its index was written ({exc.strerror}); "
            "play it in a media player, and record or copy it again if that fails too"
        ) from exc


def check_readable(path: str | Path, offset: int = 0) -> int:
    """Read a block of a file with the operating system's own calls; return the file's size in bytes.

    Raises:
        RecordingError: missing, a folder, or not permitted.
        TransientError: the place where the file lies failed.
    """
    try:
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(offset, size))
            file.read(_PROBE_BLOCK)
    except FileNotFoundError as exc:
        raise RecordingError(f"{path}: there is no such file; check the path in the manifest or archive") from exc
    except (IsADirectoryError, NotADirectoryError) as exc:
        raise RecordingError(f"{path}: not a file but a folder, or a path through a file; correct the path") from exc
    except PermissionError as exc:
        raise RecordingError(f"{path}: may not be read by this user; grant it read permission") from exc
    except OSError as exc:
        if exc.errno in _TRANSIENT:
            raise TransientError(f"{path}: cannot be read just now ({exc.strerror}); is its share mounted?") from exc
        raise RecordingError(f"{path}: cannot be read ({exc.strerror}); check the path and its file system") from exc
    return size


def video_stream(container: InputContainer, path: str | Path) -> VideoStream:
    """The stream to watch: FFmpeg's best one that is no cover art; every other stream is switched off.

    Raises:
        RecordingError: there is none, or no decoder knows its codec.
    """
    films = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not films:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "nothing"
        raise RecordingError(f"{path}: has no video stream, only {kinds}; take it out of the archive")
    # The first one flagged as default, else the first that has a picture at all: what a player would show.
    stream = min(films, key=lambda s: (not s.width, not s.disposition & Disposition.default, s.index))
    if not (stream.width and stream.height):
        raise RecordingError(
            f"{path}: its video stream ({stream.codec_context.name if stream.codec_context else 'unknown codec'}) "
            "has no picture that could be understood; the file is damaged, or cut off near its start"
        )
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream


def video_info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    """What the container says of one of its streams."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio or Fraction(1)
    return VideoInfo(
        width=stream.width,
        height=stream.height,
        display_width=max(1, round(stream.width * (aspect if aspect > 0 else 1))),
        duration_seconds=_duration(container, stream),
        frame_seconds=float(1 / rate),
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    """The video stream's own length where the container gives it; sound may run on longer."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    for key, text in stream.metadata.items():
        if key.upper().startswith("DURATION"):  # Matroska's statistics tags, as 00:59:59.960000000
            with suppress(ValueError):
                hours, minutes, seconds = text.split(":")
                return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return container.duration / av.time_base if container.duration else None

"""Opening and probing of media files, and translation of FFmpeg's errors."""

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

from gfpipe.base.files import on_disk
from gfpipe.base.regular import SpecialFileError, open_regular
from gfpipe.errors import RecordingError, TransientError
from gfpipe.video.frames import VideoInfo

# Errors are raised; FFmpeg's messages about every damaged macroblock are not shown.
av.logging.set_level(av.logging.PANIC)

# Errors of the share, the network or the machine, not of the recording.
_TRANSIENT: Final = frozenset(
    getattr(errno, name, None)
    for name in (
        *("EIO", "ESTALE", "EREMOTEIO", "EAGAIN", "EMFILE", "ENFILE", "ENOMEM", "ETIMEDOUT", "ENOTCONN"),
        *("ENETUNREACH", "ENETDOWN", "EHOSTDOWN", "EHOSTUNREACH", "ECONNRESET", "ECONNREFUSED", "ECONNABORTED"),
    )
)
_PROBE_BLOCK: Final = 1 << 16

# FFmpeg also reads lists of other files and addresses: hls, dash, concat, sdp, image2. These formats have everything in
# one file, except for the references to other files that a MOV may have (drefs).
_FORMATS: Final = (
    "aac,ac3,aiff,asf,asf_o,av1,avi,avs,avs2,avs3,cavsvideo,dhav,dirac,dnxhd,dv,eac3,evc,ffm,filmstrip,flac,flv,gxf,h261,"
    "h263,h264,hevc,ivf,kux,live_flv,lxf,m4v,matroska,mjpeg,mjpeg_2000,mov,mp3,mpeg,mpegts,mpegtsraw,mpegvideo,mtv,mxf,"
    "mxg,nc,nsv,nut,nuv,obu,ogg,pmp,pva,r3d,rm,smjpeg,swf,tta,ty,vc1,vc1test,vivo,vvc,w64,wav,wtv,yuv4mpegpipe"
)
_OPTIONS: Final = {
    "protocol_whitelist": "file",
    "format_whitelist": _FORMATS,
    "enable_drefs": "0",
    "merge_pmt_versions": "1",  # broadcasters renumber streams
}
_PLAYLISTS: Final = (
    b"#EXTM3U",
    b"ffconcat",
    b"<?xml",
    b"<MPD",
    b"<smil",
    b"[playlist]",
    b"[Reference]",
    b"v=0",
    b"file ",
)


def probe(path: str | Path) -> VideoInfo:
    """Read the metadata of a file's video stream.

    Raises:
        RecordingError: the file is missing, unreadable, empty, not a video, or too damaged to open.
        TransientError: the storage failed.
    """
    with open_container(path) as container:
        return video_info(container, video_stream(container, path))


def open_container(path: str | Path) -> InputContainer:
    """Open a media file for reading; raises as :func:`probe` does."""
    if check_readable(path) == 0:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again from the original")
    try:
        return av.open(str(on_disk(path).absolute()), mode="r", options=_OPTIONS)  # "20:00.ts" looks like a protocol
    except av.error.FFmpegError as exc:
        check_readable(path)  # raises if the storage failed meanwhile
        if _is_playlist(path):
            raise RecordingError(
                f"{path}: a playlist, not a video: the files and addresses that it names are not opened; list the "
                "videos themselves"
            ) from exc
        raise RecordingError(
            f"{path}: not a video file, or one cut off before its index was written ({exc.strerror}); "
            "play it in a media player, and record or copy it again if that fails too"
        ) from exc


def check_readable(path: str | Path, offset: int = 0) -> int:
    """Read a block of a file without FFmpeg, and return the file's size in bytes.

    Raises:
        RecordingError: the file is missing, a folder, a named pipe or device, or not readable by this user.
        TransientError: the storage failed.
    """
    try:
        with open_regular(on_disk(path)) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(min(offset, size))
            file.read(_PROBE_BLOCK)
    except FileNotFoundError as exc:
        raise RecordingError(f"{path}: no such file; check the path in the manifest or archive") from exc
    except (IsADirectoryError, NotADirectoryError) as exc:
        raise RecordingError(f"{path}: not a file but a folder, or a path through a file; correct the path") from exc
    except PermissionError as exc:
        raise RecordingError(f"{path}: may not be read by this user; grant it read permission") from exc
    except SpecialFileError as exc:
        raise RecordingError(f"{exc}, not a file; take it out of the archive") from exc
    except OSError as exc:
        if exc.errno in _TRANSIENT:
            raise TransientError(f"{path}: cannot be read just now ({exc.strerror}); is its share mounted?") from exc
        raise RecordingError(f"{path}: cannot be read ({exc.strerror}); check the path and its file system") from exc
    return size


def _is_playlist(path: str | Path) -> bool:
    with open_regular(path) as file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_PLAYLISTS)


def video_stream(container: InputContainer, path: str | Path) -> VideoStream:
    """Select the default video stream, except cover art, and discard all other streams.

    Raises:
        RecordingError: there is no video stream, or its codec is unknown.
    """
    candidates = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not candidates:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream"
        raise RecordingError(f"{path}: has no video stream, only {kinds}; take it out of the archive")
    # As players do: the first one flagged as default, else the first with a frame size.
    stream = min(candidates, key=lambda s: (not s.width, not s.disposition & Disposition.default, s.index))
    if not (stream.width and stream.height):
        raise RecordingError(
            f"{path}: its video stream ({stream.codec_context.name if stream.codec_context else 'unknown codec'}) "
            "has no readable frames; the file is damaged, or cut off near its start"
        )
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    return stream


def video_info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    """Read the metadata of a stream."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
    return VideoInfo(
        width=stream.width,
        height=stream.height,
        duration_seconds=_duration(container, stream),
        frame_seconds=float(1 / rate),
        codec=stream.codec_context.name,
        container=container.format.name,
    )


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Duration of the video stream if known, else of the container, whose audio may be longer."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    for key, text in stream.metadata.items():
        if key.upper().startswith("DURATION"):  # Matroska's statistics tags, as 00:59:59.960000000
            with suppress(ValueError):
                hours, minutes, seconds = text.split(":")
                return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return container.duration / av.time_base if container.duration else None

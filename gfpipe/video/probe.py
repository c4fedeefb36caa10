"""Opening and probing of media files, and translation of FFmpeg's errors."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import av.error
import av.logging
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from gfpipe.base.files import on_disk
from gfpipe.base.regular import SpecialFileError, open_regular
from gfpipe.errors import GfpipeError, RecordingError, TransientError
from gfpipe.video.frames import MPEG_TS, VideoInfo
from gfpipe.video.streams import claims, tables, transport
from gfpipe.video.streams.repeats import BUFFER, TransportFile

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
_LONGEST_DELAY: Final = 600  # seconds by which pictures begin after the sound
_PROBE_BLOCK: Final = 1 << 16
_MAX_PIXELS: Final = 1 << 26  # twice those of 8K

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


def probe(path: str | Path, programme: int | None = None) -> VideoInfo:
    """Read the metadata of a file's video stream.

    Raises:
        RecordingError: the file is missing, unreadable, empty, not a video, or too damaged to open.
        TransientError: the storage failed.
    """
    with foreign_errors(path), open_container(path) as container:
        return video_info(container, video_stream(container, path, programme))


@contextmanager
def foreign_errors(path: str | Path) -> Iterator[None]:
    """Raise whatever a media library raises within as a failure of the recording."""
    try:
        yield
    except (GfpipeError, MemoryError):
        raise
    except Exception as exc:
        check_readable(path)  # raises if the storage failed meanwhile
        problem = f"{type(exc).__name__}: {exc}"
        raise RecordingError(
            f"{path}: cannot be read as video ({problem}); the file is damaged: copy it again from the original"
        ) from exc


def open_container(path: str | Path, begin: int = 0) -> InputContainer:
    """Open a media file for reading, a transport stream from a byte on; raises as :func:`probe` does."""
    if check_readable(path) == 0:
        raise RecordingError(f"{path}: the file is empty (0 bytes); copy it again from the original")
    try:
        # Absolute, because "20:00.ts" looks like a protocol.
        file = TransportFile.of(path, begin) or str(on_disk(path).absolute())
        return av.open(file, mode="r", metadata_errors="replace", options=_OPTIONS, buffer_size=BUFFER)
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
        with open_regular(path) as file:
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


def video_stream(container: InputContainer, path: str | Path, programme: int | None = None) -> VideoStream:
    """Select the default video stream, except cover art, and discard the others.

    Of several programmes of a transport stream, the given one, or the first with video, is selected. Its other video
    streams are not discarded, because the programme may move to them.

    Raises:
        RecordingError: there is no video stream, it is scrambled, its codec is unknown, or its header is absurd.
    """
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not videos:
        kinds = _kinds(container)
        found = f"has no video stream, only {kinds}" if kinds else "has no stream of video, sound or text"
        raise RecordingError(f"{path}: {found}; take it out of the archive")
    is_transport_stream = container.format.name == MPEG_TS
    if is_transport_stream:
        videos = _of_programme(videos, path, programme)
    # As players do: the first one flagged as default, else the first with a frame size.
    stream = min(videos, key=lambda s: (not _pixels(s), not s.disposition & Disposition.default, s.index))
    if not _pixels(stream):
        _check_decodable(stream, path, is_transport_stream)
    if _pixels(stream) > _MAX_PIXELS:
        raise RecordingError(
            f"{path}: its header claims pictures of {stream.width} x {stream.height} pixels; the file is damaged: "
            "copy it again from the original"
        )
    for other in container.streams:
        if other.index != stream.index and not (is_transport_stream and other.type == "video"):
            other.discard = Discard.all
    return stream


def _kinds(container: InputContainer) -> str:
    covers = len(container.streams.video)
    others = {s.type for s in container.streams if s.type != "video"}
    if covers:
        return " and ".join([*(["sound"] if "audio" in others else []), "a cover picture"])
    return ", ".join(sorted(others))


def _pixels(stream: VideoStream) -> int:
    """Size of the frames; 0 if unknown."""
    return (stream.width or 0) * (stream.height or 0) if stream.codec_context else 0


def _of_programme(videos: list[VideoStream], path: str | Path, programme: int | None) -> list[VideoStream]:
    """The video streams of one programme of a transport stream: the given one, or the first with a known picture."""
    programmes = tables.programmes(path)
    if len(programmes) < 2:  # there is nothing to choose
        programme = None
    if programme is not None and programme not in programmes:
        known = ", ".join(map(str, programmes.values()))
        raise RecordingError(f"{path}: has no programme {programme}, only {known}; choose one of them, or none")
    groups = [[s for s in videos if s.id in programmes[n].pids] for n in programmes if programme in (None, n)]
    groups = [group for group in groups if group]
    if not groups and programme is not None:
        raise RecordingError(f"{path}: its programme {programme} has no video stream; take another one")
    return next((group for group in groups if any(map(_pixels, group))), groups[0] if groups else videos)


def _check_decodable(stream: VideoStream, path: str | Path, is_transport_stream: bool) -> None:
    """Raise unless a stream whose frame size is not known may still have frames: after a scrambled stretch."""
    if is_transport_stream:
        stretch = transport.survey(path, 0, None, stream.id)
        if stretch.scrambled > stretch.clear:
            raise RecordingError(
                f"{path}: its video is scrambled (encrypted); record it again with a valid subscription or module"
            )
        if stretch.scrambled and stream.codec_context:
            return
    name = stream.codec_context.name if stream.codec_context else "unknown codec"
    raise RecordingError(
        f"{path}: its video stream ({name}) has no readable frames; the file is damaged, or cut off near its start"
    )


def video_info(container: InputContainer, stream: VideoStream) -> VideoInfo:
    """Read the metadata of a stream.

    Raises:
        RecordingError: its clock or index is absurd.
    """
    if claims.is_index_repeated(container, stream):
        raise RecordingError(
            f"{container.name}: its index lists the same pictures over and over; the file is damaged: copy it again "
            "from the original"
        )
    return VideoInfo(
        width=stream.width,
        height=stream.height,
        duration_seconds=_duration(container, stream),
        frame_seconds=_frame_seconds(container, stream),
        codec=stream.codec_context.name,
        container=container.format.name,
        **_programmes(container, stream),
    )


def _programmes(container: InputContainer, stream: VideoStream) -> dict[str, Any]:
    """The programme of a stream, and all programmes of its file."""
    if container.format.name != MPEG_TS:
        return {}
    programmes = tables.programmes(container.name)
    own = next((number for number, programme in programmes.items() if stream.id in programme.pids), None)
    return {"programme": own, "programmes": tuple(programmes.values())}


def _frame_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Nominal duration of a frame.

    Raises:
        RecordingError: the clock of the stream is absurd.
    """
    rates = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    if claims.is_clock_absurd(container, stream, rates):
        raise RecordingError(
            f"{container.name}: its header gives impossible times, such as {float(1 / rates[0]):.3g} s for a frame; "
            "the file is damaged: copy it again from the original"
        )
    return float(1 / next((rate for rate in rates if claims.is_usual(rate)), rates[0] if rates else Fraction(25)))


def _duration(container: InputContainer, stream: VideoStream) -> float | None:
    """End of the video stream, from the container's start; else of the container, whose sound may be longer."""
    if stream.duration and stream.time_base:
        start = Fraction(container.start_time or 0, av.time_base)
        delay = (stream.start_time or 0) * stream.time_base - start if container.start_time is not None else 0
        return float(stream.duration * stream.time_base + (delay if 0 < delay < _LONGEST_DELAY else 0))
    for key, text in stream.metadata.items():
        if key.upper().startswith("DURATION"):  # Matroska's statistics tags, as 00:59:59.960000000
            with suppress(ValueError):
                hours, minutes, seconds = text.split(":")
                return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    return container.duration / av.time_base if container.duration else None

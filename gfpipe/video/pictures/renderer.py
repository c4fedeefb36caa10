"""The pictures of a stream: turned upright, with square pixels, of one field if it is interlaced."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from gfpipe.errors import RecordingError
from gfpipe.video.frames import MPEG_STREAMS
from gfpipe.video.pictures.picture import UPRIGHT, Orientation, Picture, Reformatters
from gfpipe.video.pictures.rgb import matrix_of

MAX_LINES: Final = 1080
_LEAST_SIDE: Final = 16  # pixels; in anything smaller no face can be found
# Pixel aspect ratios in use are between 0.5 and 3; others are damaged metadata.
_LEAST_ASPECT, _MOST_ASPECT = Fraction(1, 4), Fraction(4)


class Renderer:
    """Renders the frames of one video stream.

    The picture has the lines of the stored frame, but at most 1080. Of an interlaced frame it shows the top field. A
    display matrix turns and mirrors it, to the nearest quarter turn.

    Raises:
        RecordingError: the frames are too small, or FFmpeg cannot read the fields of their pixel format.
    """

    def __init__(self, stream: VideoStream, path: str | Path) -> None:
        self._path = path
        self._reformatters = Reformatters(VideoReformatter)
        self._top_field = _TopField()
        # Transport streams change it with the programme; elsewhere the container decides.
        is_mpeg = stream.container.format.name in MPEG_STREAMS
        self._aspect_of = stream.codec_context if is_mpeg else stream

    def __call__(self, frame: VideoFrame) -> Picture:
        """The picture of a frame."""
        orientation = Orientation.of(frame)
        source = frame.width, frame.height
        width, height = orientation.turned((round(frame.width * self._aspect()), frame.height))
        scale = min(1.0, MAX_LINES / height)
        size = round(width * scale), round(height * scale)
        if min(*source, *size) < _LEAST_SIDE:
            raise RecordingError(
                f"{self._path}: its pictures have {source[0]} x {source[1]} pixels; the file is damaged, or no "
                "recording: copy it again from the original, or take it out of the archive"
            )
        shown = self._field(frame) if frame.interlaced_frame else frame
        return Picture(shown, size, orientation.turned(source), orientation, self._reformatters, self._path)

    def _field(self, frame: VideoFrame) -> VideoFrame:
        try:
            return self._top_field(frame)
        except (av.error.FFmpegError, ValueError) as exc:
            raise RecordingError(
                f"{self._path}: fields in the pixel format {frame.format.name} cannot be separated ({exc}); convert "
                "the file with ffmpeg to another format"
            ) from exc

    def _aspect(self) -> Fraction:
        """Width of a stored pixel, relative to its height."""
        aspect = self._aspect_of.sample_aspect_ratio
        return aspect if aspect and _LEAST_ASPECT <= aspect <= _MOST_ASPECT else Fraction(1)


class _TopField:
    """Every second line of a frame, beginning with the first, for luma and chroma alike."""

    def __init__(self) -> None:
        self._graph = Graph()
        self._format: tuple[int, int, str] | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        if self._format != (frame.width, frame.height, frame.format.name):
            self._format = frame.width, frame.height, frame.format.name
            self._graph = Graph()
            source = self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 90_000)
            )
            self._graph.link_nodes(source, self._graph.add("field", "top"), self._graph.add("buffersink")).configure()
        self._graph.vpush(frame)
        return self._graph.vpull()


def is_upright_bt601(frame: VideoFrame) -> bool:
    """Whether a frame is progressive, stored upright, in 8 bits, with the matrix and range of BT.601."""
    return (
        not frame.interlaced_frame
        and frame.format.name == "yuv420p"
        and matrix_of(frame) in (Colorspace.ITU601, Colorspace.ITU601 + 1)
        and frame.color_range != ColorRange.JPEG
        and Orientation.of(frame) == UPRIGHT
    )

"""Open a recording for one pass over its samples; and decord as another decoder of the sampling ``exact``."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from numpy.typing import NDArray

from gfpipe.base.files import on_disk
from gfpipe.choices import Decoder, Sampling
from gfpipe.recording import WHOLE, Segment
from gfpipe.video.exact import ExactReader
from gfpipe.video.frames import MATROSKA, MP4, Reader
from gfpipe.video.keyframes import KeyframeReader
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.pictures.renderer import Renderer, is_upright_bt601
from gfpipe.video.probe import open_container, video_stream
from gfpipe.video.samples import Sample


def open_video(
    path: str | Path,
    sampling: Sampling,
    every_seconds: float,
    scheduled_seconds: float | None = None,
    *,
    threads: int = 1,
    decoder: Decoder = Decoder.PYAV,
    programme: int | None = None,
    segment: Segment = WHOLE,
) -> Reader:
    """Open a recording for sampling; decoding starts with the first batch. Raises as the readers do.

    A file that ends much earlier than scheduled has lost its end. With 0 ``threads`` the decoder chooses their number;
    1 is fastest with one recording per core. Keyframes are always decoded by PyAV. Of a
    transport stream with several programmes, ``programme`` selects one by its number; by default the first with video.
    A ``segment`` is read by PyAV.
    """
    exact = DecordReader if Decoder(decoder) is Decoder.DECORD and segment == WHOLE else ExactReader
    reader = {Sampling.KEYFRAMES: KeyframeReader, Sampling.EXACT: exact}[Sampling(sampling)]
    return reader(path, every_seconds, scheduled_seconds, threads, programme, segment)


class DecordReader(ExactReader):
    """The samples of :class:`ExactReader`, decoded by decord where its pictures are right, else by PyAV.

    decord 0.6 seeks to wrong frames in MPEG streams, ignores matrix coefficients and fields, does not report damage,
    and ends the process on absurd sample tables of an MP4.
    """

    def _samples(self) -> Iterator[Sample]:
        done = 0.0
        if opened := self._open():
            frames, starts, end = opened
            try:
                for interval in range(math.ceil((end - self.info.frame_seconds / 2) / self._every)):
                    begin = interval * self._every
                    index = max(0, int(np.searchsorted(starts, self.middle(interval), side="right")) - 1)
                    picture = Picture.of_pixels(frames[index].asnumpy(), (self.info.width, self.info.height))
                    done = min(begin + self._every, end)
                    yield Sample(begin, done - begin, picture)
            except _errors():
                pass
            else:
                self._lose_tail(end)
                return
        yield from self._from(done)

    def _open(self) -> tuple[Any, NDArray[np.float64], float] | None:
        """A ``decord.VideoReader``, the start of every frame and the end of the last one, in seconds from the first.

        None if its pictures or times would not be those of PyAV.
        """
        decord = _decord()
        if self.info.container not in (MP4, MATROSKA):
            return None
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                first = next(container.decode(stream), None)
            except av.error.FFmpegError:
                return None
            if first is None or len(container.streams.video) > 1 or not is_upright_bt601(first):
                return None
            shown = Renderer(stream, self.path)(first)
            count = stream.frames
        try:
            frames = decord.VideoReader(
                str(on_disk(self.path).absolute()),
                width=shown.width,
                height=shown.height,
                num_threads=self._threads,
                fault_tol=1,
            )
            times = np.asarray(frames.get_frame_timestamp(np.arange(len(frames))), dtype=np.float64)
        except _errors():
            return None
        starts, end = times[:, 0] - times[0, 0], float(times[-1, 1] - times[0, 0])
        agrees = (
            len(frames) == (count or len(frames))
            and frames.get_key_indices()[:1] == [0]
            and bool((np.diff(starts) > 0).all())
            and abs(end - (self.info.duration_seconds or end)) <= 2 * self.info.frame_seconds
        )
        return (frames, starts, end) if agrees else None


def _decord() -> Any:
    """The library, which takes 0.2 s to import and is rarely chosen."""
    import decord  # noqa: PLC0415

    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _errors() -> tuple[type[Exception], ...]:
    """What decord raises; the last if it counts no frame."""
    return _decord().DECORDError, _decord().DECORDLimitReachedError, RuntimeError, AssertionError

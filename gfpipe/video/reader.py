"""Open a recording for one pass over its samples; and decord as another decoder of the sampling ``exact``."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import av.error
import numpy as np
from numpy.typing import NDArray

from gfpipe.base.files import on_disk
from gfpipe.choices import Decoder, Sampling
from gfpipe.recording import WHOLE, Segment
from gfpipe.video.exact import ExactReader
from gfpipe.video.frames import MATROSKA, MP4, Reader
from gfpipe.video.keyframes import KeyframeReader
from gfpipe.video.packets import Packets
from gfpipe.video.pictures.picture import Picture
from gfpipe.video.pictures.renderer import Renderer, is_upright_bt601
from gfpipe.video.probe import open_container, video_stream
from gfpipe.video.samples import Sample

_SAME_SECONDS: Final = 0.002  # times of the same frame


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
    """The samples of :class:`ExactReader`, decoded by decord where its pictures and times are right, else by PyAV.

    decord 0.6 seeks to wrong frames in MPEG streams, ignores matrix coefficients and fields, does not report damage,
    shows packed B-frames at the times of their packets, and ends the process on absurd sample tables of an MP4.
    """

    def _samples(self) -> Iterator[Sample]:
        done = 0.0
        with Packets(self.path, self._threads, self._programme) as packets:
            frames, starts = self._open(packets)
            self.start_seconds = packets.start_seconds
            try:
                for interval in count() if frames else ():
                    if not self._begins(interval, packets.end_seconds):
                        self._conclude(packets)
                        return
                    begin = self._begin(interval)
                    index = max(0, int(np.searchsorted(starts, self.middle(interval), side="right")) - 1)
                    picture = Picture.of_pixels(frames[index].asnumpy(), (self.info.width, self.info.height))
                    done = min(begin + self._every, packets.end_seconds)
                    yield Sample(begin, done - begin, picture)
            except _errors():
                pass
        yield from self._from(done)

    def _open(self, packets: Packets) -> tuple[Any, NDArray[np.float64]]:
        """A ``decord.VideoReader``, and the time at which each of its frames is shown, as in :class:`Packets`.

        None if its pictures or times would not be those of PyAV.
        """
        none = None, np.empty(0)
        if self.info.container not in (MP4, MATROSKA):
            return none
        with open_container(self.path) as container:
            stream = video_stream(container, self.path)
            try:
                first = next(container.decode(stream), None)
            except av.error.FFmpegError:
                return none
            if first is None or not is_upright_bt601(first):
                return none
            picture = Renderer(stream, self.path)(first)
        read = [(packets.seconds(packet), packet.is_keyframe) for packet in packets if not packet.is_discard]
        shown, keyframes = np.array(sorted(read)).T
        if packets.gaps or shown[0] < packets.start_seconds:
            return none
        try:
            frames = _decord().VideoReader(
                str(on_disk(self.path).absolute()),
                width=picture.width,
                height=picture.height,
                num_threads=self._threads,
                fault_tol=1,
            )
            times = np.asarray(frames.get_frame_timestamp(np.arange(len(frames))), dtype=np.float64)[:, 0]
            agrees = (
                len(times) == len(shown)
                and np.allclose(times - times[0], shown - shown[0], rtol=0, atol=_SAME_SECONDS)
                and list(frames.get_key_indices()) == np.flatnonzero(keyframes).tolist()
            )
        except _errors():
            return none
        return (frames, shown) if agrees else none


def _decord() -> Any:
    """The library, which takes 0.2 s to import and is rarely chosen."""
    import decord  # noqa: PLC0415

    decord.logging.set_level(decord.logging.QUIET)
    return decord


def _errors() -> tuple[type[Exception], ...]:
    """What decord raises; the last if it counts no frame."""
    return _decord().DECORDError, _decord().DECORDLimitReachedError, RuntimeError, AssertionError

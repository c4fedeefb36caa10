"""Open a recording for one pass over its samples."""

from pathlib import Path

from gfpipe.choices import Sampling
from gfpipe.video.exact import ExactReader
from gfpipe.video.frames import Reader
from gfpipe.video.keyframes import KeyframeReader


def open_video(
    path: str | Path,
    sampling: Sampling,
    every_seconds: float,
    scheduled_seconds: float | None = None,
    *,
    threads: int = 1,
) -> Reader:
    """Open a recording for sampling; decoding starts with the first batch. Raises as the readers do.

    A file that ends much earlier than scheduled has lost its end. With 0 ``threads`` the decoder chooses their number;
    1 is fastest with one recording per core.
    """
    reader = {Sampling.KEYFRAMES: KeyframeReader, Sampling.EXACT: ExactReader}[Sampling(sampling)]
    return reader(path, every_seconds, scheduled_seconds, threads)

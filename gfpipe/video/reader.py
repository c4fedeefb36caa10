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
    """Make ready to read a recording's samples; nothing is decoded before the first batch is asked for.

    Args:
        path: the media file.
        sampling: keyframes, or a picture from the middle of each interval.
        every_seconds: how far apart samples are.
        scheduled_seconds: how long the recording should last; a file that ends much earlier has lost its tail.
        threads: decoder threads; 0 leaves it to the decoder. With one recording for each core, 1 is fastest.

    Raises:
        UsageError: ``every_seconds`` is not positive.
        RecordingError: the file cannot be opened as a video; on iterating, that not one picture can be decoded.
        TransientError: the place where the file lies failed.
    """
    reader = {Sampling.KEYFRAMES: KeyframeReader, Sampling.EXACT: ExactReader}[Sampling(sampling)]
    return reader(path, every_seconds, scheduled_seconds, threads)

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
    """Open a recording for sampling; decoding starts with the first batch.

    Args:
        path: the media file.
        sampling: keyframes, or the frame at the middle of each interval.
        every_seconds: distance between samples.
        scheduled_seconds: scheduled duration; a file that ends much earlier has lost its end.
        threads: decoder threads; 0 lets the decoder choose. 1 is fastest with one recording per core.

    Raises:
        UsageError: ``every_seconds`` is not positive.
        RecordingError: the file cannot be opened as a video or, during iteration, no frame can be decoded.
        TransientError: the storage failed.
    """
    reader = {Sampling.KEYFRAMES: KeyframeReader, Sampling.EXACT: ExactReader}[Sampling(sampling)]
    return reader(path, every_seconds, scheduled_seconds, threads)

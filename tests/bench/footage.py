"""Recordings made for benchmarks: their formats, and what they show."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gfpipe.stages.analysis import demo
from gfpipe.video.encode import Codec, write_video

FPS = 25


@dataclass(frozen=True)
class Format:
    """What an archive keeps its recordings in."""

    name: str
    width: int
    height: int
    ending: str
    codec: Codec
    bit_rate: int
    gop: int
    interlaced: bool = False

    def write(self, path: Path, seconds: int) -> Path:
        """A recording of the demo's shots."""
        return write_video(
            path,
            footage(seconds, self.width, self.height),
            FPS,
            codec=self.codec,
            bit_rate=self.bit_rate,
            gop=self.gop,
            interlaced=self.interlaced,
            options={"preset": "veryfast"}
            if self.codec == "libx264"
            else {},  # as broadcasters encode: CABAC, B-frames
        )


H264 = Format("H.264 1080p25, 6 Mb/s, keyframe each 1 s", 1920, 1080, ".mp4", "libx264", 6_000_000, 25)
MPEG2 = Format("MPEG-2 TS 576p25, 4 Mb/s, GOP 12", 720, 576, ".ts", "mpeg2video", 4_000_000, 12)
MPEG2_INTERLACED = Format(
    "MPEG-2 TS 576i25, 4 Mb/s, GOP 12", 720, 576, ".ts", "mpeg2video", 4_000_000, 12, interlaced=True
)


def footage(seconds: int, width: int, height: int) -> Iterator[NDArray[np.uint8]]:
    """The demo's shots, enlarged: two faces, one, none, in turn."""
    shots = (("both", 5), ("street", 3), ("woman", 4), ("man", 3))
    for frame in islice(cycle(list(demo.footage().frames(shots))), seconds * FPS):
        yield np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))

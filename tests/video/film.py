"""Synthetic videos with a frame number encoded in every frame, so that tests can identify decoded frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import array_dataclass
from gfpipe.choices import Decoder, Sampling
from gfpipe.video.encode import write_video
from gfpipe.video.frames import LostRange, VideoInfo
from gfpipe.video.reader import open_video

FPS = 25
WIDTH, HEIGHT = 192, 144
_BITS, _BLOCK = 12, 16


def numbered_frames(count: int, first: int = 0, width: int = WIDTH) -> Iterator[NDArray[np.uint8]]:
    """Panning noise below a band of black and white blocks that encodes the frame number in binary."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT // 8, width // 8, 3), dtype=np.uint8)
    scene = noise.repeat(8, axis=0).repeat(8, axis=1)
    for number in range(first, first + count):
        frame = np.roll(scene, number, axis=1).copy()
        bits = np.array([(number >> bit) & 1 for bit in range(_BITS)], dtype=np.uint8)
        frame[:64] = (bits.repeat(_BLOCK * width // WIDTH) * 200 + 20)[None, :, None]
        yield frame


def number(frame: NDArray[np.uint8]) -> int:
    """Decode the number of a frame of any size."""
    height, width = frame.shape[:2]
    centres = ((np.arange(_BITS) + 0.5) * _BLOCK * width / WIDTH).astype(int)
    is_light = frame[height // 12 : height // 3, centres].mean(axis=(0, 2)) > 120
    return int((is_light * 2 ** np.arange(_BITS)).sum())


def film(path: Path, seconds: float = 8, first: int = 0, **options: Any) -> Path:
    """Write a video of numbered frames with the options of ``write_video``."""
    return write_video(path, numbered_frames(round(seconds * FPS), first), FPS, **options)


@array_dataclass
class Seen:
    """Everything that a reader returned."""

    info: VideoInfo
    seconds: NDArray[np.float64]
    steps: NDArray[np.float64]
    numbers: NDArray[np.int64]
    frames: NDArray[np.uint8]
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]

    @property
    def lost_seconds(self) -> float:
        return sum(lost.end_seconds - lost.start_seconds for lost in self.lost)


def see(
    path: Path,
    sampling: Sampling,
    every: float = 1.0,
    scheduled: float | None = None,
    decoder: Decoder = Decoder.PYAV,
) -> Seen:
    """Read a whole recording."""
    reader = open_video(path, sampling, every, scheduled, decoder=decoder)
    batches = list(reader)
    frames = np.concatenate([batch.pixels for batch in batches])
    return Seen(
        info=reader.info,
        seconds=np.concatenate([batch.seconds for batch in batches]),
        steps=np.concatenate([batch.step_seconds for batch in batches]),
        numbers=np.array([number(frame) for frame in frames]),
        frames=frames,
        lost=reader.lost,
        notes=reader.notes,
    )

"""A film whose every picture bears its number, and files made of it; so a test can tell what a reader really saw."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.video.encode import write_video
from gfpipe.video.frames import LostRange, VideoInfo
from gfpipe.video.reader import open_video

FPS = 25
WIDTH, HEIGHT = 192, 144
_BITS, _BLOCK = 12, 16


def pictures(count: int, first: int = 0, width: int = WIDTH) -> Iterator[NDArray[np.uint8]]:
    """Noise that pans, under a band of black and white blocks: the picture's number in binary."""
    noise = np.random.default_rng(1).integers(0, 256, (HEIGHT // 8, width // 8, 3), dtype=np.uint8)
    scene = noise.repeat(8, axis=0).repeat(8, axis=1)
    for number in range(first, first + count):
        picture = np.roll(scene, number, axis=1).copy()
        bits = np.array([(number >> bit) & 1 for bit in range(_BITS)], dtype=np.uint8)
        picture[:64] = (bits.repeat(_BLOCK * width // WIDTH) * 200 + 20)[None, :, None]
        yield picture


def number(picture: NDArray[np.uint8]) -> int:
    """The number that a picture of any size bears."""
    height, width = picture.shape[:2]
    centres = ((np.arange(_BITS) + 0.5) * _BLOCK * width / WIDTH).astype(int)
    light = picture[height // 12 : height // 3, centres].mean(axis=(0, 2)) > 120
    return int((light * 2 ** np.arange(_BITS)).sum())


def film(path: Path, seconds: float = 8, **how: Any) -> Path:
    """Write a film; ``how`` as for ``write_video``."""
    return write_video(path, pictures(round(seconds * FPS)), FPS, **how)


@dataclass(frozen=True)
class Seen:
    """All that a reader handed on."""

    info: VideoInfo
    seconds: NDArray[np.float64]
    steps: NDArray[np.float64]
    numbers: NDArray[np.int64]
    pictures: NDArray[np.uint8]
    lost: tuple[LostRange, ...]

    @property
    def lost_seconds(self) -> float:
        return sum(lost.end_seconds - lost.start_seconds for lost in self.lost)


def see(path: Path, sampling: Sampling, every: float = 1.0, scheduled: float | None = None) -> Seen:
    """Read a whole recording."""
    reader = open_video(path, sampling, every, scheduled)
    batches = list(reader)
    shown = np.concatenate([batch.pixels for batch in batches])
    return Seen(
        info=reader.info,
        seconds=np.concatenate([batch.seconds for batch in batches]),
        steps=np.concatenate([batch.step_seconds for batch in batches]),
        numbers=np.array([number(picture) for picture in shown]),
        pictures=shown,
        lost=reader.lost,
    )

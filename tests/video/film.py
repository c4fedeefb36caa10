"""Synthetic videos with a frame number encoded in every frame, so that tests can identify decoded frames."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
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


def remux(
    source: Path, path: Path, shift_seconds: float = 0, sound_seconds: float = 0, second: str | None = None
) -> Path:
    """Copy a video's packets into another file, with sound from zero on, another video stream or cover art."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy, packets = new.add_stream_from_template(stream), []
        if sound_seconds:
            sound = new.add_stream("aac", rate=48_000)
            for index in range(int(sound_seconds * 48_000) // 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                silence.sample_rate, silence.pts = 48_000, index * 1024
                packets += sound.encode(silence)
            packets += sound.encode(None)
        if second:
            other = new.add_stream("libx264" if second == "video" else "mjpeg", rate=FPS)
            other.width, other.height = 2 * WIDTH, HEIGHT
            other.pix_fmt = "yuv420p" if second == "video" else "yuvj420p"
            if second == "cover":
                other.disposition = av.stream.Disposition.attached_pic
            for frame in numbered_frames(1 if second == "cover" else 200, first=1000, width=2 * WIDTH):
                packets += other.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
            packets += other.encode(None)
        for packet in old.demux(stream):
            if packet.dts is not None and packet.pts is not None and stream.time_base is not None:
                packet.pts += round(shift_seconds / stream.time_base)
                packet.dts += round(shift_seconds / stream.time_base)
                packet.stream = copy
                packets.append(packet)
        for packet in sorted(packets, key=lambda p: float((p.dts or 0) * (p.time_base or 0))):
            new.mux(packet)
    return path


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

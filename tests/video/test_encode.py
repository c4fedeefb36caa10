"""Encoding options, and reading clips frame by frame."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.video.encode import read_frames, write_video
from gfpipe.video.probe import probe
from tests.video.film import HEIGHT, WIDTH, film, number, numbered_frames


def keyframes(path: Path) -> list[float]:
    """Timestamps of a file's keyframes in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            float(packet.pts * packet.time_base)
            for packet in container.demux(stream)
            if packet.is_keyframe and packet.pts is not None
        ]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "b.mp4"])
def test_every_frame_is_decoded_in_order(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, seconds=2, interlaced=name == "b.mp4")
    assert [number(frame) for frame in read_frames(path)] == list(range(50))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
def test_encoding_is_deterministic(tmp_path: Path, ending: str) -> None:
    """Without B-frames: with them x264 reads uninitialised memory."""
    first, again = (film(tmp_path / f"{name}.{ending}", seconds=1, b_frames=0) for name in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_frames_are_scaled(mp4: Path) -> None:
    assert next(read_frames(mp4)).shape == (HEIGHT, WIDTH, 3)
    assert next(read_frames(mp4, width=64, height=48)).shape == (48, 64, 3)


def test_colours_are_preserved(tmp_path: Path) -> None:
    colours = np.zeros((64, 96, 3), dtype=np.uint8)
    colours[:, :32], colours[:, 32:64], colours[:, 64:] = (200, 30, 30), (30, 200, 30), (120, 120, 120)
    path = write_video(tmp_path / "colours.mp4", [colours] * 3)
    (*_, last) = read_frames(path)
    for column in (16, 48, 80):
        np.testing.assert_allclose(last[32, column], colours[32, column], atol=6)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_keyframes_are_placed_as_requested(tmp_path: Path, codec: str) -> None:
    path = film(tmp_path / "keys.ts", seconds=3, codec=codec, gop=30, keyframes=[7, 50], start_seconds=100, b_frames=0)
    assert [round((t - keyframes(path)[0]) * 25) for t in keyframes(path)] == [0, 7, 37, 50]
    assert keyframes(path)[0] == pytest.approx(100, abs=0.1)


def test_bit_rate_and_frame_rate(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "ntsc.ts", numbered_frames(90), Fraction(30_000, 1001), codec="mpeg2video", bit_rate=500_000
    )
    assert probe(path).frame_seconds == pytest.approx(1001 / 30_000)
    assert path.stat().st_size * 8 / 3 == pytest.approx(500_000, rel=0.4)


def test_interlaced_flag(tmp_path: Path) -> None:
    for codec in ("libx264", "mpeg2video"):
        path = film(tmp_path / f"{codec}.ts", seconds=1, codec=codec, interlaced=True)
        with av.open(str(path)) as container:
            assert next(container.decode(video=0)).interlaced_frame


def test_no_frames_and_unknown_extensions_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no frames"):
        write_video(tmp_path / "none.mp4", [])
    with pytest.raises(UsageError, match=r"\.gif"):
        write_video(tmp_path / "moving.gif", numbered_frames(1))

"""decord gives the samples of PyAV, or leaves a file to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gfpipe.choices import Decoder, Sampling
from gfpipe.video.exact import ExactReader
from tests.video.film import film, numbered_frames, remux, see
from tests.video.streams.test_damage import assert_complete, scratch
from tests.video.streams.test_packed import NOT_CODED, coded, mux, pack


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_samples_are_those_of_pyav(reel: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(reel / f"decord-{name}", gop=50)
    expected = see(path, Sampling.EXACT, 0.32)
    monkeypatch.setattr(ExactReader, "_from", lambda *_: pytest.fail("decoded by PyAV"))
    seen = see(path, Sampling.EXACT, 0.32, decoder=Decoder.DECORD)
    np.testing.assert_allclose(seen.seconds, expected.seconds, atol=1e-6)
    np.testing.assert_allclose(seen.steps, expected.steps, atol=1e-6)
    np.testing.assert_array_equal(seen.numbers, expected.numbers)
    assert np.abs(seen.frames.astype(int) - expected.frames).mean() < 3


@pytest.mark.parametrize(
    ("name", "options"),
    [("b.ts", {}), ("b.mp4", {"interlaced": True}), ("b.mkv", {"options": {"color_range": "pc"}})],
)
def test_other_files_are_left_to_pyav(reel: Path, name: str, options: dict[str, Any]) -> None:
    path = film(reel / f"decord-{name}", seconds=2, **options)
    expected, seen = (see(path, Sampling.EXACT, decoder=decoder) for decoder in Decoder)
    np.testing.assert_array_equal(seen.frames, expected.frames)


def packed(path: Path) -> Path:
    return mux(path, pack(coded(numbered_frames(150), 2), NOT_CODED))


def sound_first(path: Path) -> Path:
    return remux(film(path.with_stem("plain"), seconds=4), path, shift_seconds=1.5, sound_seconds=6)


def shortened(path: Path) -> Path:
    return remux(film(path.with_stem("whole"), seconds=4), path, shift_seconds=-0.52)


def refreshed(path: Path) -> Path:
    return film(path, gop=50, b_frames=0, options={"x264-params": "intra-refresh=1"})


def uneven(path: Path) -> Path:
    return film(path, seconds=4, times=[index / 25 + (index > 30) * 2.5 for index in range(100)])


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
@pytest.mark.parametrize("make", [packed, sound_first, shortened, refreshed, uneven])
def test_times_are_those_of_pyav(tmp_path: Path, make: Callable[[Path], Path], ending: str) -> None:
    path = make(tmp_path / f"film.{ending}")
    expected, seen = (see(path, Sampling.EXACT, 0.3, decoder=decoder) for decoder in Decoder)
    np.testing.assert_allclose(seen.seconds, expected.seconds, atol=1e-3)
    np.testing.assert_allclose(seen.steps, expected.steps, atol=1e-3)
    np.testing.assert_array_equal(seen.numbers, expected.numbers)
    assert (seen.lost, seen.notes) == (expected.lost, expected.notes)


def test_pyav_continues_where_decord_fails(reel: Path, mp4: Path) -> None:
    """Every sample before and after the damage occurs once."""
    path = scratch(mp4, reel / "decord-heavy.mp4", 0.45, 0.55, flips=2000)
    seen = see(path, Sampling.EXACT, 0.5, decoder=Decoder.DECORD)
    assert_complete(seen, Sampling.EXACT)

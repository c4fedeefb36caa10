"""Random access returns the analysed frame of a sample, or an error, and never another frame."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video import moment as moments
from gfpipe.video.moment import Moment, still
from tests.video.film import HEIGHT, WIDTH, Seen, film, number, see

FILES: dict[str, dict[str, Any]] = {
    "indexed.mp4": {},
    "long_groups.mp4": {"gop": 90},
    "open_groups.ts": {"codec": "mpeg2video", "gop": 12, "open_gop": True, "start_seconds": 35_000.0},
    "late_clock.ts": {"gop": 50, "start_seconds": 95_440.0},
    "stream.mpg": {"codec": "mpeg2video", "gop": 15},
    "wide.mkv": {"pixel_aspect": Fraction(16, 11)},
}


def moments_of(seen: Seen, sampling: Sampling, every: float = 1.0) -> list[Moment]:
    length = float(seen.steps.sum()) + seen.lost_seconds
    return [Moment(float(seconds), sampling, every, length) for seconds in seen.seconds]


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", FILES)
def test_still_is_the_analysed_frame(tmp_path: Path, name: str, sampling: Sampling) -> None:
    path = film(tmp_path / name, 8, **FILES[name])
    seen = see(path, sampling)
    all_moments = moments_of(seen, sampling)
    for index in (5, *range(len(all_moments))):  # in any order
        frame = still(path, all_moments[index])
        assert number(frame.pixels) == seen.numbers[index]
        assert frame.pixels.shape == seen.frames[index].shape
        assert (frame.source_width, frame.source_height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("sampling", Sampling)
def test_indexed_files_are_not_read_from_their_start(
    tmp_path: Path, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "film.mp4", 8, gop=50)
    seen = see(path, sampling)
    monkeypatch.setattr(moments, "_read", lambda *_: pytest.fail("read from its start"))
    for moment in moments_of(seen, sampling):
        still(path, moment)


@pytest.mark.parametrize("sampling", Sampling)
def test_clock_reset(tmp_path: Path, sampling: Sampling) -> None:
    first = film(tmp_path / "first.ts", 4, start_seconds=500.0)
    second = film(tmp_path / "second.ts", 8, start_seconds=20.0)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    seen = see(joined, sampling)
    assert len(seen.numbers) >= 11
    for moment, expected in zip(moments_of(seen, sampling), seen.numbers, strict=True):
        assert number(still(joined, moment).pixels) == expected


def test_missing_moment_is_an_error(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 4)
    for seconds in (2.5, 60.0):
        with pytest.raises(RecordingError, match="no frame at"):
            still(path, Moment(seconds, Sampling.KEYFRAMES, 1.0, 60.0))


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        still(tmp_path / "gone.mp4", Moment(0.0, Sampling.KEYFRAMES, 1.0, 4.0))


def test_colours_are_those_of_the_analysis(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 2)
    seen = see(path, Sampling.KEYFRAMES)
    frame = still(path, moments_of(seen, Sampling.KEYFRAMES)[1])
    np.testing.assert_array_equal(frame.pixels, seen.frames[1])

"""The picture of a sample is found again, whatever the file; another picture is never handed on in its place."""

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


@pytest.mark.parametrize("sampling", list(Sampling))
@pytest.mark.parametrize("name", list(FILES))
def test_the_picture_is_the_one_that_was_analysed(tmp_path: Path, name: str, sampling: Sampling) -> None:
    path = film(tmp_path / name, 8, **FILES[name])
    seen = see(path, sampling)
    wanted = moments_of(seen, sampling)
    for each in (wanted[5], *wanted):  # in any order
        found = still(path, each)
        at = wanted.index(each)
        assert number(found.pixels) == seen.numbers[at]
        assert found.pixels.shape == seen.pictures[at].shape
        assert (found.source_width, found.source_height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("sampling", list(Sampling))
def test_indexed_files_are_not_read_from_their_start(
    tmp_path: Path, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "film.mp4", 8, gop=50)
    seen = see(path, sampling)
    monkeypatch.setattr(moments, "_read", lambda *_: pytest.fail("read from its start"))
    for each in moments_of(seen, sampling):
        still(path, each)


@pytest.mark.parametrize("sampling", list(Sampling))
def test_a_clock_that_was_set_anew_misleads_nobody(tmp_path: Path, sampling: Sampling) -> None:
    first = film(tmp_path / "first.ts", 4, start_seconds=500.0)
    second = film(tmp_path / "second.ts", 8, start_seconds=20.0)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    seen = see(joined, sampling)
    assert len(seen.numbers) >= 11
    for at, each in enumerate(moments_of(seen, sampling)):
        assert number(still(joined, each).pixels) == seen.numbers[at]


def test_a_moment_that_the_file_does_not_have_is_said(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 4)
    for seconds in (2.5, 60.0):
        with pytest.raises(RecordingError, match="no picture at"):
            still(path, Moment(seconds, Sampling.KEYFRAMES, 1.0, 60.0))


def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        still(tmp_path / "gone.mp4", Moment(0.0, Sampling.KEYFRAMES, 1.0, 4.0))


def test_colours_are_those_that_were_analysed(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", 2)
    seen = see(path, Sampling.KEYFRAMES)
    found = still(path, moments_of(seen, Sampling.KEYFRAMES)[1])
    np.testing.assert_array_equal(found.pixels, seen.pictures[1])

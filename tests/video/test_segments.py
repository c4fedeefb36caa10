"""Segments of a recording, read each by itself, have the samples and losses of the whole, or are known not to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gfpipe.choices import Sampling
from gfpipe.recording import WHOLE, Segment
from gfpipe.video.frames import Loss, LostRange, VideoInfo
from gfpipe.video.reader import open_video
from gfpipe.video.segments import Reading, joined
from tests.video.film import film, remux
from tests.video.streams.test_damage import scratch, without

BOTH = pytest.mark.parametrize("sampling", Sampling)
COUNTS = (2, 5)
Samples = list[tuple[float, float, bytes]]


def segments(path: Path, count: int) -> list[Segment]:
    bounds = [path.stat().st_size * number // count for number in range(count)]
    return [Segment(begin, end) for begin, end in zip(bounds, [*bounds[1:], None], strict=True)]


def read(path: Path, sampling: Sampling, segment: Segment) -> tuple[Reading, Samples]:
    """A reading, and its samples with their pictures."""
    reader = open_video(path, sampling, 1.0, segment=segment)
    samples = [
        (float(seconds), float(step), picture.scaled(48, 32).tobytes())
        for batch in reader
        for seconds, step, picture in zip(batch.seconds, batch.step_seconds, batch.pictures, strict=True)
    ]
    return Reading.of(reader), samples


def assert_sum(path: Path, sampling: Sampling, count: int) -> list[int] | None:
    """Compare the segments with the whole; returns how many samples each has, None if they are not its sum."""
    return sum_of_segments(path, sampling, count, *read(path, sampling, WHOLE))


def sum_of_segments(path: Path, sampling: Sampling, count: int, whole: Reading, expected: Samples) -> list[int] | None:
    parts = [read(path, sampling, segment) for segment in segments(path, count)]
    reading = joined([reading for reading, _ in parts])
    if reading is None:
        return None
    assert [sample for _, samples in parts for sample in samples] == expected
    assert (reading.lost, reading.notes, reading.info) == (whole.lost, whole.notes, whole.info)
    return [len(samples) for _, samples in parts]


def concatenated(path: Path, parts: Sequence[Path]) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


INTACT = {
    "a keyframe each second.mp4": {"seconds": 12},
    "a keyframe each second.ts": {"seconds": 12, "start_seconds": 3600},
    "two keyframes a second.mpg": {"seconds": 12, "gop": 12, "codec": "mpeg2video"},
    "open groups of pictures.ts": {"seconds": 12, "gop": 12, "codec": "mpeg2video", "open_gop": True},
    "long groups of pictures.mkv": {"seconds": 12, "gop": 60},
    "keyframes at cuts.mp4": {"seconds": 18, "gop": 75, "keyframes": {40, 55, 60, 130, 135, 290, 300, 410, 420}},
    "the clock wraps.ts": {"seconds": 12, "start_seconds": 2**33 / 90_000 - 8},
    "interlaced.ts": {"seconds": 12, "gop": 12, "codec": "mpeg2video", "interlaced": True},
    "frames of any duration.mp4": {"seconds": 12, "times": np.cumsum(np.random.default_rng(3).uniform(0.01, 0.2, 500))},
}


@BOTH
@pytest.mark.parametrize("name", INTACT)
def test_segments_of_an_intact_recording_are_its_sum(reel: Path, name: str, sampling: Sampling) -> None:
    path = film(reel / f"segments of {name}", **INTACT[name])  # type: ignore[arg-type]
    for count in COUNTS:
        samples = assert_sum(path, sampling, count)
        assert samples is not None
        assert sum(number > 0 for number in samples) >= min(count, 3)


@BOTH
@pytest.mark.parametrize("gop", [12, 25, 60])
def test_segments_go_on_after_a_gap(reel: Path, gop: int, sampling: Sampling) -> None:
    source = film(reel / f"segments-source-{gop}.ts", 20, gop=gop)
    path = without(source, reel / f"segments-gap-{gop}.ts", 0.2, 0.31)
    for count in COUNTS:
        samples = assert_sum(path, sampling, count)
        assert samples is not None
        assert sum(number > 0 for number in samples) >= min(count, 3)


@BOTH
def test_segments_of_several_stretches_with_clocks_of_their_own(reel: Path, sampling: Sampling) -> None:
    parts = [
        film(reel / f"stretch-{number}.ts", 10, first=250 * number, start_seconds=start, gop=12)
        for number, start in enumerate((3600, 20, 80_000))
    ]
    path = concatenated(reel / "stretches.ts", parts)
    assert all(assert_sum(path, sampling, count) for count in COUNTS)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize(("ending", "gop"), [("ts", 12), ("ts", 60), ("mp4", 12), ("mkv", 60)])
def test_segments_of_a_damaged_recording_are_its_sum_or_are_refused(
    reel: Path, ending: str, gop: int, sampling: Sampling
) -> None:
    # Where a decoder does not notice damage, its pictures depend on what it decoded before. With CABAC it notices more.
    options = {"preset": "veryfast"}
    source = film(reel / f"segments-intact-{gop}.{ending}", 20, gop=gop, options=options)
    for number, (begin, end, flips) in enumerate([(0.2, 0.25, 5), (0.1, 0.9, 60)]):
        path = scratch(source, reel / f"segments-damaged-{gop}-{number}.{ending}", begin, end, flips)
        assert_sum(path, sampling, 3)


INFO = VideoInfo(192, 144, 20.0, 0.04, "h264", "mp4")


@pytest.mark.parametrize(
    ("parts", "is_sum"),
    [
        ([(0, 5, ()), (5, None, ())], True),
        ([(0, 5, ()), (5, 5, ()), (5, None, ())], True),
        ([(0, None, ()), (None, None, ())], True),
        ([(0, 5, ()), (6, None, ())], False),
        ([(0, None, ()), (5, None, ())], False),
        ([(0, 5, ()), (None, None, ())], False),
        ([(0, 5, (LostRange(4, 5),)), (5, None, (LostRange(5, 7),))], True),
        ([(0, 5, (LostRange(4, 5),)), (5, None, (LostRange(5, 7, Loss.SCRAMBLED),))], False),
    ],
)
def test_segments_are_a_sum_if_each_begins_where_the_one_before_ended(
    parts: list[tuple[float | None, float | None, tuple[LostRange, ...]]], is_sum: bool
) -> None:
    reading = joined([Reading(INFO, lost, (), begin, until, begin) for begin, until, lost in parts])
    assert (reading is not None) == is_sum
    if reading and parts[0][2]:
        assert reading.lost == (LostRange(4, 7),)


def test_frames_that_depend_on_all_before_make_one_segment(reel: Path) -> None:
    """A periodic intra refresh has one keyframe."""
    path = film(reel / "segments-refresh.ts", 20, gop=50, b_frames=0, options={"x264-params": "intra-refresh=1"})
    samples = assert_sum(path, Sampling.KEYFRAMES, 3)
    assert samples is not None
    assert samples[1:] == [0, 0]


@BOTH
def test_segments_of_a_recording_with_sound_before_its_pictures(reel: Path, mp4: Path, sampling: Sampling) -> None:
    path = remux(mp4, reel / "segments-sound.mkv", shift_seconds=1.5, sound_seconds=10)
    assert assert_sum(path, sampling, 2)


@pytest.mark.slow
@BOTH
def test_segments_of_inputs_from_the_field(shared: Path, sampling: Sampling) -> None:
    """Also of the damaged ones, whatever they raise."""
    refused = []
    for path in sorted([*(shared / "video").glob("*.mp4"), *(shared / "field").rglob("*.*")]):
        try:
            whole, samples = read(path, sampling, WHOLE)
        except Exception:  # noqa: BLE001, S112 - tests of their own say which
            continue
        refused += [path.name] if sum_of_segments(path, sampling, 3, whole, samples) is None else []
    assert len(refused) < 5, refused

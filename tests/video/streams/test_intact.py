"""Intact files of every kind: each second is represented once, by the frame shown at that time."""

import struct
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError, UsageError
from gfpipe.video.encode import write_video
from gfpipe.video.reader import open_video
from gfpipe.video.streams.decoder import Decoder
from tests.video.film import FPS, HEIGHT, WIDTH, Seen, film, remux, see

pytestmark = pytest.mark.slow

FRAME = 1 / FPS
WRAP = 2**33 / 90_000
KINDS: dict[str, Callable[[Path], Path]] = {
    "MP4": lambda d: film(d / "a.mp4"),
    "MP4 with its index last": lambda d: film(d / "last.mp4", index_first=False),
    "MP4 starting late": lambda d: film(d / "late.mp4", start_seconds=5),
    "Matroska": lambda d: film(d / "a.mkv"),
    "TS starting at an hour": lambda d: film(d / "a.ts", start_seconds=3600),
    "TS whose clock wraps": lambda d: film(d / "wrap.ts", start_seconds=WRAP - 3),
    "TS, open GOP, H.264": lambda d: film(d / "open.ts", open_gop=True),
    "TS, open GOP, MPEG-2": lambda d: film(d / "open2.ts", codec="mpeg2video", open_gop=True, gop=12),
    "TS, interlaced H.264": lambda d: film(d / "tff.ts", interlaced=True),
    "TS, interlaced MPEG-2": lambda d: film(d / "ilace.ts", codec="mpeg2video", interlaced=True, gop=12),
    "HEVC": lambda d: film(d / "hevc.mp4", codec="libx265"),
    "HEVC in TS whose clock wraps": lambda d: film(d / "hevc.ts", codec="libx265", start_seconds=WRAP - 3),
    "AVI": lambda d: film(d / "a.avi", codec="mpeg4", b_frames=0),
    "MPEG program stream": lambda d: film(d / "a.mpg", codec="mpeg2video"),
    "groups of ten seconds": lambda d: film(d / "long.mp4", gop=250),
    "groups of ten seconds in TS": lambda d: film(d / "long.ts", gop=250, b_frames=3, start_seconds=77),
    "keyframes at cuts": lambda d: film(d / "cuts.mp4", gop=250, keyframes=[7, 13, 60, 61, 130]),
    "keyframes each 0.48 s": lambda d: film(d / "dense.ts", gop=12),
    "not a whole number of seconds": lambda d: film(d / "odd.mp4", seconds=7.64),
}


@pytest.fixture(scope="module", params=KINDS)
def intact(request: pytest.FixtureRequest, reel: Path) -> Path:
    return KINDS[request.param](reel)


def shown_at(seen: Seen, sampling: Sampling) -> NDArray[np.float64]:
    """Times whose frames the samples must show."""
    return seen.seconds + (seen.steps / 2 if sampling is Sampling.EXACT else 0)


@pytest.mark.parametrize("every", [1.0, 0.3])
@pytest.mark.parametrize("sampling", Sampling)
def test_steps_cover_the_recording_and_samples_show_their_frames(
    intact: Path, sampling: Sampling, every: float
) -> None:
    seen = see(intact, sampling, every)
    duration = 7.64 if intact.stem == "odd" else 8.0
    assert seen.lost == ()
    assert seen.seconds[0] == pytest.approx(0, abs=1e-6)
    assert seen.steps.sum() == pytest.approx(duration, abs=FRAME)
    np.testing.assert_allclose(seen.seconds[1:], (seen.seconds + seen.steps)[:-1], atol=1e-6)
    assert seen.steps.max() <= every + FRAME + 1e-6
    known = slice(None)
    if intact.suffix in {".ts", ".mpg"} and sampling is Sampling.EXACT and seen.steps[-1] < every - FRAME / 2:
        # MPEG streams have no duration, so the middle of a shorter last interval is unknown.
        assert seen.seconds[-1] <= seen.numbers[-1] * FRAME < duration
        known = slice(-1)
    expected = np.floor(shown_at(seen, sampling) * FPS + 1e-3)
    np.testing.assert_array_equal(seen.numbers[known], expected[known])


def test_two_consecutive_keyframe_samples_represent_more_than_every(intact: Path) -> None:
    steps = see(intact, Sampling.KEYFRAMES, 1.0).steps
    assert ((steps[:-1] + steps[1:])[:-1] > 1.0).all()


def test_keyframes_are_preferred(reel: Path) -> None:
    path = film(reel / "prefer.mp4", gop=250, keyframes=[20, 110])
    assert see(path, Sampling.KEYFRAMES, 1.0).numbers.tolist()[:2] == [0, 20]
    assert 110 in see(path, Sampling.KEYFRAMES, 1.0).numbers


def test_last_keyframe_within_reach_is_selected(reel: Path) -> None:
    path = film(reel / "thin.ts", gop=12)
    np.testing.assert_array_equal(see(path, Sampling.KEYFRAMES, 1.0).numbers, range(0, 200, 24))


def test_cut_is_misplaced_by_at_most_one_step(reel: Path) -> None:
    for cut in (33, 61, 90, 118, 149):
        path = film(reel / f"cut{cut}.mp4", gop=12, keyframes=[cut])
        seen = see(path, Sampling.KEYFRAMES, 1.0)
        first_shot = seen.steps[seen.numbers < cut].sum()
        assert abs(first_shot - cut / FPS) <= seen.steps.max() + 1e-6


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_variable_frame_rate(reel: Path, ending: str, sampling: Sampling) -> None:
    times = np.cumsum(np.random.default_rng(3).integers(1, 5, 200)) / FPS
    times -= times[0]
    path = film(reel / f"vfr{ending}", times=times)
    seen = see(path, sampling, 1.0)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(times[-1] + FRAME, abs=FRAME)
    assert seen.steps.max() <= 1.0 + seen.info.frame_seconds + FRAME
    expected = np.searchsorted(times, shown_at(seen, sampling) + 1e-3, side="right") - 1
    np.testing.assert_array_equal(seen.numbers, expected)


@pytest.mark.parametrize("sampling", Sampling)
def test_non_square_pixels_are_scaled_to_square(reel: Path, sampling: Sampling) -> None:
    path = film(reel / "wide.ts", seconds=2, codec="mpeg2video", pixel_aspect=Fraction(4, 3))
    reader = open_video(path, sampling, 1.0)
    (batch,) = reader
    assert batch.pixels.shape[1:3] == (HEIGHT, 256)
    assert batch.source_size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("sampling", Sampling)
def test_edit_list_is_respected(reel: Path, mp4: Path, sampling: Sampling) -> None:
    path = remux(mp4, reel / "edited.mp4", shift_seconds=-0.52)
    seen = see(path, sampling, 1.0)
    assert seen.lost == ()
    assert seen.steps.sum() == pytest.approx(7.48, abs=FRAME)
    np.testing.assert_array_equal(seen.numbers, 13 + np.floor(shown_at(seen, sampling) * FPS + 1e-3))


@pytest.mark.parametrize("sampling", Sampling)
def test_longer_audio_does_not_count(reel: Path, mp4: Path, sampling: Sampling) -> None:
    path = remux(mp4, reel / "sound.mp4", sound_seconds=12)
    seen = see(path, sampling, 1.0)
    assert seen.info.duration_seconds == pytest.approx(8)
    assert (seen.steps.sum(), seen.lost) == (pytest.approx(8), ())


@pytest.mark.parametrize("sampling", Sampling)
def test_first_of_several_video_streams_is_decoded(reel: Path, mp4: Path, sampling: Sampling) -> None:
    seen = see(remux(mp4, reel / "two.mp4", second="video"), sampling, 1.0)
    assert seen.frames.shape[1:3] == (HEIGHT, WIDTH)
    np.testing.assert_array_equal(seen.numbers, np.floor(shown_at(seen, sampling) * FPS + 1e-3))


@pytest.mark.parametrize("sampling", Sampling)
def test_cover_art_is_ignored(reel: Path, mp4: Path, sampling: Sampling) -> None:
    seen = see(remux(mp4, reel / "cover.mp4", second="cover"), sampling, 1.0)
    np.testing.assert_array_equal(seen.numbers, np.floor(shown_at(seen, sampling) * FPS + 1e-3))


def test_cut_broadcast_starts_at_first_decodable_frame(ts: Path, reel: Path) -> None:
    packets = ts.read_bytes()
    path = reel / "joined.ts"
    path.write_bytes(packets[188 * (len(packets) // 188 // 20) :])
    keyframes, exact = see(path, Sampling.KEYFRAMES), see(path, Sampling.EXACT)
    for seen in (keyframes, exact):
        assert seen.lost == ()
        assert seen.steps.sum() == pytest.approx(7, abs=FRAME)
    assert keyframes.numbers[0] == 25
    assert exact.numbers[0] == 37


@pytest.mark.parametrize("sampling", Sampling)
def test_batch_size_is_bounded_in_frames_and_bytes(reel: Path, mp4: Path, sampling: Sampling) -> None:
    assert max(len(batch) for batch in open_video(mp4, sampling, FRAME)) == 32
    large = write_video(reel / "large.mp4", [np.zeros((1080, 1920, 3), dtype=np.uint8)] * 24, gop=4)
    sizes = [sum(one.nbytes for one in batch.pictures) for batch in open_video(large, sampling, FRAME)]
    assert len(sizes) > 1
    assert max(sizes) <= 32 << 20


def test_frames_of_more_than_1080_lines_are_reduced(reel: Path) -> None:
    tall = np.zeros((1440, 1920, 3), dtype=np.uint8)
    path = write_video(reel / "tall.mp4", [tall] * 3)
    (batch,) = open_video(path, Sampling.KEYFRAMES, 1.0)
    assert batch.pixels.shape[1:3] == (1080, 1440)
    assert batch.source_size == (1920, 1440)


def test_intra_refresh_has_no_keyframes_to_start_from(reel: Path) -> None:
    """Its recovery points are marked as keyframes, but need the frames before them."""
    path = film(reel / "refresh.mp4", gop=50, options={"x264-params": "intra-refresh=1"})
    seen = see(path, Sampling.EXACT)
    assert seen.lost == ()
    np.testing.assert_array_equal(seen.numbers, np.arange(8) * FPS + 12)


@pytest.mark.parametrize("name", ["sparse.ts", "sparse-open.ts", "sparse.mkv"])
def test_exact_decodes_only_groups_with_a_middle(reel: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(reel / name, gop=12, open_gop="open" in name)
    decode, sent = Decoder.decode, []

    def counted(self: Decoder, packet: Any) -> Any:
        sent.append(packet)
        return decode(self, packet)

    monkeypatch.setattr(Decoder, "decode", counted)
    seen = see(path, Sampling.EXACT, 4.0)
    assert seen.lost == ()
    assert seen.numbers.tolist() == [50, 150]
    assert len(sent) <= 2 * (12 + 4)


def test_absurd_sample_count_of_an_mp4(reel: Path, mp4: Path) -> None:
    data = bytearray(mp4.read_bytes())
    position = data.index(b"stts") + 12
    data[position : position + 4] = struct.pack(">I", 2**31 - 1)
    path = reel / "stts.mp4"
    path.write_bytes(data)
    seen = see(path, Sampling.EXACT)
    assert seen.steps.sum() == pytest.approx(8, abs=FRAME)
    np.testing.assert_array_equal(seen.numbers, np.arange(8) * FPS + 12)


def test_mp4_without_a_time_scale_has_no_negative_steps(reel: Path, mp4: Path) -> None:
    data = bytearray(mp4.read_bytes())
    position = data.index(b"mdhd") + 16
    data[position : position + 4] = bytes(4)
    path = reel / "mdhd.mp4"
    path.write_bytes(data)
    with suppress(RecordingError):
        for batch in open_video(path, Sampling.EXACT, 60.0):
            assert (batch.step_seconds > 0).all()


def test_file_name_that_looks_like_a_protocol(reel: Path, mp4: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reel)
    Path("20:00_news.mp4").write_bytes(mp4.read_bytes())
    for sampling in Sampling:
        assert see(Path("20:00_news.mp4"), sampling).steps.sum() == pytest.approx(8)


@pytest.mark.parametrize("every", [0.0, -1.0, float("nan")])
def test_step_must_be_positive(mp4: Path, every: float) -> None:
    with pytest.raises(UsageError, match="above zero"):
        open_video(mp4, Sampling.KEYFRAMES, every)

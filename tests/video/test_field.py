"""Inputs from the field on which figures were wrong: each gives the right seconds of the right person, or its failure.

The videos show one woman for 10 s, then one man for 10 s, unless said otherwise; those of ``broken`` are clips of 10 s
with one thing broken.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from gfpipe.choices import Sampling
from gfpipe.errors import RecordingError
from gfpipe.video.frames import Loss, LostRange
from gfpipe.video.reader import open_video

MEDIA = {".ts", ".mp4", ".mkv", ".flv", ".avi", ".mov"}
OTHER_PERSON = 25  # mean difference from the first picture, of 255; the same person differs by less than 10
SAME_PICTURE = 8


@dataclass(frozen=True)
class Right:
    """Seconds of the first and of the second person, and what is lost."""

    first: float = 10.0
    second: float = 10.0
    lost: tuple[LostRange, ...] = ()
    note: str = ""


RIGHT = {
    "intra_refresh.mp4": Right(),
    "xvid_packed.avi": Right(second=9.92),
    "two_frames_dropped.ts": Right(),
    "still_picture.mkv": Right(),
    "flv_header_says_3600.flv": Right(note="its header says 3600.0 s"),
    "codec_and_pid_change_small.ts": Right(second=9.92),
    "phone_rotated.mp4": Right(),
    "matrix_bt2020c.mp4": Right(first=4, second=0),
    "scrambled_first_quarter.ts": Right(first=4.8, second=9.92, lost=(LostRange(0, 5.2, Loss.SCRAMBLED),)),
}
FAILURES = {
    "sound_with_cover.mp4": "only sound and a cover picture",
    "analysed_512s_of_10.mov": "impossible times",
    "hang_mdhd_timescale_exact.mp4": "impossible times",
    "publish_hang_avi_scale.avi": "impossible times",
    "indexerror_decord.mp4": "no frame of its video stream can be read",
    "no_width_hevc.mp4": "no readable frames",
    "tiny_exact_shape.mp4": "2 x 2 pixels",
    "unicode_tag.mkv": "has no stream of",
}
INTACT = "crash_decord_stts_count.mp4"  # the pictures of the next two without their damage
DAMAGED = {INTACT: 0.0, "done_garbage_h264_exact.mp4": 9.0, "done_garbage_zero_hevc.mp4": 1.0}  # most seconds lost


@dataclass(frozen=True, eq=False)
class Shown:
    """What a reader returned, with tiny pictures."""

    seconds: NDArray[np.float64]
    steps: NDArray[np.float64]
    pictures: NDArray[np.float64]
    lost: tuple[LostRange, ...]
    notes: tuple[str, ...]


def show(path: Path, sampling: Sampling, every: float = 1.0) -> Shown:
    reader = open_video(path, sampling, every)
    batches = list(reader)
    images = [Image.fromarray(pixels) for batch in batches for pixels in batch.pixels]
    return Shown(
        np.concatenate([batch.seconds for batch in batches]),
        np.concatenate([batch.step_seconds for batch in batches]),
        np.stack([np.asarray(image.resize((16, 9)), float) for image in images]),
        reader.lost,
        reader.notes,
    )


@pytest.fixture(scope="module")
def field(shared: Path) -> dict[str, Path]:
    return {path.name: path for path in (shared / "field").rglob("*") if path.suffix in MEDIA}


def test_every_file_of_the_field_has_a_right_value(field: dict[str, Path]) -> None:
    assert set(field) == {*RIGHT, *FAILURES, *DAMAGED}


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", RIGHT)
def test_right_seconds_of_the_right_person(field: dict[str, Path], name: str, sampling: Sampling) -> None:
    shown, right = show(field[name], sampling), RIGHT[name]
    is_second = np.abs(shown.pictures - shown.pictures[0]).mean(axis=(1, 2, 3)) > OTHER_PERSON
    # A keyframe may represent a part of the next shot; after a loss, the intervals do not begin at the cut.
    tolerance = 0.1 if sampling is Sampling.EXACT and not right.lost else 0.4
    assert shown.steps[~is_second].sum() == pytest.approx(right.first, abs=tolerance)
    assert shown.steps[is_second].sum() == pytest.approx(right.second, abs=tolerance)
    assert shown.steps.sum() == pytest.approx(right.first + right.second, abs=0.1)
    assert len(shown.lost) == len(right.lost)
    for lost, expected in zip(shown.lost, right.lost, strict=True):
        assert lost.reason is expected.reason
        assert (lost.start_seconds, lost.end_seconds) == pytest.approx(
            (expected.start_seconds, expected.end_seconds), abs=0.1
        )
    assert "".join(shown.notes).startswith(right.note)
    assert bool(shown.notes) == bool(right.note)


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", FAILURES)
def test_failure_is_named(field: dict[str, Path], name: str, sampling: Sampling) -> None:
    with pytest.raises(RecordingError, match=FAILURES[name]) as failure:
        list(open_video(field[name], sampling, 1.0))
    assert name in str(failure.value)


@pytest.fixture(scope="module")
def intact(field: dict[str, Path]) -> Shown:
    """Ten pictures a second."""
    return show(field[INTACT], Sampling.EXACT, 0.1)


@pytest.mark.parametrize("sampling", Sampling)
@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_lost_and_no_wrong_picture_is_shown(
    field: dict[str, Path], intact: Shown, name: str, sampling: Sampling
) -> None:
    shown = show(field[name], sampling)
    lost = sum(lost.end_seconds - lost.start_seconds for lost in shown.lost)
    assert shown.steps.sum() + lost == pytest.approx(10, abs=0.1)
    assert lost <= DAMAGED[name] + 0.1
    at = shown.seconds + (shown.steps / 2 if sampling is Sampling.EXACT else 0)
    nearest = np.searchsorted(intact.seconds, at + 1e-3, side="right") - 1
    around = [np.clip(nearest + step, 0, len(intact.pictures) - 1) for step in (-1, 0, 1)]  # the clip has cuts
    difference = [np.abs(intact.pictures[index] - shown.pictures).mean(axis=(1, 2, 3)) for index in around]
    assert (np.min(difference, axis=0) < SAME_PICTURE).all()

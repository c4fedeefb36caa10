"""Chips: alignment, size, anti-aliasing and degenerate landmarks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gfpipe.attributes.spec import InputSpec
from gfpipe.faces import alignment
from gfpipe.faces.alignment import TEMPLATE, chips_for, cut_chips, fit_similarity

FIRST = np.zeros(1, np.int64)


def moved(scale: float, degrees: float, shift: complex) -> NDArray[np.float32]:
    """The template's points after a similarity, (1, 5, 2)."""
    turn = scale * np.exp(1j * np.radians(degrees))
    points = np.array(TEMPLATE) @ np.array([1, 1j]) * turn + shift
    return np.stack((points.real, points.imag), axis=-1)[None].astype(np.float32)


def umeyama(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Umeyama (1991), equations 34 to 42, by singular values: scale times rotation, (2, 2)."""
    source, goal = points - points.mean(0), target - target.mean(0)
    u, d, vt = np.linalg.svd(goal.T @ source / len(points))
    s = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    result: NDArray[np.float64] = (u * s) @ vt * (d * s).sum() / source.var(axis=0).sum()
    return result


def test_similarity_equals_umeyama() -> None:
    rng = np.random.default_rng(0)
    target = np.array(TEMPLATE)
    points = rng.normal(100, 30, (50, 5, 2))  # mirrored sets among them, which want a reflection
    a = fit_similarity(points.astype(np.float32), target)[:, 0]
    for one, value in zip(points, a, strict=True):
        expected = umeyama(one, target)
        np.testing.assert_allclose([value.real, value.imag], [expected[0, 0], expected[1, 0]], rtol=1e-3, atol=1e-5)


def test_known_similarity_is_recovered() -> None:
    a, b = fit_similarity(moved(3.0, 25.0, 40 + 70j), np.array(TEMPLATE))[0]
    assert a == pytest.approx(np.exp(-1j * np.radians(25)) / 3, abs=1e-6)
    assert a * (40 + 70j) + b == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("scale", "degrees"), [(1.5, 0), (2.0, -30), (6.0, 90), (15.0, 170)])
def test_landmarks_are_mapped_to_the_template(scale: float, degrees: float) -> None:
    turn = scale * np.exp(1j * np.radians(degrees))
    landmarks = moved(scale, degrees, 350 + 350j - turn * (16 + 16j))
    rows, columns = np.mgrid[:700, :700]
    for point, (x, y) in zip(landmarks[0], TEMPLATE, strict=True):
        # A bright disc of two chip pixels around one landmark ends up around its place in the template.
        disc = np.hypot(columns + 0.5 - point[0], rows + 0.5 - point[1]) < 2 * scale
        pixels = np.where(disc, 255, 0).astype(np.uint8)[None, ..., None].repeat(3, axis=3)
        chip = cut_chips(pixels, FIRST, landmarks, 32)[0, 0].numpy()
        places = np.arange(32) + 0.5
        centre = (chip.sum(0) @ places / chip.sum(), chip.sum(1) @ places / chip.sum())
        assert centre == pytest.approx((x, y), abs=0.2)


def test_chips_of_different_sizes_agree() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1, 24, 24, 3), np.uint8).repeat(20, 1).repeat(20, 2)
    landmarks = moved(8.0, 10.0, 100 + 90j)
    small, large = (cut_chips(pixels, FIRST, landmarks, size) for size in (32, 96))
    assert torch.nn.functional.avg_pool2d(large, 3).sub(small).abs().mean() < 1.5


@pytest.mark.parametrize("scale", [1.0, 3.0, 9.0, 27.0])
def test_no_aliasing(scale: float) -> None:
    """Alternating black and white stripes of two pixels: chip pixels that cover many of them are grey."""
    stripes = (np.indices((1000, 1000)).sum(0) // 2 % 2 * 255).astype(np.uint8)
    pixels = stripes[None, ..., None].repeat(3, axis=3)
    chip = cut_chips(pixels, FIRST, moved(4 * scale, 7.0, 10 + 40j) if scale < 9 else moved(scale, 7.0, 120 + 40j), 32)
    assert chip.std() < 20
    assert chip.mean() == pytest.approx(127.5, abs=3)


def test_faces_are_cut_from_their_frames_in_order() -> None:
    pixels = np.stack([np.full((64, 64, 3), value, np.uint8) for value in (10, 90, 200)])
    chips = cut_chips(pixels, np.array([2, 0, 1, 2]), moved(1.5, 0, 5 + 5j).repeat(4, axis=0), 16)
    assert chips.shape == (4, 3, 16, 16)
    np.testing.assert_allclose(chips.mean(dim=(1, 2, 3)).numpy(), [200, 10, 90, 200], rtol=1e-5)


def test_colour_channels() -> None:
    pixels = np.full((1, 50, 50, 3), (250, 100, 5), np.uint8)
    chip = cut_chips(pixels, FIRST, moved(1, 0, 5 + 5j), 32)[0]
    np.testing.assert_allclose(chip.mean(dim=(1, 2)).numpy(), [250, 100, 5], rtol=1e-5)


def test_border_pixels_are_repeated() -> None:
    pixels = np.zeros((1, 40, 40, 3), np.uint8)
    pixels[:, :, 0] = 77
    chip = cut_chips(pixels, FIRST, moved(1, 0, -25 + 4j), 32)
    np.testing.assert_allclose(chip[..., :24].numpy(), 77, rtol=1e-5)


@pytest.mark.parametrize(
    "landmarks",
    [
        np.zeros((1, 5, 2)),
        np.full((1, 5, 2), 30.0),
        np.full((1, 5, 2), np.nan),
        np.full((1, 5, 2), np.inf),
        np.full((1, 5, 2), 1e9) * np.arange(1, 6)[None, :, None],
        moved(1.0, 0.0, 5000 + 5000j),
        moved(1.0, 0.0, -5000 - 5000j),
        moved(1e-5, 0.0, 30 + 30j),
        np.linspace(0, 40, 5)[None, :, None].repeat(2, axis=2),
        moved(1.0, 0.0, 40)[..., ::1] * [-1, 1],
    ],
    ids=["zero", "one point", "nan", "inf", "huge", "right of", "left of", "tiny", "in a line", "mirrored"],
)
def test_degenerate_landmarks_give_finite_chips(landmarks: NDArray[np.float64]) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (1, 48, 64, 3), np.uint8)
    chip = cut_chips(pixels, FIRST, landmarks.astype(np.float32), 32)
    assert torch.isfinite(chip).all()
    assert chip.min() >= 0
    assert chip.max() <= 255.001


def test_no_faces() -> None:
    chips = cut_chips(np.zeros((1, 9, 9, 3), np.uint8), FIRST[:0], np.zeros((0, 5, 2), np.float32), 32)
    assert chips.shape == (0, 3, 32, 32)


def test_custom_template() -> None:
    columns = np.arange(100)[None, :].repeat(100, axis=0)
    pixels = np.where(columns < 50, 0, 255).astype(np.uint8)[None, ..., None].repeat(3, axis=3)
    template = tuple((x + 8, y + 8) for x, y in TEMPLATE)
    landmarks = np.array(template, np.float32)[None] + 20
    chip = cut_chips(pixels, FIRST, landmarks, 48, template)[0, 0].numpy()
    np.testing.assert_allclose(chip[24], np.where(np.arange(48) + 20 < 50, 0, 255), atol=40)
    assert alignment.TEMPLATE_SIZE == 32


def test_half_pixel_views() -> None:
    """On a ramp, half a chip pixel to the side is half the ramp's step."""
    frame = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (200, 200, 3))[None].copy()
    landmarks = (np.array([TEMPLATE]) * 4 + 20).astype(np.float32)  # four frame pixels to a chip pixel
    index = np.zeros(1, np.int64)
    wanted = InputSpec(32, (0, 0, 0), (1, 1, 1), template=TEMPLATE, half_pixel_views=True)
    views = chips_for(wanted, frame, index, landmarks)
    plain = cut_chips(frame, index, landmarks, 32)
    assert views.shape == (1, 5, 3, 32, 32)
    assert (views[:, 0] - plain).abs().max() < 0.01
    shifts = (views - views[:, :1]).mean(dim=(0, 2, 3, 4))
    assert shifts.tolist() == pytest.approx([0, -2, 2, 0, 0], abs=0.01)


def test_flipped_views() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (1, 200, 200, 3), np.uint8)
    landmarks = (np.array([TEMPLATE]) * 4 + 20).astype(np.float32)
    for several, plain in ((False, 1), (True, 5)):
        wanted = InputSpec(32, (0, 0, 0), (1, 1, 1), half_pixel_views=several, flipped_view=True)
        views = chips_for(wanted, frame, FIRST, landmarks)
        assert views.shape == (1, 2 * plain, 3, 32, 32)
        assert torch.equal(views[:, plain:], views[:, :plain].flip(-1))


def test_shape_with_one_and_several_views() -> None:
    wanted = InputSpec(64, (0, 0, 0), (1, 1, 1))
    chips = chips_for(
        wanted, np.zeros((1, 90, 90, 3), np.uint8), np.zeros(0, np.int64), np.zeros((0, 5, 2), np.float32)
    )
    assert chips.shape == (0, 3, 64, 64)
    several = InputSpec(64, (0, 0, 0), (1, 1, 1), half_pixel_views=True)
    chips = chips_for(
        several, np.zeros((1, 90, 90, 3), np.uint8), np.zeros(0, np.int64), np.zeros((0, 5, 2), np.float32)
    )
    assert chips.shape == (0, 5, 3, 64, 64)


SQUARE = InputSpec(40, (0, 0, 0), (1, 1, 1), box_scale=1.1)
NO_LANDMARKS = np.full((1, 5, 2), np.nan, np.float32)


def ramp(height: int, width: int) -> NDArray[np.uint8]:
    """Red increases to the right and green downwards by one per pixel, so that colours encode positions."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack((columns, rows, np.zeros_like(rows)), axis=-1).astype(np.uint8)[None]


def test_chip_by_box_is_the_square_around_its_centre() -> None:
    """A box of 60 × 100 around (100, 110), 1.1 times: 110 pixels from (45, 55) on; 2.75 of them are one of the chip."""
    box = np.array([[70, 60, 130, 160]], np.float32)
    chip = chips_for(SQUARE, ramp(240, 240), FIRST, NO_LANDMARKS, box)[0].numpy()
    expected = 45 + 2.75 * (np.arange(40) + 0.5) - 0.5  # a pixel's centre lies at a half
    assert np.abs(chip[0] - expected[None, :]).max() < 0.05
    assert np.abs(chip[1] - (expected + 10)[:, None]).max() < 0.05


def test_chip_by_box_repeats_border_pixels() -> None:
    """Box and square as above, but 70 pixels further to the left: 25 of the 110 columns lie outside."""
    box = np.array([[0, 60, 60, 160]], np.float32)
    frame = ramp(240, 240)
    frame[..., 0] += 9
    chip = chips_for(SQUARE, frame, FIRST, NO_LANDMARKS, box)[0].numpy()
    expected = -25 + 2.75 * (np.arange(40) + 0.5) - 0.5
    assert np.abs(chip[0, :, :9] - 9).max() == 0
    assert np.abs(chip[0, :, 10:] - 9 - expected[None, 10:]).max() < 0.05


def test_half_pixel_views_of_chip_by_box() -> None:
    box = np.array([[60, 60, 140, 140]], np.float32)
    several = replace(SQUARE, half_pixel_views=True, flipped_view=True)
    views = chips_for(several, ramp(240, 240), FIRST, NO_LANDMARKS, box)[0]
    assert views.shape == (10, 3, 40, 40)
    assert (views[0] - chips_for(SQUARE, ramp(240, 240), FIRST, NO_LANDMARKS, box)[0]).abs().max() < 0.05
    shifts = (views[:5, 0] - views[0, 0]).mean(dim=(1, 2))
    assert shifts.tolist() == pytest.approx([0, -1.1, 1.1, 0, 0], abs=0.01)  # half of 88 / 40 pixels


@pytest.mark.parametrize("box", [[np.nan] * 4, [50, 50, 50, 50], [500, 500, 600, 600]])
def test_degenerate_boxes_give_finite_chips(box: list[float]) -> None:
    chip = chips_for(SQUARE, ramp(90, 90), FIRST, NO_LANDMARKS, np.array([box], np.float32))
    assert torch.isfinite(chip).all()


def test_chip_by_box_needs_boxes() -> None:
    with pytest.raises(ValueError, match="need the faces' boxes"):
        chips_for(SQUARE, ramp(90, 90), FIRST, NO_LANDMARKS)

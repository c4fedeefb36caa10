"""Varied chips: the same for the same seed, and varied as told."""

import pytest
import torch
from torch import Tensor

from gfpipe.training.run.augment import augment, centre, seed_of
from gfpipe.training.tables import Augment
from tests.training.toys import EVERYTHING

CHIP, SIDE = 32, 42


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.randint(0, 256, (8, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def varied(pixels: Tensor, wanted: Augment, seed: int = 0, size: int = CHIP) -> Tensor:
    return augment(pixels, CHIP, size, wanted, torch.Generator().manual_seed(seed))


def test_the_same_seed_gives_the_same_pictures(pixels: Tensor) -> None:
    first, second, other = (varied(pixels, EVERYTHING, seed) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == (8, 3, CHIP, CHIP)
    assert 0 <= first.min() < first.max() <= 255


def test_neighbouring_places_have_unrelated_seeds() -> None:
    seeds = {seed_of(stage, epoch, step) for stage in range(3) for epoch in range(3) for step in range(3)}
    assert len(seeds) == 27
    assert seed_of(1, 23) != seed_of(12, 3)


def test_nothing_is_varied_unless_told(pixels: Tensor) -> None:
    plain = centre(pixels, CHIP, CHIP)
    assert torch.equal(plain, pixels[:, :, 5:37, 5:37].float())
    assert torch.equal(varied(pixels, Augment()), plain)
    assert varied(pixels, Augment(), size=20).shape == (8, 3, 20, 20)


def test_resampling_alone_moves_nothing(pixels: Tensor) -> None:
    """The window that is turned, enlarged and shifted lies where the plain one does."""
    assert (varied(pixels, Augment(shift=1e-9)) - centre(pixels, CHIP, CHIP)).abs().max() < 0.1


def test_faces_are_mirrored(pixels: Tensor) -> None:
    assert torch.equal(varied(pixels, Augment(flip=1.0)), centre(pixels, CHIP, CHIP).flip(-1))
    moved = varied(pixels, Augment(flip=1.0, shift=1e-9))
    assert (moved - centre(pixels, CHIP, CHIP).flip(-1)).abs().max() < 0.1


def test_the_margin_comes_into_view() -> None:
    around = torch.full((8, 3, SIDE, SIDE), 255, dtype=torch.uint8)
    around[:, :, 5:37, 5:37] = 0
    for wanted in (Augment(shift=0.2), Augment(rotate_degrees=45), Augment(scale=0.3)):
        assert varied(around, wanted).amax((1, 2, 3)).max() > 200


def test_colours_are_varied_and_taken_away(pixels: Tensor) -> None:
    grey = varied(pixels, Augment(grey=1.0))
    assert (grey[:, 0] - grey[:, 2]).abs().max() < 1e-3
    brighter = varied(pixels, Augment(brightness=0.3)).mean((1, 2, 3)) / centre(pixels, CHIP, CHIP).mean((1, 2, 3))
    assert brighter.min() < 0.95
    assert brighter.max() > 1.02


def test_a_share_of_faces_loses_its_detail(pixels: Tensor) -> None:
    plain = centre(pixels, CHIP, CHIP)
    small = varied(pixels, Augment(reduce=1.0, reduce_pixels=(6, 6)))
    assert (small.std((2, 3)) < plain.std((2, 3)) / 2).all()
    assert torch.equal(varied(pixels, Augment(reduce=1.0, reduce_pixels=(64, 72))), plain), "never enlarged"


def test_a_share_of_faces_is_painted_over(pixels: Tensor) -> None:
    changed = (
        (varied(pixels, Augment(erase=0.5), seed=4) != centre(pixels, CHIP, CHIP)).any(1).flatten(1).float().mean(1)
    )
    assert 0 < (changed > 0).sum() < 8
    assert changed.max() < 0.3

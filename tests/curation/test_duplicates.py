"""Tests of perceptual hashes and of the removal of near-duplicates."""

import io
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from gfpipe.curation import duplicates
from gfpipe.errors import UsageError
from gfpipe.models import store


@pytest.fixture(scope="module")
def face() -> Image.Image:
    return Image.open(store.fetch_source("astronaut")).convert("RGB").crop((124, 0, 324, 200))


def _jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=quality)
    return data.getvalue()


def _bits(one: bytes, other: bytes) -> int:
    return (duplicates.fingerprint(one) ^ duplicates.fingerprint(other)).bit_count()


def test_fingerprints_are_robust_to_scaling_brightness_and_compression(face: Image.Image) -> None:
    first = _jpeg(face)
    assert _bits(first, _jpeg(face, 40)) <= 4
    assert _bits(first, _jpeg(face.resize((90, 90)))) <= 4
    assert _bits(first, _jpeg(ImageEnhance.Brightness(face).enhance(1.1))) <= 4
    assert _bits(first, _jpeg(face.convert("L"))) <= 4


def test_mirror_images_and_crops_have_other_fingerprints(face: Image.Image) -> None:
    first = _jpeg(face)
    assert _bits(first, _jpeg(face.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 16
    assert _bits(first, _jpeg(face.crop((60, 60, 200, 200)))) > 16


def test_half_of_the_bits_are_set_and_none_of_a_uniform_image(face: Image.Image) -> None:
    assert duplicates.fingerprint(face).bit_count() == 32
    assert duplicates.fingerprint(Image.new("L", (64, 64), 90)).bit_count() <= 1


def test_invalid_images_are_refused(face: Image.Image) -> None:
    for data in (b"", b"no picture", _jpeg(face)[:200]):
        with pytest.raises(ValueError, match="not an image"):
            duplicates.fingerprint(data)


@pytest.mark.parametrize("same_bits", [0, 1, 4, 9, 16])
def test_selected_hashes_differ_and_others_are_near_an_earlier_one(same_bits: int) -> None:
    random = np.random.default_rng(same_bits)
    prints = random.integers(0, 2**64, 60, np.uint64)[random.integers(0, 60, 500)]
    for _ in range(6):  # flip random bits
        flipped = random.random(500) < 0.7
        prints[flipped] ^= np.left_shift(np.uint64(1), random.integers(0, 64, flipped.sum()).astype(np.uint64))
    mask = duplicates.distinct(prints, same_bits)
    numbers = prints.tolist()
    selected = np.flatnonzero(mask).tolist()
    assert all((numbers[a] ^ numbers[b]).bit_count() > same_bits for a, b in combinations(selected, 2))
    for index in np.flatnonzero(~mask).tolist():
        earlier = (numbers[other] for other in selected if other < index)
        assert any((number ^ numbers[index]).bit_count() <= same_bits for number in earlier)


def test_one_of_identical_hashes_is_selected() -> None:
    assert duplicates.distinct(np.full(20_000, 5, np.uint64), 4).sum() == 1


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(UsageError, match="choose 0 to 16"):
        duplicates.distinct(np.zeros(3, np.uint64), 30)

"""Fingerprints: near for what looks the same, far for what does not; and of what is near, one is kept."""

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


def test_a_picture_looks_the_same_smaller_brighter_or_compressed_again(face: Image.Image) -> None:
    first = _jpeg(face)
    assert _bits(first, _jpeg(face, 40)) <= 4
    assert _bits(first, _jpeg(face.resize((90, 90)))) <= 4
    assert _bits(first, _jpeg(ImageEnhance.Brightness(face).enhance(1.1))) <= 4
    assert _bits(first, _jpeg(face.convert("L"))) <= 4


def test_a_picture_does_not_look_like_its_mirror_image_or_another_part(face: Image.Image) -> None:
    first = _jpeg(face)
    assert _bits(first, _jpeg(face.transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 16
    assert _bits(first, _jpeg(face.crop((60, 60, 200, 200)))) > 16


def test_half_of_the_bits_of_a_picture_are_set_and_none_of_an_empty_one(face: Image.Image) -> None:
    assert duplicates.fingerprint(face).bit_count() == 32
    assert duplicates.fingerprint(Image.new("L", (64, 64), 90)).bit_count() <= 1


def test_bytes_that_are_no_picture_are_refused(face: Image.Image) -> None:
    for data in (b"", b"no picture", _jpeg(face)[:200]):
        with pytest.raises(ValueError, match="no picture"):
            duplicates.fingerprint(data)


@pytest.mark.parametrize("same_bits", [0, 1, 4, 9, 16])
def test_what_is_kept_is_far_apart_and_what_is_not_is_near_something_earlier(same_bits: int) -> None:
    random = np.random.default_rng(same_bits)
    prints = random.integers(0, 2**64, 60, np.uint64)[random.integers(0, 60, 500)]
    for _ in range(6):  # bits flipped here and there
        flipped = random.random(500) < 0.7
        prints[flipped] ^= np.left_shift(np.uint64(1), random.integers(0, 64, flipped.sum()).astype(np.uint64))
    kept = duplicates.firsts(prints, same_bits)
    numbers = prints.tolist()
    first = np.flatnonzero(kept).tolist()
    assert all((numbers[a] ^ numbers[b]).bit_count() > same_bits for a, b in combinations(first, 2))
    for place in np.flatnonzero(~kept).tolist():
        earlier = (numbers[other] for other in first if other < place)
        assert any((number ^ numbers[place]).bit_count() <= same_bits for number in earlier)


def test_pictures_that_are_all_alike_leave_one() -> None:
    assert duplicates.firsts(np.full(20_000, 5, np.uint64), 4).sum() == 1


def test_so_many_bits_that_all_faces_are_alike_are_refused() -> None:
    with pytest.raises(UsageError, match="choose 0 to 16"):
        duplicates.firsts(np.zeros(3, np.uint64), 30)

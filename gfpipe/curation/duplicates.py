"""Perceptual hashes of images, and removal of near-duplicates.

image -> grey, 32 × 32 -> DCT -> 8 × 8 lowest frequencies -> above their median or not: 64 bits
(pHash; Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1)

Own code, as the ImageHash library depends on PyWavelets, which pHash does not need.
"""

import io
from array import array
from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.fft import dctn

from gfpipe.errors import UsageError

_SIDE: Final = 32
_FREQUENCIES: Final = 8  # lowest frequencies along each side
_BITS: Final = _FREQUENCIES * _FREQUENCIES
MAX_SAME_BITS: Final = 16  # beyond it, any two faces are near-duplicates


def fingerprint(image: bytes | Image.Image) -> int:
    """Compute 64 bits that change little under scaling, compression and brightness.

    Raises:
        ValueError: the bytes are not an image.
    """
    grey = np.asarray(_small(image), np.float64)
    # Rounded, so that rounding errors of the transform do not become bits of a uniform image.
    waves = np.round(dctn(grey, norm="ortho")[:_FREQUENCIES, :_FREQUENCIES], 6).reshape(-1)
    above = waves > np.median(waves)
    return int.from_bytes(np.packbits(above).tobytes(), "big")


def fingerprints(images: Iterable[bytes | Image.Image]) -> NDArray[np.uint64]:
    """(N,) hash of each image; raises ValueError if one is not an image."""
    return np.fromiter((fingerprint(image) for image in images), np.uint64)


def distinct(prints: NDArray[np.uint64], same_bits: int) -> NDArray[np.bool_]:
    """(N,) mask of hashes that differ in more than `same_bits` bits from all selected before them.

    Of two hashes that differ in k bits, at least one of k + 1 bands of bits is equal, so only hashes that share a band
    are compared (Norouzi, Punjani and Fleet 2012, Fast Search in Hamming Space with Multi-Index Hashing, section 3).

    Raises:
        UsageError: `same_bits` is negative, or more than `MAX_SAME_BITS`.
    """
    if not 0 <= same_bits <= MAX_SAME_BITS:
        raise UsageError(f"{same_bits} bits do not define near-duplicates; choose 0 to {MAX_SAME_BITS}")
    bands = [sum(1 << bit for bit in range(start, _BITS, same_bits + 1)) for start in range(same_bits + 1)]
    buckets: list[defaultdict[int, array[int]]] = [defaultdict(lambda: array("Q")) for _ in bands]
    mask = np.zeros(len(prints), np.bool_)
    for index, number in enumerate(prints.tolist()):
        near = [bucket[number & band] for bucket, band in zip(buckets, bands, strict=True)]
        if not any(_is_near(number, others, same_bits) for others in near):
            mask[index] = True
            for others in near:
                others.append(number)
    return mask


def _is_near(number: int, others: "array[int]", same_bits: int) -> bool:
    if not others:
        return False
    bits = np.bitwise_count(np.frombuffer(others, np.uint64) ^ np.uint64(number))
    return bool(bits.min() <= same_bits)


def _small(image: bytes | Image.Image) -> Image.Image:
    try:
        opened = image if isinstance(image, Image.Image) else Image.open(io.BytesIO(image))
        opened.draft("L", (2 * _SIDE, 2 * _SIDE))  # decodes a JPEG at reduced size
        return opened.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    except (OSError, UnidentifiedImageError, SyntaxError) as exc:
        raise ValueError(f"not an image: {exc}") from exc

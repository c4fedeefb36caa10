"""Pictures that look the same: perceptual hashes, and of those that are near one another, one.

picture -> grey, 32 × 32 -> DCT -> its 8 × 8 lowest frequencies -> above their median or not: 64 bits
(pHash; Zauner 2010, Implementation and Benchmarking of Perceptual Image Hash Functions, section 3.2.1)

These are ours and not a library's, which would bring PyWavelets along for hashes that nobody asks for.
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
_KEPT: Final = 8  # lowest frequencies along each side
_BITS: Final = _KEPT * _KEPT
MOST_SAME_BITS: Final = 16  # beyond it, any two faces look the same


def fingerprint(picture: bytes | Image.Image) -> int:
    """64 bits that change little when a picture is scaled, compressed again or made brighter.

    Args:
        picture: an encoded picture, or one that is open.

    Raises:
        ValueError: these bytes are no picture.
    """
    grey = np.asarray(_small(picture), np.float64)
    # Rounded, so that in a picture of one colour noise of the transform is no pattern.
    waves = np.round(dctn(grey, norm="ortho")[:_KEPT, :_KEPT], 6).reshape(-1)
    above = waves > np.median(waves)
    return int.from_bytes(np.packbits(above).tobytes(), "big")


def fingerprints(pictures: Iterable[bytes | Image.Image]) -> NDArray[np.uint64]:
    """(N,) one for each picture.

    Raises:
        ValueError: one is no picture.
    """
    return np.fromiter((fingerprint(picture) for picture in pictures), np.uint64)


def firsts(prints: NDArray[np.uint64], same_bits: int) -> NDArray[np.bool_]:
    """(N,) which to keep: each one that differs in more than `same_bits` bits from all that were kept before it.

    So no two that are kept are near one another, and each that is not is near an earlier one that is. Of two prints
    that differ in k bits, at least one of k + 1 bands of bits is the same, so only prints that share a band are
    compared (Norouzi, Punjani and Fleet 2012, Fast Search in Hamming Space with Multi-Index Hashing, section 3).

    Raises:
        UsageError: `same_bits` is negative, or so large that any two faces would be the same.
    """
    if not 0 <= same_bits <= MOST_SAME_BITS:
        raise UsageError(f"{same_bits} bits cannot tell near-duplicates; choose 0 to {MOST_SAME_BITS}")
    bands = [sum(1 << bit for bit in range(start, _BITS, same_bits + 1)) for start in range(same_bits + 1)]
    seen: list[defaultdict[int, array[int]]] = [defaultdict(lambda: array("Q")) for _ in bands]
    kept = np.zeros(len(prints), np.bool_)
    for place, number in enumerate(prints.tolist()):
        near = [there[number & band] for there, band in zip(seen, bands, strict=True)]
        if not any(_is_near(number, others, same_bits) for others in near):
            kept[place] = True
            for others in near:
                others.append(number)
    return kept


def _is_near(number: int, others: "array[int]", same_bits: int) -> bool:
    if not others:
        return False
    bits = np.bitwise_count(np.frombuffer(others, np.uint64) ^ np.uint64(number))
    return bool(bits.min() <= same_bits)


def _small(picture: bytes | Image.Image) -> Image.Image:
    try:
        opened = picture if isinstance(picture, Image.Image) else Image.open(io.BytesIO(picture))
        opened.draft("L", (2 * _SIDE, 2 * _SIDE))  # a JPEG is decoded no larger than is needed
        return opened.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    except (OSError, UnidentifiedImageError, SyntaxError) as exc:
        raise ValueError(f"no picture: {exc}") from exc

"""Faces resampled with replacement, 2,000 times: how far a figure may be off, and two models on the very same draws.

The same number of faces and the same seed give the same draws, so that what is measured one after the other is paired.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.measures.metrics import wilson_interval
from gfpipe.formats import Interval

Floats = NDArray[np.float64]
# Any figure of N faces under D sets of weights: (D, N) float64 -> (D,) or (D, K).
Measured = Callable[[Floats], Floats]

DRAWS: Final = 2_000
_BLOCK: Final = 2**21  # weights in memory at once: 16 MiB
_MOST_UNDEFINED: Final = 0.05  # of the draws; with more there is no interval


def percentile_interval(value: float, draws: Floats, faces: float | None = None) -> Interval:
    """The percentile interval (Efron 1979) of an estimate.

    Args:
        value: the estimate.
        draws: (D,) its value in each draw; NaN where it was not defined.
        faces: number of faces, if the estimate is a proportion. If it is 0 or 1, all draws are equal and the result is
            Wilson's interval; other estimates whose draws are all equal have no interval.
    """
    known = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(known) < (1 - _MOST_UNDEFINED) * len(draws) or not len(known):
        return Interval(value, np.nan, np.nan)
    if faces is not None and value in (0, 1):
        return Interval(value, *wilson_interval(value, faces))
    low, high = np.percentile(known, [2.5, 97.5]) if np.ptp(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))


def weights(faces: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Floats]:
    """How often each of N faces was drawn: blocks of (B, N), D rows in all; each row adds up to N."""
    rng = np.random.default_rng(seed)
    at_once = max(_BLOCK // max(faces, 1), 1)
    for start in range(0, draws, at_once):
        rows = min(at_once, draws - start)
        drawn = rng.integers(0, faces, (rows, faces)) + faces * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * faces).reshape(rows, faces).astype(np.float64)


def measure(
    measured: Mapping[str, Measured], faces: int, draws: int = DRAWS, seed: int = 0
) -> dict[str, tuple[Floats, Floats]]:
    """Every figure as it is, () or (K,), and in each draw, (D,) or (D, K); all on the same draws."""
    if not faces:
        raise ValueError("no faces to resample")
    found: dict[str, list[Floats]] = {name: [] for name in measured}
    for block in weights(faces, draws, seed):
        for name, figure in measured.items():
            found[name].append(figure(block))
    once = np.ones((1, faces))
    return {name: (figure(once)[0], np.concatenate(found[name])) for name, figure in measured.items()}

"""Bootstrap over faces.

The same number of faces and the same seed give the same draws, so estimates of several models are paired.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.measures.metrics import wilson_interval
from gfpipe.output.formats import Interval

Floats = NDArray[np.float64]
# An estimate under D sets of weights of N faces: (D, N) float64 -> (D,) or (D, K).
Measured = Callable[[Floats], Floats]

DRAWS: Final = 2_000
_BLOCK: Final = 2**21  # weights in memory at once: 16 MiB
_MAX_UNDEFINED: Final = 0.05  # share of the draws; with more there is no interval


def percentile_interval(value: float, draws: Floats, faces: float | None = None) -> Interval:
    """The percentile interval (Efron 1979) of an estimate.

    Args:
        value: the estimate.
        draws: (D,) its value in each draw; NaN where it was not defined.
        faces: number of faces, if the estimate is a proportion. If it is 0 or 1, all draws are equal and the result is
            Wilson's interval; other estimates whose draws are all equal have no interval.
    """
    known = draws[np.isfinite(draws)]
    if not np.isfinite(value) or len(known) < (1 - _MAX_UNDEFINED) * len(draws) or not len(known):
        return Interval(value, np.nan, np.nan)
    if faces is not None and value in (0, 1):
        return Interval(value, *wilson_interval(value, faces))
    low, high = np.percentile(known, [2.5, 97.5]) if np.ptp(known) else (np.nan, np.nan)
    return Interval(float(value), float(low), float(high))


def weights(faces: int, draws: int = DRAWS, seed: int = 0) -> Iterator[Floats]:
    """Yield (B, N) blocks of draw counts, D rows in total; each row sums to N."""
    rng = np.random.default_rng(seed)
    block = max(_BLOCK // max(faces, 1), 1)
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = rng.integers(0, faces, (rows, faces)) + faces * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * faces).reshape(rows, faces).astype(np.float64)


def measure(
    measured: Mapping[str, Measured], faces: int, draws: int = DRAWS, seed: int = 0
) -> dict[str, tuple[Floats, Floats]]:
    """Each estimate, () or (K,), and its value in each draw, (D,) or (D, K); all on the same draws."""
    if not faces:
        raise ValueError("no faces to resample")
    blocks: dict[str, list[Floats]] = {name: [] for name in measured}
    for block in weights(faces, draws, seed):
        for name, estimate in measured.items():
            blocks[name].append(estimate(block))
    ones = np.ones((1, faces))
    return {name: (estimate(ones)[0], np.concatenate(blocks[name])) for name, estimate in measured.items()}

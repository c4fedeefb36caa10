"""What may be called higher, lower, rising or falling: only what the intervals show.

Two shares differ if their intervals do not overlap, widened so that all compared intervals hold at once (Bonferroni);
recordings are the clusters from which intervals are computed. A series rises or falls if the slope of a line through
it, weighted by the intervals, differs from zero, also in view of how much the values scatter about the line (Birge's
ratio).
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import stdtrit

from gfpipe.output.formats import known
from gfpipe.report.elements import Row, has_interval

UNCERTAIN: Final = 0.2  # shares with wider intervals are not compared
_ERROR: Final = 0.05
_NORMAL: Final = 1.96
_FEWEST: Final = 4  # periods of a trend


def is_certain(row: Row, name: str) -> bool:
    """Whether a share has an interval of at most :data:`UNCERTAIN`."""
    return has_interval(row, name) and row[f"{name}_high"] - row[f"{name}_low"] <= UNCERTAIN


def extremes(rows: Sequence[Row], name: str) -> tuple[Row, Row] | None:
    """Of all rows with an interval the lowest and the highest, if these two differ; else None."""
    compared = sorted((row for row in rows if has_interval(row, name)), key=lambda row: float(row[name]))
    if len(compared) < 2:
        return None
    low, high = compared[0], compared[-1]
    differ = low[name] + _half(low, name, len(compared)) < high[name] - _half(high, name, len(compared))
    return (low, high) if differ else None


def direction(rows: Sequence[Row], name: str, comparisons: int = 1) -> int:
    """1 if a series rises, -1 if it falls, 0 if neither is certain; `rows` include every period."""
    valued = [(at, row) for at, row in enumerate(rows) if has_interval(row, name)]
    if len(valued) < _FEWEST:
        return _difference([row for _, row in valued], name, comparisons)
    place = np.array([at for at, _ in valued], float)
    share = np.array([row[name] for _, row in valued], float)
    error = np.array([_half(row, name) / _NORMAL for _, row in valued])
    weight = 1 / np.maximum(error, 1e-9) ** 2
    place -= np.average(place, weights=weight)
    spread = float((weight * place**2).sum())
    slope = float((weight * place * share).sum()) / spread
    rest = share - np.average(share, weights=weight) - slope * place
    freedom = len(valued) - 2
    scatter = max(1.0, float((weight * rest**2).sum()) / freedom)
    certain = abs(slope) > stdtrit(freedom, 1 - _ERROR / 2 / comparisons) * math.sqrt(scatter / spread)
    return int(np.sign(slope)) if certain else 0


def _difference(rows: Sequence[Row], name: str, comparisons: int) -> int:
    """As :func:`direction`, by the first and the last of a few periods."""
    if len(rows) < 2:
        return 0
    first, last = rows[0], rows[-1]
    halves = _half(first, name, comparisons) + _half(last, name, comparisons)
    return 0 if abs(last[name] - first[name]) <= halves else 1 if last[name] > first[name] else -1


def _half(row: Row, name: str, comparisons: int = 1) -> float:
    """Half the width of an interval, widened for a number of comparisons."""
    half = max(row[name] - row[f"{name}_low"], row[f"{name}_high"] - row[name])
    freedom = max(1.0, (known(row.get("recordings")) or math.inf) - 1)
    quantile, widened = stdtrit(freedom, [1 - _ERROR / 2, 1 - _ERROR / 2 / comparisons])
    return float(half * widened / quantile)

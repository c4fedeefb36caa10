"""Age bands of ten years."""

import math
from typing import Final

AGE_BANDS: Final = (*(f"{ten}-{ten + 9}" for ten in range(0, 70, 10)), "70+")


def age_band(age_years: float | None) -> str:
    """``0-9``, ``10-19``, … ``60-69``, ``70+``; empty if the age is None or NaN."""
    if age_years is None or math.isnan(age_years):
        return ""
    return AGE_BANDS[min(int(age_years) // 10, len(AGE_BANDS) - 1)]

"""A table of figures such as ``estimates.measure`` gives, each number another."""

from itertools import count
from typing import Any, Final

import pyarrow as pa

WITH_INTERVALS: Final = (
    *("share_female_face_time", "female_to_male_ratio", "share_female_presence_time", "share_male_presence_time"),
    *("share_female_face_time_tracks", "share_female_face_time_corrected", "share_female_presence_time_corrected"),
    *("share_male_presence_time_corrected", "share_undecided_face_time", "mean_faces", "share_only_female_time"),
    *("share_only_male_time", "share_both_time", "share_only_undecided_time", "share_no_face_time"),
    *("sensitivity", "specificity"),
    *(f"share_{what}_time_debiased" for what in ("female_face", "female_presence", "male_presence")),
)
PLAIN: Final = (
    *("unknown_length_recordings", "analysed_seconds", "female_face_seconds", "male_face_seconds"),
    *("undecided_face_seconds", "female_presence_seconds", "male_presence_seconds", "undecided_presence_seconds"),
    *("only_female_seconds", "only_male_seconds", "both_seconds", "only_undecided_seconds", "no_face_seconds"),
    *("tracked_female_face_seconds", "tracked_male_face_seconds", "tracked_undecided_face_seconds"),
    "hours_excluded",
)


def figures(**changed: Any) -> pa.Table:
    """One row, by channel and month; `changed` replaces values."""
    number = count(1)
    row = {name: float(next(number)) for name in PLAIN}
    row |= {name + end: next(number) / 1000 for name in WITH_INTERVALS for end in ("", "_low", "_high")}
    row |= {f"share_female_face_time_corrected_analytic_{end}": next(number) / 1000 for end in ("low", "high")}
    row |= {"share_female_face_time": 0.413, "share_female_face_time_low": 0.38, "share_female_face_time_high": 0.447}
    beside = {
        "model_id": "cydral",
        "models": 1,
        "recordings": 12,
        "hours_analysed": 9.5,
        "hours_scheduled": 10.0,
        "coverage": 0.95,
        "headline": "share_female_face_time_debiased",
    }
    notes = {"interval_note": None, "correction_note": None, "debiased_note": None}
    group = {"channel": "north", "month": "2024-03"}
    values = group | beside | row | notes | changed
    kinds = {name: pa.float64() for name in row} | dict.fromkeys(notes, pa.string())
    columns = {name: pa.array([value], kinds.get(name)) for name, value in values.items()}
    return pa.table(columns)

"""Figures in tidy form: one row for each group, estimand and method."""

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

_CONTEXT: Final = ("model_id", "recordings", "hours_analysed", "hours_scheduled", "coverage")
_ANALYTIC: Final = "_analytic"
_RATES: Final = ("sensitivity", "specificity")  # estimated from labels


def tidy(figures: pa.Table, by: Sequence[str]) -> pa.Table:
    """Convert one row per group into one row per group, estimand and method; unknown values are null, with a note.

    From the (G, …) result of ``estimates.measure``; the columns are those of `by`, estimand, method (raw, tracks,
    corrected, debiased), unit, value, low, high, note, and columns such as coverage.
    """
    columns = figures.column_names
    rows = [_rows(figures, by, name, _unit(name), name) for name in columns if _unit(name)]
    rows += [
        _rows(figures, by, name.removesuffix(f"{_ANALYTIC}_low"), "share", name.removesuffix("_low"))
        for name in columns
        if name.endswith(f"{_ANALYTIC}_low")
    ]
    return pa.concat_tables(rows).sort_by([(name, "ascending") for name in (*by, "estimand", "method")])


def _unit(column: str) -> str | None:
    """Unit of an estimate; None for all other columns."""
    if column.endswith(("_low", "_high")) or column == "analysed_seconds":
        return None
    if column.startswith("share_") or column in _RATES:
        return "share"
    if column.endswith("_seconds"):
        return "seconds"
    return {"female_to_male_ratio": "ratio", "mean_faces": "faces"}.get(column)


def _estimand(column: str) -> tuple[str, str]:
    """Estimand and method of a column."""
    for method in ("tracks", "corrected", "debiased"):
        if column.endswith(f"_{method}"):
            return column.removesuffix(f"_{method}"), method
    return (column.removeprefix("tracked_"), "tracks") if column.startswith("tracked_") else (column, "raw")


def _rows(figures: pa.Table, by: Sequence[str], column: str, unit: str | None, interval: str) -> pa.Table:
    estimand, method = _estimand(column)
    names = {"value": column, "low": f"{interval}_low", "high": f"{interval}_high"}
    known = set(figures.column_names)
    measured = {
        name: figures[source].cast(pa.float64()) if source in known else pa.nulls(len(figures), pa.float64())
        for name, source in names.items()
    }
    if interval.endswith(_ANALYTIC):
        method += ", analytic interval"
    from_labels = method.startswith("corrected") or column in _RATES
    reason = "debiased_note" if method == "debiased" else "correction_note" if from_labels else "interval_note"
    note = figures[reason]
    if names["low"] not in known and method == "raw":
        note = pa.nulls(len(figures), pa.string())  # sums have no interval
    constants = {"estimand": estimand, "method": method, "unit": unit}
    return pa.table(
        {name: figures[name] for name in by}
        | {name: pa.repeat(pa.scalar(text, pa.string()), len(figures)) for name, text in constants.items()}
        | measured
        | {"note": note}
        | {name: figures[name] for name in _CONTEXT if name not in by}
    )

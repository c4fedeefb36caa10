"""Compares the figures of two lakes of the same archive on their common recordings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question
from gfpipe.warehouse import Warehouse

Row = Mapping[str, Any]

_SHARE = "share_female_face_time"
_FIGURES = (_SHARE, f"{_SHARE}_low", f"{_SHARE}_high", "female_face_seconds", "male_face_seconds", "hours_analysed")
_ANALYSED = "select distinct recording_id from recordings where status <> 'failed'"


def run(lake: Path | str, other: Path | str, by: Sequence[str], draws: int = 2000) -> pa.Table:
    """Measure both published lakes by the same groups, on the recordings that were analysed in both.

    Args:
        lake: the first lake.
        other: the second.
        by: grouping, as in :class:`gfpipe.estimates.question.Question`.
        draws: number of bootstrap samples.

    Returns:
        The columns of `by`; ``model_id``, the share of women with its interval, seconds of face time and hours
        analysed; the same columns of the other lake with the prefix ``other_``; ``difference``, the other share minus
        the first, in percentage points.

    Raises:
        UsageError: the question is invalid, or the lakes have no recording in common.
        LakeError: a lake was never published, or cannot be read.
    """
    if "model" in by:
        raise UsageError("--by model: the lakes are compared by model already; choose another grouping")
    question = Question(by=tuple(by), draws=draws)
    with warehouse.open(lake) as first, warehouse.open(other) as second:
        analysed = (set(db.query(_ANALYSED)["recording_id"].to_pylist()) for db in (first, second))
        common = sorted(set.intersection(*analysed))
        if not common:
            raise UsageError(f"{lake} and {other} have no analysed recording in common")
        names, rows = _measured(first, common, question)
        _, others = _measured(second, common, question)
    return pa.Table.from_pylist([_side_by_side(key, rows[key], others.get(key), names) for key in rows])


def _measured(db: Warehouse, common: Sequence[str], question: Question) -> tuple[list[str], dict[tuple[Any, ...], Row]]:
    """Names of the grouping columns, and the row of each group."""
    db.lend("in_common", pa.table({"recording_id": list(common)}))
    db.redefine("rollup", "from rollup semi join in_common using (recording_id)")
    figures = measure(db, question)
    names = figures.column_names[: len(question.by)]
    return names, {tuple(row[name] for name in names): row for row in figures.to_pylist()}


def _side_by_side(key: tuple[Any, ...], row: Row, other: Row | None, names: Sequence[str]) -> dict[str, Any]:
    columns = ("model_id", *_FIGURES)
    shares = row[_SHARE], other[_SHARE] if other else None
    return {
        **dict(zip(names, key, strict=True)),
        **{name: row[name] for name in columns},
        **{f"other_{name}": other[name] if other else None for name in columns},
        "difference": None if None in shares else 100 * (shares[1] - shares[0]),
    }

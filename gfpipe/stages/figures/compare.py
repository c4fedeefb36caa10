"""Two lakes of the same archive side by side: what two analyses say of the recordings that both have."""

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
_BOTH = "select distinct recording_id from recordings where status <> 'failed'"


def run(lake: Path | str, other: Path | str, by: Sequence[str], draws: int = 2000) -> pa.Table:
    """Measure both by the same groups, on the recordings that were analysed in both.

    Args:
        lake: a published lake.
        other: another, of the same archive.
        by: what a row is, as :class:`gfpipe.estimates.question.Question` has it.
        draws: of the bootstrap.

    Returns:
        The columns of `by`; ``model_id``, the share of women with its interval, seconds of face time and hours
        analysed, then the same of the other lake with ``other_`` before the name; ``difference``, the other share less
        the first, in percentage points.

    Raises:
        UsageError: the question cannot be answered as asked, or the lakes have no recording in common.
        LakeError: a lake was never published, or cannot be read.
    """
    if "model" in by:
        raise UsageError("--by model: the two lakes are by two models already; choose something else")
    question = Question(by=tuple(by), draws=draws)
    with warehouse.open(lake) as first, warehouse.open(other) as second:
        theirs = set(second.query(_BOTH)["recording_id"].to_pylist())
        both = sorted(theirs & set(first.query(_BOTH)["recording_id"].to_pylist()))
        if not both:
            raise UsageError(f"{lake} and {other} have no analysed recording in common")
        names, rows = _measured(first, both, question)
        _, others = _measured(second, both, question)
    return pa.Table.from_pylist([_side_by_side(key, rows[key], others.get(key), names) for key in rows])


def _measured(db: Warehouse, both: Sequence[str], question: Question) -> tuple[list[str], dict[tuple[Any, ...], Row]]:
    """The columns of the groups, and a row for each group."""
    db.lend("in_common", pa.table({"recording_id": list(both)}))
    db.redefine("rollup", "from rollup semi join in_common using (recording_id)")
    found = measure(db, question)
    names = found.column_names[: len(question.by)]
    return names, {tuple(row[name] for name in names): row for row in found.to_pylist()}


def _side_by_side(key: tuple[Any, ...], row: Row, other: Row | None, names: Sequence[str]) -> dict[str, Any]:
    found = ("model_id", *_FIGURES)
    shares = row[_SHARE], other[_SHARE] if other else None
    return {
        **dict(zip(names, key, strict=True)),
        **{name: row[name] for name in found},
        **{f"other_{name}": other[name] if other else None for name in found},
        "difference": None if None in shares else 100 * (shares[1] - shares[0]),
    }

"""Measures screen time with intervals and corrections."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates import published
from gfpipe.estimates.question import Question

_SHARE: Final = "share_female_face_time"
_BASIC: Final = (
    *(
        f"{name}{end}"
        for name in (_SHARE, f"{_SHARE}_corrected", f"{_SHARE}_debiased")
        for end in ("", "_low", "_high")
    ),
    *("headline", "hours_analysed", "coverage", "interval_note", "correction_note", "debiased_note"),
)


def run(lake: Path | str, question: Question) -> pa.Table:
    """Measure a question on the published warehouse of `lake`.

    Returns:
        One row per group, with the columns of `gfpipe.estimates.measure.measure`.

    Raises:
        UsageError: the question is invalid, or its series would mix two models.
        LakeError: the lake was never published, or cannot be read.
    """
    with warehouse.open(lake) as db:
        figures = published.answer(db, question)
    rows = figures.select(["models", "model_id"]).to_pylist()
    mixed = {row["model_id"] for row in rows if row["models"] > 1}
    if mixed and not question.mix_models:
        raise UsageError(
            f"{lake}: recordings were classified by several models ({', '.join(sorted(mixed))}), and a change of model "
            "must not look like a change on screen; add model to --by, bring all under one with gfpipe reclassify, "
            "or give --mix-models"
        )
    return figures


def chosen(figures: pa.Table, groups: Sequence[str], columns: str) -> pa.Table:
    """The columns of the groups, and those that `columns` names: ``basic``, ``all``, or names separated by commas.

    Raises:
        UsageError: there is no such column.
    """
    if columns == "all":
        return figures
    names = _BASIC if columns == "basic" else tuple(filter(None, map(str.strip, columns.split(","))))
    for name in names:
        if name not in figures.column_names:
            near = get_close_matches(name, figures.column_names, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "--columns all shows every name"
            raise UsageError(f"--columns {columns}: there is no column {name!r}; {hint}")
    return figures.select(list(dict.fromkeys((*groups, *names))))

"""Measures screen time with intervals and corrections."""

from pathlib import Path

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates import published
from gfpipe.estimates.question import Question


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

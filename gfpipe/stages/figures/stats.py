"""Answer one question about screen time, each figure with its error."""

from pathlib import Path

import pyarrow as pa

from gfpipe import warehouse
from gfpipe.errors import UsageError
from gfpipe.estimates import published
from gfpipe.estimates.question import Question


def run(lake: Path | str, question: Question) -> pa.Table:
    """Measure what is asked on the published warehouse of `lake`.

    Returns:
        A row a group; `gfpipe.estimates.measure.measure` says which columns.

    Raises:
        UsageError: the question cannot be answered as asked, or its series would mix two models.
        LakeError: the lake was never published, or cannot be read.
    """
    with warehouse.open(lake) as db:
        found = published.answer(db, question)
    if not question.mix_models:
        _refuse_mixed_models(lake, found)
    return found


def _refuse_mixed_models(lake: Path | str, found: pa.Table) -> None:
    mixed = {row["model_id"] for row in found.select(["models", "model_id"]).to_pylist() if row["models"] > 1}
    if mixed:
        raise UsageError(
            f"{lake}: recordings were classified by several models ({', '.join(sorted(mixed))}), and a change of model "
            "must not look like a change on screen; add model to --by, bring all under one with gfpipe reclassify, "
            "or give --mix-models"
        )

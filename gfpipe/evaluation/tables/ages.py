"""The table of ages: how far models' ages are off, overall and by perceived gender, side by side."""

from collections.abc import Sequence

import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.measures.age_errors import mean_absolute_error
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.formats import COUNT, YEARS, Value
from gfpipe.tables import Column, Table


def errors(trials: Sequence[Trial]) -> Table | None:
    """The mean absolute error in years: a row for each model that tells ages, and data set; None where none does."""
    columns = (
        Column("data", "data"),
        Column("model", "model"),
        Column("faces", "faces", COUNT),
        Column("unanswered", "without an answer", COUNT),
        Column("overall", "overall", YEARS),
        Column("women", "women", YEARS),
        Column("men", "men", YEARS),
    )
    rows: list[tuple[Value, ...]] = []
    for trial in trials:
        aged = np.isfinite(trial.labels.age_years)
        for answers in trial.answers:
            if answers.age_years is None or not aged.any():
                continue
            found = mean_absolute_error(trial.labels, answers.age_years)
            unanswered = int(aged.sum()) - found.faces
            figures = found.overall, found.women, found.men
            rows.append((trial.data, answers.model_id, found.faces, unanswered, *figures))
    if not rows:
        return None
    note = (
        "Of faces of a known age, those without an answer left out; women and men as labelled. "
        f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws)."
    )
    return Table("ages", "Age: mean absolute error, years", columns, tuple(rows), note)

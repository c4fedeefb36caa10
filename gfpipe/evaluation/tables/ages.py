"""The table of age errors."""

from collections.abc import Sequence

import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.measures.age_errors import mean_absolute_error
from gfpipe.evaluation.tables.columns import DATA, FACES, INTERVALS, MODEL
from gfpipe.output.formats import COUNT, YEARS, Value
from gfpipe.output.tables import Column, Table


def errors(trials: Sequence[Trial]) -> Table | None:
    """Mean absolute error in years: a row for each data set and model that predicts age; None without such models."""
    years = (Column(name, name, YEARS) for name in ("overall", "women", "men"))
    columns = (DATA, MODEL, FACES, Column("unanswered", "without a prediction", COUNT), *years)
    rows: list[tuple[Value, ...]] = []
    for trial in trials:
        aged = np.isfinite(trial.labels.age_years)
        for answers in trial.answers:
            if answers.age_years is not None and aged.any():
                error = mean_absolute_error(trial.labels, answers.age_years)
                counts = error.faces, int(aged.sum()) - error.faces
                rows.append((trial.data, answers.model_id, *counts, error.overall, error.women, error.men))
    note = f"Faces with a known and a predicted age; women and men as labelled. {INTERVALS}"
    return Table("ages", "Age: mean absolute error, years", columns, tuple(rows), note) if rows else None

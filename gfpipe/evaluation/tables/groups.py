"""Tables of accuracy and error rates by group."""

from collections.abc import Sequence
from itertools import combinations

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.measures import subgroups
from gfpipe.evaluation.measures.subgroups import Groups
from gfpipe.evaluation.tables.columns import (
    DATA,
    ERROR_RATES,
    ERRORS,
    FACES,
    GROUP,
    GROUPS_BY,
    INTERVALS,
    MODEL,
    UNDETECTED,
    UNWEIGHTED,
    WORST_ACCURACY,
)
from gfpipe.evaluation.tables.models import per_model
from gfpipe.evaluation.tables.spread import DISPERSION
from gfpipe.output.formats import COUNT, RATE, Value
from gfpipe.output.tables import Column, Table


def groups(trial: Trial, attributes: Sequence[str]) -> Table:
    """Accuracy of each group, with a column for each model."""
    results = _measure(trial, attributes)
    grouping = results[0].grouping
    columns = (Column("group", _heading(attributes)), FACES, *per_model(trial))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (name, int(faces), *(result.accuracy[index] for result in results))
        for index, (name, faces) in enumerate(zip(grouping.names, grouping.faces, strict=True))
    )
    title = f"Accuracy by {_heading(attributes)}, %, on {trial.data}"
    return Table(f"groups_{'_'.join(attributes)}", title, columns, rows, f"{ERRORS} {INTERVALS}")


def disparity(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Table:
    """Dispersion of accuracy over groups, and the worst group: a row for each grouping, model and data set."""
    mean, deviation, variation = DISPERSION
    columns = (
        *(DATA, GROUPS_BY, MODEL, Column("groups", "groups", COUNT)),
        *(mean, deviation, Column("spread", "spread, points", RATE), variation),
        *(Column("worst", "worst group"), WORST_ACCURACY, Column("worst_faces", "its faces", COUNT)),
    )
    rows: list[tuple[Value, ...]] = [
        (trial.data, _heading(attributes), answers.model_id, *_disparity(result))
        for trial in trials
        for attributes in groupings(known(trial, by))
        for answers, result in zip(trial.answers, _measure(trial, attributes), strict=True)
    ]
    note = f"{UNWEIGHTED}; spread: accuracy of the best group minus that of the worst. {ERRORS}"
    return Table("disparity", "Disparity between groups", columns, tuple(rows), note)


def rates(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Table:
    """False-positive and false-negative rates by group, as in table 2 of "Fairness by self-supervision"."""
    columns = (DATA, GROUPS_BY, GROUP, MODEL, FACES, UNDETECTED, *ERROR_RATES)
    rows: list[tuple[Value, ...]] = [
        (
            *(trial.data, _heading(attributes), name, answers.model_id),
            *(int(result.grouping.faces[index]), int(result.undetected[index])),
            *(result.false_positive_rate[index], result.false_negative_rate[index]),
        )
        for trial in trials
        for attributes in groupings([name for name in known(trial, by) if name != "gender"])
        for results in [_measure(trial, attributes)]
        for index, name in enumerate(results[0].grouping.names)
        for answers, result in zip(trial.answers, results, strict=True)
    ]
    note = f"FPR: men classified as women; FNR: women classified as men. Detected faces only. {INTERVALS}"
    return Table("rates", "Error rates by group", columns, tuple(rows), note)


def groupings(attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """Each attribute alone, then every combination."""
    return [names for size in range(1, len(attributes) + 1) for names in combinations(attributes, size)]


def known(trial: Trial, by: Sequence[str] | None) -> list[str]:
    """The attributes of `by`, or all attributes, that are known for the trial's faces."""
    names = subgroups.known(trial.labels)
    return [name for name in (subgroups.ATTRIBUTES if by is None else by) if name in names]


def _measure(trial: Trial, attributes: Sequence[str]) -> list[Groups]:
    return [subgroups.measure(trial.labels, answers, attributes) for answers in trial.answers]


def _disparity(result: Groups) -> tuple[Value, ...]:
    grouping, over, worst = result.grouping, result.dispersion, result.worst
    values = int(grouping.counted.sum()), over.mean, over.standard_deviation, over.spread, over.variation
    if worst is None:
        return (*values, None, None, None)
    return (*values, grouping.names[worst], result.accuracy[worst], int(grouping.faces[worst]))


def _heading(attributes: Sequence[str]) -> str:
    return " × ".join("perceived gender" if name == "gender" else name for name in attributes)

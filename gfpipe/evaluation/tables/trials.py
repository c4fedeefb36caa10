"""All tables of an evaluation, its summary, and its files."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.tables import ages, groups, models, spread
from gfpipe.evaluation.tables.columns import ERRORS, INTERVALS
from gfpipe.evaluation.tables.groups import groupings, known
from gfpipe.output import tables
from gfpipe.output.tables import Table

_MAX_REASONS: Final = 10  # reasons for skipping, in the summary
_MAX_GROUPS: Final = 16  # rows of a table of groups, in the summary


def all_tables(trials: Sequence[Trial], by: Sequence[str] | None = None) -> Iterator[Table]:
    """Every table for which the trials have data, grouped by the attributes `by`, or by all known attributes."""
    if gender := _gender_trials(trials):
        yield from _gender_tables(gender, by)
    if table := ages.errors(trials):
        yield table
    for number, trial in enumerate(trials, start=1):
        if spread.has_ages_by_ethnicity(trial):
            yield _numbered(spread.by_ethnicity(trial), number, trials)


def _gender_tables(trials: Sequence[Trial], by: Sequence[str] | None) -> Iterator[Table]:
    yield models.accuracy(trials)
    yield models.measures(trials)
    for number, trial in enumerate(trials, start=1):
        for attributes in groupings(known(trial, by)):
            yield _numbered(groups.groups(trial, attributes), number, trials)
    yield groups.disparity(trials, by)
    if any(set(known(trial, by)) - {"gender"} for trial in trials):
        yield groups.rates(trials, by)
    yield models.bias(trials)
    yield models.calibration(trials)
    for number, trial in enumerate(trials, start=1):
        if any(answers.by_size for answers in trial.answers):
            yield _numbered(models.sizes(trial), number, trials)
    if any(len(trial.answers) > 1 for trial in trials):
        yield models.pairs(trials)


def summary(trials: Sequence[Trial], by: Sequence[str] = ()) -> str:
    """Accuracy, the requested groups, and counts of undetected, skipped and excluded faces, as text."""
    gender = _gender_trials(trials)
    shown = _gender_summary(gender, by) if gender else []
    if table := ages.errors(trials):
        shown.append(table)
    if "ethnicity" in by:
        shown += [spread.by_ethnicity(trial) for trial in trials if spread.has_ages_by_ethnicity(trial)]
    notes = [table.note.replace(ERRORS, "").replace(INTERVALS, "").strip() for table in shown]
    texts = [replace(table, note=note).text() for table, note in zip(shown, notes, strict=True)]
    return "\n\n".join([*texts, "\n".join([INTERVALS, *chain.from_iterable(map(_counts, trials))])])


def _gender_summary(trials: Sequence[Trial], by: Sequence[str]) -> list[Table]:
    shown = [models.accuracy(trials)]
    if by:
        for trial in trials:
            by_group = [groups.groups(trial, attributes) for attributes in groupings(by) if attributes != ("gender",)]
            shown += [table for table in by_group if len(table.rows) <= _MAX_GROUPS]
        shown.append(groups.disparity(trials, by))
        if set(by) - {"gender"}:
            shown.append(groups.rates(trials, [name for name in by if name != "gender"][:1]))
    shown += [models.sizes(trial) for trial in trials if any(answers.by_size for answers in trial.answers)]
    if any(len(trial.answers) > 1 for trial in trials):
        shown.append(models.pairs(trials))
    return shown


def write_all(trials: Trial | Sequence[Trial], folder: Path, by: Sequence[str] | None = None) -> list[Path]:
    """Write every table (see :func:`gfpipe.output.tables.write`) and all predictions.

    Predictions are in ``answers.parquet``; those of further data sets in ``answers-2.parquet`` and so on.

    Returns:
        The files, in the order written.
    """
    trials = [trials] if isinstance(trials, Trial) else list(trials)
    paths = tables.write(list(all_tables(trials, by)), folder)
    for number, trial in enumerate(trials, start=1):
        paths.append(folder / f"answers{_suffix(number)}.parquet")
        trial.write(paths[-1])
    return paths


def _gender_trials(trials: Sequence[Trial]) -> list[Trial]:
    """The trials, restricted to models that predict perceived gender."""
    return [restricted for trial in trials if (restricted := trial.reading_gender).answers]


def _numbered(table: Table, number: int, trials: Sequence[Trial]) -> Table:
    """A table of one of several trials, under a unique name."""
    return replace(table, name=table.name + _suffix(number).replace("-", "_")) if len(trials) > 1 else table


def _suffix(number: int) -> str:
    return f"-{number}" if number > 1 else ""


def _counts(trial: Trial) -> Iterator[str]:
    """Lines with the counts of undetected, excluded and skipped faces of one trial."""
    missing = {answers.model_id: int(np.sum(~answers.answered)) for answers in trial.answers}
    if len(set(missing.values())) > 1:
        undetected = ", ".join(f"{count:,} for {model}" for model, count in missing.items())
    else:
        undetected = f"{max(missing.values(), default=0):,}"
    line = f"{trial.data}: of {len(trial.labels):,} faces {undetected} were not detected and count as errors"
    line += f" (detector: {trial.detector_id})"
    if trial.seen:
        line += f"; {trial.seen:,} were left out because a model was trained on them"
    yield line + (f"; {len(trial.skipped):,} images or rows were skipped:" if trial.skipped else "; none were skipped")
    reasons = Counter(reason for _, reason in trial.skipped)
    for reason, count in reasons.most_common(_MAX_REASONS):
        names = [name for name, why in trial.skipped if why == reason]
        yield f"  {', '.join(names[:3])}{f' and {count - 3:,} more' if count > 3 else ''}: {reason}"
    if len(reasons) > _MAX_REASONS:
        yield f"  … and {len(reasons) - _MAX_REASONS:,} other reasons"

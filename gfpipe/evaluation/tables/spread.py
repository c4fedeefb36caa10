"""Tables of accuracy by ethnicity and its dispersion, and of models that differ in their seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.measures import spread, subgroups
from gfpipe.evaluation.measures.subgroups import Dispersion
from gfpipe.evaluation.tables.columns import ERRORS, MODEL, UNWEIGHTED
from gfpipe.output.formats import NUMBER, RATE, Format, Value
from gfpipe.output.tables import Column, Table

DISPERSION: Final = (
    Column("mean", "mean, %", RATE),
    Column("standard_deviation", "SD, points", RATE),
    Column("standard_deviation_by_mean", "SD/mean", NUMBER),
)
_CLASSES: Final = (
    f"Age is correct in the class of the true age: {', '.join(f'{start:g}' for start in spread.AGE_STARTS)}+ years."
)


def by_ethnicity(trial: Trial) -> Table:
    """Accuracy by ethnicity with its dispersion: a row for each model and predicted attribute."""
    names = subgroups.group(trial.labels, ("ethnicity",)).names
    rows: list[tuple[Value, ...]] = []
    for answers in trial.answers:
        for attribute, values in spread.by_group(trial.labels, answers).items():
            over = Dispersion.of(values)
            figures = over.mean, over.standard_deviation, over.variation
            rows.append((answers.model_id, attribute, *values.tolist(), *figures))
    groups = tuple(Column(f"ethnicity_{name}", f"{name}, %", RATE) for name in names)
    columns = (MODEL, Column("accuracy_of", "accuracy of"), *groups, *DISPERSION)
    note = f"{_CLASSES} {UNWEIGHTED}. {ERRORS}"
    return Table("spread", f"Accuracy by ethnicity, and its spread, on {trial.data}", columns, tuple(rows), note)


def has_ages_by_ethnicity(trial: Trial) -> bool:
    """Whether :func:`by_ethnicity` adds to the tables of perceived gender."""
    ages = any(answers.age_years is not None for answers in trial.answers)
    return ages and "ethnicity" in subgroups.known(trial.labels)


def seeds(trial: Trial, models: Mapping[str, Sequence[str]], note: str = "") -> Table:
    """The figures of :func:`spread.figures` as mean ± SD over models that differ in their seed.

    `models` are model ids by column heading; `note` is appended to the footnote.
    """
    columns = (Column("figure", "figure"), *(Column(name, name) for name in models))
    by_column = [[spread.figures(trial.labels, trial.of(model)) for model in ids] for ids in models.values()]
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (figure.heading, *(_over(figure.form, [figures[index].value for figures in column]) for column in by_column))
        for index, figure in enumerate(by_column[0][0])
    )
    several = max(map(len, models.values())) > 1
    footnote = " ".join(filter(None, ("Mean ± SD over seeds." if several else "One seed each.", _CLASSES, note)))
    title = f"Identical training, on {len(trial.labels):,} faces of {trial.data}"
    return Table("seeds", title, columns, rows, footnote)


def by_model(trial: Trial) -> Table:
    """The figures of :func:`spread.figures`: a row for each model."""
    figures = {answers.model_id: spread.figures(trial.labels, answers) for answers in trial.answers}
    first = next(iter(figures.values()), ())
    columns = (MODEL, *(Column(figure.name, figure.heading, figure.form) for figure in first))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (model, *(figure.value for figure in values)) for model, values in figures.items()
    )
    return Table("models", f"Single models, on {trial.data}", columns, rows)


def _over(form: Format, values: Sequence[float]) -> str:
    """``mean ± SD``, or a single value."""
    over = Dispersion.of(values)
    deviation = replace(form, signed=False).text(over.standard_deviation)
    return form.text(over.mean) + (f" ± {deviation}" if len(values) > 1 else "")

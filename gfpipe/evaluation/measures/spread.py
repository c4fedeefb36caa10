"""How evenly models serve groups, and how evenly seeds come out: mean, standard deviation, standard deviation by mean.

Of "Fairness by self-supervision", table 4: accuracy in each ethnicity, of perceived gender and of age in classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.measures import metrics, subgroups
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.formats import NUMBER, POINTS, RATE, Format, Value
from gfpipe.tables import Column, Table

Floats = NDArray[np.float64]

AGE_STARTS: Final = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)  # years with which the seven classes begin
GENDER, AGE = "perceived gender", "age in seven classes"
_SPREAD: Final = (
    Column("mean", "mean, %", RATE),
    Column("standard_deviation", "SD, points", RATE),
    Column("standard_deviation_by_mean", "SD/mean", NUMBER),
)
_SAID: Final = (
    f"An age is right where it lies in the true one’s class: {', '.join(f'{a:g}' for a in AGE_STARTS)}+ years."
)


@dataclass(frozen=True)
class Spread:
    """Of some values, each counting once; of these values, not of a population that they were drawn from."""

    mean: float
    standard_deviation: float

    @classmethod
    def of(cls, values: Sequence[float] | Floats) -> "Spread":
        """Values that are no numbers do not count; of none, all is NaN."""
        known = np.asarray(values, np.float64)
        known = known[np.isfinite(known)]
        return cls(float(known.mean()), float(known.std())) if len(known) else cls(np.nan, np.nan)

    @property
    def variation(self) -> float:
        """The standard deviation divided by the mean; NaN where the mean is 0."""
        return self.standard_deviation / self.mean if self.mean else np.nan


@dataclass(frozen=True)
class Figure:
    """One number about one model."""

    name: str
    heading: str
    form: Format
    value: float


def right(labels: Labels, answers: Answers) -> dict[str, Floats]:
    """For each question that a model answers, (N,) 1 where it is right, 0 where not, NaN where nobody knows.

    A face that was not found counts as an error.
    """
    found = {}
    if answers.reads_gender:
        agrees = (answers.p_female >= metrics.THRESHOLD) == labels.female
        found[GENDER] = (agrees & answers.answered).astype(np.float64)
    if answers.age_years is not None:
        starts = np.array(AGE_STARTS)
        true, given = (np.digitize(years, starts[1:]) for years in (labels.age_years, answers.age_years))
        known = np.isfinite(labels.age_years)
        found[AGE] = np.where(known, (true == given) & np.isfinite(answers.age_years), np.nan)
    return found


def by_group(labels: Labels, answers: Answers, attribute: str = "ethnicity") -> dict[str, Floats]:
    """Accuracy of every answered question in each group, (G,); see :func:`gfpipe.evaluation.measures.subgroups.group`.

    NaN where a group has fewer faces than count in statistics over groups (20).
    """
    grouping = subgroups.group(labels, (attribute,))
    return {
        question: np.array(
            [_mean(values[grouping.index == place]) if counted else np.nan for place, counted in enumerate(counts)]
        )
        for counts in [grouping.counted]
        for question, values in right(labels, answers).items()
    }


def table(trial: Trial) -> Table:
    """Accuracy by ethnicity, with mean and spread: a row for each model and question."""
    names = subgroups.group(trial.labels, ("ethnicity",)).names
    rows: list[tuple[Value, ...]] = []
    for answers in trial.answers:
        for question, values in by_group(trial.labels, answers).items():
            spread = Spread.of(values)
            figures = spread.mean, spread.standard_deviation, spread.variation
            rows.append((answers.model_id, question, *map(float, values), *figures))
    groups = tuple(Column(f"ethnicity_{name}", f"{name}, %", RATE) for name in names)
    columns = (Column("model", "model"), Column("accuracy_of", "accuracy of"), *groups, *_SPREAD)
    counted = f"Over groups of {subgroups.MIN_GROUP_FACES} faces or more, unweighted."
    note = f"{_SAID} {counted} Undetected faces count as errors."
    return Table("spread", f"Accuracy by ethnicity, and its spread, on {trial.data}", columns, tuple(rows), note)


def shown(trial: Trial) -> bool:
    """Whether :func:`table` says something that the tables of perceived gender do not."""
    ages = any(answers.age_years is not None for answers in trial.answers)
    return ages and "ethnicity" in subgroups.known(trial.labels)


def figures(labels: Labels, answers: Answers) -> tuple[Figure, ...]:
    """What a study of models that were trained alike compares; shares from 0 to 1."""
    counts = Tally(labels.female, answers.p_female).counts
    found = [
        Figure("accuracy", "perceived gender, accuracy, %", RATE, float(metrics.accuracy(counts)[0])),
        Figure("gap", "gap between women and men, points", POINTS, float(metrics.gap(counts)[0])),
    ]
    if answers.age_years is not None:
        accuracy = _mean(right(labels, answers)[AGE])
        error = _mean(np.abs(answers.age_years - labels.age_years))
        found.append(Figure("age_accuracy", f"{AGE}, accuracy, %", RATE, accuracy))
        found.append(Figure("age_error", "age, mean absolute error, years", NUMBER, error))
    if "ethnicity" not in subgroups.known(labels):
        return tuple(found)
    for question, values in by_group(labels, answers).items():
        name, spread = "age" if question == AGE else "gender", Spread.of(values)
        over = f"{question}, over ethnicities"
        found += [
            Figure(f"{name}_mean", f"{over}: mean, %", RATE, spread.mean),
            Figure(f"{name}_standard_deviation", f"{over}: SD, points", RATE, spread.standard_deviation),
            Figure(f"{name}_standard_deviation_by_mean", f"{over}: SD/mean", NUMBER, spread.variation),
        ]
    return tuple(found)


def seeds(trial: Trial, models: Mapping[str, Sequence[str]], note: str = "") -> Table:
    """Every figure of :func:`figures` as mean ± SD over the models of a column, which differ in their seeds.

    Args:
        trial: has the answers of all models.
        models: ids, by the heading of their column.
        note: what is to be said beside the table.
    """
    found = {name: [figures(trial.labels, trial.of(each)) for each in ids] for name, ids in models.items()}
    rows = [
        (first.heading, *(_over(first.form, [every[place].value for every in each]) for each in found.values()))
        for place, first in enumerate(next(iter(found.values()))[0])
    ]
    columns = (Column("figure", "figure"), *(Column(name, name) for name in models))
    several = max(map(len, models.values())) > 1
    said = " ".join(filter(None, ("Mean ± SD over seeds." if several else "One seed each.", _SAID, note)))
    return Table("seeds", f"Trained alike, on {len(trial.labels):,} faces of {trial.data}", columns, tuple(rows), said)


def each(trial: Trial) -> Table:
    """The same figures of every model by itself: a row each."""
    rows: list[tuple[Value, ...]] = []
    columns: tuple[Column, ...] = ()
    for answers in trial.answers:
        found = figures(trial.labels, answers)
        columns = tuple(Column(figure.name, figure.heading, figure.form) for figure in found)
        rows.append((answers.model_id, *(figure.value for figure in found)))
    return Table("models", f"Every model by itself, on {trial.data}", (Column("model", "model"), *columns), tuple(rows))


def _over(form: Format, values: Sequence[float]) -> str:
    """``mean ± SD``, or the one value."""
    spread = Spread.of(values)
    mean = form.text(spread.mean)
    unsigned = RATE if form is POINTS else form
    return mean if len(values) < 2 else f"{mean} ± {unsigned.text(spread.standard_deviation)}"


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan

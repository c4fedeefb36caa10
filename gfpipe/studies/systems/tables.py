"""Tables of a study of systems: accuracy, costs and published figures."""

import math
import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import comparison, metrics, subgroups
from gfpipe.evaluation.measures.age_errors import mean_absolute_error
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables import groups
from gfpipe.evaluation.tables.columns import ACCURACY, GAP, GROUP, ROC_AUC, WORST
from gfpipe.formats import COUNT, RATE, YEARS, Interval, Value
from gfpipe.studies.systems.outcome import REDUCED, Outcome, Published, Row
from gfpipe.tables import Column, Table

_SYSTEM: Final = Column("system", "system")
_SETTING: Final = Column("setting", "setting")
_RIGHT: Final = (
    *(ACCURACY, GAP, Column("worst_accuracy", "worst", RATE), WORST),
    *(Column("balanced_accuracy", "balanced", RATE), ROC_AUC),
    Column("age_error", "age", YEARS),
)
_COSTS: Final = (
    Column("parameters", "parameters", COUNT),
    Column("train_seconds", "training", COUNT),
    Column("images_per_second", "images a second", COUNT),
)
_PUBLISHED: Final = Column("published", "published")
_WIDTH: Final = 116  # of sentences in text
_WORDS: Final = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "roc_auc": "ROC AUC",
    "age_error": "mean error of age",
}


def figures(labels: Labels, answers: Answers) -> dict[str, Value]:
    """Values of the accuracy columns; a face without a prediction is an error, except for ROC AUC and age."""
    estimates = comparison.estimates(labels, answers, ("accuracy", "gap"))
    worst = subgroups.worst_cell(labels, answers)
    curve = metrics.roc(labels.female, answers.p_female)
    ages = None if answers.age_years is None else mean_absolute_error(labels, answers.age_years, 1)
    return {
        "accuracy": estimates["accuracy"],
        "gap": estimates["gap"],
        "worst_accuracy": worst.accuracy if worst else math.nan,
        "worst": worst.name if worst else "",
        "balanced_accuracy": float(metrics.balanced_accuracy(Tally(labels.female, answers.p_female).counts)[0]),
        "roc_auc": curve.area if curve else math.nan,
        "age_error": ages.overall.value if ages else math.nan,
    }


class Tables:
    """Tables of an outcome; figures are computed once."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        labels = outcome.trial.labels
        self.figures = {row.system.name: figures(labels, row.answers) for row in outcome.rows if row.run}

    def whole(self) -> Table:
        """All columns."""
        columns = (GROUP, _SYSTEM, _SETTING, *_RIGHT, *_COSTS, _PUBLISHED, Column("note", "note"))
        rows = tuple(
            (
                row.system.group,
                row.system.name,
                row.run.setting if row.run else "not run",
                *self.figures.get(row.system.name, dict.fromkeys(column.name for column in _RIGHT)).values(),
                *_costs(row),
                _all_published(row),
                _note(row),
            )
            for row in self.outcome.rows
        )
        return Table("systems", self._title, columns, rows, f"{self._accuracy_note} {self._costs_note}")

    def accuracy(self) -> Table:
        """Accuracy of each system."""
        rows = tuple(
            (row.system.name, row.run.setting, *self.figures[row.system.name].values())
            for row in self.outcome.rows
            if row.run
        )
        return Table("systems_accuracy", self._title, (_SYSTEM, _SETTING, *_RIGHT), rows, self._accuracy_note)

    def costs(self) -> Table:
        """Costs of each system, and its published figures."""
        rows: list[tuple[Value, ...]] = []
        for row in self.outcome.rows:
            if row.run:
                parameters, seconds, images = _costs(row)
                duration = _duration(seconds) if isinstance(seconds, float) else None
                rows.append(
                    (row.system.name, row.run.setting, parameters, duration, images, _all_published(row) or None)
                )
        columns = (_SYSTEM, _SETTING, *_COSTS, _PUBLISHED)
        return Table("systems_costs", "Costs of each system", columns, tuple(rows), self._costs_note)

    def sentences(self) -> Iterator[tuple[str, list[str]]]:
        """The title of each group, and a sentence or two on each of its systems."""
        for group, rows in groupby(self.outcome.rows, key=lambda row: row.system.group):
            title = self.outcome.groups.get(group, group)
            yield title, [f"{row.system.name}: {self._sentence(row)}" for row in rows]

    def text(self) -> str:
        """Two tables and all sentences."""
        parts = [self.accuracy().text(), self.costs().text()]
        for title, sentences in self.sentences():
            lines = [textwrap.fill(line, _WIDTH, initial_indent="  ", subsequent_indent="    ") for line in sentences]
            parts.append("\n".join([title, *lines]))
        return "\n\n".join(parts)

    def files(self) -> dict[str, str]:
        """``systems.txt`` and ``.md``, all columns as ``.csv``, ``.tex``, and ``groups.txt`` by group."""
        accuracy, costs = self.accuracy(), self.costs()
        notes = [f"#### {title}\n\n" + "\n".join(f"- {line}" for line in lines) for title, lines in self.sentences()]
        return {
            "systems.txt": self.text() + "\n",
            "systems.md": "\n".join([accuracy.markdown(), costs.markdown(), "\n\n".join(notes), ""]),
            "systems.csv": self.whole().csv(),
            "systems.tex": f"{accuracy.latex()}\n{costs.latex()}",
            "groups.txt": "\n\n".join(table.text() for table in self._by_group()) + "\n",
        }

    def _by_group(self) -> Iterator[Table]:
        """Accuracy by ethnicity, age and perceived gender; disparity between groups; error rates by ethnicity."""
        trial = self.outcome.trial
        known = subgroups.known(trial.labels)
        for attribute in known:
            yield groups.groups(trial, (attribute,))
        yield groups.disparity([trial], known)
        if "ethnicity" in known:
            yield groups.rates([trial], ("ethnicity",))

    def _sentence(self, row: Row) -> str:
        system, own = row.system, self.figures.get(row.system.name, {})
        published = ", ".join(_published(figure, own) for figure in system.published)
        sentences = [f"Published{f' on {system.on}' if system.on else ''}: {published}."] if published else []
        if row.run is None:
            return " ".join([f"not run: {row.reason.rstrip('.')}.", *sentences])
        if row.run.setting == REDUCED:
            sentences.append(f"Run at its reduced setting: {row.run.made_smaller}.")
        return " ".join([*sentences, system.differs])

    @property
    def _title(self) -> str:
        return f"Systems on the {len(self.outcome.trial.labels):,} test faces of {self.outcome.trial.data}"

    @property
    def _accuracy_note(self) -> str:
        undetected = sorted({int((~answers.answered).sum()) for answers in self.outcome.trial.answers})
        missing = " to ".join(f"{count:,}" for count in dict.fromkeys((undetected[0], undetected[-1])))
        errors = f"; {missing} of them have no answer and count as errors" if undetected[-1] else ""
        return (
            f"The same faces for all, the test split by hash{errors}. The gap is women’s accuracy minus men’s. Worst: "
            "accuracy in % of the worst cell of ethnicity × perceived gender, of "
            f"{subgroups.MIN_GROUP_FACES} faces or more. Balanced: the mean of women’s and men’s accuracy, in %. Age: "
            "mean absolute error in years, of the faces with an answer. In brackets 95 % bootstrap intervals "
            f"({DRAWS:,} draws)."
        )

    @property
    def _costs_note(self) -> str:
        counts = sorted({row.run.threads for row in self.outcome.rows if row.run and row.run.images_per_second})
        devices = " or ".join("a GPU" if not count else f"{count} thread{'s' * (count > 1)}" for count in counts)
        return (
            "Parameters of a head: of the frozen network, and of the head if it is linear. Training: seconds of all "
            "epochs, or of fitting a head; none for models trained elsewhere. Images a second: from cut faces to "
            f"predictions, without detection{f', on {devices}' if devices else ''}."
        )


def _costs(row: Row) -> tuple[Value, Value, Value]:
    run = row.run
    return (run.parameters, run.train_seconds, run.images_per_second) if run else (None, None, None)


def _duration(seconds: float) -> str:
    """``0.07 s``, ``18 s``, ``3 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
    return f"{seconds // 60:,.0f} min {seconds % 60:02.0f} s"


def _all_published(row: Row) -> str:
    return "; ".join(_published(figure, {}) for figure in row.system.published)


def _published(figure: Published, own: Mapping[str, Value]) -> str:
    """``accuracy 85.0 % (here 83.1 %)``; without figures of ours ``accuracy 85.0 %``."""
    text = f"{_WORDS.get(figure.measure, figure.what)} {_written(figure.value, figure.measure)}"
    value = own.get(figure.measure)
    value = value.value if isinstance(value, Interval) else value
    return f"{text} (here {_written(value, figure.measure)})" if isinstance(value, float) else text


def _written(value: float, measure: str) -> str:
    if not math.isfinite(value):
        return "not known"
    if measure == "roc_auc":
        return f"{value:.3f}"
    if measure == "age_error" or value > 1:
        return f"{value:.1f}"
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _note(row: Row) -> str:
    if row.run is None:
        return f"not run: {row.reason}"
    return (f"Reduced: {row.run.made_smaller}. " if row.run.made_smaller else "") + row.system.differs

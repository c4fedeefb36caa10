"""Tables of a study of systems: accuracy, costs and published figures."""

import textwrap
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from gfpipe.evaluation.measures import subgroups
from gfpipe.evaluation.tables import groups
from gfpipe.evaluation.tables.columns import ACCURACY, GAP, GROUP, INTERVALS, ROC_AUC, WORST
from gfpipe.output.formats import COUNT, NUMBER, PERCENT, RATE, YEARS, Format, Interval, Value, duration, known
from gfpipe.output.tables import Column, Table
from gfpipe.studies.measures import measure
from gfpipe.studies.systems.outcome import REDUCED, Outcome, Published, Row

_SYSTEM: Final = (Column("system", "system"), Column("setting", "setting"))
_MEASURES: Final = (
    *(ACCURACY, GAP, Column("worst_accuracy", "worst", RATE), WORST),
    *(Column("balanced_accuracy", "balanced", RATE), ROC_AUC),
    Column("age_error", "age", YEARS),
)
_COSTS: Final = (
    Column("parameters", "parameters", COUNT),
    Column("train_seconds", "training", COUNT),
    Column("images_per_second", "images a second", COUNT),
    Column("published", "published"),
)
_WIDTH: Final = 116  # of sentences in text
_WORDS: Final = {"balanced_accuracy": "balanced accuracy", "roc_auc": "ROC AUC", "age_error": "mean error of age"}


class Tables:
    """Tables of an outcome; figures are computed once."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.figures = {row.system.name: measure(outcome.trial.labels, row.answers) for row in outcome.rows if row.run}

    def whole(self) -> Table:
        """All columns."""
        rows = tuple(
            (
                row.system.group,
                row.system.name,
                row.run.setting if row.run else "not run",
                *(self.figures.get(row.system.name, {}).get(column.name) for column in _MEASURES),
                *_costs(row),
                _note(row),
            )
            for row in self.outcome.rows
        )
        columns = (GROUP, *_SYSTEM, *_MEASURES, *_COSTS, Column("note", "note"))
        return Table("systems", self._title, columns, rows, f"{self._accuracy_note} {self._costs_note}")

    def accuracy(self) -> Table:
        """Accuracy of each system."""
        rows = tuple(
            (row.system.name, row.run.setting, *self.figures[row.system.name].values())
            for row in self.outcome.rows
            if row.run
        )
        return Table("systems_accuracy", self._title, (*_SYSTEM, *_MEASURES), rows, self._accuracy_note)

    def costs(self) -> Table:
        """Costs of each system, and its published figures."""
        rows: list[tuple[Value, ...]] = []
        for row in self.outcome.rows:
            if row.run:
                parameters, _, images, published = _costs(row)
                time = duration(row.run.train_seconds)
                rows.append((row.system.name, row.run.setting, parameters, time, images, published or None))
        return Table("systems_costs", "Costs of each system", (*_SYSTEM, *_COSTS), tuple(rows), self._costs_note)

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
        attributes = subgroups.known(trial.labels)
        for attribute in attributes:
            yield groups.groups(trial, (attribute,))
        yield groups.disparity([trial], attributes)
        if "ethnicity" in attributes:
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
            f"mean absolute error in years, of the faces with an answer. {INTERVALS}"
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


def _costs(row: Row) -> tuple[Value, ...]:
    run, published = row.run, "; ".join(_published(figure, {}) for figure in row.system.published)
    costs = (run.parameters, run.train_seconds, run.images_per_second) if run else (None, None, None)
    return (*costs, published)


def _published(figure: Published, own: Mapping[str, Value]) -> str:
    """``accuracy 85.0 % (here 83.1 %)``; without figures of ours ``accuracy 85.0 %``."""

    def text(value: float) -> str:
        years = figure.measure == "age_error" or value > 1
        form = NUMBER if figure.measure == "roc_auc" else Format(1) if years else PERCENT
        return "not known" if known(value) is None else form.text(value).replace(" ", "\N{NO-BREAK SPACE}")

    name = _WORDS.get(figure.measure, figure.measure or figure.what)
    value = own.get(figure.measure)
    value = value.value if isinstance(value, Interval) else value
    here = f" (here {text(value)})" if isinstance(value, float) else ""
    return f"{name} {text(figure.value)}{here}"


def _note(row: Row) -> str:
    if row.run is None:
        return f"not run: {row.reason}"
    return (f"Reduced: {row.run.made_smaller}. " if row.run.made_smaller else "") + row.system.differs

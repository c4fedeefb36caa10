"""The systems of the field in tables: how right each is, what it costs, and what its authors report beside that."""

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import comparison, metrics, subgroups
from gfpipe.evaluation.measures.age_errors import mean_absolute_error
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables import groups
from gfpipe.formats import COUNT, NUMBER, POINTS, RATE, YEARS, Interval, Value
from gfpipe.studies.systems.outcome import REDUCED, Outcome, Published, Row, answers_of
from gfpipe.tables import Column, Table

_SYSTEM: Final = Column("system", "system")
_SETTING: Final = Column("setting", "setting")
_RIGHT: Final = (
    Column("accuracy", "accuracy, %", RATE),
    Column("gap", "gap, points", POINTS),
    Column("worst_accuracy", "worst", RATE),
    Column("worst", "worst cell"),
    Column("balanced_accuracy", "balanced", RATE),
    Column("roc_auc", "ROC AUC", NUMBER),
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


@dataclass(frozen=True)
class Figures:
    """What a system achieves on the test faces.

    Attributes:
        worst: the cell of ethnicity × perceived gender with the lowest accuracy; empty where all are too small.
        age_error: mean absolute error in years, of the faces with an answer and a known age; NaN without any.
    """

    accuracy: Interval
    gap: Interval
    worst: str
    worst_accuracy: float
    balanced_accuracy: float
    roc_auc: float
    age_error: float


def figures(labels: Labels, answers: Answers) -> Figures:
    """Measure one system; a face without an answer is an error, but for the curve and the age."""
    found = comparison.estimates(labels, answers, ("accuracy", "gap"))
    worst = subgroups.worst_cell(labels, answers)
    curve = metrics.roc(labels.female, answers.p_female)
    return Figures(
        accuracy=found["accuracy"],
        gap=found["gap"],
        worst=worst.name if worst else "",
        worst_accuracy=worst.accuracy if worst else math.nan,
        balanced_accuracy=float(metrics.balanced_accuracy(Tally(labels.female, answers.p_female).counts)[0]),
        roc_auc=curve.area if curve else math.nan,
        age_error=_age_error(labels, answers),
    )


def whole(outcome: Outcome) -> Table:
    """All of it in one row a system."""
    columns = (Column("group", "group"), _SYSTEM, _SETTING, *_RIGHT, *_COSTS, _PUBLISHED, Column("note", "note"))
    rows = tuple(
        (
            row.system.group,
            row.system.name,
            _setting(row),
            *_right(outcome, row),
            *_costs(row),
            "; ".join(map(_published, row.system.published)),
            _note(row),
        )
        for row in outcome.rows
    )
    return Table("systems", _title(outcome), columns, rows, f"{_rightly(outcome)} {_costly(outcome)}")


def accuracy(outcome: Outcome) -> Table:
    """How right each system is."""
    rows = tuple((row.system.name, _setting(row), *_right(outcome, row)) for row in outcome.rows if row.run)
    return Table("systems_accuracy", _title(outcome), (_SYSTEM, _SETTING, *_RIGHT), rows, _rightly(outcome))


def costs(outcome: Outcome) -> Table:
    """What each system costs, and its published figures."""
    rows = tuple(
        (row.system.name, _setting(row), *_told(row), "; ".join(map(_published, row.system.published)) or None)
        for row in outcome.rows
        if row.run
    )
    columns = (_SYSTEM, _SETTING, *_COSTS, _PUBLISHED)
    return Table("systems_costs", "What each system costs", columns, rows, _costly(outcome))


def sentences(outcome: Outcome) -> Iterator[tuple[str, list[str]]]:
    """For each group what it is called, and a sentence or two for each of its systems."""
    for group, rows in groupby(outcome.rows, key=lambda row: row.system.group):
        yield outcome.groups.get(group, group), [f"{row.system.name}: {_sentence(outcome, row)}" for row in rows]


def text(outcome: Outcome) -> str:
    """What a person reads: two tables, and what is to be said of each system."""
    parts = [accuracy(outcome).text(), costs(outcome).text()]
    for group, said in sentences(outcome):
        lines = [textwrap.fill(each, _WIDTH, initial_indent="  ", subsequent_indent="    ") for each in said]
        parts.append("\n".join([group, *lines]))
    return "\n\n".join(parts)


def texts(outcome: Outcome) -> dict[str, str]:
    """Files by name: ``systems.txt`` and ``.md``, all columns as ``.csv``, ``.tex``, and ``groups.txt`` by group."""
    right, cost = accuracy(outcome), costs(outcome)
    notes = "\n".join(f"\n#### {group}\n\n" + "\n".join(f"- {line}" for line in of) for group, of in sentences(outcome))
    return {
        "systems.txt": text(outcome) + "\n",
        "systems.md": f"{right.markdown()}\n{cost.markdown()}\n{notes.strip()}\n",
        "systems.csv": whole(outcome).csv(),
        "systems.tex": f"{right.latex()}\n{cost.latex()}",
        "groups.txt": "\n\n".join(table.text() for table in _by_group(outcome)) + "\n",
    }


def _by_group(outcome: Outcome) -> Iterator[Table]:
    """Accuracy by ethnicity, age and perceived gender; how far groups lie apart; error rates by ethnicity."""
    known = subgroups.known(outcome.trial.labels)
    for attribute in known:
        yield groups.groups(outcome.trial, (attribute,))
    yield groups.disparity([outcome.trial], known)
    if "ethnicity" in known:
        yield groups.rates([outcome.trial], ("ethnicity",))


def _right(outcome: Outcome, row: Row) -> tuple[Value, ...]:
    if row.run is None:
        return (None,) * len(_RIGHT)
    found = figures(outcome.trial.labels, answers_of(row))
    return (
        found.accuracy,
        found.gap,
        found.worst_accuracy,
        found.worst,
        found.balanced_accuracy,
        found.roc_auc,
        found.age_error,
    )


def _costs(row: Row) -> tuple[Value, ...]:
    if row.run is None:
        return (None,) * len(_COSTS)
    return row.run.parameters, row.run.train_seconds, row.run.images_per_second


def _told(row: Row) -> tuple[Value, ...]:
    """The costs, as people read them."""
    parameters, seconds, images = _costs(row)
    return parameters, _duration(seconds) if isinstance(seconds, float) else None, images


def _duration(seconds: float) -> str:
    """``0.07 s``, ``8 s``, ``3 min 5 s``."""
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
    return f"{seconds // 60:,.0f} min {seconds % 60:02.0f} s"


def _sentence(outcome: Outcome, row: Row) -> str:
    system = row.system
    if row.run is None:
        told = [f"not run: {_closed(row.reason)}"]
        told += [f"Published{_on(row)}: {', '.join(map(_published, system.published))}."] if system.published else []
        return " ".join(told)
    found = figures(outcome.trial.labels, answers_of(row))
    told = [f"Published{_on(row)}: {', '.join(_beside(each, found) for each in system.published)}."]
    told = told if system.published else []
    if row.run.setting == REDUCED:
        told.append(f"Run at its reduced setting: {row.run.made_smaller}.")
    return " ".join([*told, system.differs])


def _beside(published: Published, found: Figures) -> str:
    """``accuracy 85.0 % (here 83.1 %)``."""
    if not published.measure:
        return _published(published)
    ours = getattr(found, published.measure)
    value = ours.value if isinstance(ours, Interval) else ours
    return f"{_published(published)} (here {_written(value, published.measure)})"


def _published(figure: Published) -> str:
    return f"{_WORDS.get(figure.measure, figure.what)} {_written(figure.value, figure.measure)}"


def _written(value: float, measure: str) -> str:
    if not math.isfinite(value):
        return "not known"
    if measure == "roc_auc":
        return f"{value:.3f}"
    if measure == "age_error" or value > 1:
        return f"{value:.1f}"
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def _on(row: Row) -> str:
    return f" on {row.system.on}" if row.system.on else ""


def _note(row: Row) -> str:
    if row.run is None:
        return f"not run: {row.reason}"
    smaller = f"Reduced: {row.run.made_smaller}. " if row.run.made_smaller else ""
    return smaller + row.system.differs


def _setting(row: Row) -> str:
    return row.run.setting if row.run else "not run"


def _title(outcome: Outcome) -> str:
    return f"Systems side by side on the {len(outcome.trial.labels):,} test faces of {outcome.trial.data}"


def _rightly(outcome: Outcome) -> str:
    undetected = sorted({int((~each.answered).sum()) for each in outcome.trial.answers})
    missing = " to ".join(f"{count:,}" for count in dict.fromkeys((undetected[0], undetected[-1])))
    errors = f"; {missing} of them have no answer and count as errors" if undetected[-1] else ""
    return (
        f"The same faces for all, the part test of the split by hash{errors}. The gap is women’s accuracy minus men’s. "
        "Worst: accuracy in % of the worst cell of ethnicity × perceived gender, of "
        f"{subgroups.MIN_GROUP_FACES} faces or more. Balanced: the mean of women’s and men’s "
        "accuracy, in %. Age: mean absolute error in years, of the faces with an answer. "
        f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws)."
    )


def _costly(outcome: Outcome) -> str:
    counts = sorted({row.run.threads for row in outcome.rows if row.run and row.run.images_per_second})
    where = " or ".join("a GPU" if not count else f"{count} thread{'s' * (count > 1)}" for count in counts)
    return (
        "Parameters of a head are those of the frozen network, and its own where it is linear. Training: seconds of "
        "the epochs, or of fitting a head; none for what was trained elsewhere or before. Images a second: from cut "
        f"faces to answers, without finding them, on {where or 'nothing'}."
    )


def _age_error(labels: Labels, answers: Answers) -> float:
    return math.nan if answers.age_years is None else mean_absolute_error(labels, answers.age_years, 1).overall.value


def _closed(words: str) -> str:
    return words if words.endswith((".", "!", "?")) else f"{words}."

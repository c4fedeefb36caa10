"""Tables of a study of thresholds: the paper's Table 4 with intervals, differences, all test faces, the choice."""

from collections.abc import Iterator
from typing import Final

from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables.columns import ACCURACY, ERRORS, GAP, INTERVALS, MEN, WOMEN
from gfpipe.output.formats import COUNT, POINTS, RATE, Value
from gfpipe.output.tables import Column, Table
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row

_SETTING: Final = Column("setting", "pseudo-labels")
_SPREAD: Final = Column("accuracy_sd", "SD of seeds", RATE)
_NOTE: Final = f"The gap is women’s accuracy minus men’s. {ERRORS} {INTERVALS}"
_NONE_TRAINED: Final = "No setting left faces enough to learn from."


def main(outcome: Outcome) -> Table:
    """The paper's Table 4: pseudo-labels of each setting, and its results on the reporting faces."""
    columns = (
        _SETTING,
        Column("women_used", "women", COUNT),
        Column("men_used", "men", COUNT),
        Column("wrong", "wrong, %", RATE),
        *_columns(outcome),
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (outcome.label(row), row.female, row.male, row.wrong, *_values(outcome, outcome.reporting, row))
        for row in outcome.rows
    )
    known = any(row.wrong is not None for row in outcome.rows)
    wrong = "Wrong: share of wrong pseudo-labels, for information only. " if known else ""
    chosen = f"* chosen on {len(outcome.choosing.trial.labels):,} other faces." if outcome.chosen else _NONE_TRAINED
    note = f"Women, men: pseudo-labelled faces in training. {wrong}{chosen} {_NOTE}"
    return Table("thresholds", f"Pseudo-labels by threshold, on {_on(outcome.reporting, outcome)}", columns, rows, note)


def differences(outcome: Outcome) -> Table:
    """Paired differences of each row from the source model and from the control."""
    columns = (
        _SETTING,
        Column("accuracy_to_source", "accuracy − as it is, points", POINTS),
        Column("gap_to_source", "size of gap − as it is, points", POINTS),
        Column("accuracy_to_control", "accuracy − control, points", POINTS),
        Column("gap_to_control", "size of gap − control, points", POINTS),
    )
    pairs = [(base, name) for base in (outcome.source, outcome.control) for name in ("accuracy", "absolute_gap")]
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (outcome.label(row), *(outcome.reporting.difference(row, base, name) for base, name in pairs))
        for row in outcome.rows
    )
    note = f"A gap that shrinks has a negative difference. 95 % intervals of the paired bootstrap ({DRAWS:,} draws)."
    title = f"What each setting gains, on {_on(outcome.reporting, outcome)}"
    return Table("threshold_differences", title, columns, rows, note)


def everyone(outcome: Outcome) -> Table:
    """The same models on all test faces."""
    measures = outcome.everyone
    columns = (_SETTING, *_columns(outcome), Column("accuracy_to_source", "accuracy − as it is", POINTS))
    rows = tuple(
        (outcome.label(row), *_values(outcome, measures, row), measures.difference(row, outcome.source, "accuracy"))
        for row in outcome.rows
    )
    title = f"The same models on all {len(measures.trial.labels):,} test faces"
    return Table("threshold_everyone", title, columns, rows, _NOTE)


def choosing(outcome: Outcome) -> Table:
    """The measures that the choice is based on."""
    measures = outcome.choosing
    columns = (*(c for c in _columns(outcome) if c is not _SPREAD), Column("worse", "worse of both, %", RATE))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (outcome.label(row), *(measures.figure(row, column.name) for column in columns)) for row in outcome.rows
    )
    title = f"Choice of the setting, on {_on(measures, outcome)}"
    note = f"None of these faces is among those reported on. {_NOTE}"
    return Table("threshold_choosing", title, (_SETTING, *columns), rows, note)


def all_tables(outcome: Outcome) -> list[Table]:
    """Every table, the most important first."""
    return [main(outcome), differences(outcome), everyone(outcome), choosing(outcome)]


def verdict(outcome: Outcome) -> str:
    """The chosen setting compared with both rows without pseudo-labels."""
    row = outcome.chosen
    if row is None:
        return _NONE_TRAINED
    differences = [
        f"against {name}: {_gain(outcome, row, base)}"
        for name, base in (("the model as it is", outcome.source), ("the same training without", outcome.control))
    ]
    best = max(
        (candidate for candidate in outcome.rows if candidate.models and candidate.kind is not Kind.ORACLE),
        key=lambda candidate: outcome.choosing.figure(candidate, "worse").value,
    )
    note = "" if best.kind.eligible else f" On the choosing faces, {best.name} did as well or better."
    return f"Chosen: {row.name}. On faces that it was not chosen on, {'; '.join(differences)}.{note}"


def _columns(outcome: Outcome) -> tuple[Column, ...]:
    spread = (_SPREAD,) if any(len(row.models) > 1 for row in outcome.rows) else ()
    return (ACCURACY, *spread, WOMEN, MEN, GAP)


def _values(outcome: Outcome, measures: Measures, row: Row) -> Iterator[Value]:
    for column in _columns(outcome):
        yield measures.spread(row, "accuracy") if column is _SPREAD else measures.figure(row, column.name)


def _on(measures: Measures, outcome: Outcome) -> str:
    return f"{len(measures.trial.labels):,} faces, {outcome.group}"


def _gain(outcome: Outcome, row: Row, base: Row) -> str:
    accuracy, gap = (outcome.reporting.difference(row, base, name) for name in ("accuracy", "absolute_gap"))
    return (
        f"accuracy {POINTS.text(accuracy)} points{_proof(accuracy.low > 0)}, "
        f"size of the gap {POINTS.text(gap)} points{_proof(gap.high < 0)}"
    )


def _proof(shown: bool, /) -> str:
    return " (shown)" if shown else " (not shown: the interval holds 0 or what is worse)"

"""Tables of a study of thresholds: the paper's Table 4 with intervals, differences, all test faces, the choice."""

from collections.abc import Iterator
from typing import Final

from gfpipe.evaluation.measures.resampling import DRAWS
from gfpipe.evaluation.tables.columns import ACCURACY, GAP, MEN, WOMEN
from gfpipe.formats import COUNT, POINTS, RATE, Interval, Value
from gfpipe.studies.thresholds.measures import Kind, Measures, Outcome, Row
from gfpipe.tables import Column, Table

_DIFFERENCES: Final = ("accuracy", "absolute_gap")
_SETTING: Final = Column("setting", "pseudo-labels")
_ERRORS: Final = "The gap is women’s accuracy minus men’s. Undetected faces count as errors."
_INTERVALS: Final = f"In brackets 95 % bootstrap intervals ({DRAWS:,} draws of faces)."


def main(outcome: Outcome) -> Table:
    """The paper's Table 4: pseudo-labels of each setting, and its results on the reporting faces."""
    seeds = max(len(row.models) for row in outcome.rows)
    columns = (
        _SETTING,
        Column("women_used", "women", COUNT),
        Column("men_used", "men", COUNT),
        Column("wrong", "wrong, %", RATE),
        *_measures(seeds),
    )
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (_starred(row, outcome.chosen), row.female, row.male, row.wrong, *_figures(outcome.reporting, row, seeds))
        for row in outcome.rows
    )
    known = any(row.wrong is not None for row in outcome.rows)
    note = (
        "Women, men: pseudo-labelled faces in training. "
        + ("Wrong: share of wrong pseudo-labels, for information only. " if known else "")
        + f"{_chosen(outcome)} {_ERRORS} {_INTERVALS}"
    )
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
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (
            _starred(row, outcome.chosen),
            *(
                outcome.reporting.difference(row, base, name)
                for base in (outcome.source, outcome.control)
                for name in _DIFFERENCES
            ),
        )
        for row in outcome.rows
    )
    note = f"A gap that shrinks has a negative difference. 95 % intervals of the paired bootstrap ({DRAWS:,} draws)."
    title = f"What each setting gains, on {_on(outcome.reporting, outcome)}"
    return Table("threshold_differences", title, columns, rows, note)


def everyone(outcome: Outcome) -> Table:
    """The same models on all test faces."""
    seeds = max(len(row.models) for row in outcome.rows)
    columns = (_SETTING, *_measures(seeds), Column("accuracy_to_source", "accuracy − as it is", POINTS))
    rows = tuple(
        (
            _starred(row, outcome.chosen),
            *_figures(outcome.everyone, row, seeds),
            outcome.everyone.difference(row, outcome.source, "accuracy"),
        )
        for row in outcome.rows
    )
    title = f"The same models on all {len(outcome.everyone.trial.labels):,} test faces"
    return Table("threshold_everyone", title, columns, rows, f"{_ERRORS} {_INTERVALS}")


def choosing(outcome: Outcome) -> Table:
    """The measures that the choice is based on."""
    columns = (_SETTING, *_measures(1), Column("worse", "worse of both, %", RATE))
    rows = tuple(
        (_starred(row, outcome.chosen), *_figures(outcome.choosing, row, 1), outcome.choosing.figure(row, "worse"))
        for row in outcome.rows
    )
    note = f"None of these faces is among those reported on. {_ERRORS} {_INTERVALS}"
    title = f"Choice of the setting, on {_on(outcome.choosing, outcome)}"
    return Table("threshold_choosing", title, columns, rows, note)


def all_tables(outcome: Outcome) -> Iterator[Table]:
    """Every table, the most important first."""
    yield from (main(outcome), differences(outcome), everyone(outcome), choosing(outcome))


def verdict(outcome: Outcome) -> str:
    """The chosen setting compared with both rows without pseudo-labels."""
    row = outcome.chosen
    if row is None:
        return "No setting left faces enough to learn from."
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


def _measures(seeds: int) -> tuple[Column, ...]:
    several = (Column("accuracy_sd", "SD of seeds", RATE),) if seeds > 1 else ()
    return (ACCURACY, *several, WOMEN, MEN, GAP)


def _figures(measures: Measures, row: Row, seeds: int) -> tuple[Value, ...]:
    several = (measures.spread(row, "accuracy"),) if seeds > 1 else ()
    first, *others = (measures.figure(row, name) for name in ("accuracy", "accuracy_female", "accuracy_male", "gap"))
    return (first, *several, *others)


def _starred(row: Row, chosen: Row | None) -> str:
    return f"{row.name} *" if row is chosen else row.name


def _chosen(outcome: Outcome) -> str:
    if outcome.chosen is None:
        return "No setting left faces enough to learn from."
    return f"* chosen on {len(outcome.choosing.trial.labels):,} other faces."


def _on(measures: Measures, outcome: Outcome) -> str:
    return f"{len(measures.trial.labels):,} faces, {outcome.group}"


def _gain(outcome: Outcome, row: Row, base: Row) -> str:
    gained = outcome.reporting.difference(row, base, "accuracy")
    shrunk = outcome.reporting.difference(row, base, "absolute_gap")
    return (
        f"accuracy {POINTS.text(gained)} points{_proof(gained, higher=True)}, "
        f"size of the gap {POINTS.text(shrunk)} points{_proof(shrunk, higher=False)}"
    )


def _proof(interval: Interval, *, higher: bool) -> str:
    shown = interval.low > 0 if higher else interval.high < 0
    return " (shown)" if shown else " (not shown: the interval holds 0 or what is worse)"

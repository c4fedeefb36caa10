"""The table ``estimates`` of the warehouse: frequent questions, answered at publishing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pyarrow as pa

from gfpipe.estimates.question import Question, narrow
from gfpipe.warehouse import Warehouse

Row = Mapping[str, Any]

GROUPINGS: Final = ((), ("channel",), ("month",), ("channel", "month"), ("channel", "programme"), ("weekday", "hour"))
_TEXTS, _NUMBERS = ("channel", "programme", "month"), ("weekday", "hour")
_KEYS: Final = dict.fromkeys(_TEXTS, pa.string()) | dict.fromkeys(_NUMBERS, pa.int64())


def estimates(db: Warehouse, question: Question = Question(), *, known: Sequence[Row] = ()) -> pa.Table:  # noqa: B008 - frozen
    """Measure every grouping of a question, whose ``by`` is ignored; the other groupings' columns are null.

    Intervals and corrected figures of rows that are `known` are kept if they would be the same.

    Raises:
        UsageError: the question is not valid.
        LakeError: the warehouse cannot be read.
    """
    from gfpipe.estimates.measure import measure_by  # noqa: PLC0415 - importing scipy takes longer than an answer

    narrow(db, question)
    by_digest = {row["digest"]: row for row in known}
    measured = measure_by(db, GROUPINGS, question, by_digest)
    parts = [_keyed(grouping(*by), table) for by, table in zip(GROUPINGS, measured, strict=True)]
    return pa.concat_tables(parts, promote_options="permissive")


def tables(db: Warehouse, former: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Tables that publishing computes from the finished marts, by name, from those of the `former` publishing."""
    known = former["estimates"].to_pylist() if former else ()
    return {"estimates": estimates(db, known=known)}


def answer(db: Warehouse, question: Question) -> pa.Table:
    """Answer a question from the published estimates if they contain it, else by measuring; with the same result.

    Raises:
        UsageError: the question is not valid.
        LakeError: the warehouse cannot be read.
    """
    if replace(question, by=()) == Question() and (published := contained(db, question.by)) is not None:
        return published
    from gfpipe.estimates.measure import measure  # noqa: PLC0415 - importing scipy takes longer than an answer

    return measure(db, question)


def contained(db: Warehouse, by: tuple[str, ...]) -> pa.Table | None:
    """Published estimates of the whole archive by some columns; None if they were not published."""
    if by not in GROUPINGS:
        return None
    others = ", ".join(["grouping", "digest", *(name for name in _KEYS if name not in by)])
    order = f" order by {', '.join(by)}" if by else ""
    return db.query(
        f"select * exclude ({others}) from estimates where grouping = $grouping{order}", {"grouping": grouping(*by)}
    )


def grouping(*by: str) -> str:
    """Value of the column ``grouping`` for rows by these columns."""
    return ", ".join(by) or "all"


def _keyed(by: str, table: pa.Table) -> pa.Table:
    """Put the grouping and all keys first, null if `table` does not have them."""
    keys = {
        name: table[name].cast(kind) if name in table.column_names else pa.nulls(len(table), kind)
        for name, kind in _KEYS.items()
    }
    others = {name: table[name] for name in table.column_names if name not in _KEYS}
    return pa.table({"grouping": pa.repeat(by, len(table)), **keys, **others})

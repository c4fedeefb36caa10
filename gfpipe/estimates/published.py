"""The questions that everybody asks, answered once at publishing: the table ``estimates`` of the warehouse."""

from dataclasses import replace
from typing import Final

import pyarrow as pa

from gfpipe.estimates.question import Question, narrow
from gfpipe.warehouse import Warehouse

GROUPINGS: Final = (
    (),
    ("channel",),
    ("month",),
    ("channel", "month"),
    ("channel", "programme"),
    ("weekday", "hour"),
)
_KEYS: Final = {
    "channel": pa.string(),
    "programme": pa.string(),
    "month": pa.string(),
    "weekday": pa.int64(),
    "hour": pa.int64(),
}


def estimates(db: Warehouse, question: Question = Question()) -> pa.Table:  # noqa: B008 - frozen
    """Measure every grouping; ``grouping`` is ``all`` or names its columns, which are null in the others.

    Args:
        db: the warehouse, its marts ready.
        question: what is to be left out or counted otherwise; ``by`` is of no account.

    Raises:
        UsageError: the question cannot be answered as asked.
        LakeError: the warehouse cannot be read.
    """
    from gfpipe.estimates.measure import measure_by  # noqa: PLC0415 - importing scipy takes longer than an answer

    narrow(db, question)
    parts = [_keyed(grouping(*by), measure_by(db, by, question)) for by in GROUPINGS]
    return pa.concat_tables(parts, promote_options="permissive")


def tables(db: Warehouse) -> dict[str, pa.Table]:
    """Tables that publishing computes from the finished marts, by name."""
    return {"estimates": estimates(db)}


def answer(db: Warehouse, question: Question) -> pa.Table:
    """Answer a question: with what was published, where that is it, else by measuring anew; the answers are the same.

    Raises:
        UsageError: the question cannot be answered as asked.
        LakeError: the warehouse cannot be read.
    """
    by = question.by
    if by in GROUPINGS and replace(question, by=()) == Question():
        others = ", ".join(["grouping", *(name for name in _KEYS if name not in by)])
        order = f" order by {', '.join(by)}" if by else ""
        return db.query(
            f"select * exclude ({others}) from estimates where grouping = $grouping{order}", {"grouping": grouping(*by)}
        )
    from gfpipe.estimates.measure import measure  # noqa: PLC0415 - importing scipy takes longer than an answer

    return measure(db, question)


def grouping(*by: str) -> str:
    """What ``grouping`` says of the rows by these columns."""
    return ", ".join(by) or "all"


def _keyed(by: str, found: pa.Table) -> pa.Table:
    """Put the grouping and all keys first, null where `found` has none."""
    keys = {
        name: found[name].cast(kind) if name in found.column_names else pa.nulls(len(found), kind)
        for name, kind in _KEYS.items()
    }
    others = {name: found[name] for name in found.column_names if name not in _KEYS}
    return pa.table({"grouping": pa.repeat(by, len(found)), **keys, **others})

"""Published lakes, and what they answer."""

from pathlib import Path
from typing import Any

from gfpipe import warehouse


def published(lake: Path) -> warehouse.Warehouse:
    warehouse.build(lake)
    return warehouse.open(lake)


def one_row(db: warehouse.Warehouse, sql: str) -> dict[str, Any]:
    (row,) = db.query(sql).to_pylist()
    return dict(row)


def tuples(db: warehouse.Warehouse, sql: str) -> list[tuple[Any, ...]]:
    """Rows without their names; dates and moments as text."""
    return [tuple(row.values()) for row in db.query(sql).to_pylist()]

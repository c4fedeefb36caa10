"""Published lakes, and what they answer."""

from pathlib import Path
from typing import Any, Final

from gfpipe import warehouse
from gfpipe.choices import Overlaps
from gfpipe.counting import Counting

OVERLAPS_COUNT: Final = Counting(overlapping=Overlaps.ALL)


def published(lake: Path, counting: Counting = Counting()) -> warehouse.Warehouse:  # noqa: B008 - frozen
    warehouse.build(lake, counting=counting)
    return warehouse.open(lake)


def one_row(db: warehouse.Warehouse, sql: str) -> dict[str, Any]:
    (row,) = db.query(sql).to_pylist()
    return dict(row)


def tuples(db: warehouse.Warehouse, sql: str) -> list[tuple[Any, ...]]:
    """Rows without their names; dates and moments as text."""
    return [tuple(row.values()) for row in db.query(sql).to_pylist()]

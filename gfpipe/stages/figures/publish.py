"""Builds the warehouse of a lake, unless its figures do not add up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gfpipe import warehouse
from gfpipe.counting import Counting
from gfpipe.estimates import published


@dataclass(frozen=True)
class Published:
    """The result.

    Attributes:
        warehouse: path of the database.
        screen_time: rows of ``estimates`` by channel.
        coverage: rows of ``coverage``, by channel and local date.
    """

    warehouse: Path
    screen_time: tuple[dict[str, Any], ...]
    coverage: tuple[dict[str, Any], ...]


def run(
    lake: Path | str,
    memory_limit: str | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
) -> Published:
    """Build the warehouse of `lake`, check it, and read the main figures.

    Raises:
        CheckError: a check of ``sql/checks`` failed; the old warehouse stays.
        LakeError: the lake is missing, empty, unreadable, or its disk is full.
    """
    path = warehouse.build(lake, memory_limit, published.tables, counting)
    with warehouse.open(lake, memory_limit) as db:
        return Published(
            warehouse=path,
            screen_time=tuple(db.query("from estimates where grouping = 'channel' order by channel").to_pylist()),
            coverage=tuple(db.query("from coverage").to_pylist()),
        )

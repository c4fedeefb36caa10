"""Builds the warehouse of a lake, unless its figures do not add up."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gfpipe import warehouse
from gfpipe.choices import Overlaps
from gfpipe.counting import Counting
from gfpipe.estimates import published
from gfpipe.output.formats import clock
from gfpipe.warehouse import Warehouse

_OVERLAPS: Final = """
select
    count(distinct recording_id) as recordings,
    sum(epoch(ends_at) - epoch(starts_at)) as seconds,
    min(recordings.path) as path
from overlapping_intervals
inner join recordings using (recording_id)
"""


@dataclass(frozen=True)
class Published:
    """The result.

    Attributes:
        warehouse: path of the database.
        screen_time: rows of ``estimates`` by channel.
        coverage: rows of ``coverage``, by channel and local date.
        notes: what counts once or several times, in words.
        rebuilt: why everything was built anew where an earlier warehouse could have been brought up to date; else None.
    """

    warehouse: Path
    screen_time: tuple[dict[str, Any], ...]
    coverage: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    rebuilt: str | None = None


def run(
    lake: Path | str,
    memory_limit: str | None = None,
    counting: Counting = Counting(),  # noqa: B008 - frozen
    *,
    rebuild: bool = False,
) -> Published:
    """Bring the warehouse of `lake` up to date, or build it anew, check it, and read the main figures.

    Raises:
        CheckError: a check of ``sql/checks`` failed; the old warehouse stays.
        LakeError: the lake is missing, empty, unreadable, or its disk is full.
    """
    reasons: list[str] = []
    path = warehouse.build(lake, memory_limit, published.tables, counting, rebuild=rebuild, on_rebuild=reasons.append)
    with warehouse.open(lake, memory_limit) as db:
        return Published(
            warehouse=path,
            screen_time=tuple(db.query("from estimates where grouping = 'channel' order by channel").to_pylist()),
            coverage=tuple(db.query("from coverage").to_pylist()),
            notes=_notes(db, counting),
            rebuilt=next(iter(reasons), None),
        )


def _notes(db: Warehouse, counting: Counting) -> tuple[str, ...]:
    (overlaps,) = db.query(_OVERLAPS).to_pylist()
    copies = db.query("select count(*) as copies from recording_coverage where status = 'copy'")["copies"][0].as_py()
    notes = []
    if overlaps["recordings"]:
        how = "count several times" if counting.overlapping is Overlaps.ALL else f"count once ({counting.overlapping})"
        overlap = "recording overlaps" if overlaps["recordings"] == 1 else "recordings overlap"
        notes.append(
            f"{overlaps['recordings']} {overlap} with others of the channel, such as {overlaps['path']}: "
            f"{clock(overlaps['seconds'])} {how}; choose with --overlaps first, longest or all"
        )
    if copies:
        text = "recording is a copy of another and does" if copies == 1 else "recordings are copies of others and do"
        notes.append(f"{copies} {text} not count; to count them: --copies all")
    return tuple(notes)

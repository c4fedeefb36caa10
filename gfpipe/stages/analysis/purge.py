"""Removes stored pictures of faces and their copies, and verifies that they are gone.

find -> remove, copies before crops -> find again; whatever is left is reported with the reason
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from gfpipe import warehouse
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import copies, retention
from gfpipe.lake.retention import Held, Place, PurgeScope
from gfpipe.lake.storage import Storage

_STILL: Final = "it came back, or could not be removed: purge again when nothing writes to the lake"
# Crops after their copies: an interrupted purge finds the copies of remaining crops.
_ORDER: Final = (Place.CHIPS, Place.QUEUES, Place.SETS, Place.UNFINISHED, Place.CROPS, Place.WAREHOUSE, Place.ELSEWHERE)


@dataclass(frozen=True)
class Total:
    """Totals of one kind of place."""

    files: int = 0
    images: int = 0
    rows: int = 0
    size: int = 0


@dataclass(frozen=True)
class Summary:
    """Result of a purge.

    Attributes:
        before: everything to remove.
        after: what could not be removed.
        answers: number of human answers in the lake, which are not removed.
    """

    before: tuple[Held, ...]
    after: tuple[Held, ...]
    answers: int


def plan(lake: str, scope: PurgeScope) -> tuple[Held, ...]:
    """List what :func:`run` would remove.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
        UsageError: a recording is not in the lake.
    """
    Storage(lake).require()
    content = _find(lake, scope)
    for recording in scope.recordings:
        if not retention.known(lake, recording):
            raise UsageError(
                f"{recording}: the lake has no such recording; give the recording_id, as gfpipe sql shows it"
            )
    return content


def run(lake: str, scope: PurgeScope, on_progress: OnProgress = no_progress) -> Summary:
    """Remove pictures, and search for them again; an interrupted purge is repeated by another run.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
        UsageError: a recording is not in the lake.
    """
    before, problems = plan(lake, scope), dict[str, str]()
    for done, held in enumerate(before, 1):
        if not held.problem:
            problems |= _remove(lake, held, scope)
        on_progress(Progress("removing pictures", done, len(before)))
    for folder in (copies.SETS, retention.QUEUES, "uses", *(["crops"] if scope.everything else [])):
        Storage(lake).prune(folder)  # empty folders of crops may be in use by an analysis
    after = (replace(held, problem=problems.get(held.name) or held.problem or _STILL) for held in _find(lake, scope))
    return Summary(before, tuple(after), retention.answers(lake))


def totals(content: Iterable[Held]) -> dict[Place, Total]:
    """Sum up by place."""
    sums: dict[Place, Total] = {}
    for held in content:
        so_far = sums.get(held.place, Total())
        sums[held.place] = Total(
            so_far.files + 1, so_far.images + held.images, so_far.rows + held.rows, so_far.size + held.size
        )
    return {place: sums[place] for place in Place if place in sums}


def _find(lake: str, scope: PurgeScope) -> tuple[Held, ...]:
    content = [
        *copies.chips(lake, scope),
        *copies.sets(lake, scope),
        *retention.find(lake, scope),
        *_in_warehouse(lake),
    ]
    return tuple(sorted(content, key=lambda held: (_ORDER.index(held.place), held.name)))


def _in_warehouse(lake: str) -> Iterable[Held]:
    """Binary columns of the warehouse, which should have none."""
    try:
        columns = warehouse.binary_columns(lake)
    except LakeError as exc:
        yield Held(Place.WAREHOUSE, warehouse.NAME, problem=str(exc))
        return
    for column, rows in columns.items():
        problem = f"the warehouse should have no binary columns: build it again with gfpipe publish --lake {lake}"
        yield Held(Place.WAREHOUSE, f"{warehouse.NAME}: {column}", rows, problem=problem)


def _remove(lake: str, held: Held, scope: PurgeScope) -> dict[str, str]:
    """Remove it, or return the problem by its name."""
    try:
        if held.place is Place.CHIPS:
            copies.remove_chips(lake, held)
        elif held.place is Place.SETS:
            copies.remove_set(lake, held, scope)
        else:
            retention.remove(lake, held, scope)
    except (LakeError, OSError) as exc:
        return {held.name: str(exc)}
    return {}

"""Remove pictures of faces from a lake, and every copy of them that can be reached; then look again, as the proof.

what is to go ─► found everywhere ─► removed, copies first ─► looked for again: nothing is left, or it is named
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import copies, retention
from gfpipe.lake.retention import Held, Place, What
from gfpipe.lake.storage import Storage
from gfpipe.progress import OnProgress, Progress, no_progress

_STILL: Final = "it came back, or could not be removed: purge again when nothing writes to the lake"
# Crops go last: as long as one is there, an interrupted purge finds by it what else must go.
_ORDER: Final = (Place.CHIPS, Place.QUEUES, Place.SETS, Place.UNFINISHED, Place.CROPS, Place.WAREHOUSE, Place.ELSEWHERE)


@dataclass(frozen=True)
class Total:
    """What was, or is, in one place."""

    files: int = 0
    images: int = 0
    rows: int = 0
    size: int = 0


@dataclass(frozen=True)
class Summary:
    """What a purge came to.

    Attributes:
        before: all that was to go.
        after: what is still there of it; empty where everything went.
        answers: human answers in the lake, which hold no picture and stay.
    """

    before: tuple[Held, ...]
    after: tuple[Held, ...]
    answers: int


def plan(lake: str, what: What) -> tuple[Held, ...]:
    """Say what is to go; nothing is changed.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
        UsageError: the lake knows no such recording.
    """
    storage = Storage(lake)
    if storage.is_local and not storage.exists():
        raise LakeError(f"{lake}: there is no such lake")
    found = _find(lake, what)
    for recording in what.recordings:
        if not retention.known(lake, recording):
            raise UsageError(
                f"{recording}: the lake has no such recording; give the recording_id, as gfpipe sql shows it"
            )
    return found


def run(lake: str, what: What, on_progress: OnProgress = no_progress) -> Summary:
    """Remove it, and look again.

    What cannot be removed is left and named; the rest goes. An interrupted purge is gone on with by running it again.

    Args:
        lake: the folder, or the object store's URL.
        what: which pictures are to go.
        on_progress: receives how many files are done, and of how many.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
        UsageError: the lake knows no such recording.
    """
    before, problems = plan(lake, what), dict[str, str]()
    for done, held in enumerate(before, 1):
        if not held.problem:
            problems |= _remove(lake, held, what)
        on_progress(Progress("removing pictures", done, len(before)))
    for folder in (copies.SETS, retention.QUEUES, "uses", *(["crops"] if what.everything else [])):
        Storage(lake).prune(folder)  # else folders of crops stay: an analysis may be about to write there
    after = (replace(held, problem=problems.get(held.name) or held.problem or _STILL) for held in _find(lake, what))
    return Summary(before, tuple(after), retention.answers(lake))


def totals(found: Iterable[Held]) -> dict[Place, Total]:
    """Add up what was found, by place."""
    sums: dict[Place, Total] = {}
    for held in found:
        so_far = sums.get(held.place, Total())
        sums[held.place] = Total(
            so_far.files + 1, so_far.images + held.images, so_far.rows + held.rows, so_far.size + held.size
        )
    return {place: sums[place] for place in Place if place in sums}


def _find(lake: str, what: What) -> tuple[Held, ...]:
    found = [*copies.chips(lake, what), *copies.sets(lake, what), *retention.find(lake, what), *_in_warehouse(lake)]
    return tuple(sorted(found, key=lambda held: (_ORDER.index(held.place), held.name)))


def _in_warehouse(lake: str) -> Iterable[Held]:
    """The warehouse is made of tables without pictures; it is looked at all the same."""
    try:
        found = warehouse.binary_columns(lake)
    except LakeError as exc:
        yield Held(Place.WAREHOUSE, warehouse.NAME, problem=str(exc))
        return
    for column, rows in found.items():
        problem = f"no table of the warehouse should have bytes: build it anew with gfpipe publish --lake {lake}"
        yield Held(Place.WAREHOUSE, f"{warehouse.NAME}: {column}", rows, problem=problem)


def _remove(lake: str, held: Held, what: What) -> dict[str, str]:
    """Remove it, or say why it cannot be; the rest must go all the same."""
    try:
        if held.place is Place.CHIPS:
            copies.remove_chips(lake, held)
        elif held.place is Place.SETS:
            copies.remove_set(lake, held, what)
        else:
            retention.remove(lake, held, what)
    except (LakeError, OSError) as exc:
        return {held.name: str(exc)}
    return {}

"""Draws faces and frames of a published lake into a label queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from gfpipe import warehouse
from gfpipe.errors import LakeError, UsageError
from gfpipe.estimates.question import Question
from gfpipe.labelling.design import queues, sampling
from gfpipe.labelling.design.queues import FACE, FRAME, Queue
from gfpipe.labelling.design.sampling import Allocation
from gfpipe.warehouse import Warehouse

_LARGEST_HASH: Final = 2**64 - 1  # of an MD5's lower half


@dataclass(frozen=True)
class Options:
    """What to draw.

    Attributes:
        faces: number of faces.
        frames: number of frames.
        repeats: share of the faces that is repeated.
        by: stratification variables of faces: channel, month, size, confidence, answer.
        least: minimum number of faces per stratum; minima take half of the faces at most.
        active: allocate faces by need (`gfpipe.estimates.needs`), not in proportion.
        since, until: first and last local day on which recordings begin.
        channels: channels to draw from; empty for all.
        seed: determines the draw.
    """

    faces: int = 500
    frames: int = 0
    repeats: float = 0.05
    by: tuple[str, ...] = sampling.BY
    least: float = 1.0
    active: bool = False
    since: date | None = None
    until: date | None = None
    channels: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Summary:
    """The queue, and the allocation of its faces and frames to strata."""

    queue: Queue
    faces: Allocation
    frames: Allocation

    @property
    def repeats(self) -> int:
        """Number of repeated faces."""
        return sum(item.is_repeat for item in self.queue.items)

    def drawn(self, kind: str) -> int:
        """Return the number of distinct faces or frames."""
        return sum(item.kind == kind and not item.is_repeat for item in self.queue.items)


def run(lake: Path | str, name: str, options: Options, replace: bool = False, dry_run: bool = False) -> Summary:
    """Draw a queue from a published lake and store it there, unless it is a dry run.

    Raises:
        UsageError: there is a queue of that name, or nothing to draw from.
        LakeError: the lake was not published since its last analysis, or cannot be read or written.
    """
    if queues.exists(str(lake), name) and not (replace or dry_run):
        raise UsageError(f"{lake} already has a queue named {name}; choose another --name, or give --replace")
    with warehouse.open(lake) as db:
        faces, face_rows = _draw(db, FACE, options)
        frames, frame_rows = _draw(db, FRAME, options)
    items = sampling.queue_items(face_rows, frame_rows, options.repeats, options.seed)
    queue = Queue(name, items, options.seed, datetime.now(UTC))
    if not dry_run:
        queues.write(str(lake), queue, replace)
    return Summary(queue, faces, frames)


def _draw(db: Warehouse, kind: str, options: Options) -> tuple[Allocation, list[dict[str, Any]]]:
    number = options.faces if kind == FACE else options.frames
    by = options.by if kind == FACE else tuple(name for name in options.by if name in sampling.BY_FRAMES)
    filters = {"since": options.since, "until": options.until, "channels": list(options.channels)}
    parameters = {"kind": kind, "keys": list(by), **filters}
    strata = db.ask("strata", parameters)
    names, population = strata["stratum"].to_pylist(), strata["population"].to_numpy().astype(np.int64)
    if number and not len(names):
        raise UsageError(f"there is no {kind} to draw: --since, --until and --channel exclude all analysed recordings")
    expected = _expected(db, kind, options, names, population) if number else np.zeros(len(names))
    allocation = sampling.allocate(names, population, expected, options.seed)
    db.lend("allocation", _table(allocation))
    rows = db.ask("drawn", {**parameters, "seed": options.seed}).to_pylist() if number else []
    if len(rows) != allocation.taken.sum():
        raise LakeError(
            f"{db.path}: is older than the analyses in the lake; publish first: gfpipe publish --lake {db.path.parent}"
        )
    if sampling.ANSWER in by:
        rows = [{**row, "stratum": sampling.opaque_name(row["stratum"])} for row in rows]
    return allocation, rows


def _expected(
    db: Warehouse, kind: str, options: Options, names: Sequence[str], population: sampling.Integers
) -> sampling.Floats:
    if kind == FACE and options.active:
        from gfpipe.estimates import needs  # noqa: PLC0415 - slow import of scipy

        question = Question(by=options.by, since=options.since, until=options.until, only_channels=options.channels)
        need = needs.measure(db, question).by_stratum
        return sampling.by_need(population, np.array([need[name] for name in names]), options.faces)
    return sampling.proportional(population, options.faces if kind == FACE else options.frames, options.least)


def _table(allocation: Allocation) -> pa.Table:
    """Return the relation ``allocation`` of the query ``drawn``.

    The first faces in order of a hash are drawn; only hashes up to a limit ten standard deviations above the expected
    one need to be sorted.
    """
    taken, population = allocation.taken.astype(float), allocation.population.astype(float)
    part = np.minimum((taken + 10 * np.sqrt(taken) + 50) / population, 1.0)
    limit = [_LARGEST_HASH if share >= 1 else int(share * 2.0**64) for share in part]
    return pa.table(
        {
            "stratum": pa.array(allocation.strata, pa.string()),
            "taken": pa.array(allocation.taken, pa.int64()),
            "inclusion_probability": pa.array(allocation.inclusion_probability, pa.float64()),
            "limit_place": pa.array(limit, pa.uint64()),
        }
    )

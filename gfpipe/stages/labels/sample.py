"""Draw what is to be labelled: faces and whole frames of a published lake, into a queue."""

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

_LAST_PLACE: Final = 2**64 - 1  # of an MD5's lower half


@dataclass(frozen=True)
class Wanted:
    """What is to be drawn.

    Attributes:
        faces: how many single faces.
        frames: how many whole pictures.
        repeats: share of the faces that is asked twice.
        by: what strata of faces are made of: channel, month, size, confidence, answer.
        least: fewest faces of a stratum, as far as half of the faces allows it.
        active: faces by need (`gfpipe.estimates.needs`) instead of by number.
        since: first day on which a recording begins, local time.
        until: last such day.
        channels: only these; none means all.
        seed: the same seed draws the same.
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


@dataclass(frozen=True)
class Summary:
    """What was drawn.

    Attributes:
        queue: the queue, kept or (on a dry run) not.
        faces: how faces were allocated to strata.
        frames: how whole pictures were.
    """

    queue: Queue
    faces: Allocation
    frames: Allocation

    @property
    def repeats(self) -> int:
        """Faces that are asked twice."""
        return sum(item.is_repeat for item in self.queue.items)

    def drawn(self, kind: str) -> int:
        """Different faces or frames."""
        return sum(item.kind == kind and not item.is_repeat for item in self.queue.items)


def run(lake: Path | str, name: str, wanted: Wanted, replace: bool = False, dry_run: bool = False) -> Summary:
    """Draw a queue and keep it in the lake.

    Args:
        lake: a published lake.
        name: of the queue.
        wanted: what is to be drawn.
        replace: whether a queue of that name may be replaced.
        dry_run: keep nothing.

    Raises:
        UsageError: there is such a queue already, or there is nothing to draw from.
        LakeError: the lake was never published, or was analysed anew since, or cannot be read or written.
    """
    if queues.exists(str(lake), name) and not (replace or dry_run):
        raise UsageError(f"{lake} has a queue named {name} already; choose another --name, or give --replace")
    with warehouse.open(lake) as db:
        faces, face_rows = _draw(db, FACE, wanted)
        frames, frame_rows = _draw(db, FRAME, wanted)
    items = sampling.queue_items(face_rows, frame_rows, wanted.repeats, wanted.seed)
    queue = Queue(name, items, wanted.seed, datetime.now(UTC))
    if not dry_run:
        queues.write(str(lake), queue, replace)
    return Summary(queue, faces, frames)


def _draw(db: Warehouse, kind: str, wanted: Wanted) -> tuple[Allocation, list[dict[str, Any]]]:
    number = wanted.faces if kind == FACE else wanted.frames
    by = wanted.by if kind == FACE else tuple(name for name in wanted.by if name in sampling.BY_FRAMES)
    chosen = {"keys": list(by), "since": wanted.since, "until": wanted.until, "channels": list(wanted.channels)}
    strata = db.ask(f"strata_of_{kind}s", chosen)
    names, population = strata["stratum"].to_pylist(), strata["population"].to_numpy().astype(np.int64)
    if number and not len(names):
        raise UsageError(
            f"there is no {kind} to draw: no recording that was analysed is left by --since, --until and --channel"
        )
    expected = _expected(db, kind, wanted, names, population) if number else np.zeros(len(names))
    allocation = sampling.allocate(names, population, expected, wanted.seed)
    db.lend("allocation", _table(allocation))
    rows = db.ask(f"drawn_{kind}s", {**chosen, "seed": wanted.seed}).to_pylist() if number else []
    if len(rows) != allocation.taken.sum():
        raise LakeError(
            f"{db.path}: is older than the analyses in the lake; publish first: gfpipe publish --lake {db.path.parent}"
        )
    if sampling.ANSWER in by:
        rows = [{**row, "stratum": sampling.secret(row["stratum"])} for row in rows]
    return allocation, rows


def _expected(
    db: Warehouse, kind: str, wanted: Wanted, names: Sequence[str], population: sampling.Integers
) -> sampling.Floats:
    if kind == FACE and wanted.active:
        from gfpipe.estimates import needs  # noqa: PLC0415 - scipy takes its time

        question = Question(by=wanted.by, since=wanted.since, until=wanted.until, only_channels=wanted.channels)
        need = needs.measure(db, question).by_stratum
        return sampling.by_need(population, np.array([need[name] for name in names]), wanted.faces)
    return sampling.proportional(population, wanted.faces if kind == FACE else wanted.frames, wanted.least)


def _table(allocation: Allocation) -> pa.Table:
    """What the questions ``drawn_faces`` and ``drawn_frames`` join with.

    Those that are drawn come first in a shuffled order; places far beyond the last of them (ten standard deviations)
    need not be put in order.
    """
    taken, population = allocation.taken.astype(float), allocation.population.astype(float)
    part = np.minimum((taken + 10 * np.sqrt(taken) + 50) / population, 1.0)
    limit = [_LAST_PLACE if share >= 1 else int(share * 2.0**64) for share in part]
    return pa.table(
        {
            "stratum": pa.array(allocation.strata, pa.string()),
            "taken": pa.array(allocation.taken, pa.int64()),
            "inclusion_probability": pa.array(allocation.inclusion_probability, pa.float64()),
            "limit_place": pa.array(limit, pa.uint64()),
        }
    )

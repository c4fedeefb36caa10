"""Queues of what is to be labelled: drawn once, then read by whoever labels; ``LAKE/queues/v1/<name>.parquet``.

A queue says where to look and how likely it was to be asked, and nothing of what a model made of it: whoever answers
must not be swayed.
"""

import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final

import fsspec
import pyarrow as pa

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import write_whole

FOLDER: Final = ("queues", f"v{schema.VERSION}")
FACE: Final = "face"
FRAME: Final = "frame"

# Nothing that a path could be made of: no slash, no leading dot, nothing that a shell or a page would read otherwise.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_BOX: Final = ("x1", "y1", "x2", "y2")
_SCHEMA: Final = pa.schema(
    [
        pa.field("position", pa.int32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # face or frame
        pa.field("recording_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("channel", pa.string(), nullable=False),
        pa.field("programme", pa.string(), nullable=False),
        pa.field("started_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sample_index", pa.int32(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("face_index", pa.int32()),
        *(pa.field(corner, pa.float32()) for corner in _BOX),  # pixels of the source frame; null for a frame
        pa.field("config_digest", pa.string(), nullable=False),
        pa.field("stratum", pa.string(), nullable=False),
        pa.field("inclusion_probability", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("is_repeat", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Item:
    """One question of a queue: a face, or a whole frame.

    Attributes:
        position: when it is asked, from 0.
        kind: ``face`` or ``frame``.
        recording_id: which recording.
        path: its file.
        channel: on air where.
        programme: as what.
        started_at: start of the recording.
        sample_index: which sample of it.
        seconds: that sample's start, from the recording's start.
        face_index: which face of the sample; None for a frame.
        x1: left edge of the face, pixels of the source frame; None for a frame.
        y1: upper edge.
        x2: right edge.
        y2: lower edge.
        config_digest: of the analysis that found it.
        stratum: from which it was drawn; nobody who labels should see it, as it may tell what a model thinks.
        inclusion_probability: how likely it was to be drawn.
        weight: 1 / inclusion_probability: how many like it in the archive it stands for.
        is_repeat: asked before in this queue; the second answer shows how far the annotator agrees with themself.
    """

    position: int
    kind: str
    recording_id: str
    path: str
    channel: str
    programme: str
    started_at: datetime
    sample_index: int
    seconds: float
    face_index: int | None
    x1: float | None
    y1: float | None
    x2: float | None
    y2: float | None
    config_digest: str
    stratum: str
    inclusion_probability: float
    weight: float
    is_repeat: bool

    def __post_init__(self) -> None:
        if self.kind not in (FACE, FRAME):
            raise ValueError(f"an item of a queue is a face or a frame, not {self.kind!r}")
        if not 0 < self.inclusion_probability <= 1:
            raise ValueError(f"inclusion probability {self.inclusion_probability} is not in (0, 1]")
        if (self.kind == FACE) != (self.face_index is not None and self.box is not None):
            raise ValueError(f"a face has a number and a box, a frame has neither: {self}")

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """Where the face is (x1, y1, x2, y2), in pixels of the source frame; None for a frame."""
        if self.x1 is None or self.y1 is None or self.x2 is None or self.y2 is None:
            return None
        return self.x1, self.y1, self.x2, self.y2


@dataclass(frozen=True)
class Queue:
    """What is to be labelled, in this order.

    Attributes:
        name: which queue.
        items: by position, without gaps, from 0.
        seed: it was drawn with.
        created: when, UTC.
    """

    name: str
    items: tuple[Item, ...]
    seed: int
    created: datetime

    def __post_init__(self) -> None:
        checked(self.name)
        if any(item.position != place for place, item in enumerate(self.items)):
            raise ValueError(f"queue {self.name}: positions are not 0, 1, 2 …")


def checked(name: str) -> str:
    """A queue's name that is fit for a file's.

    Raises:
        UsageError: it is not.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a queue: give at most 64 letters (a to z), digits, dots, dashes and underscores, "
            "the first of them a letter or digit"
        )
    return name


def write(lake: str, queue: Queue, replace: bool = False) -> None:
    """Keep a queue.

    Args:
        lake: the lake's folder or URL.
        queue: what to keep.
        replace: whether it may take the place of one of that name.

    Raises:
        UsageError: there is one of that name already.
        LakeError: the lake cannot be written.
    """
    if not replace and exists(lake, queue.name):
        raise UsageError(
            f"{lake} has a queue named {queue.name} already; choose another --name, or give --replace (answers that "
            "were given to it stay)"
        )
    rows = [asdict(item) for item in queue.items]
    said = {"queue": queue.name, "seed": queue.seed, "created": queue.created.isoformat()}
    write_whole(Storage(lake), _place(queue.name), _SCHEMA, rows, **said)


def read(lake: str, name: str) -> Queue:
    """Read a queue.

    Raises:
        UsageError: there is none of that name, or it cannot be one.
        LakeError: the file is not a queue.
    """
    if not exists(lake, name):
        there = ", ".join(names(lake)) or "none"
        raise UsageError(f"{lake} has no queue named {name}; there is: {there}. Draw one with: gfpipe label sample")
    table = Storage(lake).read_table(*_place(name))
    said = table.schema.metadata or {}
    try:
        items = tuple(_item(row) for row in table.sort_by("position").to_pylist())
        created = datetime.fromisoformat(said[b"gfpipe.created"].decode())
        return Queue(name, items, int(said[b"gfpipe.seed"]), created)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as exc:
        path = Storage(lake).path(*_place(name))
        raise LakeError(f"{path}: is not a queue of labels ({exc}); draw it anew: gfpipe label sample") from exc


def names(lake: str) -> tuple[str, ...]:
    """Every queue of the lake, by name."""
    files = fsspec.core.url_to_fs(lake)[0].glob(Storage(lake).path(*FOLDER, "*.parquet"))
    found = (PurePosixPath(path).name.removesuffix(".parquet") for path in files)
    return tuple(sorted(name for name in found if _NAME.fullmatch(name)))


def exists(lake: str, name: str) -> bool:
    """Whether the lake has a queue of that name.

    Raises:
        UsageError: nothing can be called so.
    """
    return Storage(lake).exists(*_place(name))


def _place(name: str) -> tuple[str, ...]:
    return (*FOLDER, f"{checked(name)}.parquet")


def _item(row: dict[str, Any]) -> Item:
    return Item(**{field.name: row[field.name] for field in fields(Item)})

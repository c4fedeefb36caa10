"""Label queues: the items to label, stored in ``LAKE/queues/v1/<name>.parquet``.

A queue contains inclusion probabilities but no model output, which would bias annotators.
"""

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

import fsspec
import pyarrow as pa

from gfpipe.errors import LakeError, UsageError
from gfpipe.faces.boxes import CORNERS, Box
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import write_whole
from gfpipe.recording import Recording

FOLDER: Final = ("queues", f"v{schema.VERSION}")
FACE: Final = "face"
FRAME: Final = "frame"

# Safe as a file name, in a shell and in HTML: no slash, no leading dot.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
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
        *(pa.field(corner, pa.float32()) for corner in CORNERS),  # pixels of the source frame; null for a frame
        pa.field("config_digest", pa.string(), nullable=False),
        pa.field("stratum", pa.string(), nullable=False),
        pa.field("inclusion_probability", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("is_repeat", pa.bool_(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Item:
    """A face or a frame to label.

    Attributes:
        position: in the queue, from 0.
        kind: ``face`` or ``frame``.
        started_at: start of the recording.
        seconds: start of the sample, from the start of the recording.
        face_index, x1, y1, x2, y2: None for a frame; boxes are in pixels of the source frame.
        config_digest: of the analysis that detected the face.
        stratum: not for annotators, as it may reveal the model's output.
        inclusion_probability: in (0, 1].
        weight: number of faces or frames that it represents.
        is_repeat: whether it is an earlier item of the queue again.

    Raises:
        ValueError: kind, inclusion probability, face index and box are inconsistent.
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
            raise ValueError(f"a queue item is a face or a frame, not {self.kind!r}")
        if not 0 < self.inclusion_probability <= 1:
            raise ValueError(f"inclusion probability {self.inclusion_probability} is not in (0, 1]")
        if (self.kind == FACE) != (self.face_index is not None and self.box is not None):
            raise ValueError(f"a face has an index and a box, a frame has neither: {self}")

    @property
    def recording(self) -> Recording:
        """The recording, with its start in UTC."""
        return Recording(self.path, self.channel, self.programme, self.started_at)

    @property
    def box(self) -> Box | None:
        """Box of the face (x1, y1, x2, y2) in pixels of the source frame; None for a frame."""
        if self.x1 is None or self.y1 is None or self.x2 is None or self.y2 is None:
            return None
        return self.x1, self.y1, self.x2, self.y2


@dataclass(frozen=True)
class Queue:
    """The items to label, by position; seed and time (UTC) of the draw."""

    name: str
    items: tuple[Item, ...]
    seed: int
    created: datetime

    def __post_init__(self) -> None:
        checked(self.name)
        if any(item.position != index for index, item in enumerate(self.items)):
            raise ValueError(f"queue {self.name}: positions are not 0, 1, 2 …")


def checked(name: str) -> str:
    """Return a queue's name if it is safe as a file name; raises UsageError otherwise."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a queue: use up to 64 letters (a to z), digits, dots, dashes and underscores, "
            "starting with a letter or digit"
        )
    return name


def write(lake: str, queue: Queue, replace: bool = False) -> None:
    """Store a queue.

    Raises:
        UsageError: there is a queue of that name, and `replace` is false.
        LakeError: the lake cannot be written.
    """
    if not replace and exists(lake, queue.name):
        raise UsageError(
            f"{lake} already has a queue named {queue.name}; choose another --name, or give --replace (which keeps its "
            "answers)"
        )
    rows = [asdict(item) for item in queue.items]
    metadata = {"queue": queue.name, "seed": queue.seed, "created": queue.created.isoformat()}
    write_whole(Storage(lake), _parts(queue.name), _SCHEMA, rows, **metadata)


def read(lake: str, name: str) -> Queue:
    """Read a queue.

    Raises:
        UsageError: there is no queue of that name, or the name is not valid.
        LakeError: the file is not a queue.
    """
    if not exists(lake, name):
        existing = ", ".join(names(lake)) or "none"
        raise UsageError(f"{lake} has no queue named {name}; it has: {existing}. Draw one with: gfpipe label sample")
    table = Storage(lake).read_table(*_parts(name))
    metadata = table.schema.metadata or {}
    try:
        items = tuple(
            Item(**{name: row[name] for name in _SCHEMA.names}) for row in table.sort_by("position").to_pylist()
        )
        created = datetime.fromisoformat(metadata[b"gfpipe.created"].decode())
        return Queue(name, items, int(metadata[b"gfpipe.seed"]), created)
    except (KeyError, TypeError, ValueError, pa.ArrowException) as exc:
        path = Storage(lake).path(*_parts(name))
        raise LakeError(f"{path}: is not a label queue ({exc}); draw it again: gfpipe label sample") from exc


def names(lake: str) -> tuple[str, ...]:
    """List the names of the queues, sorted."""
    files = fsspec.core.url_to_fs(lake)[0].glob(Storage(lake).path(*FOLDER, "*.parquet"))
    return tuple(sorted(stem for path in files if _NAME.fullmatch(stem := PurePosixPath(path).stem)))


def exists(lake: str, name: str) -> bool:
    """Whether the lake has a queue of that name; raises UsageError if the name is not valid."""
    return Storage(lake).exists(*_parts(name))


def _parts(name: str) -> tuple[str, ...]:
    return (*FOLDER, f"{checked(name)}.parquet")

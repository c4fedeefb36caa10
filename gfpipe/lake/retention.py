"""Finds and removes crops, unfinished files and label queues of a lake; :mod:`gfpipe.lake.copies` handles copies.

No state is stored, so an interrupted removal is repeated. Human answers in ``labels`` contain no picture and are not
removed.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.base import images
from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import crops, schema
from gfpipe.lake.index import earlier
from gfpipe.lake.index.locks import lock
from gfpipe.lake.storage import Storage, disk_errors, is_shard, replacing
from gfpipe.lake.tables import encoding

QUEUES: Final = "queues"
ROW_GROUP: Final = 100_000  # rows of a group, where they are small
A_DAY: Final = 24 * 60 * 60
_NOT_OURS: Final = "not written by gfpipe: inspect it, and delete it if it shows faces"


@dataclass(frozen=True)
class PurgeScope:
    """Which pictures to remove: expired ones, those of some recordings (by id), or all."""

    expired: bool = False
    recordings: tuple[str, ...] = ()
    everything: bool = False

    def __post_init__(self) -> None:
        if self.expired + bool(self.recordings) + self.everything != 1:
            raise UsageError("choose the pictures to remove: exactly one of --expired, --recording and --all")

    def covers(self, faces: pa.Table, now: datetime) -> NDArray[np.bool_]:
        """(N,) whether to remove each of N crops, by ``recording_id`` and ``expires_at``."""
        if self.everything:
            return np.ones(len(faces), bool)
        if self.expired:
            return np.array([until is None or until <= now for until in faces["expires_at"].to_pylist()], bool)
        return np.asarray(pc.is_in(faces["recording_id"], pa.array(self.recordings)).to_numpy(zero_copy_only=False))


class Place(StrEnum):
    """Kinds of files that contain or list pictures of faces."""

    CROPS = "crops"
    UNFINISHED = "unfinished files of crops"
    SETS = "curated sets"
    QUEUES = "label queues"
    CHIPS = "chips of trainings"
    WAREHOUSE = "warehouse"
    ELSEWHERE = "elsewhere in the lake"


@dataclass(frozen=True)
class Held:
    """A file or folder with content to remove."""

    place: Place
    name: str  # within the lake, or absolute
    images: int = 0  # number of pictures to remove
    rows: int = 0  # number of rows to remove that contain no picture
    size: int = 0  # bytes to remove
    whole: bool = True  # remove the whole file or folder
    problem: str = ""  # why it cannot be removed


def find(lake: str, scope: PurgeScope) -> Iterator[Held]:
    """Find the crops and queues to remove, and all other pictures if everything is; unreadable files are problems."""
    storage, now = Storage(lake), datetime.now(UTC)
    # Merged shards may be in any folder; the nightly search for expired crops is limited to their own.
    for name, size in storage.files(*(("crops",) if scope.expired else ())).items():
        try:
            yield from _in_file(storage, name, size, scope, now)
        except FileNotFoundError:  # renamed or removed meanwhile by its writer
            continue
        except (OSError, LakeError) as exc:
            yield Held(Place.ELSEWHERE, name, 0, 0, size, problem=f"cannot be read: {exc}")


def remove(lake: str, held: Held, scope: PurgeScope) -> None:
    """Remove a result of :func:`find`: the file, or some of its rows.

    Raises:
        LakeError: it cannot be written.
    """
    storage = Storage(lake)
    with disk_errors(storage.path(held.name)):
        if held.whole:
            storage.delete(held.name)
            return
        table = storage.read_table(held.name)
        going = scope.covers(table, datetime.now(UTC))
        rewrite(storage, held.name, table.filter(pa.array(~going)))


def rewrite(storage: Storage, name: str, table: pa.Table, row_group: int = 100) -> None:
    """Write or replace a file of the lake atomically by a table, with the table's metadata."""
    with replacing(storage, name) as path:
        pq.write_table(table, path, row_group_size=row_group, **encoding(table.schema))


def change_rows(
    storage: Storage, name: str, recordings: Collection[str], change: Callable[[pa.Table], pa.Table]
) -> None:
    """Rewrite a file that has rows of several recordings, if it has some of these; others stay as they are.

    Raises:
        LakeError: it cannot be read or written.
        UsageError: its answers are open in ``gfpipe label serve``.
    """
    ids = pa.array(list(recordings), pa.string())
    table = storage.read_table(name)
    if "recording_id" not in table.column_names or not pc.any(pc.is_in(table["recording_id"], ids)).as_py():
        return
    open_elsewhere = f"{storage.path(name)}: open in gfpipe label serve; stop it first"
    with lock(storage, PurePosixPath(name).parts, open_elsewhere):
        rewrite(storage, name, change(storage.read_table(name)), ROW_GROUP)


def known(lake: str, recording_id: str) -> bool:
    """Whether the lake has an analysis or a file of the recording, or a merged file with its crops."""
    storage = Storage(lake)
    if pc.is_in(pa.scalar(recording_id), earlier.every(lake)["recording_id"].combine_chunks()).as_py():
        return True
    if any(PurePosixPath(name).name == f"{recording_id}.parquet" for name in storage.files()):
        return True
    return any(held.images or held.rows for held in find(lake, PurgeScope(recordings=(recording_id,))))


def _in_file(storage: Storage, name: str, size: int, scope: PurgeScope, now: datetime) -> Iterator[Held]:
    folder = PurePosixPath(name).parts[0]
    if folder == "crops":
        yield from _crops(storage, name, size, scope, now)
    elif folder == QUEUES and name.endswith(".parquet"):
        yield from _queue(storage, name, size, scope)
    elif folder not in ("sets", "uses", QUEUES):  # the first two: see gfpipe.lake.copies
        yield from _other(storage, name, size, scope, now)


def _crops(storage: Storage, name: str, size: int, scope: PurgeScope, now: datetime) -> Iterator[Held]:
    if not name.endswith(".parquet"):
        yield from _unfinished(storage, name, size, scope)
        return
    if not is_shard(name) and not scope.everything:
        return
    by_name = PurePosixPath(name).stem in scope.recordings
    try:
        faces, metadata = crops.faces(storage, name), crops.metadata(storage, name)
    except LakeError as exc:
        removable = scope.everything or by_name
        problem = "" if removable else f"{exc}; remove it with --all, or with the recording of its name"
        yield Held(Place.CROPS, name, 0, 0, size, problem=problem)
        return
    going = scope.covers(faces, now)
    is_mark = not len(faces) and (scope.everything or by_name or (scope.expired and crops.is_past(metadata, now)))
    if is_mark or (len(faces) and going.all()):
        yield Held(Place.CROPS, name, len(faces), 0, size)
    elif going.any():
        sizes = pc.binary_length(storage.read_table(name)["jpeg"]).to_numpy()
        yield Held(Place.CROPS, name, int(going.sum()), 0, int(sizes[going].sum()), whole=False)


def _unfinished(storage: Storage, name: str, size: int, scope: PurgeScope) -> Iterator[Held]:
    """A temporary file of an analysis; younger ones than a day may belong to a running one and do not expire."""
    matches = any(PurePosixPath(name).name.startswith(f".{recording}.parquet.") for recording in scope.recordings)
    if scope.everything or matches or (scope.expired and storage.age(name) > A_DAY):
        yield Held(Place.UNFINISHED, name, _pictures_in(storage, name)[0], 0, size)


def _queue(storage: Storage, name: str, size: int, scope: PurgeScope) -> Iterator[Held]:
    """A queue contains no picture and does not expire: a sample must be labelled completely."""
    table = storage.read_table(name)
    rows = len(table)
    if scope.everything:
        yield Held(Place.QUEUES, name, 0, rows, size)
    elif scope.recordings and (going := int(scope.covers(table, datetime.now(UTC)).sum())):
        yield Held(Place.QUEUES, name, 0, going, size * going // rows, whole=going == rows)


def _other(storage: Storage, name: str, size: int, scope: PurgeScope, now: datetime) -> Iterator[Held]:
    """Merged shards of crops, and unexpected pictures."""
    try:
        with_crops = is_shard(name) and crops.holds_crops(storage, name)
    except LakeError:  # damaged, or not Parquet
        with_crops = False
    if with_crops:
        yield from _crops(storage, name, size, scope, now)
    elif scope.everything:
        count, picture_bytes = _pictures_in(storage, name)
        if count:
            yield Held(Place.ELSEWHERE, name, count, 0, picture_bytes, problem=_NOT_OURS)


def _pictures_in(storage: Storage, name: str) -> tuple[int, int]:
    """Number of pictures in a file and their bytes; the file's size if it is not Parquet."""
    with storage.open(name) as file:
        if file.read(4) == b"PAR1":
            try:
                return images.in_parquet(file)
            except (OSError, pa.ArrowException):
                pass  # unfinished; searched as bytes
        file.seek(0)
        count = images.in_stream(file)
        return count, file.tell() if count else 0


def answers(lake: str) -> int:
    """Number of human answers in the lake."""
    storage = Storage(lake)
    names = storage.files("labels", f"v{schema.VERSION}")
    return sum(len(storage.read_table(name)) for name in names if is_shard(name))

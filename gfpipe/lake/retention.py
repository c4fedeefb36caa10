"""What of a lake's pictures is to go, where copies of them are, and how they are removed.

    crops · unfinished files · curated sets · label queues · chips of trainings ─► found ─► removed ─► looked for again

Everything is decided by what is there at that moment, so a removal that was interrupted is simply done again. Human
answers in ``labels`` hold no picture and stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.errors import LakeError, UsageError
from gfpipe.lake import crops, images, schema
from gfpipe.lake.storage import Pending, Storage, disk_errors
from gfpipe.lake.tables import encoding

QUEUES: Final = "queues"
A_DAY: Final = 24 * 60 * 60
_NOT_OURS: Final = "gfpipe did not write it: look at it, and delete it where it shows faces"


@dataclass(frozen=True)
class What:
    """Which pictures are to go: exactly one of the three.

    Attributes:
        expired: those whose day has come.
        recordings: those of these recordings, by their ids.
        everything: all.
    """

    expired: bool = False
    recordings: tuple[str, ...] = ()
    everything: bool = False

    def __post_init__(self) -> None:
        if self.expired + bool(self.recordings) + self.everything != 1:
            raise UsageError("say which pictures are to go: exactly one of --expired, --recording and --all")

    def covers(self, faces: pa.Table, now: datetime) -> NDArray[np.bool_]:
        """(N,) which of N crops are to go, by their ``recording_id`` and ``expires_at``."""
        if self.everything:
            return np.ones(len(faces), bool)
        if self.expired:
            return np.array([until is None or until <= now for until in faces["expires_at"].to_pylist()], bool)
        return np.asarray(pc.is_in(faces["recording_id"], pa.array(self.recordings)).to_numpy(zero_copy_only=False))


class Place(StrEnum):
    """Where pictures of faces, or lists of them, can be."""

    CROPS = "crops"
    UNFINISHED = "unfinished files of crops"
    SETS = "curated sets"
    QUEUES = "label queues"
    CHIPS = "chips of trainings"
    WAREHOUSE = "warehouse"
    ELSEWHERE = "elsewhere in the lake"


@dataclass(frozen=True)
class Held:
    """Something that is to go.

    Attributes:
        name: of the file or folder: within the lake, or absolute.
        images: pictures of faces in it that are to go.
        rows: rows about faces that are to go, where they are no pictures themselves.
        size: bytes that go.
        whole: the whole file or folder goes.
        problem: why it cannot be removed from here; empty where it can.
    """

    place: Place
    name: str
    images: int = 0
    rows: int = 0
    size: int = 0
    whole: bool = True
    problem: str = ""


def find(lake: str, what: What) -> Iterator[Held]:
    """Look for the crops and queues that are to go, and for all other pictures where everything is.

    A file that cannot be read is named as a problem.
    """
    storage, now = Storage(lake), datetime.now(UTC)
    # Crops that were put together with others may lie in other folders; what expires is looked for every night, and
    # only where crops belong.
    for name, size in storage.files(*(("crops",) if what.expired else ())).items():
        try:
            yield from _in_file(storage, name, size, what, now)
        except FileNotFoundError:  # renamed or removed at this moment by who wrote it
            continue
        except (OSError, LakeError) as exc:
            yield Held(Place.ELSEWHERE, name, 0, 0, size, problem=f"cannot be read: {exc}")


def remove(lake: str, held: Held, what: What) -> None:
    """Remove what :func:`find` found: the file, or the rows in it that are to go.

    Raises:
        LakeError: it cannot be written.
    """
    storage = Storage(lake)
    with disk_errors(storage.path(held.name)):
        if held.whole:
            storage.delete(held.name)
            return
        table = storage.read_table(held.name)
        going = what.covers(table, datetime.now(UTC))
        rewrite(storage, held.name, table.filter(pa.array(~going)))


def rewrite(storage: Storage, name: str, table: pa.Table) -> None:
    """Put a table in the place of a file in one step; what is said in its metadata stays."""
    pending = Pending(storage, *PurePosixPath(name).parts)
    try:
        with disk_errors(storage.path(name)):
            pq.write_table(table, pending.path, row_group_size=100, **encoding(table.schema))
        pending.commit()
    finally:
        pending.discard()


def known(lake: str, recording_id: str) -> bool:
    """Whether the lake has a file of the recording, or its crops stand in one with others."""
    storage = Storage(lake)
    if any(PurePosixPath(name).name == f"{recording_id}.parquet" for name in storage.files()):
        return True
    return any(held.images or held.rows for held in find(lake, What(recordings=(recording_id,))))


def _in_file(storage: Storage, name: str, size: int, what: What, now: datetime) -> Iterator[Held]:
    folder = PurePosixPath(name).parts[0]
    if folder == "crops":
        yield from _crops(storage, name, size, what, now)
    elif folder == QUEUES and name.endswith(".parquet"):
        yield from _queue(storage, name, size, what)
    elif folder not in ("sets", "uses", QUEUES):  # the former: see gfpipe.lake.copies
        yield from _other(storage, name, size, what, now)


def _crops(storage: Storage, name: str, size: int, what: What, now: datetime) -> Iterator[Held]:
    if not name.endswith(".parquet"):
        yield from _unfinished(storage, name, size, what)
        return
    if not crops.is_shard(name) and not what.everything:
        return
    by_name = PurePosixPath(name).stem in what.recordings
    try:
        faces, metadata = crops.faces(storage, name), crops.metadata(storage, name)
    except LakeError as exc:
        problem = (
            "" if what.everything or by_name else f"{exc}; remove it with --all, or with the recording of its name"
        )
        yield Held(Place.CROPS, name, 0, 0, size, problem=problem)
        return
    going = what.covers(faces, now)
    is_mark = not len(faces) and (what.everything or by_name or (what.expired and crops.is_past(metadata, now)))
    if is_mark or (len(faces) and going.all()):
        yield Held(Place.CROPS, name, len(faces), 0, size)
    elif going.any():
        yield Held(Place.CROPS, name, int(going.sum()), 0, _bytes_of(storage, name, going), whole=False)


def _unfinished(storage: Storage, name: str, size: int, what: What) -> Iterator[Held]:
    """What a killed analysis left: who expires only takes what is a day old, as it may be being written."""
    of_these = any(PurePosixPath(name).name.startswith(f".{each}.parquet.") for each in what.recordings)
    if what.everything or of_these or (what.expired and storage.age(name) > A_DAY):
        yield Held(Place.UNFINISHED, name, _pictures_in(storage, name)[0], 0, size)


def _queue(storage: Storage, name: str, size: int, what: What) -> Iterator[Held]:
    """A queue holds no picture, and what expires leaves it whole: who labels a sample must label all of it."""
    table = storage.read_table(name)
    rows = len(table)
    if what.everything:
        yield Held(Place.QUEUES, name, 0, rows, size)
    elif what.recordings and (going := int(what.covers(table, datetime.now(UTC)).sum())):
        yield Held(Place.QUEUES, name, 0, going, size * going // rows, whole=going == rows)


def _other(storage: Storage, name: str, size: int, what: What, now: datetime) -> Iterator[Held]:
    """Anything else: crops that lie with others in one file, or pictures that nobody would expect."""
    try:
        with_crops = crops.is_shard(name) and crops.holds_crops(storage, name)
    except LakeError:  # damaged, or no Parquet at all: looked at as it is
        with_crops = False
    if with_crops:
        yield from _crops(storage, name, size, what, now)
    elif what.everything and (found := _pictures_in(storage, name))[0]:
        yield Held(Place.ELSEWHERE, name, found[0], 0, found[1], problem=_NOT_OURS)


def _pictures_in(storage: Storage, name: str) -> tuple[int, int]:
    """How many pictures a file holds, and their bytes; the file's own where it is no Parquet."""
    with storage.open(name) as file:
        if file.read(4) == b"PAR1":
            try:
                return images.in_parquet(file)
            except (OSError, pa.ArrowException):
                pass  # not finished: looked at as it is
        file.seek(0)
        found = images.in_stream(file)
        return found, file.tell() if found else 0


def _bytes_of(storage: Storage, name: str, which: NDArray[np.bool_]) -> int:
    sizes = pc.binary_length(storage.read_table(name)["jpeg"])
    return int(np.asarray(sizes.to_numpy())[which].sum())


def answers(lake: str) -> int:
    """How many human answers the lake has; they hold no picture."""
    folder: tuple[str, ...] = ("labels", f"v{schema.VERSION}")
    storage = Storage(lake)
    tables: Iterator[Any] = (storage.read_table(name) for name in storage.files(*folder) if crops.is_shard(name))
    return sum(len(table) for table in tables)

"""Copies of crops, and lists of them, that others made: curated sets in the lake, and chips of trainings elsewhere.

A row of a set whose crop is gone, or goes now, goes too, and with it the set's pictures, which may show the face. The
chips of a training go with the first crop that they were cut from: who it was cannot be told apart any more.
"""

import json
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.errors import LakeError
from gfpipe.lake import crops, uses
from gfpipe.lake.retention import A_DAY, Held, Place, What, rewrite
from gfpipe.lake.storage import Pending, Storage, disk_errors
from gfpipe.lake.uses import Use

SETS: Final = "sets"
_FACES: Final = "faces.parquet"
_CARD: Final = "card.json"
_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".pdf"})
_FACE: Final = ("recording_id", "config_digest", "sample_index", "face_index")
_CHIPS: Final = ("pixels.npy", "state.npy", "teachers.npy", "digests.npy", "key.json")
# Written atomically: a killed training may leave a temporary file .NAME.*.tmp.
_ATOMIC: Final = ("done.json", "bank.json")


def sets(lake: str, what: What) -> Iterator[Held]:
    """Curated sets with rows that are to go."""
    storage = Storage(lake)
    for name in storage.folders(SETS):
        folder = f"{SETS}/{name}"
        files = storage.files(folder)
        pictures = {each: size for each, size in files.items() if _may_show_faces(storage, each)}
        size = sum(files.values())
        try:
            going = _going(storage, f"{folder}/{_FACES}", what) if f"{folder}/{_FACES}" in files else np.zeros(0, bool)
        except LakeError as exc:  # damaged: with everything it goes all the same
            problem = "" if what.everything else f"{exc}; remove it with --all"
            yield Held(Place.SETS, folder, len(pictures), 0, size, problem=problem)
            continue
        if what.everything or going.any():
            whole = what.everything or bool(going.all())
            bytes_going = size if whole else sum(pictures.values())
            yield Held(Place.SETS, folder, len(pictures), int(going.sum()), bytes_going, whole)
        elif pictures and not len(going) and max(map(storage.age, pictures)) > A_DAY:  # left by who was killed
            yield Held(Place.SETS, folder, len(pictures), 0, size)


def remove_set(lake: str, held: Held, what: What) -> None:
    """Remove what :func:`sets` found; pictures first, so that one that was interrupted is found again.

    Raises:
        LakeError: the set cannot be written.
    """
    storage, faces = Storage(lake), f"{held.name}/{_FACES}"
    names = sorted(storage.files(held.name), key=lambda name: name == faces)
    with disk_errors(storage.path(held.name)):
        for name in names:
            if held.whole or _may_show_faces(storage, name):
                storage.delete(name)
        if not held.whole:
            left = storage.read_table(faces).filter(pa.array(~_going(storage, faces, what)))
            _say_what_is_left(storage, f"{held.name}/{_CARD}", left)  # first: as above
            rewrite(storage, faces, left)


def _say_what_is_left(storage: Storage, name: str, faces: pa.Table) -> None:
    """Have a set's card count, by part and perceived gender, the rows that stay; one that is no card is left alone."""
    if not storage.exists(name):
        return
    try:
        rows = Counter(zip(*(faces[column].to_pylist() for column in ("part", "perceived_gender")), strict=True))
        with storage.open(name) as file:
            card = json.load(file)
        card["left"] = {part: {who: rows[part, who] for who in counts} for part, counts in card["chosen"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    pending = Pending(storage, *PurePosixPath(name).parts)
    try:
        with disk_errors(storage.path(name)):
            pending.path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pending.commit()
    finally:
        pending.discard()


def chips(lake: str, what: What) -> Iterator[Held]:
    """Folders of chips that were cut from crops that are to go, or are gone."""
    storage, now = Storage(lake), datetime.now(UTC)
    for note in uses.names(storage):
        try:
            use = uses.read(storage, note)
            if what.everything or any(_is_over(storage, *shard, what, now) for shard in use.until.items()):
                yield _chips(note, use)
        except LakeError as exc:
            yield Held(Place.CHIPS, note, problem=str(exc))


def remove_chips(lake: str, held: Held) -> None:
    """Remove the chips of a training that :func:`chips` found, and the note of it.

    Raises:
        LakeError: they cannot be removed.
    """
    storage = Storage(lake)
    notes = [note for note in uses.names(storage) if uses.read(storage, note).folder == held.name]
    with disk_errors(held.name):
        for file in _chip_files(Path(held.name)):
            file.unlink()
        with suppress(OSError):  # somebody keeps something else there
            Path(held.name).rmdir()
    for note in notes:
        storage.delete(note)


def _is_over(storage: Storage, shard: str, until: str, what: What, now: datetime) -> bool:
    if datetime.fromisoformat(until) <= now or not storage.exists(shard):
        return True
    return bool(what.covers(crops.faces(storage, shard), now).any())


def _chip_files(folder: Path) -> list[Path]:
    """Everything that a folder of chips, or a bank of them, consists of; nothing else is ever removed there."""
    temporary = (file for name in _ATOMIC for file in folder.glob(f".{name}.*.tmp"))
    files = (*temporary, *(folder / name for name in (*_CHIPS, "done.json.part", *_ATOMIC)))
    return [file for file in files if file.is_file()]


def _chips(note: str, use: Use) -> Held:
    folder = Path(use.folder)
    files = _chip_files(folder)
    problem = ""
    if not folder.is_dir() and not use.is_here:
        problem = (
            f"it is on the machine {use.host}, and this is {platform.node()}: purge there, or delete the folder there "
            f"and then {note} in the lake"
        )
    return Held(Place.CHIPS, use.folder, _count(folder), 0, sum(file.stat().st_size for file in files), problem=problem)


def _count(folder: Path) -> int:
    """How many faces lie in a folder of chips."""
    try:
        return int((np.load(folder / "state.npy", mmap_mode="r") == 1).sum())  # 1: cut; see gfpipe.training.data.chips
    except (OSError, ValueError):
        return 0


def _may_show_faces(storage: Storage, name: str) -> bool:
    """Whether a file is a picture of pixels, be it in a drawing; drawings of lines alone show nobody."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix != ".svg":
        return suffix in _PICTURES
    with storage.open(name) as file:
        return b"<image" in file.read()


def _going(storage: Storage, name: str, what: What) -> NDArray[np.bool_]:
    """(N,) which of a set's N rows are of no use any more, or must go now."""
    alive, rows, found = _Alive(storage, what), storage.read_table(name), list[bool]()
    try:
        columns = [rows[column].to_pylist() for column in ("path", "row", *_FACE)]
    except KeyError as exc:
        raise LakeError(f"{storage.path(name)}: not a curated set: it has no column {exc}") from exc
    for path, row, *face in zip(*columns, strict=True):
        asked = face[0] in what.recordings
        found.append(asked or not (alive.picture(path) if row is None else alive.crop(path, row, tuple(face))))
    return np.array(found, bool)


@dataclass
class _Alive:
    """Which pictures are there, and stay."""

    storage: Storage
    what: What
    _shards: dict[str, Mapping[int, tuple[Any, ...]]] = field(default_factory=dict)

    def picture(self, path: str) -> bool:
        """A file of its own: none of the lake's, unless it lies there."""
        name = self._within(path)
        return name is None or self.storage.exists(name)

    def crop(self, path: str, row: int, face: tuple[Any, ...]) -> bool:
        """The row of a shard: it must still be this face's."""
        if path not in self._shards:
            self._shards[path] = self._read(path)
        return self._shards[path].get(row) == face

    def _read(self, path: str) -> Mapping[int, tuple[Any, ...]]:
        """The faces of a shard that stay, by their rows."""
        name = self._within(path)
        storage, place = (
            (self.storage, name) if name is not None else (Storage(str(Path(path).parent)), Path(path).name)
        )
        if not storage.exists(place):
            return {}
        faces = crops.faces(storage, place)
        going = self.what.covers(faces, datetime.now(UTC))
        keys = zip(*(faces[column].to_pylist() for column in _FACE), strict=True)
        return {row: key for row, (key, goes) in enumerate(zip(keys, going, strict=True)) if not goes}

    def _within(self, path: str) -> str | None:
        """The name of a file within the lake; None where it is elsewhere."""
        if not PurePosixPath(path).is_absolute():
            return path
        root = PurePosixPath(self.storage.path())
        return str(PurePosixPath(path).relative_to(root)) if PurePosixPath(path).is_relative_to(root) else None

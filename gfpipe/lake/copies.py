"""Finds and removes copies of crops: curated sets in the lake, and chips of trainings elsewhere.

Rows of a set are removed with their crops, and so are all pictures of the set, which may show the face. The chips of a
training are removed with the first of their crops, because chips cannot be assigned to crops.
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
from gfpipe.lake.retention import A_DAY, Held, Place, PurgeScope, rewrite
from gfpipe.lake.storage import Storage, disk_errors, replacing
from gfpipe.lake.uses import Use

SETS: Final = "sets"
_FACES: Final = "faces.parquet"
_CARD: Final = "card.json"
_PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".pdf"})
_FACE: Final = ("recording_id", "config_digest", "sample_index", "face_index")
_CHIPS: Final = ("pixels.npy", "state.npy", "teachers.npy", "digests.npy", "key.json")
# Written atomically: a killed training may leave a temporary file .NAME.*.tmp.
_ATOMIC: Final = ("done.json", "bank.json")


def sets(lake: str, scope: PurgeScope) -> Iterator[Held]:
    """Find curated sets with rows to remove."""
    storage = Storage(lake)
    for name in storage.folders(SETS):
        folder = f"{SETS}/{name}"
        files = storage.files(folder)
        pictures = {file: size for file, size in files.items() if _may_show_faces(storage, file)}
        size = sum(files.values())
        try:
            going = _going(storage, f"{folder}/{_FACES}", scope) if f"{folder}/{_FACES}" in files else np.zeros(0, bool)
        except LakeError as exc:  # damaged; --all removes it without reading it
            problem = "" if scope.everything else f"{exc}; remove it with --all"
            yield Held(Place.SETS, folder, len(pictures), 0, size, problem=problem)
            continue
        if scope.everything or going.any():
            whole = scope.everything or bool(going.all())
            bytes_going = size if whole else sum(pictures.values())
            yield Held(Place.SETS, folder, len(pictures), int(going.sum()), bytes_going, whole)
        elif pictures and not len(going) and max(map(storage.age, pictures)) > A_DAY:  # left by a killed process
            yield Held(Place.SETS, folder, len(pictures), 0, size)


def remove_set(lake: str, held: Held, scope: PurgeScope) -> None:
    """Remove a result of :func:`sets`; the rows last, so that an interrupted removal is found again.

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
            left = storage.read_table(faces).filter(pa.array(~_going(storage, faces, scope)))
            _update_card(storage, f"{held.name}/{_CARD}", left)
            rewrite(storage, faces, left)


def _update_card(storage: Storage, name: str, faces: pa.Table) -> None:
    """Write the numbers of remaining rows, by split and perceived gender, into a set's card if it is valid."""
    if not storage.exists(name):
        return
    try:
        rows = Counter(zip(*(faces[column].to_pylist() for column in ("part", "perceived_gender")), strict=True))
        with storage.open(name) as file:
            card = json.load(file)
        card["left"] = {part: {label: rows[part, label] for label in counts} for part, counts in card["chosen"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return
    with replacing(storage, name) as path:
        path.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def chips(lake: str, scope: PurgeScope) -> Iterator[Held]:
    """Find folders of chips cut from crops that are to be removed or no longer exist."""
    storage, now = Storage(lake), datetime.now(UTC)
    for note in uses.names(storage):
        try:
            use = uses.read(storage, note)
            if scope.everything or any(_is_over(storage, *shard, scope, now) for shard in use.until.items()):
                yield _chips(note, use)
        except LakeError as exc:
            yield Held(Place.CHIPS, note, problem=str(exc))


def remove_chips(lake: str, held: Held) -> None:
    """Remove a result of :func:`chips` and its entry in the register.

    Raises:
        LakeError: they cannot be removed.
    """
    storage = Storage(lake)
    notes = [note for note in uses.names(storage) if uses.read(storage, note).folder == held.name]
    with disk_errors(held.name):
        for file in _chip_files(Path(held.name)):
            file.unlink()
        with suppress(OSError):  # it contains other files
            Path(held.name).rmdir()
    for note in notes:
        storage.delete(note)


def _is_over(storage: Storage, shard: str, until: str, scope: PurgeScope, now: datetime) -> bool:
    if datetime.fromisoformat(until) <= now or not storage.exists(shard):
        return True
    return bool(scope.covers(crops.faces(storage, shard), now).any())


def _chip_files(folder: Path) -> list[Path]:
    """The files of a folder or bank of chips; no other file there is removed."""
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
    try:
        count = int((np.load(folder / "state.npy", mmap_mode="r") == 1).sum())  # 1: cut; see gfpipe.training.data.chips
    except (OSError, ValueError):
        count = 0
    return Held(Place.CHIPS, use.folder, count, 0, sum(file.stat().st_size for file in files), problem=problem)


def _may_show_faces(storage: Storage, name: str) -> bool:
    """Whether a file is a bitmap, or a drawing that contains one."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix != ".svg":
        return suffix in _PICTURES
    with storage.open(name) as file:
        return b"<image" in file.read()


def _going(storage: Storage, name: str, scope: PurgeScope) -> NDArray[np.bool_]:
    """(N,) whether to remove each of a set's N rows."""
    remaining, rows, going = _Remaining(storage, scope), storage.read_table(name), list[bool]()
    try:
        columns = [rows[column].to_pylist() for column in ("path", "row", *_FACE)]
    except KeyError as exc:
        raise LakeError(f"{storage.path(name)}: not a curated set: it has no column {exc}") from exc
    for path, row, *face in zip(*columns, strict=True):
        exists = remaining.picture(path) if row is None else remaining.crop(path, row, tuple(face))
        going.append(face[0] in scope.recordings or not exists)
    return np.array(going, bool)


@dataclass
class _Remaining:
    """Pictures that exist and are not to be removed."""

    storage: Storage
    scope: PurgeScope
    _shards: dict[str, Mapping[int, tuple[Any, ...]]] = field(default_factory=dict)

    def picture(self, path: str) -> bool:
        """Whether a picture file remains; files outside the lake do."""
        name = self._within(path)
        return name is None or self.storage.exists(name)

    def crop(self, path: str, row: int, face: tuple[Any, ...]) -> bool:
        """Whether a row of a shard remains and is this face's."""
        if path not in self._shards:
            self._shards[path] = self._read(path)
        return self._shards[path].get(row) == face

    def _read(self, path: str) -> Mapping[int, tuple[Any, ...]]:
        storage, name = self.storage, self._within(path)
        if name is None:
            storage, name = Storage(str(Path(path).parent)), Path(path).name
        if not storage.exists(name):
            return {}
        faces = crops.faces(storage, name)
        going = self.scope.covers(faces, datetime.now(UTC))
        keys = zip(*(faces[column].to_pylist() for column in _FACE), strict=True)
        return {row: key for row, (key, goes) in enumerate(zip(keys, going, strict=True)) if not goes}

    def _within(self, path: str) -> str | None:
        """Name of a file within the lake; None if it is elsewhere."""
        name = PurePosixPath(self.storage.path(), path)
        return str(name.relative_to(self.storage.path())) if name.is_relative_to(self.storage.path()) else None

"""Where outside of the lake faces are that were cut from its crops: trainings say so, that a purge may reach them.

LAKE/uses/<digest>.json
"""

import hashlib
import json
import platform
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

import pyarrow.compute as pc

from gfpipe.errors import LakeError
from gfpipe.lake import crops
from gfpipe.lake.storage import Storage, disk_errors

FOLDER: Final = "uses"


@dataclass(frozen=True)
class Use:
    """A folder that holds faces of a lake.

    Attributes:
        folder: absolute, on the machine ``host``.
        until: the shards of crops that were used, by their names in the lake, and when the first of each expires.
    """

    folder: str
    host: str
    until: Mapping[str, str]

    @property
    def is_here(self) -> bool:
        """Whether this machine wrote it."""
        return self.host == platform.node()


def register(folder: Path, pictures: Iterable[Path]) -> None:
    """Note in every lake of whose crops some are used that ``folder`` will hold faces cut from them.

    Args:
        folder: where they will be.
        pictures: files that are read; those that are no shards of crops are left alone.

    Raises:
        LakeError: a lake cannot be written, so its crops may not be used: no purge would find the copies.
    """
    for lake, names in _by_lake(pictures).items():
        use = Use(str(folder.resolve()), platform.node(), _until(lake, names))
        path = lake / _name(folder)
        with disk_errors(path):
            path.parent.mkdir(exist_ok=True)
            part = path.with_name(f".{path.name}.tmp")
            part.write_text(json.dumps(asdict(use), indent=1), encoding="utf-8")
            part.replace(path)


def forget(folder: Path, pictures: Iterable[Path]) -> None:
    """Say that ``folder``, of which :func:`register` was told, is gone."""
    for lake in _by_lake(pictures):
        (lake / _name(folder)).unlink(missing_ok=True)


def names(storage: Storage) -> list[str]:
    """The notes of a lake, as files within it."""
    return [name for name in storage.files(FOLDER) if PurePosixPath(name).suffix == ".json"]


def read(storage: Storage, name: str) -> Use:
    """One note.

    Raises:
        LakeError: it cannot be read.
    """
    try:
        with storage.open(name) as file:
            return Use(**json.load(file))
    except (OSError, ValueError, TypeError) as exc:
        raise LakeError(
            f"{storage.path(name)}: cannot be read: {exc}; delete it with the folder that it names"
        ) from exc


def _by_lake(pictures: Iterable[Path]) -> dict[Path, set[str]]:
    found: dict[Path, set[str]] = defaultdict(set)
    for path in {picture.resolve() for picture in set(pictures)}:
        if lake := _lake_of(path):
            found[lake].add(path.relative_to(lake).as_posix())
    return found


def _until(lake: Path, names: set[str]) -> dict[str, str]:
    """When the first crop of each shard expires."""
    storage, now = Storage(str(lake)), datetime.now(UTC)
    first = {name: pc.min(crops.faces(storage, name)["expires_at"]).as_py() for name in sorted(names)}
    return {name: (moment or now).isoformat() for name, moment in first.items()}


def _lake_of(path: Path) -> Path | None:
    """The lake of which a file is a shard of crops."""
    folders = path.parts
    places = [at for at in range(len(folders) - 1) if folders[at : at + 2] == crops.FOLDER]
    return Path(*folders[: places[-1]]) if places else None


def _name(folder: Path) -> str:
    return f"{FOLDER}/{hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()}.json"

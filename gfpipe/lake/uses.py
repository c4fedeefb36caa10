"""Register of the folders outside a lake that hold faces cut from its crops, for purges: LAKE/uses/<digest>.json."""

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

from gfpipe.base import files
from gfpipe.errors import LakeError
from gfpipe.lake import crops
from gfpipe.lake.storage import Storage, disk_errors

FOLDER: Final = "uses"


@dataclass(frozen=True)
class Use:
    """A folder that holds faces of a lake."""

    folder: str  # absolute path on the machine ``host``
    host: str
    until: Mapping[str, str]  # first expiry (ISO time) of each shard used, by the shard's name within the lake

    @property
    def is_here(self) -> bool:
        """Whether the folder is on this machine."""
        return self.host == platform.node()


def register(folder: Path, pictures: Iterable[Path]) -> None:
    """Register ``folder`` in every lake that has shards of crops among ``pictures``.

    Raises:
        LakeError: a lake cannot be written; its crops must not be used, because no purge would find the copies.
    """
    for lake, names in _by_lake(pictures).items():
        use = Use(str(folder.resolve()), platform.node(), _until(lake, names))
        path = lake / _name(folder)
        with disk_errors(path):
            files.write_json(path, asdict(use))


def forget(folder: Path, pictures: Iterable[Path]) -> None:
    """Remove what :func:`register` wrote."""
    for lake in _by_lake(pictures):
        (lake / _name(folder)).unlink(missing_ok=True)


def names(storage: Storage) -> list[str]:
    """Names of the register's files within a lake."""
    return [name for name in storage.files(FOLDER) if PurePosixPath(name).suffix == ".json"]


def read(storage: Storage, name: str) -> Use:
    """Read one file of the register; raises LakeError if it is invalid."""
    try:
        with storage.open(name) as file:
            return Use(**json.load(file))
    except (OSError, ValueError, TypeError) as exc:
        path = storage.path(name)
        raise LakeError(f"{path}: cannot be read: {exc}; delete it with the folder that it names") from exc


def _by_lake(pictures: Iterable[Path]) -> dict[Path, set[str]]:
    shards: dict[Path, set[str]] = defaultdict(set)
    for path in {picture.resolve() for picture in set(pictures)}:
        indices = [index for index in range(len(path.parts) - 1) if path.parts[index : index + 2] == crops.FOLDER]
        if indices:
            lake = Path(*path.parts[: indices[-1]])
            shards[lake].add(path.relative_to(lake).as_posix())
    return shards


def _until(lake: Path, names: set[str]) -> dict[str, str]:
    storage, now = Storage(str(lake)), datetime.now(UTC)
    first = {name: pc.min(crops.faces(storage, name)["expires_at"]).as_py() for name in sorted(names)}
    return {name: (expiry or now).isoformat() for name, expiry in first.items()}


def _name(folder: Path) -> str:
    return f"{FOLDER}/{hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()}.json"

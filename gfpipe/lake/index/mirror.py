"""Local copies of lakes on object stores, for readers that need files: only what has changed is fetched.

CACHE/lakes/<digest>/<table>/v1/…     GFPIPE_CACHE, or the user's cache folder
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from gfpipe.base import files
from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.index import compaction
from gfpipe.lake.index.files import Stamp, stamp_of, stamps
from gfpipe.lake.storage import Storage, disk_errors

_THREADS: Final = 8
_STAMPS: Final = "mirror.json"  # of the object store's files, when they were fetched


def folder_of(lake: str) -> Path:
    """The folder of the local copy of a lake."""
    return files.cache_folder() / "lakes" / hashlib.blake2b(lake.rstrip("/").encode(), digest_size=8).hexdigest()


def fetch(lake: str, *others: str) -> Path:
    """Bring the local copy of a lake's tables, and of other files, up to date; returns its folder.

    An interrupted compaction of the lake is completed first.

    Raises:
        LakeError: the lake or the copy cannot be read or written.
    """
    storage, folder = Storage(lake), folder_of(lake)
    storage.require()
    compaction.complete(lake)
    found = {name: stamp for name, stamp in stamps(storage, *schema.TABLES).items() if not name.endswith(".tmp")}
    for name in others:
        with suppress(FileNotFoundError):
            found[name] = stamp_of(storage, name)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        before = _read(folder)
        _remove(folder, before.keys() - found.keys())
        due = [name for name, stamp in found.items() if before.get(name) != stamp]
        try:
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda name: _fetch(storage, folder, name), due))
        except FileNotFoundError as exc:
            raise LakeError(f"{lake}: {exc} was replaced or removed just now; run the same command again") from exc
        files.write_json(folder / _STAMPS, found)
    return folder


def put(lake: str, name: str) -> None:
    """Upload a file of the local copy; raises LakeError."""
    storage, folder = Storage(lake), folder_of(lake)
    with disk_errors(storage.path(name)):
        storage.put(folder / name, name)
        files.write_json(folder / _STAMPS, {**_read(folder), name: stamp_of(storage, name)})


def _fetch(storage: Storage, folder: Path, name: str) -> None:
    with files.replacing(folder / name) as temporary:
        storage.get(name, temporary)


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _read(folder: Path) -> Mapping[str, Stamp]:
    try:
        content = json.loads((folder / _STAMPS).read_bytes())
        return {name: Stamp(*stamp) for name, stamp in content.items() if (folder / name).exists()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

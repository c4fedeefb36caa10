"""Finds damaged shards and sets them aside, under a name that no reader takes for a shard.

Until the next analysis makes its shards again, the recording counts as failed.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage, disk_errors, is_shard, set_aside_name

_THREADS: Final = 4  # reading and hashing release the interpreter's lock
_CHANNEL: Final = "channel="
_BEFORE, _AFTER = set_aside_name("\0").split("\0")


@dataclass(frozen=True)
class DamagedShard:
    """A shard that was set aside.

    Attributes:
        recording_id: the recording.
        channel: None if no shard of the recording names it.
        shard: name within the lake.
    """

    recording_id: str
    channel: str | None
    shard: str


def set_aside(lake: Path) -> tuple[DamagedShard, ...]:
    """Set damaged shards aside; returns them, and those of earlier runs that no analysis has made again.

    Raises:
        LakeError: a damaged file cannot be made again by an analysis, or cannot be renamed.
    """
    storage = Storage(str(lake))
    names = [name for table in schema.TABLES for name in storage.files(table)]
    sound = set(filter(is_shard, names))
    with ThreadPoolExecutor(_THREADS) as pool:
        problems = pool.map(lambda name: storage.problem(name, decode=True), sorted(sound))
        suspects = [name for name, problem in zip(sorted(sound), problems, strict=True) if problem]
    for name in suspects:
        if problem := storage.problem(name, decode=True):  # not replaced by an analysis in the meantime
            _rename(lake / name, PurePosixPath(name).parts[0], problem)
            sound.discard(name)
    former = {str(name.with_name(_former(name.name))): name for name in map(PurePosixPath, names) if _former(name.name)}
    for name in former.keys() & sound:  # an analysis has made it again
        storage.delete(str(former[name]))
    return tuple(_described({*suspects, *former} - sound, names))


def _rename(path: Path, table: str, problem: str) -> None:
    if table not in schema.ANALYSED:
        raise LakeError(f"{path}: {problem}; {schema.remedy(table)}")
    with disk_errors(path), suppress(FileNotFoundError):
        path.rename(path.with_name(set_aside_name(path.name)))


def _former(name: str) -> str:
    """Former name of a file that was set aside; empty for other files."""
    is_damaged = name.startswith(_BEFORE) and name.endswith(_AFTER)
    return name.removeprefix(_BEFORE).removesuffix(_AFTER) if is_damaged else ""


def _described(shards: Iterable[str], names: Iterable[str]) -> Iterator[DamagedShard]:
    """With the channel of any of the recording's shards, as not all are in a folder of the channel."""
    paths = [PurePosixPath(name) for name in names] if shards else []
    channels = {path.stem: part for path in paths for part in path.parts if part.startswith(_CHANNEL)}
    for path in map(PurePosixPath, sorted(shards)):
        channel = channels.get(path.stem)
        yield DamagedShard(path.stem, channel and unquote(channel.removeprefix(_CHANNEL)), str(path))

"""Finds damaged shards and sets them aside, under a name that no reader takes for a shard.

Until the next analysis makes its shards again, the recording counts as failed.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage, disk_errors, is_shard, set_aside_name
from gfpipe.warehouse.shards import Shard, examine, stamps

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


@dataclass(frozen=True)
class Holdings:
    """The shards of a lake.

    Attributes:
        shards: sound ones, by their names within the lake.
        damaged: those that were set aside and that no analysis has made again.
    """

    shards: Mapping[str, Shard]
    damaged: tuple[DamagedShard, ...]


def set_aside(lake: Path, known: Mapping[str, Shard]) -> Holdings:
    """Set damaged shards aside; only shards that are not `known` by their stamps are read.

    Raises:
        LakeError: a damaged file cannot be made again by an analysis, or cannot be renamed.
    """
    files = stamps(lake)
    names = sorted(filter(is_shard, files))
    sound = {name: known[name] for name in names if name in known and known[name].stamp == files[name]}
    fresh = [name for name in names if name not in sound]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = dict(zip(fresh, pool.map(partial(examine, lake), fresh), strict=True))
    suspects = [name for name in fresh if isinstance(found[name], str)]
    for name in suspects:
        found[name] = examine(lake, name)  # an analysis may have replaced it in the meantime
        if isinstance(problem := found[name], str):
            _rename(lake / name, PurePosixPath(name).parts[0], problem)
    sound |= {name: shard for name, shard in found.items() if isinstance(shard, Shard)}
    former = {str(name.with_name(_former(name.name))): name for name in map(PurePosixPath, files) if _former(name.name)}
    for name in former.keys() & sound.keys():  # an analysis has made it again
        Storage(str(lake)).delete(str(former[name]))
    return Holdings(sound, tuple(_described({*suspects, *former} - sound.keys(), files)))


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

"""What a lake holds: its sound files, its analyses, and the recordings whose files are damaged.

A damaged file that an analysis can make again is set aside, under a name that no reader takes for a shard. Until then,
its recordings count as failed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.errors import LakeError
from gfpipe.lake import schema, shards
from gfpipe.lake.index import analyses, files, places, slices
from gfpipe.lake.index.files import File
from gfpipe.lake.storage import Storage, is_shard, set_aside_name

_CHANNEL: Final = "channel="
_BEFORE, _AFTER = set_aside_name("\0").split("\0")


@dataclass(frozen=True)
class DamagedShard:
    """A shard that was set aside, or is missing from the compacted files.

    Attributes:
        recording_id: the recording.
        channel: None if no shard of the recording names it.
        shard: name of the file within the lake.
    """

    recording_id: str
    channel: str | None
    shard: str


@dataclass(frozen=True)
class Holdings:
    """The files and analyses of a lake.

    Attributes:
        files: sound ones, by their names within the lake.
        damaged: those that no analysis has made again.
        analyses: rows of ``recordings`` that count, with the columns of :mod:`gfpipe.lake.index.analyses`.
        marked: ids of the recordings with files of their own, whose slices of compacted files are void.
    """

    files: Mapping[str, File]
    damaged: tuple[DamagedShard, ...]
    analyses: pa.Table
    marked: frozenset[str]

    def void(self, storage: Storage, name: str) -> list[str]:
        """Recordings of a compacted file that have files of their own."""
        return [recording for recording in slices.contents(storage, name) if recording in self.marked]

    def counting(self, table: str) -> list[str]:
        """Names of the files of a table that hold rows that count."""
        names = files.names(self.files, table)
        if table not in shards.ROW_TABLES:
            return names
        sliced = self.analyses.filter(pc.ends_with(self.analyses["file"], slices.NAME))["recording_id"]
        orphans = {*sliced.to_pylist()} if len(sliced) else frozenset[str]()  # left by an analysis that was killed
        return [name for name in names if PurePosixPath(name).stem not in orphans]


def read(lake: str, *tables: str, full: bool = False) -> Holdings:
    """List the files of tables, by default of all, verify those that are new, and bring the index up to date.

    Args:
        lake: folder or URL.
        tables: names; ``recordings`` has to be one of them.
        full: verify all files.

    Raises:
        LakeError: a damaged file cannot be made again by an analysis, or cannot be renamed; or the index not written.
    """
    storage, tables = places.settle(lake), tables or tuple(schema.TABLES)
    before = files.known(storage)
    found = files.stamps(storage, *tables)
    names = sorted(filter(is_shard, found))
    sound = {} if full else {n: before[n] for n in names if n in before and before[n].stamp == found[n]}
    suspects = _add(storage, sound, [name for name in names if name not in sound])
    former = {original: name for name in found if (original := _original(name))}
    for original in former.keys() & sound.keys():  # an analysis has made it again
        storage.delete(former.pop(original))
    rows = analyses.read(storage, sound)
    others = {name: file for name, file in before.items() if files.table_of(name) not in tables}
    if before != others | sound:
        files.save(storage, others | sound)
    marked = frozenset(
        path.stem
        for path in map(PurePosixPath, (*files.names(sound, "recordings"), *suspects, *former))
        if path.parts[0] == "recordings" and path.name != slices.NAME
    )
    counted = rows.filter(_is_valid(rows, marked))
    own = [name for name in {*suspects, *former} - sound.keys() if not slices.is_compacted(name)]
    lost = _lost(storage, counted, sound, marked)
    return Holdings(sound, (*_described(own, found), *lost), counted, marked)


def _add(storage: Storage, sound: dict[str, File], fresh: list[str]) -> list[str]:
    """Verify files, add sound ones, set the others aside; returns the names of these."""
    results = files.verified(storage, fresh)
    suspects = [name for name in fresh if isinstance(results[name], str)]
    for name in suspects:
        results[name] = files.verify(storage, name)  # an analysis may have replaced it in the meantime
        if isinstance(problem := results[name], str):
            _set_aside(storage, name, problem)
    sound |= {name: file for name, file in results.items() if isinstance(file, File)}
    return suspects


def _set_aside(storage: Storage, name: str, problem: str) -> None:
    table = files.table_of(name)
    if table not in schema.ANALYSED:
        raise LakeError(f"{storage.path(name)}: {problem}; {schema.remedy(table)}")
    path = PurePosixPath(name)
    with suppress(FileNotFoundError):
        storage.rename(name, str(path.with_name(set_aside_name(path.name))))


def _original(name: str) -> str:
    """Former name of a file that was set aside; empty for other files."""
    path = PurePosixPath(name)
    is_damaged = path.name.startswith(_BEFORE) and path.name.endswith(_AFTER)
    return str(path.with_name(path.name.removeprefix(_BEFORE).removesuffix(_AFTER))) if is_damaged else ""


def _is_valid(rows: pa.Table, marked: frozenset[str]) -> pa.Array:
    is_slice = pc.ends_with(rows["file"], slices.NAME)
    return pc.invert(pc.and_(is_slice, pc.is_in(rows["recording_id"], pa.array(sorted(marked), pa.string()))))


def _described(names: Iterable[str], found: Iterable[str]) -> Iterator[DamagedShard]:
    """With the channel of any of the recording's shards, as not all are in a folder of the channel."""
    paths = [PurePosixPath(name) for name in found] if names else []
    channels = {path.stem: part for path in paths for part in path.parts if part.startswith(_CHANNEL)}
    for path in map(PurePosixPath, sorted(names)):
        channel = channels.get(path.stem)
        yield DamagedShard(path.stem, channel and unquote(channel.removeprefix(_CHANNEL)), str(path))


def _lost(
    storage: Storage, counted: pa.Table, sound: Mapping[str, File], marked: frozenset[str]
) -> Iterator[DamagedShard]:
    """The recordings of compacted files that are damaged or missing, by the other files of their month."""
    sliced = counted.filter(pc.ends_with(counted["file"], slices.NAME)).select(["file", "channel", "recording_id"])
    for row in sliced.group_by(["file", "channel"]).aggregate([("recording_id", "list")]).to_pylist():
        month = row["file"].split("/")[-2]
        for table in shards.ROW_TABLES:
            name = "/".join((*places.channel_folder(table, row["channel"]), month, slices.NAME))
            if name not in sound:
                yield from (DamagedShard(one, row["channel"], name) for one in row["recording_id_list"])
    for name in files.names(sound, "samples"):
        *_, channel, month, file = name.split("/")
        recordings = "/".join((*places.channel_folder("recordings", ""), month, file))
        if file == slices.NAME and recordings not in sound:
            for one in slices.contents(storage, name):
                if one not in marked:
                    yield DamagedShard(one, unquote(channel.removeprefix(_CHANNEL)), recordings)

"""Compaction of closed months: the shards of a folder become slices of one file.

void slices removed -> shards added to the compacted files, `recordings` last -> their files removed, `recordings` first

The files of a recording count until the one of `recordings` is removed; then its slices do. So a run that was killed
leaves each analysis counting once, and the next run completes it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gfpipe.base.files import temporary_name
from gfpipe.errors import LakeError
from gfpipe.lake import schema, shards, tables
from gfpipe.lake.index import analyses, files, holdings, places, slices
from gfpipe.lake.index.files import Stamp
from gfpipe.lake.index.holdings import Holdings
from gfpipe.lake.index.locks import waiting_lock
from gfpipe.lake.index.slices import Slice
from gfpipe.lake.storage import Storage, problem_of, replacing
from gfpipe.recording import Recording, Status, in_zone

ALL: Final = "~"  # later than every month
ROW_GROUP: Final = 100_000  # rows at least, but for files that have fewer
_LOCK: Final = (*files.FOLDER, "compaction")
_ORPHAN_SECONDS: Final = 3600.0  # an analysis puts its files in place within seconds
_RECORDING: Final = ("recording_id", "path", "channel", "programme", "started_at", "timezone", "scheduled_seconds")
# Each shard of these, in this order: until the last is in place, and from the removal of the first on.
_ADDED: Final = (*shards.ROW_TABLES, "recordings")
_REMOVED: Final = ("recordings", *shards.ROW_TABLES)


@dataclass(frozen=True)
class Month:
    """A month of which some recordings have files of their own.

    Attributes:
        name: such as ``2001-03``.
        recordings: those to be compacted.
        size: bytes of their files.
        is_open: whether an earlier compaction has to be completed: slices are void, or copies of files are left.
    """

    name: str
    recordings: tuple[Recording, ...]
    size: int
    is_open: bool


def plan(lake: str, before: str, held: Holdings | None = None) -> tuple[Month, ...]:
    """List the months to compact, of those earlier than ``before``, which is such as ``2001-03``.

    Recordings that failed are left out, as they are analysed again every night; so are damaged ones.

    Raises:
        LakeError: the lake cannot be read.
    """
    storage, held = Storage(lake), held or holdings.read(lake, *schema.ANALYSED)
    found: dict[str, list[Recording]] = defaultdict(list)
    rows = held.analyses.filter(pc.invert(pc.ends_with(held.analyses["file"], slices.NAME)))
    rows = rows.filter(pc.field("status") != str(Status.FAILED))
    for row in rows.select([*_RECORDING, "file"]).to_pylist():
        name, recording = row.pop("file"), _recording(row)
        own = _own_names(recording) if recording else []
        if recording and name in own and all(name in held.files for name in own):
            found[_month_of(name)].append(recording)
    own_months = {_month_of(name) for name in files.names(held.files, "recordings") if not slices.is_compacted(name)}
    compacted = [name for name in _compacted(held) if _month_of(name) in own_months]
    void = {_month_of(name) for name in compacted if held.void(storage, name)}
    void |= {_month_of(name) for name in _orphans(storage, held)}
    return tuple(
        Month(
            name,
            tuple(found[name]),
            sum(held.files[own].stamp.bytes for one in found[name] for own in _own_names(one)),
            is_open=name in void,
        )
        for name in sorted({*found, *void})
        if name < before
    )


def compact(lake: str, month: Month, held: Holdings) -> int:
    """Compact a month of :func:`plan`; returns the number of recordings that were added to its compacted files.

    The index is not brought up to date.

    Raises:
        LakeError: the lake cannot be read or written, or a compacted file of the month is damaged.
    """
    storage = Storage(lake)
    with waiting_lock(storage, _LOCK):
        if _has_changed(storage, month, held):
            held = holdings.read(lake, *schema.ANALYSED)
            month = next(
                (item for item in plan(lake, ALL, held) if item.name == month.name), replace(month, recordings=())
            )
        if damaged := next((item.shard for item in held.damaged if _is_of(month, item.shard)), None):
            raise LakeError(f"{storage.path(damaged)}: it is damaged: run gfpipe analyse first, which makes it again")
        _remove_slices(storage, _compacted(held, month.name), held.marked, _REMOVED)
        for table in _ADDED:
            _add(storage, table, month.recordings)
        for name in _orphans(storage, held):
            if _month_of(name) == month.name:
                _remove(storage, name, held.files[name].stamp)
        for table in _REMOVED:
            for recording in month.recordings:
                name = "/".join(places.place(table, recording))
                _remove(storage, name, held.files[name].stamp)
    return len(month.recordings)


def complete(lake: str) -> None:
    """Complete interrupted compactions, and remove the slices of recordings that were analysed again since.

    Raises:
        LakeError: the lake cannot be read or written.
    """
    held = holdings.read(lake, *schema.ANALYSED)
    for month in plan(lake, ALL, held):
        if month.is_open:
            compact(lake, month, held)


@contextmanager
def paused(lake: str) -> Iterator[None]:
    """Let no compaction begin; waits for one that is under way."""
    with waiting_lock(Storage(lake), _LOCK, shared=True):
        yield


def drop(lake: str, recordings: Collection[Recording]) -> None:
    """Remove the slices of recordings from compacted files; raises LakeError."""
    storage = Storage(lake)
    names = {slices.beside(*places.place(table, one)) for one in recordings for table in schema.ANALYSED}
    with waiting_lock(storage, _LOCK):
        _remove_slices(storage, names, {recording.recording_id for recording in recordings}, _ADDED)


def _recording(row: Mapping[str, Any]) -> Recording | None:
    """The recording of a row; None if the row has another id, and its shards other places."""
    facts = dict(row)
    recording_id, start = facts.pop("recording_id"), facts.pop("started_at")
    with suppress(KeyError, ValueError):  # a zone that this machine does not know
        start = in_zone(start, facts["timezone"])
    del facts["timezone"]
    recording = Recording(start=start, **facts)
    return recording if recording.recording_id == recording_id else None


def _month_of(name: str) -> str:
    return PurePosixPath(name).parent.name.removeprefix("month=")


def _is_of(month: Month, name: str) -> bool:
    return slices.is_compacted(name) and _month_of(name) == month.name


def _own_names(recording: Recording) -> list[str]:
    return ["/".join(places.place(table, recording)) for table in schema.ANALYSED]


def _has_changed(storage: Storage, month: Month, held: Holdings) -> bool:
    """Whether a file that the compaction of a month reads or writes is another than when the lake was read."""
    own = {name for recording in month.recordings for name in _own_names(recording)}
    for name in {*own, *map(slices.beside, own), *_compacted(held, month.name)}:
        known = held.files[name].stamp if name in held.files else None
        try:
            now = files.stamp_of(storage, name)
        except FileNotFoundError:
            now = None
        if now != known:
            return True
    return False


def _compacted(held: Holdings, month: str | None = None) -> list[str]:
    return [name for name in held.files if slices.is_compacted(name) and month in (None, _month_of(name))]


def _remove_slices(storage: Storage, names: Iterable[str], going: Collection[str], order: tuple[str, ...]) -> None:
    for name in sorted(names, key=lambda name: order.index(files.table_of(name))):
        contents = slices.contents(storage, name)
        left = [(id_, item) for id_, item in contents.items() if id_ not in going]
        if not left:
            storage.delete(name)
        elif len(left) < len(contents):
            with slices.Slices(storage, name) as file:
                _write(storage, name, ((id_, item, file.read(item)) for id_, item in left))


def _add(storage: Storage, table: str, recordings: Iterable[Recording]) -> None:
    """Add the files of recordings to the compacted files of their folders."""
    folders: dict[str, dict[str, str]] = defaultdict(dict)
    for recording in recordings:
        name = "/".join(places.place(table, recording))
        folders[slices.beside(name)][recording.recording_id] = name
    for target, own in folders.items():
        contents = slices.contents(storage, target)
        with ExitStack() as stack:
            file = stack.enter_context(slices.Slices(storage, target)) if contents else None

            def shard(recording_id: str) -> tuple[str, Slice, pa.Table]:
                if recording_id in own:  # noqa: B023 - used within the iteration
                    return recording_id, *_own(storage, own[recording_id])  # noqa: B023
                item = contents[recording_id]  # noqa: B023
                return recording_id, item, file.read(item)  # type: ignore[union-attr]  # noqa: B023

            _write(storage, target, map(shard, sorted({*contents, *own})))


def _own(storage: Storage, name: str) -> tuple[Slice, pa.Table]:
    with storage.open(name) as file:
        data = file.read()
    if problem := problem_of(data, files.table_of(name)):
        raise LakeError(f"{storage.path(name)}: {problem}; {schema.remedy(files.table_of(name))}")
    table = pq.read_table(pa.BufferReader(data))
    return Slice(0, len(table), files.digest_of(data), analyses.decoded(table)), table


def _write(storage: Storage, name: str, parts: Iterable[tuple[str, Slice, pa.Table]]) -> None:
    """Write a compacted file; its metadata is known at its end."""
    columns = schema.TABLES[files.table_of(name)]
    written: list[tuple[str, Slice]] = []
    waiting: list[pa.Table] = []
    count = 0
    with (
        replacing(storage, name) as path,
        pq.ParquetWriter(path, columns, write_page_checksum=True, **tables.encoding(columns)) as writer,
    ):
        for recording_id, item, table in parts:
            written.append((recording_id, item))
            waiting.append(_fitted(table, columns))
            count += len(table)
            while count >= 2 * ROW_GROUP:
                rows = pa.concat_tables(waiting)
                writer.write_table(rows.slice(0, ROW_GROUP), row_group_size=ROW_GROUP)
                waiting, count = [rows.slice(ROW_GROUP)], count - ROW_GROUP
        if waiting:
            writer.write_table(pa.concat_tables(waiting), row_group_size=2 * ROW_GROUP)
        writer.add_key_value_metadata(slices.encoded(written))


def _fitted(table: pa.Table, columns: pa.Schema) -> pa.Table:
    """The rows with the columns of today's schema: shards of earlier versions lack some."""
    arrays = [
        table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type) for field in columns
    ]
    return pa.table(arrays, names=columns.names).cast(columns)


def _orphans(storage: Storage, held: Holdings) -> Iterator[str]:
    """Files of recordings whose slices count: copies of slices, or what an analysis left that was interrupted."""
    now = datetime.now(UTC).timestamp()
    for table in shards.ROW_TABLES:
        for name in {*files.names(held.files, table)} - {*held.counting(table)}:
            file, recording_id = held.files[name], PurePosixPath(name).stem
            copied = slices.contents(storage, slices.beside(name)).get(recording_id)
            is_copy = copied is not None and copied.digest == file.digest
            if is_copy or now - file.stamp.modified_ns / 1e9 > _ORPHAN_SECONDS:
                yield name


def _remove(storage: Storage, name: str, stamp: Stamp) -> None:
    """Remove a file unless an analysis has replaced it.

    It is renamed first, so that no replacement comes between the look and the removal.
    """
    if not storage.is_local:
        with suppress(FileNotFoundError):
            if files.stamp_of(storage, name) == stamp:
                storage.delete(name)
        return
    path = PurePosixPath(name)
    aside = str(path.with_name(temporary_name(Path(path.name)).name))
    with suppress(FileNotFoundError):
        storage.rename(name, aside)
        if files.stamp_of(storage, aside) != stamp and not storage.exists(name):
            storage.rename(aside, name)
        else:
            storage.delete(aside)

"""Identity of recordings: one file, by path and content, is one recording of the lake.

The id of a recording is made of its channel, start and programme. Where an archive is listed again with another time
zone, pattern or manifest, :func:`changes` finds the entries of the same files under their former ids, and
:func:`apply` moves them: the new entry is complete before the old one is removed, its row in ``recordings`` last.
An interrupted run is completed by the next; the warehouse counts one of two entries of a file.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.base import regular
from gfpipe.base.files import on_disk
from gfpipe.lake import retention, schema, shards
from gfpipe.lake.index import compaction, earlier, places
from gfpipe.lake.storage import Storage, is_shard
from gfpipe.output.formats import counted
from gfpipe.recording import Recording, Status, in_zone

# A path whose content was replaced is the same broadcast, copied or recorded anew, if its start moves by less; else
# a recorder has used the file again, and the earlier broadcast stays.
_SAME_BROADCAST: Final = timedelta(days=1)
_SHARDS: Final = (*shards.ROW_TABLES, "crops", "recordings")  # the mark of completion last
_LISTED: Final = ("path", "channel", "programme", "started_at", "timezone", "scheduled_seconds")


@dataclass(frozen=True)
class Change:
    """An entry of the lake, and the recording that the archive lists for the same file now.

    Attributes:
        old: as stored.
        new: as listed.
        moves: whether the analysis moves to the new id; else it is removed, because the content was replaced or there
            is an analysis under the new id.
    """

    old: Recording
    new: Recording
    moves: bool

    @property
    def renames(self) -> bool:
        """Whether the id changes."""
        return self.old.recording_id != self.new.recording_id


@dataclass(frozen=True)
class _Entry:
    recording: Recording
    recording_id: str
    is_analysed: bool
    analysed_at: datetime
    fingerprint: str | None


def changes(lake: str, listed: Sequence[Recording]) -> tuple[Change, ...]:
    """Find the entries of listed files that the archive lists otherwise now.

    Raises:
        LakeError: the lake cannot be read.
    """
    entries = _entries(lake)
    by_id = {entry.recording_id: entry for entry in entries}
    ids, paths = {new.recording_id for new in listed}, {new.path for new in listed}
    former = [entry for entry in entries if entry.recording_id not in ids]
    by_path: dict[str, list[_Entry]] = defaultdict(list)
    for entry in former:
        by_path[entry.recording.path].append(entry)
    elsewhere = {entry.fingerprint: entry for entry in former if entry.recording.path not in paths}
    found: list[Change] = []
    for new in listed:
        here = by_id.get(new.recording_id)
        others = by_path.get(new.path, [])
        if here is None and not others and elsewhere:
            others = _moved(new, elsewhere)
        found += _changes(new, here, others)
    return tuple(found)


def apply(lake: str, found: Sequence[Change]) -> None:
    """Move entries with their crops, labels, speech segments, queues and curated sets, and remove the former entries.

    Raises:
        LakeError: the lake cannot be read or written.
        UsageError: answers that must be rewritten are open in ``gfpipe label serve``.
    """
    storage = Storage(lake)
    for change in found:
        if change.moves:
            _copy(storage, change)
    renamed = {change.old.recording_id: change for change in found if change.renames}
    if renamed:
        _rename_rows(storage, renamed)
        _rename_speech(storage, renamed)
    remove(lake, [change.old for change in renamed.values()])


def remove(lake: str, recordings: Collection[Recording]) -> None:
    """Remove the shards of recordings; raises LakeError."""
    compaction.drop(lake, recordings)
    storage = Storage(lake)
    for recording in recordings:
        for table in _SHARDS:
            storage.delete(*places.place(table, recording))


def recordings(lake: str) -> list[Recording]:
    """All recordings that were analysed, also unsuccessfully; raises LakeError."""
    return [entry.recording for entry in _entries(lake)]


def described(found: Iterable[Change]) -> tuple[str, ...]:
    """One line per kind of change, with the number of recordings and an example."""
    counts: Counter[str] = Counter()
    examples: dict[str, Change] = {}
    for change in found:
        for kind in _kinds(change):
            counts[kind] += 1
            examples.setdefault(kind, change)
    return tuple(
        f"{counted(count, 'recording')} {kind}, such as {examples[kind].new.path}: "
        f"{examples[kind].old.label} ({examples[kind].old.timezone}) becomes {examples[kind].new.label} "
        f"({examples[kind].new.timezone})"
        for kind, count in counts.items()
    )


def _kinds(change: Change) -> list[str]:
    old, new = change.old, change.new
    if change.renames and not change.moves:
        return ["replaced: the entry under the former name is removed"]
    shift = (new.start - old.start).total_seconds() / 3600
    kinds = {
        f"change their start by {shift:+g} hours": bool(shift),
        "change their time zone": not shift and old.timezone != new.timezone,
        "change their channel": old.channel != new.channel,
        "change their programme": old.programme != new.programme,
        "change their path": old.path != new.path,
    }
    return [kind for kind, applies in kinds.items() if applies]


def _entries(lake: str) -> list[_Entry]:
    columns = ("recording_id", *_LISTED, "status", "analysed_at", "source_fingerprint")
    entries = [_entry(row) for row in earlier.every(lake).select(columns).to_pylist()]
    # Other ids are not gfpipe's, and say nothing about where the shards are.
    return [entry for entry in entries if entry.recording.recording_id == entry.recording_id]


def _entry(row: Mapping[str, Any]) -> _Entry:
    names = ("path", "channel", "programme", "scheduled_seconds")
    start: datetime = row["started_at"]
    with suppress(KeyError, ValueError):  # a zone that this machine does not know; the listing names another
        start = in_zone(start, row["timezone"])
    return _Entry(
        Recording(start=start, **{name: row[name] for name in names}),
        row["recording_id"],
        row["status"] != Status.FAILED,
        row["analysed_at"],
        row["source_fingerprint"],
    )


def _changes(new: Recording, here: _Entry | None, others: Sequence[_Entry]) -> list[Change]:
    """Changes of one listed recording: `here` has its id already, `others` are of the same path."""
    print_now = regular.fingerprint(new.path) if others else None
    same = [entry for entry in others if _is_same(entry, new, print_now)]
    target = here if here and here.is_analysed else None
    movable = [entry for entry in same if entry.is_analysed and print_now and entry.fingerprint == print_now]
    moving = max(movable, key=lambda entry: entry.analysed_at, default=None) if target is None else None
    found = [Change(entry.recording, new, entry is moving) for entry in same]
    if here and moving is None and _placed(here.recording) != _placed(new):
        found.append(Change(here.recording, new, True))
    return found


def _is_same(entry: _Entry, new: Recording, print_now: str | None) -> bool:
    if print_now is not None and entry.fingerprint == print_now:
        return True
    return abs(entry.recording.start - new.start) < _SAME_BROADCAST


def _placed(recording: Recording) -> tuple[str, str]:
    return recording.path, recording.timezone


def _moved(new: Recording, elsewhere: Mapping[str | None, _Entry]) -> list[_Entry]:
    """The entry of a file that has another path now: moved, or the same file by another name."""
    entry = elsewhere.get(print_now) if (print_now := regular.fingerprint(new.path)) else None
    if entry is None:
        return []
    old = on_disk(entry.recording.path)
    return [entry] if not old.exists() or old.samefile(on_disk(new.path)) else []


def _copy(storage: Storage, change: Change) -> None:
    """Write the shards under the new id; the row in ``recordings``, which makes them count, last.

    Damaged shards are not moved: the recording is analysed again.
    """
    if shards.problem(storage, change.old):
        return
    only_row = not change.renames and shards.has_own(storage, change.old)
    for name in ("recordings",) if only_row else _SHARDS:
        source, target = shards.read(storage, name, change.old), places.place(name, change.new)
        if source is None:
            continue
        table = _with(source, "recording_id", change.new.recording_id)
        if name == "samples":
            aired_at = pc.add(table["aired_at"], pa.scalar(change.new.start - change.old.start, pa.duration("us")))
            table = table.set_column(table.schema.get_field_index("aired_at"), table.schema.field("aired_at"), aired_at)
        if name == "recordings":
            for column, value in schema.recording_columns(change.new).items():
                table = _with(table, column, value)
        groups = shards.CROPS_AT_ONCE if name == "crops" else retention.ROW_GROUP
        retention.rewrite(storage, "/".join(target), table, groups)


def _with(table: pa.Table, column: str, value: Any) -> pa.Table:
    """The table with one value in all rows of a column."""
    if column not in table.column_names:
        return table
    field = table.schema.field(column)
    return table.set_column(
        table.schema.get_field_index(column), field, pa.repeat(pa.scalar(value, field.type), len(table))
    )


def _rename_rows(storage: Storage, renamed: Mapping[str, Change]) -> None:
    """Rename recordings in labels, queues and curated sets, whose files hold rows of many."""
    for folder in ("labels", retention.QUEUES, "sets"):
        for name in storage.files(folder):
            if not is_shard(name) or (folder == "sets" and not name.endswith("/faces.parquet")):
                continue
            retention.change_rows(storage, name, renamed, partial(_renamed, renamed=renamed))


def _renamed(table: pa.Table, renamed: Mapping[str, Change]) -> pa.Table:
    """Replace ids, and the columns that follow from them."""
    rows = table.to_pylist()
    for row in rows:
        if (change := renamed.get(row["recording_id"])) is None:
            continue
        shard = "/".join(places.place("crops", change.old))
        if str(row.get("path") or "").endswith(shard):  # of a curated set: the shard with the crop
            row["path"] = row["path"].removesuffix(shard) + "/".join(places.place("crops", change.new))
        elif "path" in row:
            row["path"] = change.new.path
        values = schema.recording_columns(change.new) | {"recording_id": change.new.recording_id}
        row |= {name: value for name, value in values.items() if name in row and name != "path"}
    return pa.Table.from_pylist(rows, schema=table.schema)


def _rename_speech(storage: Storage, renamed: Mapping[str, Change]) -> None:
    for former, change in renamed.items():
        source, target = map(places.speech_place, (former, change.new.recording_id))
        if not storage.exists(*source):
            continue
        if not storage.exists(*target):
            table = _with(storage.read_table(*source), "recording_id", change.new.recording_id)
            retention.rewrite(storage, "/".join(target), table, retention.ROW_GROUP)
        storage.delete(*source)

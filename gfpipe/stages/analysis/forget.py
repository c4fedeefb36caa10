"""Removes recordings from a lake: shards, labels, speech segments and rows of the schedule.

Pictures of faces and their copies are removed first, by :mod:`gfpipe.stages.analysis.purge`. The row in ``recordings``
is removed last, so that an interrupted removal is found again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

import pyarrow.compute as pc

from gfpipe.errors import UsageError
from gfpipe.lake import identity, retention, schema, shards
from gfpipe.lake.index import places
from gfpipe.lake.storage import Storage, is_shard
from gfpipe.nights import acknowledgements
from gfpipe.recording import Recording

_OF_RECORDING: Final = (*schema.ANALYSED, "crops")
_OF_MANY: Final = ("labels", "schedule")  # files with rows of many recordings


@dataclass(frozen=True)
class Scope:
    """Which recordings to remove: every one with one of these ids, paths (glob patterns) or channels."""

    recordings: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.recordings or self.paths or self.channels):
            raise UsageError("choose the recordings to remove: --recording, --path or --channel")

    def covers(self, recording: Recording) -> bool:
        """Whether the recording is to be removed."""
        return (
            recording.recording_id in self.recordings
            or recording.channel in self.channels
            or any(fnmatch(recording.path, pattern) for pattern in self.paths)
        )


def plan(lake: str, scope: Scope) -> tuple[Recording, ...]:
    """List the recordings that :func:`run` would remove, in order of air time.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
        UsageError: no recording is chosen, or one named by its id is not in the lake.
    """
    storage = Storage(lake)
    storage.require()
    chosen = tuple(filter(scope.covers, identity.recordings(lake)))
    for recording_id in scope.recordings:
        if recording_id not in {recording.recording_id for recording in chosen}:
            raise UsageError(f"{recording_id}: the lake has no such recording; gfpipe sql shows the recording_id")
    if not chosen:
        raise UsageError(f"{lake}: no recording is on these channels or has such a path")
    return tuple(sorted(chosen, key=lambda recording: recording.start))


def rows(lake: str, chosen: Sequence[Recording]) -> dict[str, int]:
    """Number of rows of these recordings, by table; raises LakeError."""
    storage, ids = Storage(lake), [recording.recording_id for recording in chosen]
    counts = {table: sum(len(shards.read(storage, table, item) or ()) for item in chosen) for table in _OF_RECORDING}
    speech = filter(lambda place: storage.exists(*place), map(places.speech_place, ids))
    counts["speech"] = sum(len(storage.read_table(*place)) for place in speech)
    for table in _OF_MANY:
        condition = pc.field("recording_id").isin(ids)
        found = storage.scan((table, f"v{schema.VERSION}"), schema.TABLES[table], ["recording_id"], condition)
        counts[table] = 0 if found is None else len(found)
    return counts


def run(lake: str, chosen: Sequence[Recording]) -> None:
    """Remove recordings, listed by :func:`plan`, whose pictures are removed already.

    Raises:
        LakeError: the lake cannot be read or written.
        UsageError: answers about them are open in ``gfpipe label serve``.
    """
    storage, ids = Storage(lake), [recording.recording_id for recording in chosen]
    for table in _OF_MANY:
        _remove_rows(storage, table, ids)
    for recording in chosen:
        storage.delete(*places.speech_place(recording.recording_id))
        acknowledgements.remove(lake, recording.path)
    identity.remove(lake, chosen)


def _remove_rows(storage: Storage, table: str, ids: list[str]) -> None:
    others = ~pc.field("recording_id").isin(ids)
    for name in filter(is_shard, storage.files(table)):
        retention.change_rows(storage, name, ids, lambda content: content.filter(others))

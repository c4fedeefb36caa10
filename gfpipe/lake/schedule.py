"""The recordings that an archive lists, written before the analysis: the denominator of coverage."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from gfpipe.errors import LakeError
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import file_of, read_files, write_whole
from gfpipe.recording import Recording, Rejected, zone_name

_FOLDER: Final = ("schedule", f"v{schema.VERSION}")


def record(lake: str, source: str, recordings: Iterable[Recording], rejected: Iterable[Rejected] = ()) -> None:
    """Write the listing of ``source``, replacing its earlier listing.

    Raises:
        LakeError: the lake cannot be written.
    """
    now, storage, place = datetime.now(UTC), Storage(lake), (*_FOLDER, file_of(source))
    since = _problems(storage, place)
    rows = [{"recording_id": item.recording_id, **schema.recording_columns(item)} for item in recordings]
    rows += [
        {
            "path": row.path,
            "channel": row.channel,
            "programme": row.programme,
            "started_at": row.start and row.start.astimezone(UTC),
            "timezone": row.start and zone_name(row.start),
            "problem": row.problem,
            "problem_since": since.get(row.path, now),
        }
        for row in rejected
    ]
    write_whole(storage, place, schema.SCHEDULE, [row | {"seen_at": now} for row in rows], source=source)


def _problems(storage: Storage, place: tuple[str, ...]) -> dict[str, datetime]:
    """Since when the files of an earlier listing have had a problem, by path."""
    try:
        rows = storage.read_table(*place).to_pylist() if storage.exists(*place) else []
    except LakeError:  # damaged; it is replaced
        return {}
    return {row["path"]: row.get("problem_since") or row["seen_at"] for row in rows if row["problem"]}


def listed(lake: str) -> pa.Table:
    """The rows of all listings; of a path in several, the newest counts.

    Raises:
        LakeError: a listing cannot be read.
    """
    return read_files(Storage(lake), _FOLDER, schema.SCHEDULE)


def copy(lake: str, into: str) -> None:
    """Copy the schedule, if any, into another lake, replacing an earlier copy.

    Raises:
        LakeError: the schedule cannot be read, or the other lake cannot be written.
    """
    if rows := listed(lake).to_pylist():
        write_whole(Storage(into), (*_FOLDER, file_of(lake)), schema.SCHEDULE, rows, source=lake)

"""What an archive should hold, written down before anything is decoded: the floor under coverage."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow.dataset as ds

from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import file_of, write_whole
from gfpipe.recording import Recording, Rejected, zone_name


def record(lake: str, source: str, recordings: Iterable[Recording], rejected: Iterable[Rejected] = ()) -> None:
    """Write what ``source`` holds today; what an earlier look at the same source wrote is replaced.

    Raises:
        LakeError: the lake cannot be written.
    """
    now = datetime.now(UTC)
    rows = [{"recording_id": each.recording_id, **schema.recording_columns(each)} for each in recordings]
    rows += [
        {
            "path": row.path,
            "channel": row.channel,
            "programme": row.programme,
            "started_at": row.start and row.start.astimezone(UTC),
            "timezone": row.start and zone_name(row.start),
            "problem": row.problem,
        }
        for row in rejected
    ]
    write_whole(
        Storage(lake),
        ("schedule", f"v{schema.VERSION}", file_of(source)),
        schema.SCHEDULE,
        [row | {"seen_at": now} for row in rows],
        source=source,
    )


def copy(lake: str, into: str) -> None:
    """Give another lake the schedule of this one; an earlier copy is replaced, and no schedule is no error.

    Raises:
        LakeError: the schedule cannot be read, or the other lake cannot be written.
    """
    folder = ("schedule", f"v{schema.VERSION}")
    found = Storage(lake).scan(folder, schema.SCHEDULE, schema.SCHEDULE.names, ds.field("path").is_valid())
    if found is not None:
        write_whole(Storage(into), (*folder, file_of(lake)), schema.SCHEDULE, found.to_pylist(), source=lake)

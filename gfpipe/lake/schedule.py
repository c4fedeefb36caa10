"""The recordings that an archive lists, written before the analysis: the denominator of coverage."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow.compute as pc

from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import file_of, write_whole
from gfpipe.recording import Recording, Rejected, zone_name


def record(lake: str, source: str, recordings: Iterable[Recording], rejected: Iterable[Rejected] = ()) -> None:
    """Write the listing of ``source``, replacing its earlier listing.

    Raises:
        LakeError: the lake cannot be written.
    """
    now = datetime.now(UTC)
    rows = [{"recording_id": item.recording_id, **schema.recording_columns(item)} for item in recordings]
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
    """Copy the schedule, if any, into another lake, replacing an earlier copy.

    Raises:
        LakeError: the schedule cannot be read, or the other lake cannot be written.
    """
    folder = ("schedule", f"v{schema.VERSION}")
    table = Storage(lake).scan(folder, schema.SCHEDULE, schema.SCHEDULE.names, pc.field("path").is_valid())
    if table is not None:
        write_whole(Storage(into), (*folder, file_of(lake)), schema.SCHEDULE, table.to_pylist(), source=lake)

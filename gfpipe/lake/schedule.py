"""What an archive should hold, written down before anything is decoded: the floor under coverage."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime

from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import TableWriter
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
    name = hashlib.blake2b(source.encode(), digest_size=8).hexdigest()
    table = TableWriter(
        Storage(lake), ("schedule", f"v{schema.VERSION}", f"{name}.parquet"), schema.SCHEDULE, {"source": source}
    )
    try:
        table.append(
            {column: [row.get(column) for row in rows] for column in schema.SCHEDULE.names}
            | {"seen_at": [now] * len(rows)},
            len(rows),
        )
        table.close()
        table.commit()
    finally:
        table.discard()

"""Lakes of several nights."""

from datetime import timedelta
from pathlib import PurePosixPath

import pyarrow as pa

from gfpipe.lake import retention
from gfpipe.lake.storage import Storage, is_shard


def a_night_ago(lake: str, programme: str = "", nights: int = 1) -> None:
    """Date the analyses of a programme so many nights back."""
    storage, ago = Storage(lake), timedelta(days=nights)
    for name in storage.files("recordings"):
        if is_shard(name) and f"-{programme}" in PurePosixPath(name).name:
            table = storage.read_table(name)
            rows = table.to_pylist()
            for row in rows:
                row["analysed_at"] -= ago
                row["failing_since"] = row["failing_since"] and row["failing_since"] - ago
            retention.rewrite(storage, name, pa.Table.from_pylist(rows, table.schema), retention.ROW_GROUP)

"""Acknowledgements of files that cannot be analysed: one file each in the lake.

    LAKE/acknowledgements/v1/<digest of the path>.parquet

An acknowledged file stays in the coverage as lost, and is tried again only when it changes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gfpipe.base import regular
from gfpipe.lake import schema
from gfpipe.lake.storage import Storage
from gfpipe.lake.tables import file_of, read_files, write_whole

_FOLDER: Final = ("acknowledgements", f"v{schema.VERSION}")


@dataclass(frozen=True)
class Acknowledgement:
    """A person's statement that a file cannot be analysed; ``source_fingerprint`` is None if it could not be read."""

    path: str
    reason: str
    source_fingerprint: str | None
    acknowledged_at: datetime

    def covers(self, fingerprint: str | None) -> bool:
        """Whether it is about a failure of a file with this fingerprint; None: the analysis could not read it."""
        return self.source_fingerprint is None or fingerprint in (None, self.source_fingerprint)


def read(lake: str) -> dict[str, Acknowledgement]:
    """All acknowledgements by path; raises LakeError."""
    rows = read_files(Storage(lake), _FOLDER, schema.ACKNOWLEDGEMENTS).to_pylist()
    return {row["path"]: Acknowledgement(**row) for row in rows}


def record(lake: str, path: str, reason: str) -> None:
    """Acknowledge the file as it is now; raises LakeError."""
    row = vars(Acknowledgement(path, reason, regular.fingerprint(path), datetime.now(UTC)))
    write_whole(Storage(lake), (*_FOLDER, file_of(path)), schema.ACKNOWLEDGEMENTS, [row])


def remove(lake: str, path: str) -> None:
    """Remove an acknowledgement, if there is one; raises LakeError."""
    Storage(lake).delete(*_FOLDER, file_of(path))

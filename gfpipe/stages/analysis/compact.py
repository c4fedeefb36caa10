"""Compacts a lake: the many small shards of closed months become a few large files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gfpipe.base.files import sweep
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import DiskFullError, LakeError
from gfpipe.lake import schema
from gfpipe.lake.index import compaction, holdings
from gfpipe.lake.index.compaction import Month
from gfpipe.lake.storage import Storage


@dataclass(frozen=True)
class Summary:
    """Result of a compaction.

    Attributes:
        months: number of months that were compacted.
        recordings: number of recordings whose shards were.
        files: number of files of the analyses before and after.
        problems: why months were left as they are.
    """

    months: int
    recordings: int
    files: tuple[int, int]
    problems: tuple[str, ...]


def plan(lake: str, *, verify: bool = False) -> tuple[Month, ...]:
    """List what :func:`run` would compact: months before the current one (UTC).

    Args:
        lake: folder or URL.
        verify: read all files again, also those that have not changed since they were verified.

    Raises:
        LakeError: there is no such lake, or it cannot be read.
    """
    Storage(lake).require()
    return compaction.plan(lake, _this_month(), holdings.read(lake, *schema.ANALYSED, full=verify))


def run(lake: str, on_progress: OnProgress = no_progress) -> Summary:
    """Compact the closed months; one that was interrupted is completed. `on_progress` receives the months done.

    Raises:
        LakeError: there is no such lake, or it cannot be read or written.
    """
    storage = Storage(lake)
    storage.require()
    if storage.is_local:
        sweep(Path(storage.path()))  # what was left by processes that were killed
    held = holdings.read(lake, *schema.ANALYSED)
    months, problems, recordings = compaction.plan(lake, _this_month(), held), list[str](), 0
    for done, month in enumerate(months):
        on_progress(Progress("compacting", done, len(months)))
        try:
            recordings += compaction.compact(lake, month, held)
        except DiskFullError:
            raise
        except LakeError as exc:
            problems.append(str(exc))
    on_progress(Progress("compacting", len(months), len(months)))
    after = holdings.read(lake, *schema.ANALYSED)
    return Summary(len(months) - len(problems), recordings, (len(held.files), len(after.files)), tuple(problems))


def _this_month() -> str:
    return f"{datetime.now(UTC):%Y-%m}"

"""Records what an archive lists, and moves what the lake holds of the same files under other names."""

from collections.abc import Sequence

from gfpipe.archive.manifest import Manifest
from gfpipe.lake import identity, schedule
from gfpipe.lake.identity import Change


def plan(lake: str, holdings: Manifest) -> tuple[Change, ...]:
    """List the entries of the lake that :func:`run` would move or replace.

    Raises:
        LakeError: the lake cannot be read.
    """
    return identity.changes(lake, holdings.recordings)


def run(lake: str, holdings: Manifest, changes: Sequence[Change]) -> None:
    """Write the schedule, and give each file's entry the id under which the archive lists it now, as planned.

    Raises:
        LakeError: the lake cannot be read or written.
        UsageError: answers that must be rewritten are open in ``gfpipe label serve``.
    """
    schedule.record(lake, holdings.source, holdings.recordings, holdings.rejected)
    identity.apply(lake, changes)

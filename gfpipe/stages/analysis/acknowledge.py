"""Acknowledges files that cannot be analysed, so that they are neither reported nor tried again until they change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gfpipe.errors import UsageError
from gfpipe.nights import acknowledgements, survey
from gfpipe.nights.failures import Failure


def run(lake: str, names: Sequence[str], reason: str) -> tuple[Failure, ...]:
    """Acknowledge failures, and return them.

    Args:
        lake: folder or URL.
        names: the path or recording_id of each.
        reason: why nothing can be done, for the coverage.

    Raises:
        LakeError: the lake cannot be read or written.
        UsageError: a name is not that of a failure, or there is no reason.
    """
    if not reason.strip():
        raise UsageError("give the reason for which the file cannot be analysed")
    failures = _named(lake, names)
    for failure in failures:
        acknowledgements.record(lake, failure.path, reason.strip())
    return failures


def undo(lake: str, names: Sequence[str]) -> tuple[Failure, ...]:
    """Remove the acknowledgements of failures, and return these; raises as :func:`run`."""
    failures = _named(lake, names)
    for failure in failures:
        if failure.acknowledged is None:
            raise UsageError(f"{failure.path}: it is not acknowledged")
    for failure in failures:
        acknowledgements.remove(lake, failure.path)
    return failures


def _named(lake: str, names: Sequence[str]) -> tuple[Failure, ...]:
    failures = survey.take(lake, None, (), datetime.now(UTC)).failures
    found = []
    for name in names:
        same = {name, str(Path(name).absolute())}
        match = [failure for failure in failures if failure.recording_id == name or failure.path in same]
        if not match:
            raise UsageError(
                f"{name}: no failed or rejected file has this path or recording_id; see gfpipe status --failed"
            )
        found += match
    return tuple(found)

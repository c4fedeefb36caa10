"""Files that could not be analysed: since when, how often they were tried, and when they are tried again.

The row of a failed recording in ``recordings`` counts the attempts on the same content of its file. The next attempt is
1, 2, 4 and then 7 nights later, or as soon as the file changes; an acknowledged file is tried again only then.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final

from gfpipe.base import regular
from gfpipe.lake.shards import Stored
from gfpipe.nights import acknowledgements
from gfpipe.recording import Status

NIGHTS_BETWEEN: Final = (1, 2, 4, 7)
_NOON: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Failure:
    """A file that could not be analysed.

    Attributes:
        recording_id: None if the file was rejected: it names no recording.
        label: the recording, for display.
        seconds: scheduled time; 0 if unknown.
        reason: with a remedy.
        since: first attempt on this content of the file.
        attempts: analyses that failed; 0 if it was rejected.
        retry_on: evening of the night in which it is tried again; None: when it changes.
        acknowledged: reason of the acknowledgement, if there is one.
    """

    path: str
    recording_id: str | None
    channel: str | None
    label: str
    seconds: float
    reason: str
    since: datetime
    attempts: int
    retry_on: date | None
    acknowledged: str | None = None


def evening(moment: datetime, zone: tzinfo | None) -> date:
    """First day of the night that a moment belongs to."""
    return (moment.astimezone(zone) - _NOON).date()


def next_evening(tried_at: datetime, attempts: int | None, zone: tzinfo | None) -> date:
    """The evening from which a file is tried again; `attempts` is None in lakes of earlier versions."""
    nights = NIGHTS_BETWEEN[min(attempts or 1, len(NIGHTS_BETWEEN)) - 1]
    return evening(tried_at, zone) + timedelta(days=nights)


def history(earlier: Stored | None, fingerprint: Any) -> dict[str, Any]:
    """The columns `failing_since` and `attempts` of a recording that fails now.

    Args:
        earlier: what the lake has of the recording.
        fingerprint: of the file that failed; None if it could not be read.
    """
    row: Mapping[str, Any] = earlier.row if earlier else {}
    same = row.get("status") == Status.FAILED and (
        fingerprint is None or row["source_fingerprint"] in (None, fingerprint)
    )
    before = row.get("failing_since") or row["analysed_at"] if same else None
    return {"failing_since": before or datetime.now(UTC), "attempts": (row.get("attempts") or 1) + 1 if same else 1}


def postponement(lake: str) -> Callable[[Stored], bool]:
    """A function that says whether a recording that failed, and whose file has not changed, is not tried again yet.

    Raises:
        LakeError: an acknowledgement cannot be read.
    """
    acknowledged, now = acknowledgements.read(lake), datetime.now(UTC)

    def is_postponed(failed: Stored) -> bool:
        if known := acknowledged.get(failed.recording.path):
            return regular.fingerprint(known.path) == known.source_fingerprint
        zone = failed.recording.start.tzinfo
        due = next_evening(failed.row["analysed_at"], failed.row["attempts"], zone)
        return evening(now, zone) < due

    return is_postponed

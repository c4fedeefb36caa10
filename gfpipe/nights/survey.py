"""Survey of a lake: its analyses, the files that failed, and the recordings that wait for their analysis."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.lake import schedule, schema
from gfpipe.lake.index import earlier, holdings
from gfpipe.lake.index.holdings import DamagedShard
from gfpipe.nights import acknowledgements
from gfpipe.nights.acknowledgements import Acknowledgement
from gfpipe.nights.failures import Failure, next_evening
from gfpipe.nights.failures import evening as evening_of
from gfpipe.recording import Status, Summary, Timings, zone

Row = Mapping[str, Any]

_LABELLED: Final = ("channel", "started_at", "timezone", "programme")
_COLUMNS: Final = (
    *(*_LABELLED, "recording_id", "path", "scheduled_seconds", "status"),
    *("reason", "duration_seconds", "analysed_seconds", "lost_seconds", "analysed_at", "source_fingerprint"),
    *("failing_since", "attempts"),
)


@dataclass(frozen=True)
class Survey:
    """The state of a lake.

    Attributes:
        zone: the time zone of most recordings.
        last_run: when the archive was last listed or a recording analysed; None: never.
        analyses: rows of ``recordings`` that did not fail.
        failures: of recordings and rejected files, also acknowledged ones.
        waiting: rows of the schedule of recordings without an analysis.
    """

    zone: tzinfo | None
    last_run: datetime | None
    analyses: pa.Table
    failures: tuple[Failure, ...]
    waiting: tuple[Row, ...]

    def analysed_since(self, begin: datetime) -> list[Row]:
        """The analyses from a moment on."""
        rows = self.analyses.filter(pc.greater_equal(self.analyses["analysed_at"], pa.scalar(begin.astimezone(UTC))))
        return list(rows.to_pylist())


def take(lake: str, channels: Sequence[str] | None, run: Iterable[Summary], now: datetime) -> Survey:
    """Survey a lake; for the arguments see :func:`gfpipe.nights.verdict.of`.

    Raises:
        LakeError: the lake cannot be read.
    """
    held, listed = holdings.read(lake, *schema.ANALYSED), schedule.listed(lake)
    rows, damaged = held.analyses.select(_COLUMNS), held.damaged
    if channels:
        rows, listed = (table.filter(_is_in(table["channel"], channels)) for table in (rows, listed))
        damaged = tuple(shard for shard in damaged if shard.channel in channels)
    moments = (pc.max(rows["analysed_at"]).as_py(), pc.max(listed["seen_at"]).as_py())
    is_failed = pc.equal(rows["status"], str(Status.FAILED))
    rejected, waiting = _not_analysed(listed, rows["recording_id"], {shard.recording_id for shard in damaged})
    known = acknowledgements.read(lake)
    failures = {_key(failure): failure for failure in map(_damaged, damaged, [now] * len(damaged))}
    failures |= {_key(failure): failure for failure in _failed(rows.filter(is_failed).to_pylist(), known)}
    failures |= {_key(failure): failure for failure in (_rejected(row, known.get(row["path"])) for row in rejected)}
    for failure in (_unrecorded(summary, now) for summary in run if _fails(summary)):
        failures.setdefault(_key(failure), failure)
    return Survey(
        _zone_of_most(rows, listed),
        max(filter(None, moments), default=None),
        rows.filter(pc.invert(pc.or_(is_failed, _is_in(rows["recording_id"], list(failures))))),
        tuple(sorted(failures.values(), key=lambda failure: failure.label)),
        tuple(row for row in waiting if row["recording_id"] not in failures),
    )


def slowest(lake: str, channels: Sequence[str] | None, evening: date) -> list[Row]:
    """The analyses of a night and of later ones, the slowest first: label, `analysed_seconds` and `seconds` it took.

    Raises:
        LakeError: the lake cannot be read.
    """
    columns = [*_LABELLED, "analysed_seconds", "analysed_at", *(f"{step}_seconds" for step in vars(Timings()))]
    rows = earlier.every(lake).filter(pc.field("status") != str(Status.FAILED)).select(columns).to_pylist()
    found = [
        {
            "label": _label(row),
            "analysed_seconds": row["analysed_seconds"],
            "seconds": sum(row[f"{step}_seconds"] for step in vars(Timings())),
        }
        for row in rows
        if evening_of(row["analysed_at"], _zone(row)) >= evening and (not channels or row["channel"] in channels)
    ]
    return sorted(found, key=lambda row: row["analysed_seconds"] / (row["seconds"] or 1.0))


def seconds(row: Row) -> float:
    """Time on air of a row of ``recordings`` or ``schedule``; 0 if it is unknown."""
    return float(row["scheduled_seconds"] or row.get("duration_seconds") or 0.0)


def _is_in(column: Any, values: Sequence[str]) -> Any:
    return pc.is_in(column, pa.array(values, pa.string()))


def _key(failure: Failure) -> str:
    return failure.recording_id or failure.path


def _zone_of_most(*tables: pa.Table) -> tzinfo | None:
    counts: Counter[str] = Counter()
    for table in tables:
        for count in pc.value_counts(table["timezone"]).to_pylist():
            counts[count["values"] or ""] += count["counts"]
    for name, _ in counts.most_common():
        try:
            return zone(name)
        except (IndexError, ValueError, ZoneInfoNotFoundError):  # of no recording, or unknown to this machine
            continue
    return UTC


def _not_analysed(listed: pa.Table, analysed: Any, damaged: set[str]) -> tuple[list[Row], list[Row]]:
    """Rejected files, and recordings that were not analysed, by the newest listing of each path."""
    ids = pa.concat_arrays([analysed.combine_chunks(), pa.array(sorted(damaged), pa.string())])
    is_open = pc.or_(pc.is_valid(listed["problem"]), pc.invert(pc.is_in(listed["recording_id"], ids)))
    paths = listed.filter(is_open)["path"].unique()
    rows = listed.filter(pc.is_in(listed["path"], paths)).sort_by("seen_at").to_pylist()
    newest = {row["path"]: row["seen_at"] for row in rows}
    rows = [row for row in rows if row["seen_at"] == newest[row["path"]]]
    done = set(pc.filter(ids, pc.is_in(ids, pa.array([row["recording_id"] for row in rows], pa.string()))).to_pylist())
    waiting = {row["recording_id"]: row for row in rows if row["problem"] is None and row["recording_id"] not in done}
    return [row for row in rows if row["problem"] is not None], list(waiting.values())


def _failed(rows: Iterable[Row], known: Mapping[str, Acknowledgement]) -> Iterator[Failure]:
    for row in rows:
        given = known.get(row["path"])
        reason = given.reason if given and given.covers(row["source_fingerprint"]) else None
        evening = next_evening(row["analysed_at"], row["attempts"], _zone(row))
        yield Failure(
            row["path"],
            row["recording_id"],
            row["channel"],
            _label(row),
            seconds(row),
            _without_path(row),
            row["failing_since"] or row["analysed_at"],
            row["attempts"] or 1,
            evening if reason is None else None,
            reason,
        )


def _rejected(row: Row, given: Acknowledgement | None) -> Failure:
    since, problem = row["problem_since"] or row["seen_at"], {"reason": row["problem"], "path": row["path"]}
    return Failure(
        row["path"],
        None,
        row["channel"],
        _label(row),
        seconds(row),
        _without_path(problem),
        since,
        0,
        None,
        given.reason if given else None,
    )


def _damaged(shard: DamagedShard, now: datetime) -> Failure:
    """A damaged file of the lake: the next analysis makes it again."""
    reason = f"damaged shard {shard.shard}: gfpipe analyse makes it again"
    return Failure(shard.shard, shard.recording_id, shard.channel, shard.recording_id, 0.0, reason, now, 0, now.date())


def _fails(summary: Summary) -> bool:
    return summary.status is Status.FAILED and not summary.reused


def _unrecorded(summary: Summary, now: datetime) -> Failure:
    """A failed attempt that the lake does not record, because it keeps an earlier analysis."""
    recording = summary.recording
    reason = _without_path({"reason": summary.reason, "path": recording.path})
    return Failure(
        recording.path, recording.recording_id, recording.channel, recording.label, 0.0, reason, now, 1, now.date()
    )


def _label(row: Row) -> str:
    start = row["started_at"] and f"{row['started_at'].astimezone(_zone(row)):%Y-%m-%d %H:%M}"
    return " · ".join(filter(None, (row["channel"], start, row["programme"])))


def _zone(row: Row) -> tzinfo | None:
    try:
        return zone(row["timezone"])
    except (TypeError, IndexError, ValueError, ZoneInfoNotFoundError):
        return UTC


def _without_path(row: Row) -> str:
    return str(row["reason"]).removeprefix(f"{row['path']}: ")

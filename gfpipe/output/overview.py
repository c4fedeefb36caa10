"""Summaries of many recordings as lines and tables: coverage by channel and day, and what could not be read."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import PurePath
from typing import Any, Final

from gfpipe.output import formats
from gfpipe.output.formats import clock
from gfpipe.output.names import code, markdown
from gfpipe.recording import Recording, Rejected, Status, Summary

Row = dict[str, str | int]

_MAX_ROWS: Final = 200


def coverage(recordings: Sequence[Recording], rejected: Sequence[Rejected], summaries: Sequence[Summary]) -> list[Row]:
    """Recordings and analysed time, one row per channel and day."""
    summary_of = {summary.recording.recording_id: summary for summary in summaries}

    def row(channel: str, day: str, items: Sequence[Recording | Rejected]) -> Row:
        on_air = {item.recording_id: item for item in items if isinstance(item, Recording)}
        day_summaries = [summary_of[key] for key in on_air if key in summary_of]
        statuses = [summary.status for summary in day_summaries]
        lengths = [
            item.scheduled_seconds or (summary_of[key].duration_seconds if key in summary_of else None)
            for key, item in on_air.items()
        ]
        return {
            "channel": channel,
            "day": day,
            "recordings": len(items),
            "scheduled": _scheduled(sum(filter(None, lengths)), len(items) - sum(map(bool, lengths))),
            "done": statuses.count(Status.DONE),
            "partial": statuses.count(Status.PARTIAL),
            "failed": statuses.count(Status.FAILED),
            "rejected": len(items) - len(on_air),
            "analysed": clock(sum(summary.analysed_seconds for summary in day_summaries)),
            "lost": clock(sum(summary.lost_seconds for summary in day_summaries)),
        }

    items: list[Recording | Rejected] = sorted([*recordings, *rejected], key=_channel_and_day)
    return [row(channel, day, list(group)) for (channel, day), group in groupby(items, key=_channel_and_day)]


def _channel_and_day(item: Recording | Rejected) -> tuple[str, str]:
    return item.channel or "unknown", f"{item.start:%Y-%m-%d}" if item.start else "unknown"


def published_coverage(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The warehouse's view `coverage`, one row per channel and day."""
    return [
        {
            "channel": row["channel"] or "unknown",
            "day": f"{row['air_date']:%Y-%m-%d}" if isinstance(row["air_date"], date) else "unknown",
            "recordings": row["recordings"],
            "scheduled": _scheduled(row["scheduled_seconds"] or 0, row["unknown_length_recordings"]),
            "done": row["done_recordings"],
            "partial": row["partial_recordings"],
            "failed": row["failed_recordings"],
            "rejected": row["rejected_recordings"],
            "not yet analysed": row["missing_recordings"],
            "copies": row["copied_recordings"],
            "analysed": clock(row["analysed_seconds"]),
            "lost": clock(row["lost_seconds"]),
            "why": row["reasons"] or "",
        }
        for row in rows
    ]


def _scheduled(seconds: float, unknown: int) -> str:
    return clock(seconds) + (f" + {unknown} of unknown length" if unknown else "")


def newest(rows: list[Row]) -> list[Row]:
    """The latest 200 rows, newest first."""
    return sorted(rows, key=lambda row: str(row["day"]), reverse=True)[:_MAX_ROWS]


def problems(rejected: Iterable[Rejected], summaries: Iterable[Summary]) -> str:
    """The files that are not completely analysed, with reasons, as a Markdown list: cells of a table do not wrap."""
    entries = [
        (summary.status.value, summary.recording.label, summary.recording.path, summary.reason or "")
        for summary in summaries
        if summary.status is not Status.DONE
    ]
    entries += [
        ("rejected", " · ".join(filter(None, (row.channel, row.programme))), row.path, row.problem) for row in rejected
    ]
    more = [f"… and {len(entries) - _MAX_ROWS} more: `gfpipe status`"] if len(entries) > _MAX_ROWS else []
    return "\n".join([_problem(*entry) for entry in sorted(entries)[:_MAX_ROWS]] + more)


def _problem(status: str, recording: str, path: str, reason: str) -> str:
    name = markdown(recording or PurePath(path).name)
    return (
        f"- **{name}** — {status}: {markdown(' '.join(reason.removeprefix(f'{path}: ').split()))}\n\n  {code(path)}\n"
    )


def headline(summaries: Sequence[Summary], rejected: int = 0) -> str:
    """A run in one line: ``11 analysed, 1 failed, 21 done before, 3 of these only in part``."""
    statuses = [summary.status for summary in summaries if not summary.reused]
    before = [summary.status for summary in summaries if summary.reused and summary.status is not Status.FAILED]
    return counted(
        {
            "analysed": len(statuses) - statuses.count(Status.FAILED),
            "of them only in part": statuses.count(Status.PARTIAL),
            "failed": statuses.count(Status.FAILED),
            "rejected": rejected,
            "done before": len(before),
            "of these only in part": before.count(Status.PARTIAL),
            "failed before": len(summaries) - len(statuses) - len(before),
        }
    )


def other_models(summaries: Iterable[Summary], classifier_id: str) -> str | None:
    """How many recordings another model than `classifier_id` classified in an earlier run; None if there are none."""
    others = [summary.classifier_id for summary in summaries if summary.classifier_id not in (None, classifier_id)]
    return (
        f"{formats.counted(len(others), 'recording')} by {', '.join(sorted(set(filter(None, others))))}"
        if others
        else None
    )


def counted(counts: Mapping[str, int]) -> str:
    """The counts that are not zero, with their names."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing yet"

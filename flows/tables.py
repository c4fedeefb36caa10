"""What a person on duty reads in Prefect's UI: short tables, whole minutes, no codes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from gfpipe.evaluation.gate.decision import Check, Decision
from gfpipe.formats import PERCENT, clock, share_with_interval
from gfpipe.recording import Recording, Rejected, Status, Summary

if TYPE_CHECKING:  # NumPy takes its time
    from gfpipe.curation.sets import Card
    from gfpipe.evaluation.answers import Trial
    from gfpipe.training.run.history import Epoch

Row = dict[str, str | int]

CHECKS: Final = "Per cent of faces, and points. To pass, “at least” (with 95 % confidence) must be above “limit”."

_PAGE: Final = 200
_MEASURES: Final = {"worst cell": "worst group"}
_IN_WORDS: Final = {**_MEASURES, "gap": "gap between women and men"}


def coverage(recordings: Sequence[Recording], rejected: Sequence[Rejected], summaries: Sequence[Summary]) -> list[Row]:
    """One row a channel and day: how many recordings were scheduled, and what became of them."""
    summary_of = {summary.recording.recording_id: summary for summary in summaries}
    items: list[Recording | Rejected] = sorted([*recordings, *rejected], key=_channel_and_day)
    return [
        _coverage_row(channel, day, list(group), summary_of)
        for (channel, day), group in groupby(items, key=_channel_and_day)
    ]


def _channel_and_day(item: Recording | Rejected) -> tuple[str, str]:
    return item.channel or "unknown", f"{item.start:%Y-%m-%d}" if item.start else "unknown"


def _coverage_row(
    channel: str, day: str, items: Sequence[Recording | Rejected], summary_of: Mapping[str, Summary]
) -> Row:
    found = [summary_of.get(item.recording_id) if isinstance(item, Recording) else None for item in items]
    summaries = [summary for summary in found if summary is not None]
    by_status = {status: sum(summary.status is status for summary in summaries) for status in Status}
    lengths = [
        item.scheduled_seconds or (summary.duration_seconds if summary else None)
        for item, summary in zip(items, found, strict=True)
        if isinstance(item, Recording)
    ]
    return {
        "channel": channel,
        "day": day,
        "recordings": len(items),
        "scheduled": _scheduled(sum(filter(None, lengths)), len(items) - sum(map(bool, lengths))),
        "done": by_status[Status.DONE],
        "partial": by_status[Status.PARTIAL],
        "failed": by_status[Status.FAILED],
        "rejected": sum(isinstance(item, Rejected) for item in items),
        "analysed": clock(sum(summary.analysed_seconds for summary in summaries)),
        "lost": clock(sum(summary.lost_seconds for summary in summaries)),
    }


def problems(rejected: Iterable[Rejected], summaries: Iterable[Summary]) -> str:
    """Every file that somebody must look at, and why, in Markdown: the cells of a table would not wrap."""
    entries = [
        (summary.status.value, summary.recording.label, summary.recording.path, summary.reason or "")
        for summary in summaries
        if summary.status is not Status.DONE
    ]
    entries += [
        ("rejected", " · ".join(filter(None, (row.channel, row.programme))), row.path, row.problem) for row in rejected
    ]
    shown = sorted(entries)[:_PAGE]
    more = [f"… and {len(entries) - _PAGE} more: `gfpipe status`"] if len(entries) > _PAGE else []
    return "\n".join([_problem(*entry) for entry in shown] + more) if entries else ""


def _problem(what: str, recording: str, path: str, why: str) -> str:
    name = recording or PurePath(path).name
    reason = " ".join(why.removeprefix(f"{path}: ").split())
    return f"- **{name}** — {what}: {reason}\n\n  `{path}`\n"


def published_coverage(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The warehouse's coverage, by channel and day."""
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
            "analysed": clock(row["analysed_seconds"]),
            "lost": clock(row["lost_seconds"]),
            "why": row["reasons"] or "",
        }
        for row in rows
    ]


def _scheduled(seconds: float, unknown: int) -> str:
    """How long it should have been; recordings of which nobody knows are named, or a gap would look like none."""
    return clock(seconds) + (f" + {unknown} of unknown length" if unknown else "")


def screen_time(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Screen time by perceived gender, by channel, with 95 % intervals."""
    return [
        {
            "channel": row["channel"],
            "analysed": clock(row["analysed_seconds"]),
            "coverage": PERCENT.text(row["coverage"]),
            "women, face time": clock(row["female_face_seconds"]),
            "men, face time": clock(row["male_face_seconds"]),
            "women's share of face time": share_with_interval(row, "share_female_face_time"),
            "corrected": share_with_interval(row, "share_female_face_time_corrected"),
            "women, presence": clock(row["female_presence_seconds"]),
            "men, presence": clock(row["male_presence_seconds"]),
        }
        for row in rows
    ]


def checks(decision: Decision) -> list[Row]:
    """What the gate looked at, a row a check; :data:`CHECKS` says what the columns are."""
    return [
        {
            "data": check.data,
            "measure": _named(check),
            "verdict": check.verdict,
            decision.candidate: f"{check.candidate:.2f}",
            decision.champion: f"{check.champion:.2f}",
            "better by": f"{check.difference:+.2f}",
            "at least": f"{check.bound:+.2f}",
            "limit": f"{-check.margin:+.2f}",
            "faces": check.faces,
            "where": check.note,
        }
        for check in decision.checks
    ]


def verdict(decision: Decision) -> str:
    """The decision in one sentence."""
    if decision.undecided:
        return f"no decision about {decision.candidate}: {decision.undecided}"
    if not decision.checks:
        return f"{decision.candidate} is the champion already"
    if decision.passed:
        found = f"no worse than {decision.champion}, within the margins, in all {len(decision.checks)} checks"
    else:
        found = f"{_failed(decision.checks)}; not shown to be as good as {decision.champion}"
    if decision.forced is not None:
        return f"{decision.candidate} is promoted by force ({decision.forced}); {found}"
    return f"{decision.candidate} is {'promoted' if decision.passed else 'not promoted'}: {found}"


def _failed(checks: Iterable[Check]) -> str:
    """Such as ``worse (utkface: gap), too few faces to tell (utkface: accuracy; archive: accuracy, gap)``."""
    found: dict[str, dict[str, list[str]]] = {}
    for check in checks:
        if not check.passed:
            found.setdefault(check.verdict, {}).setdefault(check.data, []).append(_named(check))
    where = {
        why: "; ".join(f"{data}: {', '.join(measures)}" for data, measures in of.items()) for why, of in found.items()
    }
    return ", ".join(f"{why} ({where[why]})" for why in sorted(where, reverse=True))


def reasons(decision: Decision) -> str:
    """Why it was decided so, in Markdown: a point a check."""
    if decision.undecided or not decision.checks:
        return f"Nothing was changed: {decision.champion} is the champion."
    head = f"{decision.candidate} against {decision.champion}, the champion, on faces that neither was trained on:"
    return "\n".join([head, "", *map(_reason, decision.checks)])


def _reason(check: Check) -> str:
    unit = "points" if check.measure == "gap" else "%"
    where = f" ({check.note})" if check.note else ""
    better = "the same" if not round(check.difference, 2) else _points(check.difference)
    surely = f"{_points(check.bound)} at {'most' if check.bound < 0 else 'least'}"
    return (
        f"- **{_named(check, _IN_WORDS)} on {check.data}: {check.verdict}.** {check.candidate:.2f} {unit} against "
        f"{check.champion:.2f} {unit}{where}, on {check.faces:,} faces: {better}. With 95 % confidence it is {surely}; "
        f"{check.margin:g} points worse would be allowed."
    )


def _points(difference: float) -> str:
    return f"{abs(difference):.2f} points {'worse' if difference < 0 else 'better'}"


def _named(check: Check, names: Mapping[str, str] = _MEASURES) -> str:
    return names.get(check.measure, check.measure)


def consequences(decision: Decision) -> str:
    """What a promotion means for what was analysed before."""
    return (
        f"From now on {decision.candidate} reads faces wherever no classifier is named. Figures of two models never "
        f"stand in one series, and the next analysis of nights that {decision.champion} has read would do them all "
        "again. To bring them under the new model in less time, run for each lake, before its next analysis:\n\n"
        f"    gfpipe reclassify --lake LAKE --classifier {decision.candidate}"
    )


def epochs(history: Sequence["Epoch"]) -> list[Row]:
    """How training went, a row an epoch."""
    return [
        {
            "stage": epoch.stage,
            "epoch": epoch.epoch,
            "loss": f"{epoch.train_loss:.4f}",
            "validation loss": _known(f"{epoch.validation_loss:.4f}"),
            "validation accuracy": _known(f"{100 * epoch.validation_accuracy:.2f} %"),
            "women": _known(f"{100 * epoch.validation_accuracy_women:.2f} %"),
            "men": _known(f"{100 * epoch.validation_accuracy_men:.2f} %"),
            "time": clock(epoch.seconds),
            "images a second": f"{epoch.images_per_second:.0f}",
        }
        for epoch in history
    ]


def training(history: Sequence["Epoch"]) -> str:
    """What came of a training, in one line."""
    accuracy = _known(f"{100 * history[-1].validation_accuracy:.2f} %")
    return f"{len(history)} epochs; {accuracy} of the validation faces are read as they are labelled"


def measured(trials: Iterable["Trial"]) -> str:
    """On what models were measured, in one line."""
    return "; ".join(
        f"{trial.data}: {len(trial.labels):,} faces"
        + (f", {trial.seen:,} more left out as a model has learned from them" if trial.seen else "")
        for trial in trials
    )


def chosen(card: "Card") -> str:
    """How many faces a set has, in one line."""
    women, men = (sum(count[gender] for count in card.chosen.values()) for gender in ("female", "male"))
    return f"{women:,} women and {men:,} men chosen of {sum(card.candidates.values()):,} crops"


def accounts(card: "Card") -> list[Row]:
    """What became of every crop that might have been learned from, from the first step to the last."""
    rows: list[tuple[str, Mapping[str, int]]] = [("candidates", card.candidates)]
    rows += [(f"− {each.reason}", {"female": each.female, "male": each.male}) for each in card.dropped]
    rows += [(f"= chosen for {part}", count) for part, count in card.chosen.items()]
    return [{"crops": what, "women": f"{count['female']:,}", "men": f"{count['male']:,}"} for what, count in rows]


def _known(text: str) -> str:
    return "–" if text.startswith("nan") else text


def headline(summaries: Sequence[Summary], rejected: int = 0) -> str:
    """The run in one line: ``11 analysed, 1 failed``."""
    fresh = [summary for summary in summaries if not summary.reused]
    failed = sum(summary.status is Status.FAILED for summary in fresh)
    partial = sum(summary.status is Status.PARTIAL for summary in fresh)
    counts = {
        "analysed": len(fresh) - failed,
        "of them only in part": partial,
        "failed": failed,
        "rejected": rejected,
        "done before": len(summaries) - len(fresh),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing yet"


def newest(rows: list[Row]) -> list[Row]:
    """The latest days first, and no more than a page can show; the warehouse has them all."""
    return sorted(rows, key=lambda row: str(row["day"]), reverse=True)[:_PAGE]

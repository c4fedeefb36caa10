"""What a person sees on a terminal: progress while it runs, tables when it is done, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from gfpipe.flows import tables
from gfpipe.formats import HOURS, PERCENT, clock, share_with_interval
from gfpipe.recording import Recording, Status, Summary

if TYPE_CHECKING:
    from gfpipe.evaluation.gate.decision import Decision
    from gfpipe.progress import OnProgress
    from gfpipe.progress import Progress as Work
from collections import Counter

# Where nobody watches (a file, a log), lines may be as wide as tables need.
console: Final = Console(width=None if sys.stdout.isatty() else 160)
errors: Final = Console(stderr=True)

_NOTHING: Final = (None, 0, "", "0:00:00")
_STYLES: Final = {Status.DONE: "green", Status.PARTIAL: "yellow", Status.FAILED: "red"}


def say(text: str, style: str = "") -> None:
    """One line to the person at the terminal, kept apart from results."""
    errors.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def table(rows: Sequence[Mapping[str, Any]], title: str) -> None:
    """Print rows under their keys as headings; columns that say nothing in any row are left out."""
    drawn = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    telling = [key for key in (rows[0] if rows else ()) if any(row[key] not in _NOTHING for row in rows)]
    for key in telling:
        numeric = all(str(row[key])[-1:] in "0123456789%–)" for row in rows)
        drawn.add_column(key, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(str(row[key])) for key in telling))
    console.print(drawn)


def coverage(rows: Iterable[Mapping[str, Any]]) -> None:
    """Print the warehouse's coverage; the reasons follow file by file (:func:`problem`)."""
    lines = tables.published_coverage(rows)
    table([{key: line[key] for key in line if key != "why"} for line in lines], "Coverage, by local air date")


def problem(status: str, path: str, reason: str) -> None:
    """Print a file that is not wholly analysed and, quieter, why."""
    console.print(f"{status:<9}{short(path)}", markup=False, highlight=False, soft_wrap=True)
    why = reason.removeprefix(f"{path}: ")
    console.print(f"{'':<9}{why}", style="dim", markup=False, highlight=False, soft_wrap=True)


def short(path: str | Path) -> str:
    """A path as it is from here, where it lies below; else as it is."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class AnalysisProgress:
    """Recordings done, × real time and what remains: a bar on a terminal, a line a recording elsewhere."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._seconds = 0.0
        self._done = self._total = 0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} recordings"),
            _Speed(self),
            console=errors,
            disable=not errors.is_terminal,
        )
        self._task = self._bar.add_task("analysing", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def hear(self, due: Sequence[Recording], summary: Summary | None) -> None:
        """First told what is due, then once for each recording that has ended."""
        if summary is None:
            self._start, self._total = time.monotonic(), len(due)
            self._bar.update(self._task, total=len(due), visible=bool(due))
        else:
            self._advance(summary)

    def _advance(self, summary: Summary) -> None:
        self._done += 1
        self._seconds += summary.analysed_seconds
        self._bar.advance(self._task)
        length = clock(summary.analysed_seconds)
        line = f"[{self._done}/{self._total}] {summary.status:<7} {summary.recording.label}  {length}"
        if not errors.is_terminal:  # no bar says it
            line += f"  [{self.speed}]"
        if summary.reason:
            line += f"\n        {summary.reason.removeprefix(f'{summary.recording.path}: ')}"
        self._bar.console.print(line, style=_STYLES[summary.status], markup=False, highlight=False, soft_wrap=True)

    @property
    def speed(self) -> str:
        """How much faster than the broadcast itself, and how long it will go on."""
        spent = time.monotonic() - self._start
        if not self._done or not self._seconds:
            return "…"
        remaining = spent / self._done * (self._total - self._done)
        return f"{self._seconds / spent:.0f} × real time, {clock(remaining)} remaining"


class _Speed(ProgressColumn):
    def __init__(self, progress: AnalysisProgress) -> None:
        super().__init__()
        self._progress = progress

    def render(self, task: Task) -> Text:  # noqa: ARG002 - rich's signature
        return Text(self._progress.speed, style="cyan")


@contextmanager
def kept_study(folder: Path) -> Iterator[None]:
    """Say on Ctrl-C that a study loses nothing."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"The study is kept in {short(folder)}; the same command goes on with it.")
        raise


class TrainingProgress:
    """Faces of the present epoch, how fast, and how well it goes: a bar on a terminal, a line an epoch elsewhere."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[telling]}", style="cyan"),
            TimeRemainingColumn(),
            console=errors,
            disable=not errors.is_terminal,
        )
        self._task = self._bar.add_task("preparing", total=None, telling="")
        self._what = ""
        self._start, self._before = time.monotonic(), 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def hear(self, now: "Work") -> None:
        """Told how far it is, several times an epoch."""
        what = f"{now.stage}, epoch {now.epoch} of {now.epochs}" if now.epoch else now.activity
        if what != self._what:
            self._what, self._start, self._before = what, time.monotonic(), now.done
            self._bar.reset(self._task, total=now.total, description=what)
            if not errors.is_terminal:
                say(f"{what}{_so_far(now.validation_accuracy)}")
        spent = time.monotonic() - self._start
        telling = f"{(now.done - self._before) / spent:.0f} images/s" if spent > 1 else ""
        telling += f"  loss {now.loss:.3f}" if math.isfinite(now.loss) else ""
        telling += _so_far(now.validation_accuracy)
        self._bar.update(self._task, completed=now.done, total=now.total, telling=telling)


def _so_far(accuracy: float) -> str:
    return f"  validation accuracy {accuracy:.2%}" if math.isfinite(accuracy) else ""


@contextmanager
def counting(items: str) -> Iterator["OnProgress"]:
    """Show a bar of items done and in all; nothing without a terminal."""
    with _bar(items, MofNCompleteColumn(), TimeRemainingColumn()) as on_progress:
        yield on_progress


@contextmanager
def downloading(name: str) -> Iterator["OnProgress"]:
    """Show a bar of bytes fetched; nothing without a terminal."""
    with _bar(name, DownloadColumn()) as on_progress:
        yield on_progress


@contextmanager
def _bar(description: str, *columns: ProgressColumn) -> Iterator["OnProgress"]:
    shown = (TextColumn("{task.description}"), BarColumn(), *columns)
    with Progress(*shown, console=errors, disable=not errors.is_terminal) as bar:
        task = bar.add_task(description, total=None)
        yield lambda progress: bar.update(task, completed=progress.done, total=progress.total)


def summary_line(summaries: Iterable[Summary], seconds: float) -> str:
    """One sentence on a whole run."""
    summaries = list(summaries)
    count = {status: sum(summary.status is status for summary in summaries) for status in Status}
    aired = sum(summary.analysed_seconds for summary in summaries if not summary.reused)
    reused = sum(summary.reused for summary in summaries)
    text = f"{count[Status.DONE]} done, {count[Status.PARTIAL]} partial, {count[Status.FAILED]} failed"
    if reused:
        text += f" ({reused} analysed before)"
    return f"{text}; {clock(aired)} of television in {clock(seconds)}" + (
        f", {aired / seconds:.0f} × real time" if aired else ""
    )


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


Row = Mapping[str, Any]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDE: Final = 140  # characters that two by-columns and all figures take
_FIRST_TO_GO: Final = ("over tracks", "a woman on screen", "a man on screen")
_SHARE: Final = "share_female_face_time"


def figures(rows: Sequence[Row], by: Sequence[str]) -> None:
    """Print the figures of each group, then why some are not there."""
    left_out = () if console.width >= _WIDE else _FIRST_TO_GO
    lines = [{name: cell for name, cell in _line(row, by).items() if name not in left_out} for row in rows]
    table(lines, "Screen time by perceived gender, 95 % intervals in brackets")
    more = [f"This terminal is narrow; --format csv has the rest ({', '.join(left_out)}, …)"] if left_out else []
    for note in [*notes(rows), *more]:
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def notes(rows: Sequence[Row]) -> list[str]:
    """Why intervals or corrected figures are missing, and in how many rows."""
    return [
        f"{what}: {why}" + (f" ({count} of {len(rows)} rows)" if count < len(rows) else "")
        for what, column in (("No interval", "interval_note"), ("Not corrected", "correction_note"))
        for why, count in Counter(row[column] for row in rows if row[column]).most_common()
    ]


def _line(row: Row, by: Sequence[str]) -> dict[str, str]:
    known_length = row["coverage"] is not None
    return {
        **{column: _group(column, row[column]) for column in by},
        "women's share of face time": share_with_interval(row, _SHARE),
        "corrected": share_with_interval(row, f"{_SHARE}_corrected") if row[f"{_SHARE}_corrected"] is not None else "",
        "over tracks": PERCENT.text(row[f"{_SHARE}_tracks"]) if row[f"{_SHARE}_tracks"] is not None else "",
        "a woman on screen": PERCENT.text(row["share_female_presence_time"]),
        "a man on screen": PERCENT.text(row["share_male_presence_time"]),
        "hours": HOURS.text(row["hours_analysed"]),
        "coverage": PERCENT.text(row["coverage"]) if known_length else "unknown",
    }


def _group(column: str, value: Any) -> str:
    if value is None:
        return "unknown"
    return _DAYS[value - 1] if column == "weekday" else str(value)


def sensitivity(rows: Iterable[Row]) -> None:
    """Print how the headline moves with what was decided by convention."""
    lines = [
        {
            "variant": row["variant"],
            "women's share of face time": PERCENT.text(row["share"]),
            "difference": "" if row["difference"] is None else f"{row['difference']:+.2f} points",
        }
        for row in rows
    ]
    table(lines, "Women's share of face time, had it been counted otherwise")


def decision(outcome: "Decision", *, dry_run: bool = False, read_again: bool = False) -> None:
    """Show a decision of the gate, and what follows from it, unless history was read again already."""
    if outcome.checks:
        table(tables.checks(outcome), tables.CHECKS)
    say(tables.verdict(outcome), "green" if outcome.promoted else "yellow")
    if dry_run:
        say("A dry run: nothing was changed.")
    elif outcome.promoted and not read_again:
        say(tables.consequences(outcome))

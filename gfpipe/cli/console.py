"""Terminal output: results on standard output, messages and progress on standard error.

Progress is a bar on a terminal, and one line per step elsewhere.
"""

import math
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Drawn
from rich.text import Text

from gfpipe.evaluation.gate import wording
from gfpipe.output import figures as figure_tables
from gfpipe.output import names, overview
from gfpipe.output.formats import clock
from gfpipe.output.tables import Table
from gfpipe.recording import Status, Summary

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

    from gfpipe.base.progress import OnProgress
    from gfpipe.base.progress import Progress as Work
    from gfpipe.cli.results.output import OutputOptions
    from gfpipe.evaluation.gate.decision import Decision

# A file or log has no width: tables get the room they need.
console: Final = Console(width=None if sys.stdout.isatty() else 160)
errors: Final = Console(stderr=True)

_STYLES: Final = {Status.DONE: "green", Status.PARTIAL: "yellow", Status.FAILED: "red"}
_SHORT: Final = 10  # characters
_OUTCOMES: Final = ("done", "partial", "failed", "rejected", "not yet analysed", "copies")  # of recordings
_WIDE: Final = 140  # characters of a table with two columns to group by and all figures
_OPTIONAL: Final = ("over tracks", "a woman on screen", "a man on screen")  # columns left out on narrower terminals

Row = Mapping[str, Any]


def say(text: str, style: str = "") -> None:
    """Print a message to standard error."""
    errors.print(names.lines(text), style=style, markup=False, highlight=False, soft_wrap=True)


def output(text: str, style: str = "") -> None:
    """Print text to standard output."""
    console.print(names.lines(text), style=style, markup=False, highlight=False, soft_wrap=True)


def table(rows: Sequence[Row], title: str) -> None:
    """Print rows as a table with their keys as headings, without columns that are empty in all rows."""
    show(Table.of("", title, rows))


def show(shown: Table) -> None:
    """Print a table, wrapped to the width of the terminal, and its note."""
    drawn = Drawn(title=shown.title, title_justify="left", title_style="bold", header_style="bold", box=SIMPLE_HEAD)
    cells = [[column.form.text(cell) for column, cell in zip(shown.columns, row, strict=True)] for row in shown.rows]
    for index, column in enumerate(shown.columns):
        is_short = all(len(row[index]) <= _SHORT for row in cells)  # such as a day, which is not broken in two
        drawn.add_column(
            column.heading, justify="right" if column.numeric else "left", overflow="fold", no_wrap=is_short
        )
    for row in cells:
        drawn.add_row(*map(Text, row))
    console.print(drawn)
    if shown.note:
        output(shown.note)


def coverage(rows: Iterable[Row]) -> Table:
    """The warehouse's coverage, without reasons: those are printed per file by :func:`problem`."""
    lines = [
        {
            **{name: line[name] for name in ("channel", "day")},
            "recordings": overview.counted({name: int(line[name]) for name in _OUTCOMES}),
            **{name: line[name] for name in ("scheduled", "analysed", "lost")},
        }
        for line in overview.published_coverage(rows)
    ]
    return Table.of("coverage", "Coverage, by local air date", lines)


def problem(status: str, path: str, reason: str) -> None:
    """Print the path of a file that is not completely analysed, and the reason, wrapped on a terminal."""
    output(f"{status:<9}{short(path)}")
    text = names.lines(reason.removeprefix(f"{path}: "))
    if console.is_terminal:
        console.print(Padding(Text(text, "dim"), (0, 0, 0, 9)))
    else:
        output(f"{'':<9}{text}")


def short(path: str | Path) -> str:
    """A path relative to the working directory if it is below, else unchanged."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def figures(rows: Sequence[Row], by: Sequence[str], to: "OutputOptions | None" = None) -> Table:
    """The figures of each group, with fewer columns for a narrow terminal."""
    is_narrow = console.width < _WIDE and (to is None or (to.form == "table" and to.out is None))
    all_debiased = {row["headline"] for row in rows} == {f"{figure_tables.SHARE}_debiased"}
    without = (*_OPTIONAL, *(["corrected"] if all_debiased else [])) if is_narrow else ()
    shown = figure_tables.screen_time(rows, by, without)
    hint = f"This terminal is narrow; --columns all has the rest ({', '.join(without)}, …)" if without else ""
    return replace(shown, note="\n".join(filter(None, (shown.note, hint))))


def decision(outcome: "Decision", *, dry_run: bool = False, reclassified: bool = False) -> None:
    """Print a decision of the gate, and what follows from it unless the lake is reclassified already."""
    if outcome.checks:
        table(wording.checks(outcome), wording.CHECKS)
    say(wording.verdict(outcome), "green" if outcome.promoted else "yellow")
    if dry_run:
        say("Dry run: nothing was changed.")
    elif outcome.promoted and not reclassified:
        say(wording.consequences(outcome))


@contextmanager
def analysis_progress() -> Iterator["OnProgress"]:
    """Show recordings done, speed and remaining time; without a terminal, one line per recording."""
    start, seconds = time.monotonic(), 0.0
    columns = ("{task.completed:.0f}/{task.total:.0f} recordings", "[cyan]{task.fields[speed]}")
    with _bar("analysing", *columns, visible=False, speed="…") as (bar, task):

        def on_progress(now: "Work") -> None:
            nonlocal start, seconds
            summary, spent, total = now.item, time.monotonic() - start, now.total or 0
            if not isinstance(summary, Summary):
                start = time.monotonic()
                bar.update(task, total=total, visible=bool(total))
                return
            seconds += summary.analysed_seconds
            speed = "…"
            if seconds:
                speed = f"{seconds / spent:.0f} × real time, {clock(spent / now.done * (total - now.done))} remaining"
            bar.update(task, completed=now.done, speed=speed)
            line = (
                f"[{now.done}/{total}] {summary.status:<7} {summary.recording.label}  {clock(summary.analysed_seconds)}"
            )
            line += "" if errors.is_terminal else f"  [{speed}]"
            for text in filter(None, (summary.reason, summary.note)):
                line += f"\n        {text.removeprefix(f'{summary.recording.path}: ')}"
            bar.console.print(
                names.lines(line), style=_STYLES[summary.status], markup=False, highlight=False, soft_wrap=True
            )

        yield on_progress


@contextmanager
def training_progress() -> Iterator["OnProgress"]:
    """Show images done in the epoch, speed, loss and accuracy; without a terminal, one line per epoch."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn  # noqa: PLC0415

    activity, start, before = "", time.monotonic(), 0
    columns = (MofNCompleteColumn(), "[cyan]{task.fields[status]}", TimeRemainingColumn())
    with _bar("preparing", *columns, status="") as (bar, task):

        def on_progress(now: "Work") -> None:
            nonlocal activity, start, before
            current = f"{now.stage}, epoch {now.epoch} of {now.epochs}" if now.epoch else now.activity
            known = math.isfinite(now.validation_accuracy)
            accuracy = f"  validation accuracy {now.validation_accuracy:.2%}" if known else ""
            if current != activity:
                activity, start, before = current, time.monotonic(), now.done
                bar.reset(task, total=now.total, description=activity)
                if not errors.is_terminal:
                    say(activity + accuracy)
            spent = time.monotonic() - start
            status = f"{(now.done - before) / spent:.0f} images/s" if spent > 1 else ""
            status += f"  loss {now.loss:.3f}" if math.isfinite(now.loss) else ""
            bar.update(task, completed=now.done, total=now.total, status=status + accuracy)

        yield on_progress


@contextmanager
def counting(items: str, *, in_bytes: bool = False) -> Iterator["OnProgress"]:
    """Show a bar of items done, or of bytes fetched; nothing without a terminal."""
    from rich.progress import DownloadColumn, MofNCompleteColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (DownloadColumn(),) if in_bytes else (MofNCompleteColumn(), TimeRemainingColumn())
    with _bar(items, *columns) as (bar, task):
        yield lambda now: bar.update(task, completed=now.done, total=now.total)


@contextmanager
def _bar(
    description: str, *columns: "str | ProgressColumn", visible: bool = True, **fields: Any
) -> Iterator[tuple["Progress", "TaskID"]]:
    from rich.progress import BarColumn, Progress  # noqa: PLC0415 - not needed by gfpipe --help

    shown = ("{task.description}", BarColumn(), *columns)
    with Progress(*shown, console=errors, disable=not errors.is_terminal) as bar:
        yield bar, bar.add_task(description, total=None, visible=visible, **fields)


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Print on Ctrl-C where finished work is stored."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"Finished work is stored in {short(folder)}; the same command resumes it.")
        raise


def summary_line(summaries: Iterable[Summary], seconds: float) -> str:
    """Describe a run in one line."""
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
    """Whether questions can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()

"""The command line. What a command needs is imported when it runs: ``gfpipe --help`` loads neither torch nor Prefect.

Exit codes: 0 all went well, 1 something failed (some recordings, a check, the disk), 2 wrong use, 130 Ctrl-C.
"""

import atexit
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.cli import analyse, console, figures, labels, learning, masking, models, study, systems
from gfpipe.cli.options import (
    Lake,
    Panel,
    example,
)
from gfpipe.errors import GfpipeError, UsageError

if TYPE_CHECKING:
    from gfpipe.lake.retention import Held, Place, What
    from gfpipe.stages.analysis.purge import Total


app = typer.Typer(
    name="gfpipe",
    help="Count screen time by perceived gender in archives of television.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(analyse.app)
app.add_typer(figures.app)
app.add_typer(labels.label, name="label", rich_help_panel=Panel.EVIDENCE)
app.add_typer(labels.speech, name="speech", rich_help_panel=Panel.EVIDENCE)
app.add_typer(labels.ina, name="ina", rich_help_panel=Panel.EVIDENCE)
app.add_typer(models.group, name="models", rich_help_panel=Panel.MODELS)
study.app.add_typer(systems.app)
study.app.add_typer(masking.app)
app.add_typer(study.app, name="study", rich_help_panel=Panel.MODELS)
app.add_typer(models.app)
app.add_typer(learning.app)

_INTERRUPTED = 130  # what Typer makes of Ctrl-C


@app.command(rich_help_panel=Panel.ANALYSE, epilog=example("gfpipe serve --config gfpipe.toml"))
def serve(
    config: Annotated[Path, typer.Option(help="The site's settings; deploy/gfpipe.toml is an example.")] = Path(
        "gfpipe.toml"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of Prefect's UI on this machine.")] = 4200,
) -> None:
    """Run Prefect's server and UI on this machine, and analyse and publish on schedule until Ctrl-C."""
    from gfpipe.flows.serve import serve as serve_site  # noqa: PLC0415

    serve_site(config, port)


@app.command(
    rich_help_panel=Panel.ANALYSE,
    epilog=example(
        "gfpipe purge --lake lake --expired --yes",
        "gfpipe purge --lake lake --recording tv1-20010304T190000Z-news-8a1d7556 --dry-run",
        "gfpipe purge --lake lake --all",
    ),
)
def purge(
    lake: Lake,
    expired: Annotated[bool, typer.Option("--expired", help="Crops whose day has come.")] = False,
    recording: Annotated[
        list[str] | None, typer.Option(help="All of this recording, by its recording_id; may be given again.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every picture of a face, and every list of them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove pictures of faces that were kept, with every copy of them, and count what is left: nothing.

    It reaches crops, rows and pictures of curated sets, chips that trainings
    left in their folders, and unfinished files; with --recording and --all
    label queues too. Human answers hold no picture and are kept. Exit code 1:
    something is left, and is named.
    """
    from gfpipe.lake.retention import What  # noqa: PLC0415
    from gfpipe.stages.analysis import purge as stage  # noqa: PLC0415

    what = What(expired, tuple(recording or ()), everything)
    if not (dry_run or yes or console.is_terminal()):
        raise UsageError(
            "purge asks before it deletes, and nobody is here to be asked: say --yes, or --dry-run to look"
        )
    found = stage.plan(lake, what)
    if dry_run or not yes:
        _show(stage.totals(found), None, "To be removed")
    if dry_run:
        _name(found)
        console.say(f"Nothing was removed. To remove it: gfpipe purge --lake {lake} {_option(what)}")
        return
    if found and not yes:
        typer.confirm(f"Remove all of this from {lake}? It cannot be brought back", abort=True)
    with console.counting("files") as progress:
        summary = stage.run(lake, what, progress)
    _show(stage.totals(summary.before), stage.totals(summary.after), "Pictures of faces, before and after")
    console.say(f"{summary.answers:,} human answers about faces hold no picture and are kept.")
    for held in summary.after:
        console.problem("left", held.name, held.problem)
    if summary.after:
        raise typer.Exit(1)


def _option(what: "What") -> str:
    if what.recordings:
        return " ".join(f"--recording {each}" for each in what.recordings)
    return "--expired" if what.expired else "--all"


def _name(found: Sequence["Held"]) -> None:
    for held in found:
        if held.problem:
            console.problem("stays", held.name, held.problem)


def _show(before: Mapping["Place", "Total"], after: Mapping["Place", "Total"] | None, title: str) -> None:
    """A line a place and their sum; zeros are what it is about, so they are printed."""
    rows = [
        {
            "where": str(place),
            **_counts(before.get(place)),
            **(_counts(after.get(place), " left") if after is not None else {}),
        }
        for place in {**before, **(after or {})}
    ]
    if not rows:
        console.say("There is nothing to remove: no such picture, and no list of them, is in the lake.")
        return
    console.table(rows, title)


def _counts(total: "Total | None", left: str = "") -> dict[str, str]:
    counts = vars(total) if total else dict.fromkeys(("files", "images", "rows", "size"), 0)
    return {f"{'bytes' if name == 'size' else name}{left}": f"{count:,}" for name, count in counts.items()}


def main() -> None:
    """Entry point of ``gfpipe``: errors become one line and an exit code."""
    atexit.register(_say_no_more)
    try:
        app()
    except GfpipeError as exc:
        console.say(f"gfpipe: {exc}", "red")
        sys.exit(2 if isinstance(exc, UsageError) else 1)
    except SystemExit as exc:
        if exc.code == _INTERRUPTED:
            console.say("Stopped. What is finished is kept; run the same command again to go on.", "yellow")
        raise


def _say_no_more() -> None:
    """Close the curtain before the interpreter takes DuckDB apart.

    Where Prefect's threads still hold on to it, DuckDB's bindings list every object as leaked, on standard error.
    """
    sys.stderr.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

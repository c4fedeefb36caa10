"""``gfpipe purge``: pictures of faces that a lake kept, and their copies, removed; with the counts that prove it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.cli import console
from gfpipe.cli.options import Lake, Panel, example
from gfpipe.errors import UsageError

if TYPE_CHECKING:
    from gfpipe.lake.retention import Held, Place, What
    from gfpipe.stages.analysis.purge import Total

app = typer.Typer()


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

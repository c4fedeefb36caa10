"""``gfpipe acknowledge``."""

from typing import Annotated

import typer
from typer import Argument, Option

from gfpipe.cli import console
from gfpipe.cli.options import Lake, command
from gfpipe.errors import UsageError

app = typer.Typer()


@command(
    app,
    "gfpipe acknowledge /archive/tv1/2024-03-31/2000_news.ts --lake lake --reason 'the tape is damaged'",
    "gfpipe acknowledge tv1-20240331T180000Z-news-8a1d7556 --lake lake --undo",
)
def acknowledge(
    *,
    failed: Annotated[
        list[str], Argument(metavar="RECORDING|PATH…", help="Failed or rejected files, by path or recording_id.")
    ],
    lake: Lake,
    reason: Annotated[str | None, Option(help="Why the file cannot be analysed; shown in the coverage.")] = None,
    undo: Annotated[bool, Option(help="Report and try the files again.")] = False,
) -> None:
    """Accept that files cannot be analysed: they are not reported as failures and not tried again until they change.

    They stay in the coverage as lost, with the reason.
    """
    from gfpipe.stages.analysis import acknowledge as stage  # noqa: PLC0415

    if undo == (reason is not None):
        raise UsageError("give either --reason or --undo")
    done = stage.undo(lake, failed) if reason is None else stage.run(lake, failed, reason)
    for failure in done:
        console.output(console.short(failure.path))
    what = "no longer acknowledged" if undo else "acknowledged"
    console.say(f"{len(done)} {what}; for the published figures: gfpipe publish --lake {lake}")

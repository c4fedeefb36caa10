"""``gfpipe models``: the catalogue of models."""

from pathlib import Path
from typing import Annotated

import typer

from gfpipe.cli import console
from gfpipe.cli.options import example
from gfpipe.errors import FetchError, UsageError

app = typer.Typer(
    help="The catalogue of models: what there is, what is known of it, fetching it.", no_args_is_help=True
)


@app.command("list", epilog=example("gfpipe models list"))
def models_list() -> None:
    """Show every model of the catalogue, whether it is in the models folder, and which is champion."""
    from gfpipe.models import champion, store  # noqa: PLC0415

    promoted = champion.named()
    reigning = promoted.model if promoted else champion.FIRST
    console.table(
        [
            {
                "model": item.id,
                "task": item.card.task if item.card else "demo footage",
                "champion": "champion" if item.id == reigning else "",
                "here": "yes" if item.present else "by hand" if not item.fetchable else "no",
                "licence": item.licence,
                "source": item.source,
            }
            for item in store.listing()
        ],
        "Models",
    )
    if promoted:
        console.say(f"champion: {promoted.model}, since {promoted.since}, by decision of {promoted.decided_by}")
    console.say(f"models folder: {store.models_folder()}")


@app.command("show", epilog=example("gfpipe models show cydral-gender-v1"))
def models_show(model: Annotated[str, typer.Argument(help="A model's id, or its folder.")]) -> None:
    """Print a model's card: source, licence, what it was measured to do, what it is for and what not."""
    from gfpipe.models import champion, store  # noqa: PLC0415

    console.console.print_json(store.card(champion.resolve(model)).to_json())


@app.command(
    "pull", epilog=example("gfpipe models pull --all", "gfpipe models pull retinaface-resnet50 --from weights.zip")
)
def models_pull(
    names: Annotated[list[str] | None, typer.Argument(help="Ids of models.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that the catalogue has a reachable source for.")
    ] = False,
    source: Annotated[Path | None, typer.Option("--from", help="A file brought by hand, for one model.")] = None,
) -> None:
    """Fetch models into the models folder; copy that folder to serve a machine without network."""
    from gfpipe.models import store  # noqa: PLC0415

    if everything == bool(names):
        raise UsageError("name the models to pull, or give --all")
    if source and len(names or []) != 1:
        raise UsageError("--from FILE is for one model")
    missed = 0
    for name in names or [item.id for item in store.listing() if item.fetchable]:
        try:
            with console.downloading(name) as progress:
                folder = store.pull(name, source, progress)
            console.say(f"{name}: {folder}")
        except FetchError as exc:  # one that is out of reach must not keep the others
            console.say(f"{name}: {exc}", "red")
            missed += 1
    if missed:
        raise typer.Exit(1)

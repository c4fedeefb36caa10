"""``gfpipe learn``: the loop from the archive's own faces to a better classifier, as a flow."""

from pathlib import Path
from typing import Annotated

import typer

from gfpipe.cli import training as cli_training
from gfpipe.cli.options import Device, Lake, Networks, Panel, example
from gfpipe.cli.training import AccuracyMargin, Data, GapMargin, Name, WorstMargin
from gfpipe.evaluation.gate.decision import FEWEST_FACES
from gfpipe.settings import LEAST_LABELS

app = typer.Typer()


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
        "gfpipe learn --lake lake --data labelled:utkface=UTKFace --gate-data utkface=UTKFace",
    ),
)
def learn(
    lake: Lake,
    data: Data,
    gate_data: Annotated[
        list[str], typer.Option(help="What the gate decides on, as --data; the archive's own labels come beside it.")
    ],
    recipe: Annotated[str, typer.Option(help="How to train; it has a data set called curated.")] = "pseudo-labels",
    begin_with: Annotated[
        str, typer.Option(help="The model that training begins with; empty: the recipe's.")
    ] = "champion",
    name: Annotated[str | None, typer.Option(help="Of the curated set; left out: the month.")] = None,
    threshold: Annotated[
        float, typer.Option(min=0, max=0.999, help="How sure the model must be: |2p - 1|, 0 to 1.")
    ] = 0.9,
    limit: Annotated[int, typer.Option(min=0, help="Faces of the set, at most; 0: as many as there are.")] = 0,
    soft: Annotated[bool, typer.Option("--soft", help="Learn the probabilities themselves.")] = False,
    least_labels: Annotated[
        int,
        typer.Option(
            min=FEWEST_FACES, help="Labelled faces of the archive that the gate needs before it looks at them."
        ),
    ] = LEAST_LABELS,
    reestimate: Annotated[
        bool, typer.Option("--reestimate", help="Where the model is promoted, read the whole lake again under it.")
    ] = False,
    model: Name = None,
    out: Annotated[Path | None, typer.Option(file_okay=False, help="Folder of the run; left out: runs/MODEL.")] = None,
    device: Networks = Device.AUTO,
    accuracy_margin: AccuracyMargin = 0.5,
    gap_margin: GapMargin = 2.0,
    worst_margin: WorstMargin = 2.0,
) -> None:
    """Curate an archive's faces, train with them, and promote the model if it is shown to be no worse.

    The crops must have been kept (analyse --keep-crops). Expired ones are
    removed first. gfpipe serve does the same once a month, where gfpipe.toml
    says so. Exit code: 1 where too few faces are left to decide on.
    """
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415
    from gfpipe.curation.selection import Rules  # noqa: PLC0415 - importing NumPy takes its time
    from gfpipe.evaluation.gate.rules import Margins  # noqa: PLC0415

    decision = run.learn(
        lake,
        data,
        gate_data,
        recipe=recipe,
        name=name,
        rules=Rules(threshold_female=threshold, threshold_male=threshold, limit=limit),
        soft=soft,
        model=model,
        out=str(out) if out else None,
        begin_with=begin_with,
        device=str(device),
        margins=Margins(accuracy_margin, gap_margin, worst_margin),
        least_labels=least_labels,
        reestimate=reestimate,
    )
    cli_training.conclude(decision, read_again=reestimate)

"""``gfpipe study systems``: the published systems of the field and our own, side by side."""

from pathlib import Path
from typing import Annotated

import typer

from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.cli.options import Networks, example, names
from gfpipe.settings import Analysis

app = typer.Typer()


@app.command(
    epilog=example(
        "gfpipe study systems --data utkface=UTKFace --systems 1,svm-gaussian --out systems",
        "gfpipe study systems --data utkface=UTKFace --full --predictions ina=ina.csv --device cuda",
    ),
)
def systems(
    data: Annotated[str, typer.Option(help="One benchmark, as for gfpipe train; never faces from broadcasts.")],
    which: Annotated[
        str,
        typer.Option(
            "--systems", help="Names, or groups (ours, 1, 2, 3, 4, 5), separated by commas. Left out: all of them."
        ),
    ] = "",
    full: Annotated[
        bool | None,
        typer.Option(
            "--full/--reduced",
            help="Train as published, or small enough for two cores; left out: as published where there is a GPU.",
        ),
    ] = None,
    embedder: Annotated[
        str, typer.Option(help="Whose features heads are fitted on, as for gfpipe study heads.")
    ] = "resnet18-scratch",
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="Another tool's answers about these pictures: ina=FILE.csv for inaFaceAnalyzer's."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Also train our own recipes of which no model is stored.")
    ] = False,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the study.")] = Path("systems"),
    seed: Annotated[int | None, typer.Option(min=0, help="Of every training; left out: each recipe's own.")] = None,
    detector: Annotated[str, typer.Option(help="Face detector.")] = Analysis().detector,
    device: Networks = Device.AUTO,
    keep_chips: Annotated[bool, typer.Option("--keep-chips", help="Leave the cut faces in the folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Train, fit or ask every system of the field, and put them side by side on the same test faces.

    Beside each figure of ours stands the published one, with a sentence on why
    they differ. The table says which setting was run. A system that cannot be run
    says why, and the others go on. A study that was stopped goes on: run the same
    command again; more systems may be added. Models are kept in the study's folder.
    """
    from gfpipe.attributes.device import resolve_device  # noqa: PLC0415
    from gfpipe.studies.systems import plan as system_plan  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.studies.systems import run as flow  # noqa: PLC0415
    from gfpipe.studies.systems import tables as system_tables  # noqa: PLC0415
    from gfpipe.studies.systems.held_out import Config  # noqa: PLC0415

    config = Config(
        data=data,
        out=out,
        names=names(which),
        full=resolve_device(device).type == "cuda" if full is None else full,
        embedder=embedder,
        predictions=tuple(predictions or ()),
        train=train,
        seed=seed,
        detector=detector,
        device=str(device),
    )
    if dry_run:
        console.console.print(system_plan.plan(config), markup=False, highlight=False, soft_wrap=True)
        return
    with console.training_progress() as on_progress, console.kept_study(out):
        written = flow.run(config, on_progress, console.say, keep_chips=keep_chips)
    print(system_tables.text(written.outcome))
    console.say(f"All is in {console.short(out)}: systems.csv, .md, .tex and .png, groups.txt, answers.parquet")

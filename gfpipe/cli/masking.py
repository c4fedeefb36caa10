"""``gfpipe study masking``: what it changes which patches a masked autoencoder hides."""

from pathlib import Path
from typing import Annotated

import typer

from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.cli.options import Networks, example
from gfpipe.settings import Analysis

app = typer.Typer()


@app.command(
    epilog=example(
        "gfpipe study masking --data utkface=UTKFace --seeds 3 --reduced --out masking",
        "gfpipe study masking --data utkface=UTKFace --light --device cuda",
    ),
)
def masking(
    data: Annotated[
        str, typer.Option(help="One benchmark that states ethnicity and age, as for gfpipe train; never broadcasts.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each masking: mean and spread are over these.")] = 3,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="By the recipes' setting for two cores and a few minutes each.")
    ] = False,
    light: Annotated[
        bool, typer.Option("--light", help="Also the light variant: masking at fine-tuning, without pre-training.")
    ] = False,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the study.")] = Path("masking"),
    detector: Annotated[str, typer.Option(help="Face detector.")] = Analysis().detector,
    device: Networks = Device.AUTO,
    keep_chips: Annotated[bool, typer.Option("--keep-chips", help="Leave the cut faces in the folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be trained.")] = False,
) -> None:
    """Compare maskings of an autoencoder: patches that tell ethnicity, those that do not, or any.

    The recipes masked-random, masked-sensitive and masked-other are trained on the
    same budget with several seeds, and measured on the same test faces: accuracy,
    gap, age, and how evenly ethnicities are served. A study that was stopped goes
    on: run the same command again; more seeds may be added.
    """
    from gfpipe.studies import masking as study  # noqa: PLC0415 - importing torch takes seconds

    config = study.Config(data, out, seeds, light, reduced, detector, str(device))
    if dry_run:
        console.console.print(study.plan(config), markup=False, highlight=False)
        return
    with console.training_progress() as on_progress, console.kept_study(out):
        tables = study.run(config, on_progress, console.say, keep_chips=keep_chips)
    print("\n\n".join(table.text() for table in tables))
    console.say(f"Tables and answers are in {console.short(out)}")

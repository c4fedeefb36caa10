"""``gfpipe study``: what pseudo-labels of each confidence do to a model; classical heads on frozen networks."""

from pathlib import Path
from typing import Annotated

import typer

from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.cli.options import Networks, example, names
from gfpipe.errors import UsageError
from gfpipe.settings import Analysis

app = typer.Typer(help="Find out what helps a classifier, with fair controls and intervals.", no_args_is_help=True)


@app.callback()
def _study() -> None:
    """Find out what helps a classifier, with fair controls and intervals."""


@app.command(
    epilog=example(
        "gfpipe study thresholds --model without-asian-faces --data utkface=UTKFace --unlabelled ethnicity=asian "
        "--thresholds 0,0.3,0.6,0.9 --per-class 0.6:0.3 --soft 0 --out study",
        "gfpipe study thresholds --model ours-v1 --data utkface=UTKFace --lake lake --test checked:csv=checked.csv",
    ),
)
def thresholds(
    model: Annotated[
        str, typer.Option(help="The source: its answers become labels, and every training begins with it.")
    ],
    data: Annotated[list[str], typer.Option(help="Labelled source faces, as for gfpipe train. May be given again.")],
    unlabelled: Annotated[
        str | None,
        typer.Option(help="Which of these faces play the archive, such as ethnicity=asian: their labels are hidden."),
    ] = None,
    lake: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A real archive's lake, with crops.")
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(help="With --lake: labelled faces like the archive's, half to choose and half to report on."),
    ] = None,
    at: Annotated[
        str, typer.Option("--thresholds", help="Least confidence |2p - 1| of a pseudo-label, for each setting.")
    ] = "0,0.3,0.6,0.9",
    per_class: Annotated[
        str, typer.Option(help="Settings with another threshold for women and for men: F:M, separated by commas.")
    ] = "",
    soft: Annotated[
        str, typer.Option(help="Thresholds to be tried with probabilities in the place of labels, such as 0,0.6.")
    ] = "",
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Also train on the true labels: the ceiling. Not with --lake.")
    ] = False,
    recipe: Annotated[str, typer.Option(help="How to fine-tune; its data are labelled + curated.")] = "pseudo-labels",
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each setting; of several, mean and spread.")] = 1,
    held_out: Annotated[
        float, typer.Option(help="Share of the unlabelled group that is measured on, and no archive.")
    ] = 0.5,
    reported: Annotated[
        float, typer.Option(help="Share of the measured faces that is reported on; on the rest a setting is chosen.")
    ] = 0.5,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder of the study.")] = Path("study"),
    detector: Annotated[str, typer.Option(help="Face detector.")] = Analysis().detector,
    device: Networks = Device.AUTO,
    keep_chips: Annotated[bool, typer.Option("--keep-chips", help="Leave the cut faces in the folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be trained on what.")] = False,
) -> None:
    """Curate, retrain and measure with pseudo-labels of each confidence: one table with intervals, and one picture.

    Beside each threshold stand the model as it is, and the same model fine-tuned
    as long on labelled faces alone. A setting is chosen on one part of the measured
    faces and reported on the other. A study that was stopped goes on: run the same
    command again; more thresholds and seeds may be added. A dry run asks the model
    about the archive and lists faces below --out, but trains nothing.
    """
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.studies.thresholds import run as study  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.studies.thresholds import tables  # noqa: PLC0415
    from gfpipe.studies.thresholds.config import Config  # noqa: PLC0415
    from gfpipe.studies.thresholds.hiding import Group  # noqa: PLC0415
    from gfpipe.training import recipe as recipes  # noqa: PLC0415

    config = Config(
        model=champion.resolve(model),
        recipe=recipes.find(recipe),
        data=tuple(data),
        out=out,
        group=Group.parse(unlabelled) if unlabelled else None,
        lake=lake,
        test=tuple(test or ()),
        thresholds=_numbers(at, "--thresholds"),
        per_class=_pairs(per_class),
        soft=_numbers(soft, "--soft"),
        oracle=oracle,
        seeds=seeds,
        held_out=held_out,
        reported=reported,
        detector=detector,
        device=str(device),
    )
    with console.training_progress() as on_progress:
        if dry_run:
            planned = study.plan(config, on_progress)
        else:
            with console.kept_study(out):
                written = study.run(config, on_progress, console.say, keep_chips=keep_chips)
    if dry_run:
        console.console.print(planned, markup=False, highlight=False)
        return
    print("\n\n".join(table.text() for table in tables.all_tables(written.outcome)))
    print(f"\n{tables.verdict(written.outcome)}")
    console.say(f"Tables are in {written.tables.parent}, the picture is {written.picture}")


@app.command(
    epilog=example(
        "gfpipe study heads --embedder resnet18-scratch --data utkface=UTKFace --out heads",
        "gfpipe study heads --embedder arcface:w600k_r50.onnx --data utkface=UTKFace --heads svm,linear-discriminant",
        "gfpipe study heads --embedder pixels:48 --data utkface=UTKFace --heads logistic-regression",
    ),
)
def heads(
    embedder: Annotated[
        str,
        typer.Option(
            help="Whose features: a stored model (its penultimate layer), arcface:FILE.onnx, dlib, or pixels:48 for "
            "grey values."
        ),
    ],
    data: Annotated[str, typer.Option(help="One benchmark, as for gfpipe train; never faces from broadcasts.")],
    which: Annotated[
        str, typer.Option("--heads", help="Heads, or families of heads, separated by commas. Empty: all.")
    ] = "",
    unit: Annotated[
        bool | None,
        typer.Option("--unit/--as-is", help="Bring features to length 1; otherwise so for arcface and dlib alone."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for the table, the answers and the pictures.")
    ] = None,
    detector: Annotated[str, typer.Option(help="Face detector.")] = Analysis().detector,
    device: Networks = Device.AUTO,
) -> None:
    """Fit classical heads on the features of a frozen network: one table, as in "ArcFace knows the gender, too!".

    Faces are parted by hash as recipes part them: heads are fitted on the
    parts train and validation, and asked about the part test. Embeddings
    stay in memory, and are never made of faces from broadcasts.
    """
    from gfpipe.studies.heads import run as embed  # noqa: PLC0415
    from gfpipe.studies.heads import tables as found  # noqa: PLC0415 - importing torch takes seconds

    config = embed.Config(embedder, data, names(which), unit, detector=detector, device=device)
    with console.training_progress() as on_progress:
        outcome = embed.run(config, on_progress)
    print(found.table(outcome).text())
    if out is not None:
        files = found.write(outcome, out)
        console.say(f"{len(files)} files are in {console.short(out)}: the table, the answers, the pictures")


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(each) for each in text.split(",") if each.strip())
    except ValueError as exc:
        raise UsageError(f"{option} {text}: write numbers from 0 to below 1, separated by commas") from exc


def _pairs(text: str) -> tuple[tuple[float, float], ...]:
    pairs = [each.split(":") for each in text.split(",") if each.strip()]
    try:
        return tuple((float(female), float(male)) for female, male in pairs)
    except ValueError as exc:
        raise UsageError(f"--per-class {text}: write WOMEN:MEN, such as 0.6:0.3") from exc

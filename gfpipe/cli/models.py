"""``gfpipe models``, ``evaluate``, ``explain`` and ``promote``."""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final, Literal

import typer
from typer import Argument, Option

from gfpipe.choices import DEFAULT_DETECTOR, Device
from gfpipe.cli import console
from gfpipe.cli.options import (
    MORE,
    Data,
    Detector,
    DeviceOption,
    DryRun,
    MarginOptions,
    command,
    split,
)
from gfpipe.cli.results import output
from gfpipe.cli.results.output import FormatOption, OutputOptions
from gfpipe.errors import FetchError, UsageError
from gfpipe.output.tables import Table

app = typer.Typer()
group = typer.Typer(help="List, show and fetch models.", no_args_is_help=True)

_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

ResultsFolder = Annotated[
    Path | None, Option(file_okay=False, metavar="FOLDER", help="Folder for tables, figures and predictions.")
]


@command(group, "gfpipe models list", name="list")
def models_list(to: OutputOptions) -> None:
    """List the models of the catalogue and of the models folder, and the champion."""
    from gfpipe.models import champion, store  # noqa: PLC0415

    promoted = champion.named()
    current = promoted.model if promoted else champion.FIRST
    listing = store.listing()
    rows = [
        {
            "model": item.id,
            "task": item.card.task if item.card else "demo footage",
            "champion": "champion" if item.id == current else "",
            "here": "damaged" if item.problem else "yes" if item.present else "no" if item.fetchable else "by hand",
            "licence": item.licence,
            "source": item.source,
        }
        for item in listing
    ]
    output.emit(to, Table.of("models", "Models", rows), rows)
    if promoted:
        console.say(f"champion: {promoted.model}, since {promoted.since}, by decision of {promoted.decided_by}")
    console.say(f"models folder: {store.models_folder()}")
    damaged = [item for item in listing if item.problem]
    for item in damaged:
        console.problem("damaged", item.id, item.problem)
    if damaged:
        raise typer.Exit(1)


@command(group, "gfpipe models show cydral-gender-v1", name="show")
def models_show(model: Annotated[str, Argument(help="Id of a model, or its folder.")]) -> None:
    """Print a model's card: source, licence, measured performance, intended use and limits."""
    from gfpipe.models import champion, store  # noqa: PLC0415

    console.console.print_json(store.card(champion.resolve(model)).to_json())


@command(group, "gfpipe models pull --all", "gfpipe models pull retinaface-resnet50 --from weights.zip", name="pull")
def models_pull(
    names: Annotated[list[str] | None, Argument(metavar="MODEL...", help="Ids of models.")] = None,
    everything: Annotated[bool, Option("--all", help="All models that can be fetched.")] = False,
    source: Annotated[Path | None, Option("--from", metavar="FILE", help="Downloaded file, for one model.")] = None,
) -> None:
    """Fetch models into the models folder; copy that folder to machines without network access."""
    from gfpipe.models import store  # noqa: PLC0415

    if everything == bool(names):
        raise UsageError("name the models to pull, or give --all")
    if source and len(names or []) != 1:
        raise UsageError("--from FILE is for one model")
    failed = False
    for name in names or [item.id for item in store.listing() if item.fetchable]:
        try:
            with console.counting(name, in_bytes=True) as on_progress:
                folder = store.pull(name, source, on_progress)
            console.say(f"{name}: {folder}")
        except FetchError as exc:  # continue with the other models
            console.say(f"{name}: {exc}", "red")
            failed = True
    if failed:
        raise typer.Exit(1)


@command(
    app,
    "gfpipe evaluate cydral-gender-v1 --data utkface=UTKFace --by ethnicity,age,gender",
    "gfpipe evaluate ours-v1 champion --data utkface=UTKFace --part test --out figures",
    "gfpipe evaluate ours-v1 --data csv=faces.csv --predictions ina=predictions.csv --format latex",
)
def evaluate(
    data: Data,
    models: Annotated[
        list[str] | None, Argument(metavar="MODEL...", help="Ids or folders of models, or champion.")
    ] = None,
    by: Annotated[
        str, Option(metavar="LIST", help="Groups, separated by commas: ethnicity, age, gender (as perceived).")
    ] = "",
    part: Annotated[
        Literal["unseen", "train", "validation", "test", "all"],
        Option(help="Split to evaluate on; unseen: faces that no compared model was trained on."),
    ] = "unseen",
    min_age: Annotated[float | None, Option(min=0, help="Also evaluate on faces of this age and above.")] = None,
    sizes: Annotated[
        str, Option(metavar="LIST", help="Also evaluate on faces reduced to these heights in pixels: 10,20,40.")
    ] = "",
    predictions: Annotated[
        list[str] | None,
        Option(metavar="NAME=FILE", help=f"CSV of another tool's predictions: columns file and label. {MORE}"),
    ] = None,
    detector: Detector = DEFAULT_DETECTOR,
    device: DeviceOption = Device.AUTO,
    form: FormatOption = None,
    out: ResultsFolder = None,
) -> None:
    """Evaluate models on labelled faces: accuracy, gap between women and men, groups, calibration, ages.

    Faces are detected by --detector; a face that is not detected counts as an error. Models and predictions of other
    tools are compared on the same faces. As table, a summary is printed; other formats have every table.
    """
    if form == "parquet":
        raise UsageError("--format parquet: there are several tables; choose csv or json, or --out FOLDER")
    from gfpipe.evaluation import results  # noqa: PLC0415
    from gfpipe.evaluation.tables import trials as tables  # noqa: PLC0415 - importing scikit-learn takes seconds
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.stages.models import evaluate as stage  # noqa: PLC0415

    groups = split(by)
    config = stage.Config(
        models=tuple(dict.fromkeys(map(champion.resolve, models or ()))),
        data=tuple(data),
        detector=detector,
        device=device,
        part=part,
        by=groups,
        predictions=tuple(predictions or ()),
        sizes=_heights(sizes),
        min_age=min_age,
    )
    with console.counting("images") as on_progress:
        trials = stage.run(config, on_progress)
    shown = list(tables.all_tables(trials, groups or None))
    if form in (None, "table"):
        print(tables.summary(trials, groups))
    elif form == "json":
        print(json.dumps({table.name: table.records() for table in shown}, indent=2, ensure_ascii=False))
    else:
        print(*(getattr(table, form)() for table in shown), sep="\n")
    if out:
        results.write(trials, out, groups)
        console.say(f"Tables, figures and predictions are in {out}")


@command(
    app,
    "gfpipe explain ours-v1 cydral-gender-v1 portrait.jpg talk.png --out panel.png",
    "gfpipe explain champion faces/*.jpg --out panel.png",
)
def explain(
    arguments: Annotated[list[str], Argument(metavar="MODEL... IMAGE...", help="Models, then pictures.")],
    out: Annotated[
        Path, Option(dir_okay=False, metavar="FILE", help="Output, .png or .svg; an existing file is replaced.")
    ] = Path("panel.png"),
    detector: Detector = DEFAULT_DETECTOR,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Draw class activation maps (Grad-CAM) of each model on each picture, and print their share inside the face."""
    models, pictures = _models_and_pictures(arguments)
    from gfpipe.models import champion  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.models import explain as stage  # noqa: PLC0415

    config = stage.Config(tuple(map(champion.resolve, models)), tuple(pictures), out, detector, device)
    with console.counting("pictures") as on_progress:
        explained = stage.run(config, on_progress)
    print(explained.table.text())
    for name, reason in explained.skipped:
        console.say(f"left out  {console.short(name)}: {reason}", "yellow")
    console.say(f"Written to {out}")


@command(
    app,
    "gfpipe promote ours-v1 --data utkface=UTKFace --data fairface=FairFace",
    'gfpipe promote cydral-gender-v1 --data utkface=UTKFace --force "ours-v1 fails on our archive"',
)
def promote(
    *,
    model: Annotated[str, Argument(help="Id of the model to promote.")],
    data: Data,
    margins: MarginOptions,
    force: Annotated[
        str | None, Option(metavar="REASON", help="Promote whatever the checks give; the reason is recorded.")
    ] = None,
    detector: Detector = DEFAULT_DETECTOR,
    device: DeviceOption = Device.AUTO,
    out: ResultsFolder = None,
    dry_run: DryRun = False,
) -> None:
    """Make a model the champion if it is shown to be no worse than the current one, on every data set.

    Compared are accuracy, its gap between women and men, and the worst group (ethnicity by perceived gender, where
    known), on faces that neither model was trained on. Analyses use the champion by default. The decision is recorded
    in the model's card. Exit code: 0 promoted, 1 not promoted.
    """
    from gfpipe.evaluation import results  # noqa: PLC0415
    from gfpipe.models import champion, store  # noqa: PLC0415
    from gfpipe.stages.models import evaluate  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.models import promote as stage  # noqa: PLC0415

    config = stage.Config(model, margins.margins, force)
    current = champion.champion()
    if store.card(champion.resolve(model)).id == current:
        console.say(f"{current} is the champion already")
        return
    evaluation = evaluate.Config(models=(model, current), data=tuple(data), detector=detector, device=device)
    with TemporaryDirectory() as scratch:
        with console.counting("images") as on_progress:
            trials = evaluate.run(evaluation, on_progress)
        answers = results.write(trials, out).answers if out else results.write_answers(trials, Path(scratch))
        decision = stage.run(config, answers, dry_run=dry_run)
    console.decision(decision, dry_run=dry_run)
    if not decision.promoted:
        raise typer.Exit(1)


def _models_and_pictures(arguments: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Separate models from pictures, by suffix; models come first."""
    pictures = [Path(argument) for argument in arguments if Path(argument).suffix.lower() in _PICTURES]
    if missing := [path for path in pictures if not path.is_file()]:
        raise UsageError(f"{missing[0]}: no such picture")
    models = list(arguments[: len(arguments) - len(pictures)])
    if not models or not pictures or any(Path(model) in pictures for model in models):
        raise UsageError("name at least one model, and after the models at least one picture (.jpg, .png, …)")
    return models, pictures


def _heights(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, split(text)))
    except ValueError as exc:
        raise UsageError(f"--sizes {text}: write whole numbers of pixels, separated by commas") from exc

"""``gfpipe models``, ``evaluate``, ``explain`` and ``promote``."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.cli.options import Networks, Panel, example, names
from gfpipe.errors import FetchError, UsageError
from gfpipe.evaluation import results
from gfpipe.settings import Analysis

app = typer.Typer()
group = typer.Typer(
    help="The catalogue of models: what there is, what is known of it, fetching it.", no_args_is_help=True
)


@group.command("list", epilog=example("gfpipe models list"))
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


@group.command("show", epilog=example("gfpipe models show cydral-gender-v1"))
def models_show(model: Annotated[str, typer.Argument(help="A model's id, or its folder.")]) -> None:
    """Print a model's card: source, licence, what it was measured to do, what it is for and what not."""
    from gfpipe.models import champion, store  # noqa: PLC0415

    console.console.print_json(store.card(champion.resolve(model)).to_json())


@group.command(
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


_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


class Part(StrEnum):
    """Choices of --part."""

    UNSEEN = "unseen"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
    ALL = "all"


class Format(StrEnum):
    """Choices of --format."""

    TEXT = "text"
    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


Recipe = Annotated[str, typer.Argument(help="A recipe of gfpipe/recipes by its name, or a TOML file.")]
Data = Annotated[
    list[str],
    typer.Option(
        help="NAME=PATH, or NAME:FORM=PATH where the name is not the form: utkface, fairface, aaf, kaggle, adience, "
        "lfw, folders, csv, parquet, lake, curated. May be given again."
    ),
]
Models = Annotated[
    list[str] | None, typer.Argument(help="Ids of models, or their folders; champion: what was promoted.")
]
Detector = Annotated[
    str,
    typer.Option(
        help="Face detector; where it is left out, a recipe or model may name another, such as haar-frontalface-alt2."
    ),
]
Name = Annotated[str | None, typer.Option("--model", help="Id of the new model.")]
Replace = Annotated[bool, typer.Option("--replace", help="Also where a model of this id is there.")]
AccuracyMargin = Annotated[float, typer.Option(min=0, help="How much less accurate it may be, in points.")]
GapMargin = Annotated[float, typer.Option(min=0, help="How much larger its gap between women and men may be.")]
WorstMargin = Annotated[float, typer.Option(min=0, help="How much worse its worst group may be.")]

DETECTOR = Analysis().detector


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe evaluate cydral-gender-v1 --data utkface=UTKFace --by ethnicity,age,gender",
        "gfpipe evaluate ours-v1 champion --data utkface=UTKFace --part test --min-age 10 --out figures",
        "gfpipe evaluate ours-v1 --data csv=faces.csv --predictions ina=predictions.csv --format latex",
    ),
)
def evaluate(
    data: Data,
    models: Models = None,
    by: Annotated[str, typer.Option(help="Groups, separated by commas: ethnicity, age, gender (as perceived).")] = "",
    part: Annotated[
        Part, typer.Option(help="Which faces; unseen: all that none of the models was trained on.")
    ] = Part.UNSEEN,
    min_age: Annotated[float | None, typer.Option(min=0, help="Measure those of so many years and over too.")] = None,
    sizes: Annotated[
        str, typer.Option(help="Heights in pixels that faces are reduced to as well, such as 10,20,40,100.")
    ] = "",
    predictions: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE.csv: what another tool said, with columns of file and label. May be given again."),
    ] = None,
    detector: Detector = DETECTOR,
    device: Networks = Device.AUTO,
    form: Annotated[
        Format, typer.Option("--format", help="text is a summary; the others print every table.")
    ] = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for every table, picture and answer.")
    ] = None,
) -> None:
    """Hold models' answers against labels: accuracy, its gap between women and men, groups, calibration, ages.

    Faces are found by our own detector; one that is not found counts as an error.
    Models and predictions of other tools stand side by side, on the same faces.
    """
    groups, heights = names(by), _pixels(sizes)
    from gfpipe.evaluation.tables import trials as measured  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.stages.models import evaluate as stage  # noqa: PLC0415

    config = stage.Config(
        models=tuple(dict.fromkeys(map(champion.resolve, models or ()))),
        data=tuple(data),
        detector=detector,
        device=str(device),
        part=str(part),
        by=groups,
        predictions=tuple(predictions or ()),
        sizes=heights,
        min_age=min_age,
    )
    with console.counting("images") as progress:
        trials = stage.run(config, progress)
    if form is Format.TEXT:
        print(measured.summary(trials, groups))
    else:
        for table in measured.all_tables(trials, groups or None):
            print(getattr(table, form.value)())
    if out:
        results.write(trials, out, groups)
        console.say(f"Tables, pictures and answers are in {out}")


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe explain ours-v1 cydral-gender-v1 portrait.jpg talk.png --out panel.png",
        "gfpipe explain champion faces/*.jpg --out panel.png",
    ),
)
def explain(
    what: Annotated[list[str], typer.Argument(metavar="MODEL… IMAGE…", help="Models first, then pictures of faces.")],
    out: Annotated[
        Path, typer.Option(dir_okay=False, help="The panel, .png or .svg; a file of that name is replaced.")
    ] = Path("panel.png"),
    detector: Detector = DETECTOR,
    device: Networks = Device.AUTO,
) -> None:
    """Show where each model looks in each picture (Grad-CAM), and how much of that lies inside the face."""
    models, pictures = _models_and_pictures(what)
    from gfpipe.models import champion  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.models import explain as stage  # noqa: PLC0415

    config = stage.Config(tuple(map(champion.resolve, models)), tuple(pictures), out, detector, str(device))
    with console.counting("pictures") as progress:
        explained = stage.run(config, progress)
    print(explained.table.text())
    for name, reason in explained.skipped:
        console.say(f"left out  {console.short(name)}: {reason}", "yellow")
    console.say(f"Written to {out}")


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe promote ours-v1 --data utkface=UTKFace --data fairface=FairFace",
        'gfpipe promote cydral-gender-v1 --data utkface=UTKFace --force "ours-v1 fails on our archive"',
    ),
)
def promote(
    model: Annotated[str, typer.Argument(help="Id of the model that is to be champion.")],
    data: Data,
    accuracy_margin: AccuracyMargin = 0.5,
    gap_margin: GapMargin = 2.0,
    worst_margin: WorstMargin = 2.0,
    force: Annotated[
        str | None, typer.Option(metavar="REASON", help="Promote it whatever the checks say; the reason is kept.")
    ] = None,
    detector: Detector = DETECTOR,
    device: Networks = Device.AUTO,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for every table, picture and answer.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be decided.")] = False,
) -> None:
    """Make a model champion if it is shown to be no worse than the one that is, on every set named.

    Accuracy, its gap between women and men, and the worst group count (ethnicity
    by perceived gender, where known). The faces are those that neither model was
    trained on. Analyses use the champion; the decision is kept in the model's
    card. Exit code: 0 promoted, 1 not.
    """
    from gfpipe.evaluation.gate.rules import Margins  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.models import champion, store  # noqa: PLC0415
    from gfpipe.stages.models import evaluate as measuring  # noqa: PLC0415
    from gfpipe.stages.models import promote as stage  # noqa: PLC0415

    config = stage.Config(model, Margins(accuracy_margin, gap_margin, worst_margin), force)
    reigning = champion.champion()
    if store.card(champion.resolve(model)).id == reigning:
        console.say(f"{reigning} is the champion already")
        return
    measured = measuring.Config(models=(model, reigning), data=tuple(data), detector=detector, device=str(device))
    with TemporaryDirectory() as nowhere:
        with console.counting("images") as progress:
            trials = measuring.run(measured, progress)
        answers = results.write(trials, out).answers if out else results.write_answers(trials, Path(nowhere))
        decision = stage.run(config, answers, dry_run=dry_run)
    console.decision(decision, dry_run=dry_run)
    if not decision.promoted:
        raise typer.Exit(1)


def _models_and_pictures(what: Sequence[str]) -> tuple[list[str], list[Path]]:
    """Models come first; a picture is a file that is there and is called like one."""
    pictures = [Path(each) for each in what if Path(each).suffix.lower() in _PICTURES]
    if missing := [path for path in pictures if not path.is_file()]:
        raise UsageError(f"{missing[0]}: no such picture")
    models = list(what[: len(what) - len(pictures)])
    if not models or not pictures or any(Path(each) in pictures for each in models):
        raise UsageError("name at least one model, and after the models at least one picture (.jpg, .png, …)")
    return models, pictures


def _pixels(text: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, names(text)))
    except ValueError as exc:
        raise UsageError(f"--sizes {text}: write whole numbers of pixels, separated by commas") from exc

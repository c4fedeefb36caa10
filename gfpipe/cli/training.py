"""``gfpipe train``, ``evaluate``, ``explain``, ``promote`` and ``retrain``: a model's way from faces to champion."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.cli import console
from gfpipe.cli.options import Device, Networks, Panel, example, names
from gfpipe.errors import UsageError
from gfpipe.evaluation import results
from gfpipe.flows import tables
from gfpipe.settings import Analysis

if TYPE_CHECKING:
    from gfpipe.evaluation.gate.decision import Decision

app = typer.Typer()

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

_DETECTOR = Analysis().detector


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe train mobilenetv2 --data utkface=UTKFace --model ours-v1",
        "gfpipe train paper --data fairface=FairFace --data aaf=All-Age-Faces --data kaggle=Kaggle --dry-run",
    ),
)
def train(
    recipe: Recipe,
    data: Data,
    out: Annotated[Path | None, typer.Option(file_okay=False, help="Folder of the run; left out: runs/MODEL.")] = None,
    model: Name = None,
    device: Networks = Device.AUTO,
    detector: Detector = _DETECTOR,
    replace: Replace = False,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="By the recipe's setting for two cores and ten minutes, if it has one.")
    ] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where an earlier run stopped.")] = False,
    keep_chips: Annotated[bool, typer.Option("--keep-chips", help="Leave the cut faces in the run's folder.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be trained on what.")] = False,
) -> None:
    """Train a classifier of perceived gender by a recipe; what comes out is a stored model with a card.

    A run that was stopped goes on where it was: run the same command again.
    """
    from gfpipe.evaluation.figures import learning_curves  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.models import train as stage  # noqa: PLC0415
    from gfpipe.training import recipe as recipes  # noqa: PLC0415

    found = recipes.find(recipe)
    name = model or found.name
    folder = out or Path("runs") / name
    config = stage.Config(
        recipe=found.at_reduced_setting if reduced else found,
        data=tuple(data),
        out=folder,
        model_id=name,
        device=str(device),
        detector=detector,
        replace=replace,
        keep_chips=keep_chips,
        restart=restart,
    )
    if dry_run:
        console.console.print(str(stage.plan(config)), markup=False, highlight=False)
        return
    with console.TrainingProgress() as progress:
        try:
            trained = stage.run(config, progress.hear)
        except KeyboardInterrupt:
            console.say(f"The run is kept in {console.short(folder)}.")
            raise
    console.table(tables.epochs(trained.history), f"{name}, epoch by epoch")
    console.console.print(str(stage.Plan(trained.counts, trained.skipped)), markup=False, highlight=False)
    picture, _ = learning_curves.write(trained.history, folder)
    console.say(f"{name} is in the models folder; its learning curves are in {picture}")
    beside = " ".join(f"--data {each}" for each in data)
    asked = f"{name} champion {beside} --by ethnicity,age,gender"
    console.say(f"Next: gfpipe evaluate {asked if found.heads.perceived_gender else f'{name} {beside}'}")


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
    detector: Detector = _DETECTOR,
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
    detector: Detector = _DETECTOR,
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
    detector: Detector = _DETECTOR,
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
    say(decision, dry_run=dry_run)
    if not decision.promoted:
        raise typer.Exit(1)


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe retrain mobilenetv2 --data utkface=UTKFace --gate-data utkface=UTKFace",
        "gfpipe retrain paper --data fairface=FairFace --data aaf=All-Age-Faces --data kaggle=Kaggle --gate-data "
        "utkface=UTKFace",
    ),
)
def retrain(
    recipe: Recipe,
    data: Data,
    gate_data: Annotated[
        list[str], typer.Option(help="What the gate decides on, as --data: of it, the faces nobody was trained on.")
    ],
    model: Name = None,
    out: Annotated[Path | None, typer.Option(file_okay=False, help="Folder of the run; left out: runs/MODEL.")] = None,
    device: Networks = Device.AUTO,
    detector: Detector = _DETECTOR,
    accuracy_margin: AccuracyMargin = 0.5,
    gap_margin: GapMargin = 2.0,
    worst_margin: WorstMargin = 2.0,
) -> None:
    """Train, evaluate, and promote or not, as a flow that Prefect's UI shows with its tables and pictures.

    Without --model the new model is called after the recipe and the day. That the
    gate does not let it pass is a result, no failure. A run that was stopped goes
    on where it was, given the same --model. Exit code: 1 where too few faces are
    left to decide on.
    """
    from gfpipe.cli import flow_runs as run  # noqa: PLC0415
    from gfpipe.evaluation.gate.rules import Margins  # noqa: PLC0415 - importing its libraries takes seconds

    margins = Margins(accuracy_margin, gap_margin, worst_margin)
    decision = run.retrain(recipe, data, gate_data, model, str(out) if out else None, str(device), detector, margins)
    conclude(decision)


def conclude(decision: "Decision", *, read_again: bool = False) -> None:
    """Show how a training ended; exits with 1 where nothing could be decided."""
    say(decision, read_again=read_again)
    if decision.undecided:
        raise typer.Exit(1)


def say(decision: "Decision", *, dry_run: bool = False, read_again: bool = False) -> None:
    """Show a decision of the gate, and what follows from it, unless history was read again already."""
    if decision.checks:
        console.table(tables.checks(decision), tables.CHECKS)
    console.say(tables.verdict(decision), "green" if decision.promoted else "yellow")
    if dry_run:
        console.say("A dry run: nothing was changed.")
    elif decision.promoted and not read_again:
        console.say(tables.consequences(decision))


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

"""``gfpipe train``, ``retrain``, ``curate`` and ``learn``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfpipe.choices import Device
from gfpipe.cli import console
from gfpipe.cli.models import DETECTOR, AccuracyMargin, Data, Detector, GapMargin, Name, Recipe, Replace, WorstMargin
from gfpipe.cli.options import Lake, Networks, Panel, example, names
from gfpipe.evaluation.gate.decision import FEWEST_FACES
from gfpipe.flows import tables
from gfpipe.settings import LEAST_LABELS

if TYPE_CHECKING:
    from gfpipe.evaluation.gate.decision import Decision
    from gfpipe.stages.models.curate import Summary

app = typer.Typer()


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
    detector: Detector = DETECTOR,
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
    detector: Detector = DETECTOR,
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
    console.decision(decision, read_again=read_again)
    if decision.undecided:
        raise typer.Exit(1)


_BALANCE = "confidence,channel,programme,face_size,hour"
_Sure = typer.Option(min=0, max=0.999, help="The same, for faces perceived as of this gender only.")


@app.command(
    rich_help_panel=Panel.MODELS,
    epilog=example(
        "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
        "gfpipe curate --lake lake --name march --threshold 0.9 --limit 20000 --dry-run",
        "gfpipe curate --lake lake --name march --threshold-female 0.95 --threshold-male 0.8 --contact-sheets",
    ),
)
def curate(
    lake: Lake,
    name: Annotated[str, typer.Option(help="Of the set; it goes to LAKE/sets/NAME.")],
    threshold: Annotated[
        float, typer.Option(min=0, max=0.999, help="How sure the model must be: |2p - 1|, 0 to 1.")
    ] = 0.9,
    threshold_female: Annotated[float | None, _Sure] = None,
    threshold_male: Annotated[float | None, _Sure] = None,
    limit: Annotated[int, typer.Option(min=0, help="Faces in all, at most; 0: as many as there are.")] = 0,
    balance: Annotated[
        str, typer.Option(help="By what women and men are matched and faces spread, the most important first.")
    ] = _BALANCE,
    validation: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of programmes held back to say when training is to stop.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(help="Of every lot.")] = 0,
    soft: Annotated[bool, typer.Option("--soft", help="Let classifiers learn the probabilities themselves.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Also where a set of this name is there.")] = False,
    contact_sheets: Annotated[
        bool, typer.Option("--contact-sheets", help="Also draw sheets of the faces; they are copies of crops.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be chosen.")] = False,
) -> None:
    """Choose faces that the model is sure of, as many women as men, for a classifier to learn from.

    The labels are the model's own answers: they are never evaluated on. The
    crops must have been kept (analyse --keep-crops); no picture is copied.
    """
    from gfpipe.curation.selection import Rules  # noqa: PLC0415 - importing NumPy takes its time
    from gfpipe.stages.models import curate as stage  # noqa: PLC0415

    rules = Rules(
        threshold_female=threshold if threshold_female is None else threshold_female,
        threshold_male=threshold if threshold_male is None else threshold_male,
        balance=names(balance),
        limit=limit,
        validation=validation,
        seed=seed,
    )
    config = stage.Config(Path(lake), name, rules, soft, replace, contact_sheets, dry_run)
    with console.counting("crops") as progress:
        summary = stage.run(config, progress)
    _show(summary)


def _show(summary: "Summary") -> None:
    card = summary.card
    console.table(tables.accounts(card), "Faces, by perceived gender")
    for reason, count in card.source.left_out.items():
        console.say(f"{count:,} crops were no candidates: {reason}")
    if len(card.source.models) > 1:
        known = ", ".join(f"{model.id} ({model.faces:,} faces)" for model in card.source.models)
        console.say(f"The labels are those of several models: {known}", "yellow")
    if not any(card.chosen["validation"].values()) and card.rules.validation:
        console.say("Nothing is held back: no programme could be spared that shows women and men.", "yellow")
    folder = console.short(summary.folder)
    if not summary.written:
        console.say(f"Nothing was written; without --dry-run, the set would be in {folder}")
        return
    console.say(f"The set is in {folder}: faces.parquet, card.json and {len(summary.pictures)} pictures")
    if card.source.expires_at:
        console.say(f"The first of its crops expires on {card.source.expires_at:%Y-%m-%d}; learn from it before then.")


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
    conclude(decision, read_again=reestimate)

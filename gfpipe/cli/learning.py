"""``gfpipe train``, ``retrain``, ``curate`` and ``learn``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer import Argument, Option

from gfpipe.choices import DEFAULT_DETECTOR, LEAST_LABELS, Device
from gfpipe.cli import console
from gfpipe.cli.options import (
    Data,
    Detector,
    DeviceOption,
    DryRun,
    Lake,
    MarginOptions,
    Replace,
    TrainingOptions,
    command,
    split,
)
from gfpipe.evaluation.gate.decision import MIN_DECISION_FACES

if TYPE_CHECKING:
    from gfpipe.evaluation.gate.decision import Decision
    from gfpipe.stages.models.curate import Summary

app = typer.Typer()

_CONFIDENCE: Final = "Least confidence of the model, |2p - 1|, from 0 to below 1"

Recipe = Annotated[str, Argument(help="Name of a recipe of gfpipe/recipes, or a TOML file.")]
GateData = Annotated[list[str], Option(metavar="NAME=PATH", help="Labelled faces that the gate decides on, as --data.")]
NewModel = Annotated[str | None, Option("--model", help="Id of the new model.")]
RunFolder = Annotated[
    Path | None, Option(file_okay=False, metavar="FOLDER", help="Folder of the run; default: runs/MODEL.")
]
Limit = Annotated[int, Option(min=0, help="Most faces of the set; 0: no limit.")]


@command(
    app,
    "gfpipe train mobilenetv2 --data utkface=UTKFace --model ours-v1",
    "gfpipe train paper --data fairface=FairFace --data aaf=All-Age-Faces --data kaggle=Kaggle --dry-run",
)
def train(
    *,
    recipe: Recipe,
    data: Data,
    out: RunFolder = None,
    model: NewModel = None,
    training: TrainingOptions,
    replace: Replace = False,
    reduced: Annotated[bool, Option(help="Use the recipe's reduced setting, for two cores and ten minutes.")] = False,
    restart: Annotated[bool, Option(help="Start again instead of resuming.")] = False,
) -> None:
    """Train a classifier of perceived gender by a recipe, and store it with a model card.

    Run the same command again to resume an interrupted run.
    """
    from gfpipe.evaluation.figures import learning_curves  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.stages.models import train as stage  # noqa: PLC0415
    from gfpipe.training import recipe as recipes  # noqa: PLC0415
    from gfpipe.training.run import history  # noqa: PLC0415

    settings = recipes.find(recipe)
    name = model or settings.name
    folder = out or Path("runs") / name
    config = stage.Config(
        recipe=settings.at_reduced_setting if reduced else settings,
        data=tuple(data),
        out=folder,
        model_id=name,
        device=training.device,
        detector=training.detector,
        replace=replace,
        keep_chips=training.keep_chips,
        restart=restart,
    )
    if training.dry_run:
        console.output(str(stage.plan(config)))
        return
    with console.training_progress() as on_progress, console.resumable(folder):
        trained = stage.run(config, on_progress)
    console.table(history.rows(trained.history), f"{name}, epoch by epoch")
    console.output(str(stage.Plan(trained.counts, trained.skipped)))
    picture, _ = learning_curves.write(trained.history, folder)
    console.say(f"{name} is in the models folder; its learning curves are in {picture}")
    data_options = " ".join(f"--data {path}" for path in data)
    others = (" champion", " --by ethnicity,age,gender") if settings.heads.perceived_gender else ("", "")
    console.say(f"Next: gfpipe evaluate {name}{others[0]} {data_options}{others[1]}")


@command(
    app,
    "gfpipe retrain mobilenetv2 --data utkface=UTKFace --gate-data utkface=UTKFace",
    "gfpipe retrain paper --data fairface=FairFace --data aaf=All-Age-Faces --data kaggle=Kaggle --gate-data "
    "utkface=UTKFace",
)
def retrain(
    *,
    recipe: Recipe,
    data: Data,
    gate_data: GateData,
    model: NewModel = None,
    out: RunFolder = None,
    device: DeviceOption = Device.AUTO,
    detector: Detector = DEFAULT_DETECTOR,
    margins: MarginOptions,
) -> None:
    """Train and evaluate a model, and promote it if it passes the gate; tables and figures are in Prefect's UI.

    Without --model the new model is named after the recipe and the day. A model that does not pass is a result, not a
    failure. Run the command again with the same --model to resume. Exit code 1: too few faces to decide.
    """
    from gfpipe.cli import flow_runs  # noqa: PLC0415
    from gfpipe.flows.jobs.training import RetrainJob  # noqa: PLC0415 - importing scikit-learn takes seconds

    job = RetrainJob(
        recipe=recipe,
        data=data,
        gate_data=gate_data,
        model=model,
        out=str(out) if out else None,
        device=device,
        detector=detector,
        margins=margins.margins,
    )
    conclude(flow_runs.retrain(job))


@command(
    app,
    "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
    "gfpipe curate --lake lake --name march --threshold 0.9 --limit 20000 --dry-run",
    "gfpipe curate --lake lake --name march --threshold-female 0.95 --threshold-male 0.8",
)
def curate(
    lake: Lake,
    name: Annotated[str, Option(help="Name of the set; it is written to LAKE/sets/NAME.")],
    threshold: Annotated[float, Option(min=0, max=0.999, help=f"{_CONFIDENCE}.")] = 0.9,
    threshold_female: Annotated[
        float | None, Option(min=0, max=0.999, help="Threshold for faces perceived as women's.")
    ] = None,
    threshold_male: Annotated[
        float | None, Option(min=0, max=0.999, help="Threshold for faces perceived as men's.")
    ] = None,
    limit: Limit = 0,
    balance: Annotated[
        str, Option(metavar="LIST", help="Strata to match women and men by, the most important first.")
    ] = "confidence,channel,programme,face_size,hour",
    validation: Annotated[float, Option(min=0, max=0.9, help="Share of programmes held out for validation.")] = 0.1,
    seed: Annotated[int, Option(help="Seed of the random draws.")] = 0,
    soft: Annotated[bool, Option(help="Train on probabilities instead of hard labels.")] = False,
    replace: Replace = False,
    contact_sheets: Annotated[bool, Option(help="Also draw contact sheets; they are copies of crops.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Select faces that the model is confident of, as many women as men, to train a classifier with.

    The labels are the model's own predictions, so the set is never used for evaluation. The crops must be stored
    (analyse --keep-crops); no picture is copied.
    """
    from gfpipe.curation.selection import Rules  # noqa: PLC0415 - importing NumPy takes its time
    from gfpipe.stages.models import curate as stage  # noqa: PLC0415

    rules = Rules(
        threshold_female=threshold if threshold_female is None else threshold_female,
        threshold_male=threshold if threshold_male is None else threshold_male,
        balance=split(balance),
        limit=limit,
        validation=validation,
        seed=seed,
    )
    config = stage.Config(Path(lake), name, rules, soft, replace, contact_sheets, dry_run)
    with console.counting("crops") as on_progress:
        summary = stage.run(config, on_progress)
    _show_set(summary)


def _show_set(summary: "Summary") -> None:
    card = summary.card
    console.table(card.rows, "Faces, by perceived gender")
    for reason, count in card.source.left_out.items():
        console.say(f"{count:,} crops are not candidates: {reason}")
    if len(card.source.models) > 1:
        models = ", ".join(f"{model.id} ({model.faces:,} faces)" for model in card.source.models)
        console.say(f"The labels are those of several models: {models}", "yellow")
    if card.rules.validation and not any(card.chosen["validation"].values()):
        console.say("No validation set: no programme with both women and men could be spared.", "yellow")
    folder = console.short(summary.folder)
    if not summary.written:
        console.say(f"Nothing was written; without --dry-run, the set would be in {folder}")
        return
    console.say(f"The set is in {folder}: faces.parquet, card.json and {len(summary.pictures)} pictures")
    if card.source.expires_at:
        console.say(f"The first of its crops expires on {card.source.expires_at:%Y-%m-%d}; train before that day.")


@command(
    app,
    "gfpipe analyse /mnt/archive --lake lake --keep-crops --expires 30d",
    "gfpipe learn --lake lake --data labelled:utkface=UTKFace --gate-data utkface=UTKFace",
)
def learn(
    *,
    lake: Lake,
    data: Data,
    gate_data: GateData,
    recipe: Annotated[str, Option(help="Recipe; it has a data set called curated.")] = "pseudo-labels",
    begin_with: Annotated[
        str, Option(metavar="MODEL", help="Model to start from; empty: as the recipe says.")
    ] = "champion",
    name: Annotated[str | None, Option(help="Name of the curated set; default: the month.")] = None,
    threshold: Annotated[float, Option(min=0, max=0.999, help=f"{_CONFIDENCE}.")] = 0.9,
    limit: Limit = 0,
    soft: Annotated[bool, Option(help="Train on probabilities instead of hard labels.")] = False,
    least_labels: Annotated[
        int, Option(min=MIN_DECISION_FACES, help="Labelled faces of the archive that the gate needs to use them.")
    ] = LEAST_LABELS,
    reestimate: Annotated[bool, Option(help="Reclassify the whole lake if the model is promoted.")] = False,
    model: NewModel = None,
    out: RunFolder = None,
    device: DeviceOption = Device.AUTO,
    margins: MarginOptions,
) -> None:
    """Curate an archive's faces, train with them, and promote the model if it is shown to be no worse.

    The gate also uses the archive's own labels. Crops must be stored (analyse --keep-crops); expired ones are deleted
    first. gfpipe serve does the same once a month if gfpipe.toml says so. Exit code 1: too few faces to decide.
    """
    from gfpipe.cli import flow_runs  # noqa: PLC0415
    from gfpipe.curation.selection import Rules  # noqa: PLC0415 - importing NumPy takes its time
    from gfpipe.flows.jobs.training import LearnJob  # noqa: PLC0415

    job = LearnJob(
        lake=lake,
        data=data,
        gate_data=gate_data,
        recipe=recipe,
        name=name,
        rules=Rules(threshold_female=threshold, threshold_male=threshold, limit=limit),
        soft=soft,
        model=model,
        out=str(out) if out else None,
        begin_with=begin_with,
        device=device,
        margins=margins.margins,
        least_labels=least_labels,
        reestimate=reestimate,
    )
    conclude(flow_runs.retrain(job), reclassified=reestimate)


def conclude(decision: "Decision", *, reclassified: bool = False) -> None:
    """Print the gate's decision; exit with 1 if nothing could be decided."""
    console.decision(decision, reclassified=reclassified)
    if decision.undecided:
        raise typer.Exit(1)

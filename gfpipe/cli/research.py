"""``gfpipe study``: studies of what helps a classifier."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from gfpipe.choices import DEFAULT_DETECTOR, Device
from gfpipe.cli import console
from gfpipe.cli.options import Detector, DeviceOption, TrainingOptions, command, split
from gfpipe.errors import UsageError

if TYPE_CHECKING:
    from gfpipe.studies.runner import Study

app = typer.Typer(help="Find out what helps a classifier, with fair controls and intervals.", no_args_is_help=True)

Benchmark = Annotated[str, Option("--data", help="One benchmark, as for gfpipe train; never broadcasts.")]
Folder = Annotated[Path, Option("--out", file_okay=False, help="Folder of the study.")]


@command(
    app,
    "gfpipe study thresholds --model without-asian-faces --data utkface=UTKFace --unlabelled ethnicity=asian "
    "--thresholds 0,0.3,0.6,0.9 --per-class 0.6:0.3 --soft 0 --out study",
    "gfpipe study thresholds --model ours-v1 --data utkface=UTKFace --lake lake --test checked:csv=checked.csv",
)
def thresholds(
    *,
    model: Annotated[str, Option(help="Source model: labels the archive; every training starts from it.")],
    data: Annotated[list[str], Option(help="Labelled source faces, as for gfpipe train. Repeatable.")],
    unlabelled: Annotated[
        str | None, Option(help="Faces in place of an archive, such as ethnicity=asian: their labels are hidden.")
    ] = None,
    lake: Annotated[Path | None, Option(exists=True, file_okay=False, help="Lake of an archive, with crops.")] = None,
    test: Annotated[
        list[str] | None,
        Option(help="With --lake: labelled faces similar to the archive's, half to choose, half to report on."),
    ] = None,
    at: Annotated[
        str, Option("--thresholds", help="Lowest confidence |2p - 1| of pseudo-labels, a setting each.")
    ] = "0,0.3,0.6,0.9",
    per_class: Annotated[str, Option(help="Thresholds of women and of men: F:M, separated by commas.")] = "",
    soft: Annotated[str, Option(help="Thresholds to train with probabilities instead of labels, such as 0,0.6.")] = "",
    oracle: Annotated[bool, Option(help="Also train on the true labels: the upper bound. Not with --lake.")] = False,
    recipe: Annotated[str, Option(help="Recipe of fine-tuning, on labelled + curated.")] = "pseudo-labels",
    seeds: Annotated[int, Option(min=1, help="Trainings of each setting; several give mean and SD.")] = 1,
    held_out: Annotated[float, Option(help="Share of the unlabelled group to measure on.")] = 0.5,
    reported: Annotated[float, Option(help="Share of these to report on; a setting is chosen on the others.")] = 0.5,
    out: Folder = Path("study"),
    training: TrainingOptions,
) -> None:
    """Train with pseudo-labels of several confidences, and compare them with intervals and fair controls.

    The controls are the source model, and the same model fine-tuned as long on labelled faces alone. A setting is
    chosen on one part of the measured faces and reported on the other. Run the command again to resume; thresholds and
    seeds may be added. A dry run labels the archive and lists faces below --out, but trains nothing.
    """
    from gfpipe.models import champion  # noqa: PLC0415
    from gfpipe.studies.thresholds.hiding import Group  # noqa: PLC0415
    from gfpipe.studies.thresholds.run import Thresholds  # noqa: PLC0415 - importing torch takes seconds
    from gfpipe.training import recipe as recipes  # noqa: PLC0415

    study = Thresholds(
        model=champion.resolve(model),
        recipe=recipes.find(recipe),
        data=tuple(data),
        group=Group.parse(unlabelled) if unlabelled else None,
        lake=lake,
        test=tuple(test or ()),
        thresholds=tuple(value for (value,) in _numbers(at, 1, "--thresholds", "numbers from 0 to below 1")),
        per_class=tuple((f, m) for f, m in _numbers(per_class, 2, "--per-class", "WOMEN:MEN, such as 0.6:0.3")),
        soft=tuple(value for (value,) in _numbers(soft, 1, "--soft", "numbers from 0 to below 1")),
        oracle=oracle,
        seeds=seeds,
        held_out=held_out,
        reported=reported,
        out=out,
        detector=training.detector,
        device=training.device,
    )
    _run(study, keep_chips=training.keep_chips, dry_run=training.dry_run)


@command(
    app,
    "gfpipe study heads --embedder resnet18-scratch --data utkface=UTKFace --out heads",
    "gfpipe study heads --embedder arcface:w600k_r50.onnx --data utkface=UTKFace --heads svm,linear-discriminant",
    "gfpipe study heads --embedder pixels:48 --data utkface=UTKFace --heads logistic-regression",
)
def heads(
    embedder: Annotated[
        str,
        Option(
            help="Source of features: a stored model (what its last layer reads, or with MODEL:MODULE another one), "
            "arcface:FILE.onnx, dlib, pixels:48."
        ),
    ],
    data: Benchmark,
    chosen: Annotated[str, Option("--heads", help="Heads or families, separated by commas. Empty: all.")] = "",
    unit: Annotated[
        bool | None, Option("--unit/--as-is", help="Scale features to length 1; by default only for arcface and dlib.")
    ] = None,
    out: Annotated[
        Path | None, Option(file_okay=False, help="Folder for the table, the predictions and the figures.")
    ] = None,
    detector: Detector = DEFAULT_DETECTOR,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Fit classical heads on features of a frozen network, as in "ArcFace knows the gender, too!".

    Faces are split by hash as in recipes: heads are fitted on the splits train and validation, and evaluated on the
    split test. Embeddings stay in memory, and are never computed of faces from broadcasts.
    """
    from gfpipe.studies.heads.run import Heads  # noqa: PLC0415 - importing torch takes seconds

    _run(Heads(embedder, data, split(chosen), unit, out=out, detector=detector, device=device))


@command(
    app,
    "gfpipe study systems --data utkface=UTKFace --systems 1,svm-gaussian --out systems",
    "gfpipe study systems --data utkface=UTKFace --full --predictions ina=ina.csv --device cuda",
)
def systems(
    *,
    data: Benchmark,
    chosen: Annotated[
        str, Option("--systems", help="Names, or groups (ours, 1, 2, 3, 4, 5), separated by commas. Empty: all.")
    ] = "",
    full: Annotated[
        bool | None, Option("--full/--reduced", help="Train as published (default with a GPU), or for two cores.")
    ] = None,
    embedder: Annotated[str, Option(help="Features of heads, as for gfpipe study heads.")] = "resnet18-scratch",
    predictions: Annotated[
        list[str] | None, Option(help="Predictions of another tool: ina=FILE.csv for inaFaceAnalyzer's.")
    ] = None,
    train: Annotated[bool, Option(help="Also train our own recipes that have no stored model.")] = False,
    out: Folder = Path("systems"),
    seed: Annotated[int | None, Option(min=0, help="Seed of every training; by default the recipe's.")] = None,
    training: TrainingOptions,
) -> None:
    """Train, fit or load published systems and our own, and compare them on the same test faces.

    The published figure is beside each of ours, with a sentence on why they differ, and the setting that was run. A
    system that cannot be run has the reason in its row. Run the command again to resume; systems may be added. Models
    stay in the study's folder.
    """
    from gfpipe.attributes import device as devices  # noqa: PLC0415
    from gfpipe.studies.systems.run import Systems  # noqa: PLC0415 - importing torch takes seconds

    study = Systems(
        data=data,
        names=split(chosen),
        full=devices.is_gpu(training.device) if full is None else full,
        embedder=embedder,
        predictions=tuple(predictions or ()),
        train=train,
        seed=seed,
        out=out,
        detector=training.detector,
        device=training.device,
    )
    _run(study, keep_chips=training.keep_chips, dry_run=training.dry_run)


@command(
    app,
    "gfpipe study masking --data utkface=UTKFace --seeds 3 --reduced --out masking",
    "gfpipe study masking --data utkface=UTKFace --light --device cuda",
)
def masking(
    *,
    data: Annotated[str, Option(help="One benchmark with ethnicity and age, as for gfpipe train; never broadcasts.")],
    seeds: Annotated[int, Option(min=1, help="Trainings of each masking, for mean and SD.")] = 3,
    reduced: Annotated[bool, Option(help="Train at the recipes' reduced setting, for two cores.")] = False,
    light: Annotated[bool, Option(help="Also the light variant: masking during fine-tuning, no pre-training.")] = False,
    out: Folder = Path("masking"),
    training: TrainingOptions,
) -> None:
    """Compare maskings of an autoencoder: patches that predict ethnicity, other patches, or random ones.

    The recipes masked-random, masked-sensitive and masked-other are trained with the same budget and several seeds, and
    evaluated on the same test faces: accuracy, gap, age, and accuracy by ethnicity. Run the command again to resume;
    seeds and --light may be added.
    """
    from gfpipe.studies.masking import Masking  # noqa: PLC0415 - importing torch takes seconds

    study = Masking(data, seeds, light, reduced, out=out, detector=training.detector, device=training.device)
    _run(study, keep_chips=training.keep_chips, dry_run=training.dry_run)


def _run(study: "Study[Any]", *, keep_chips: bool = False, dry_run: bool = False) -> None:
    from gfpipe.studies import runner  # noqa: PLC0415 - importing torch takes seconds

    with console.training_progress() as on_progress:
        study = replace(study, on_progress=on_progress, say=console.say)
        with console.resumable(study.out) if study.out else nullcontext():
            written = runner.Written(None, study.plan(), ()) if dry_run else runner.run(study, keep_chips=keep_chips)
    print(written.text)
    if study.out and written.files:
        console.say(f"{len(written.files)} files are in {console.short(study.out)}")


def _numbers(text: str, count: int, option: str, form: str) -> list[list[float]]:
    """Parse tuples of `count` numbers: ``F:M,F:M``."""
    try:
        rows = [[float(number) for number in item.split(":")] for item in split(text)]
    except ValueError:
        rows = [[]]
    if any(len(row) != count for row in rows):
        raise UsageError(f"{option} {text}: write {form}, separated by commas")
    return rows

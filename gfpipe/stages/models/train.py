"""Trains a classifier by a recipe: labelled pictures in, a stored model with a card out.

data sets -> distinct faces, parts -> chips, cut once -> the loop -> temperature -> card, weights, faces seen

A run that was stopped goes on: see :mod:`gfpipe.training.run.folder` for what it keeps on disk.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from gfpipe.attributes import classifier, networks
from gfpipe.attributes.classifier import Attributes, Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import Attribute, InputSpec
from gfpipe.choices import Device
from gfpipe.errors import ModelError, UsageError
from gfpipe.evaluation.measures import calibration
from gfpipe.faces import portraits
from gfpipe.lake import uses
from gfpipe.models import catalog, champion, store
from gfpipe.models.card import Card, Metric
from gfpipe.models.converters import converter
from gfpipe.models.lineage import Lineage
from gfpipe.progress import OnProgress, no_progress
from gfpipe.settings import Analysis
from gfpipe.training import lineage
from gfpipe.training.data import cutting, lessons, material
from gfpipe.training.data.chips import Chips
from gfpipe.training.data.datasets import Skipped
from gfpipe.training.data.lessons import Count
from gfpipe.training.data.material import Material
from gfpipe.training.recipe import CYDRAL, PRETEXT, SCRATCH, Recipe
from gfpipe.training.run import initial, loop
from gfpipe.training.run.augment import centre
from gfpipe.training.run.folder import RunFolder
from gfpipe.training.run.history import HISTORY, Epoch, read_history
from gfpipe.training.run.initial import Initial
from gfpipe.training.run.job import Job, bf16_for
from gfpipe.training.run.objective import Examples, Objective
from gfpipe.training.tables import Input

_DETECTOR: Final = Analysis().detector
_ID: Final = re.compile(r"[A-Za-z0-9][\w.+-]*")
_BOTH: Final = " + "  # between the initial models of a network's coarse and fine part
_CHECKPOINTS: Final = (".pt", ".pth", ".safetensors")
_FEWEST_ERRORS: Final = 10  # of the validation faces; a temperature from fewer would mostly be chance


@dataclass(frozen=True)
class Config:
    """What to train, on what, and where.

    Attributes:
        data: ``NAME=PATH`` or ``NAME:FORM=PATH`` for each data set that the recipe names.
        out: folder of this run; one that was stopped goes on there.
        model_id: of the model that comes out.
        device: ``auto``, ``cpu`` or ``cuda``.
        detector: the model that finds the faces; where it is the pipeline's own, and the recipe names another, that.
        replace: also where a model of this id is present.
        keep_chips: leave the cut chips in ``out``.
        restart: begin anew, whatever ``out`` holds.
        bank: chips that several runs share (:func:`gfpipe.training.data.cutting.fill`); None for none.
        models: where the model is stored; None for the models folder.
    """

    recipe: Recipe
    data: tuple[str, ...]
    out: Path
    model_id: str
    device: str = Device.AUTO
    detector: str = _DETECTOR
    replace: bool = False
    keep_chips: bool = False
    restart: bool = False
    bank: Path | None = None
    models: Path | None = None

    @property
    def finder(self) -> str:
        """The detector that is used."""
        return portraits.detector_for(self.detector, self.recipe.detector)

    @property
    def place(self) -> Path:
        """The folder of the model that comes out."""
        return (self.models or store.models_folder()) / self.model_id

    @property
    def folder(self) -> RunFolder:
        """``out``, and what it must be about."""
        places = (name.partition("=") for name in self.data)
        about = {
            "recipe": self.recipe.digest,
            "data": sorted(f"{name}={Path(place).expanduser().resolve()}" for name, _, place in places),
            "model": self.model_id,
            "detector": self.finder,
        }
        return RunFolder(self.out, about)


@dataclass(frozen=True)
class Plan:
    """What would be trained on what.

    Attributes:
        counts: faces by part, and by stage.
        skipped: pictures that would be left out.
    """

    counts: tuple[Count, ...]
    skipped: tuple[Skipped, ...]

    def __str__(self) -> str:
        lines = [f"{'':30}{'faces':>9}{'women':>9}{'men':>9}"]
        lines += [f"{each.what:30}{each.faces:>9,}{each.female:>9,}{each.male:>9,}" for each in self.counts]
        lines += [f"{len(self.skipped)} pictures are skipped"]
        lines += [f"  {skipped.name}: {skipped.reason}" for skipped in self.skipped[:10]]
        return "\n".join(lines)


@dataclass(frozen=True)
class Trained:
    """What came out.

    Attributes:
        folder: of the stored model.
        counts: as :class:`Plan`, of faces that were found.
        skipped: every picture that was left out, with the reason.
    """

    model_id: str
    folder: Path
    history: tuple[Epoch, ...]
    counts: tuple[Count, ...]
    skipped: tuple[Skipped, ...]


def plan(config: Config, on_progress: OnProgress = no_progress) -> Plan:
    """Say what would be trained on what; no face is looked for.

    Raises:
        UsageError: as :func:`run`.
    """
    faces = material.gather(config.recipe, config.data, on_progress)
    return Plan(faces.counts, faces.skipped)


def run(config: Config, on_progress: OnProgress = no_progress) -> Trained:
    """Train, or go on with what was stopped; what is finished is only reported.

    Raises:
        UsageError: data missing, empty or of one perceived gender; a model of this id is there; ``out`` holds another
            run; ethnicity asked of broadcasts; the loss is no number any more.
        ModelError: the initial weights are another architecture's, or a model cannot be had.
    """
    if not config.restart:
        config.folder.refuse_another()
        if done := _finished(config):
            return done
    _check_id(config)
    device = resolve_device(config.device)
    faces = material.gather(config.recipe, config.data, on_progress)
    start, chip = _initial(config.recipe)
    objective = Objective(config.recipe.heads, faces.ethnicities if config.recipe.heads.ethnicity else ())
    network = initial.start(config.recipe.network, objective.labels, chip, config.recipe.seed, start)
    if any(stage.task == PRETEXT or stage.masking for stage in config.recipe.stages):
        networks.pretext_of(network)
    config.folder.claim(restart=config.restart)
    chips = _cut(config, faces, chip, device, on_progress)
    job = Job(
        network=network,
        objective=objective,
        examples=Examples(chips.pixels, faces.female, faces.age_years, faces.faces.ethnicity, faces.p_female),
        lessons=[
            lessons.lesson(
                each, faces.faces, chips.cut, config.recipe.seed + stage, chips.teachers.get(each.stage.teacher)
            )
            for stage, each in enumerate(faces.chosen)
        ],
        chip=chip,
        augment=config.recipe.augment,
        folder=config.out,
        key=material.digest(config.recipe.digest, faces.digest, asdict(chip)),
        seed=config.recipe.seed,
        device=device,
        bf16=bf16_for(config.recipe.precision, device),
    )
    return _keep(config, faces, start, chips, job, loop.train(job, on_progress))


def _check_id(config: Config) -> None:
    """Raise a UsageError where no model of this id may be stored; hours later would be too late."""
    name = config.model_id
    if not _ID.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a model's id: use letters, digits, '.', '+', '-' and '_'")
    champion.refuse_as_id(name, replace=config.replace)
    present = (config.place / store.CARD).is_file()
    taken = present if config.models else store.taken(name)
    if not taken or config.replace:
        return
    # A run that was killed after it stored its model, and before it could say so, stores it again.
    if present and not config.restart and config.folder.claimed:
        trained = store.card(config.place).lineage
        if isinstance(trained, Lineage) and trained.digest == config.recipe.digest:
            return
    raise UsageError(f"there is a model {name} already: choose another id, or replace it with --replace")


def _initial(recipe: Recipe) -> tuple[Initial | None, InputSpec]:
    """The weights to start from, and what the network will see: the recipe's word, or the initial model's."""
    own = recipe.input.spec if recipe.input else None
    default = Input(size=32 if recipe.network == CYDRAL else Input.size).spec
    if recipe.initial == SCRATCH:
        return None, own or default
    path = Path(recipe.initial)
    if path.suffix in _CHECKPOINTS:
        return Initial(recipe.initial, _checkpoint(path)), own or default
    models = recipe.initial.split(_BOTH)
    stored = [store.open_model(model) for model in models]
    source = _BOTH.join(each.card.id for each in stored)
    licence = "; ".join(each.card.licence for each in stored)
    seen = np.unique(np.concatenate([store.seen(model) for model in models]))
    if len(stored) == 2:
        weights = networks.CoarseAndFine.weights(*(each.weights for each in stored))
        return Initial(source, weights, licence=licence, seen=seen), own or default
    card = stored[0].card
    labels = tuple(f"{head.attribute}: {name}" for head in card.heads for name in head.classes)
    reads_faces = card.heads and card.input.size and (card.input.template or card.input.box_scale)
    return Initial(source, stored[0].weights, labels, licence, seen), own or (card.input if reads_faces else default)


def _checkpoint(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        data = path.expanduser().read_bytes()
        return safetensors.torch.load(data) if path.suffix == ".safetensors" else converter("checkpoint")(data)
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"{path}: the initial weights cannot be read: {exc}") from exc
    except ModelError as exc:
        raise ModelError(f"{path}: {exc}") from exc


def _cut(config: Config, faces: Material, chip: InputSpec, device: torch.device, on_progress: OnProgress) -> Chips:
    """Find every face once and cut it with a margin; ask the teachers while it is at hand."""
    teachers = tuple(sorted({each.stage.teacher for each in faces.chosen} - {""}))
    return cutting.cut(
        config.folder.chips,
        faces.faces.images,
        faces.faces.digests,
        cutting.Cutter(chip, config.finder, device, teachers, config.bank),
        faces.digest,
        on_progress,
    )


def _keep(
    config: Config, faces: Material, start: Initial | None, chips: Chips, job: Job, outcome: loop.Outcome
) -> Trained:
    """Store the model, without its outputs for ethnicity, and say that the run is finished."""
    validation = _labelled_validation(faces, job, chips)
    heads = job.objective.kept(_temperature(job, validation))
    weights = _without_ethnicity(job, outcome.weights, sum(len(head.classes) for head in heads))
    counts = faces.of(chips.cut).counts
    task = "perceived-gender" if config.recipe.heads.perceived_gender else "age"
    intended, excluded = catalog.uses(task)
    detector = "" if config.finder == _DETECTOR else config.finder
    card = Card(
        id=config.model_id,
        task=task,
        network=config.recipe.network,
        input=job.chip,
        licence=lineage.licence(faces.datasets, start),
        source=f"gfpipe train {config.recipe.name}",
        heads=heads,
        lineage=lineage.lineage(config.recipe, faces.datasets, counts, outcome.history, detector),
        intended_uses=intended,
        excluded_uses=excluded,
        detector=detector,
    )
    measured = classifier.load(card.classifier, weights, job.device)
    parts = {"validation": validation, "test": np.flatnonzero(chips.cut & (faces.part == "test"))}
    names = " + ".join(dataset.name for dataset in faces.datasets)
    metrics = (_metrics(measured, job, which, f"{part} part of {names}") for part, which in parts.items())
    card = replace(card, metrics=tuple(metric for each in metrics for metric in each))
    seen = np.union1d(faces.seen, start.seen) if start else faces.seen
    folder = store.save_model(card, weights, replace=True, seen=seen, within=config.models)
    missing = (Skipped(str(faces.faces.images[place]), reason) for place, reason in chips.missing.items())
    trained = Trained(config.model_id, folder, outcome.history, counts, (*faces.skipped, *missing))
    result = {
        "sha256": store.card(folder).sha256,
        "counts": [asdict(count) for count in counts],
        "skipped": [asdict(skipped) for skipped in trained.skipped],
    }
    config.folder.finish(result, keep_chips=config.keep_chips)
    if not config.keep_chips:
        uses.forget(config.folder.chips, cutting.crops_among(faces.faces.images))
    return trained


def _labelled_validation(faces: Material, job: Job, chips: Chips) -> NDArray[np.int64]:
    """The validation faces on which a temperature and the card's metrics rest: people labelled each of them.

    Those of the last stage; where a model labelled all of these, those of the data sets.
    """
    validation = job.lessons[-1].validation
    human = ~faces.faces.pseudo
    by_people = validation[human[validation]]
    return by_people if len(by_people) else np.flatnonzero(chips.cut & human & (faces.part == "validation"))


def _finished(config: Config) -> Trained | None:
    """What an earlier run left, if it came to its end.

    Raises:
        UsageError: it did, but the model is gone, or another by now.
    """
    kept = config.folder.finished()
    if kept is None:
        return None
    folder = config.place
    if not (folder / store.CARD).is_file() or store.card(folder).sha256 != kept["sha256"]:
        raise UsageError(
            f"{config.out} is finished, but its model {config.model_id} is no longer in {folder.parent}, or "
            "is another by now: train it again with --restart"
        )
    return Trained(
        model_id=config.model_id,
        folder=folder,
        history=read_history(config.out / HISTORY),
        counts=tuple(Count(**count) for count in kept["counts"]),
        skipped=tuple(Skipped(**skipped) for skipped in kept["skipped"]),
    )


def _temperature(job: Job, validation: NDArray[np.int64]) -> float:
    if not job.objective.divides_by_temperature:
        return 1.0
    margins = loop.margins(job.network, job.examples.pixels, validation, replace(job, bf16=False))
    female = job.examples.female[validation]
    errors = int(((margins >= 0) != female).sum())
    return calibration.temperature(margins, female) if errors >= _FEWEST_ERRORS else 1.0


def _without_ethnicity(job: Job, weights: dict[str, torch.Tensor], outputs: int) -> dict[str, torch.Tensor]:
    """The weights of the heads that are kept, which come first: a stored model cannot tell anybody's ethnicity."""
    last = f"{initial.last_layer(job.network)}."
    return {name: value[:outputs].clone() if name.startswith(last) else value for name, value in weights.items()}


def _metrics(measured: Classifier, job: Job, which: NDArray[np.int64], data: str) -> Iterator[Metric]:
    """Of the stored classifier on chips as they are: overall, of women and of men."""
    if not len(which):
        return
    female, years = job.examples.female[which], job.examples.age_years[which]
    answers = _answers(measured, job, which)
    figures = {}
    if Attribute.PERCEIVED_GENDER in measured.attributes:
        figures["accuracy"] = ((answers.p_female >= 0.5) == female).astype(np.float64)
    if answers.age_years is not None:
        figures["mean absolute error of age, years"] = np.abs(answers.age_years - years).astype(np.float64)
    for name, values in figures.items():
        for group, mask in (("overall", np.ones_like(female)), ("female", female), ("male", ~female)):
            counted = mask & np.isfinite(values)
            if counted.any():
                source = "gfpipe train; faces that were not found are left out"
                about = f"{counted.sum():,} faces, {data}"
                yield Metric(name, round(float(values[counted].mean()), 5), about, source, group)


def _answers(measured: Classifier, job: Job, which: NDArray[np.int64]) -> Attributes:
    answers = []
    for part in np.split(which, range(classifier.BATCH, len(which), classifier.BATCH)):
        chips = centre(torch.from_numpy(job.examples.pixels[part]), job.size, job.size)
        answers.append(measured(torch.stack((chips, chips.flip(-1)), dim=1) if job.chip.flipped_view else chips))
    ages = [each.age_years for each in answers if each.age_years is not None]
    return Attributes(np.concatenate([each.p_female for each in answers]), np.concatenate(ages) if ages else None)

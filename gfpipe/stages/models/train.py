"""Trains a classifier by a recipe: labelled pictures in, a stored model with a card out.

data sets -> distinct faces, splits -> chips, cut once -> training loop -> temperature -> card, weights, digests

An interrupted run can be resumed; see :mod:`gfpipe.training.run.folder` for its files.
"""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes import classifier, networks
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import InputSpec
from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.choices import Device
from gfpipe.errors import UsageError
from gfpipe.evaluation.epochs import Epoch
from gfpipe.faces import portraits
from gfpipe.lake import uses
from gfpipe.models import catalog, champion, store
from gfpipe.models.card import Card
from gfpipe.models.lineage import Lineage
from gfpipe.settings import Analysis
from gfpipe.training import lineage
from gfpipe.training.data import cutting, lessons, material
from gfpipe.training.data.chips import Chips
from gfpipe.training.data.datasets import Skipped
from gfpipe.training.data.lessons import Count
from gfpipe.training.data.material import Material
from gfpipe.training.recipe import PRETEXT, Recipe
from gfpipe.training.run import assessment, initial, loop
from gfpipe.training.run.folder import RunFolder, data_paths
from gfpipe.training.run.history import HISTORY, read_history
from gfpipe.training.run.initial import Initial
from gfpipe.training.run.job import Job, bf16_for
from gfpipe.training.run.objective import Examples, Objective

_DETECTOR: Final = Analysis().detector
_ID: Final = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True)
class Config:
    """A training run.

    Attributes:
        data: ``NAME=PATH`` or ``NAME:FORM=PATH`` for each data set of the recipe.
        out: folder of the run; an interrupted one is resumed there.
        model_id: id of the trained model.
        device: ``auto``, ``cpu`` or ``cuda``.
        detector: the face detector; the pipeline's default gives way to the recipe's.
        replace: overwrite a model of this id.
        keep_chips: keep the cut chips in ``out``.
        restart: start again, whatever ``out`` holds.
        bank: chips shared by several runs (:func:`gfpipe.training.data.cutting.fill`); None for none.
        models: folder to store the model in; None for the models folder.
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
    def face_detector(self) -> str:
        """The detector in effect."""
        return portraits.detector_for(self.detector, self.recipe.detector)

    @property
    def model_folder(self) -> Path:
        """The folder of the trained model."""
        return (self.models or store.models_folder()) / self.model_id

    @property
    def folder(self) -> RunFolder:
        """The run's folder, with its subject."""
        about = {
            "recipe": self.recipe.digest,
            "data": data_paths(self.data),
            "model": self.model_id,
            "detector": self.face_detector,
        }
        return RunFolder(self.out, about)


@dataclass(frozen=True)
class Plan:
    """A preview of a run.

    Attributes:
        counts: faces by split and by stage.
        skipped: pictures that would be left out.
    """

    counts: tuple[Count, ...]
    skipped: tuple[Skipped, ...]

    def __str__(self) -> str:
        lines = [f"{'':30}{'faces':>9}{'women':>9}{'men':>9}"]
        lines += [f"{count.what:30}{count.faces:>9,}{count.female:>9,}{count.male:>9,}" for count in self.counts]
        lines += [f"{len(self.skipped)} pictures are skipped"]
        lines += [f"  {skipped.name}: {skipped.reason}" for skipped in self.skipped[:10]]
        return "\n".join(lines)


@dataclass(frozen=True)
class Trained:
    """The result of a run.

    Attributes:
        folder: of the stored model.
        counts: faces by split and by stage, without pictures in which no face was found.
        skipped: every picture left out, with the reason.
    """

    model_id: str
    folder: Path
    history: tuple[Epoch, ...]
    counts: tuple[Count, ...]
    skipped: tuple[Skipped, ...]


def plan(config: Config, on_progress: OnProgress = no_progress) -> Plan:
    """Count the faces of a run, without detecting any.

    Raises:
        UsageError: as :func:`run`.
    """
    faces = material.gather(config.recipe, config.data, on_progress)
    return Plan(faces.counts, faces.skipped)


def run(config: Config, on_progress: OnProgress = no_progress) -> Trained:
    """Train, or resume an interrupted run; a finished run is only reported.

    Raises:
        UsageError: data are missing, empty or of one perceived gender; a model of this id exists; ``out`` holds another
            run; ethnicity is to be learned from broadcasts; or the loss is not finite.
        ModelError: the initial weights are of another architecture, or a model cannot be fetched.
    """
    if not config.restart:
        config.folder.refuse_another()
        if done := _finished(config):
            return done
    _check_id(config)
    device = resolve_device(config.device)
    faces = material.gather(config.recipe, config.data, on_progress)
    weights, chip = initial.read(config.recipe)
    objective = Objective(config.recipe.heads, faces.ethnicities if config.recipe.heads.ethnicity else ())
    network = initial.start(config.recipe.network, objective.labels, chip, config.recipe.seed, weights)
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
                chosen, faces.faces, chips.cut, config.recipe.seed + index, chips.teachers.get(chosen.stage.teacher)
            )
            for index, chosen in enumerate(faces.chosen)
        ],
        chip=chip,
        augment=config.recipe.augment,
        folder=config.out,
        key=material.digest(config.recipe.digest, faces.digest, asdict(chip)),
        seed=config.recipe.seed,
        device=device,
        bf16=bf16_for(config.recipe.precision, device),
    )
    return _store(config, faces, weights, chips, job, loop.train(job, on_progress))


def _check_id(config: Config) -> None:
    """Raise a UsageError before training if no model of this id may be stored after it."""
    name = config.model_id
    if not _ID.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a model's id: use letters, digits, '.', '+', '-' and '_'")
    champion.refuse_as_id(name, replace=config.replace)
    present = (config.model_folder / store.CARD).is_file()
    taken = present if config.models else store.taken(name)
    if not taken or config.replace:
        return
    # A run killed between storing its model and recording the result stores it again.
    if present and not config.restart and config.folder.claimed:
        trained = store.card(config.model_folder).lineage
        if isinstance(trained, Lineage) and trained.digest == config.recipe.digest:
            return
    raise UsageError(f"there is a model {name} already: choose another id, or replace it with --replace")


def _cut(config: Config, faces: Material, chip: InputSpec, device: torch.device, on_progress: OnProgress) -> Chips:
    """Detect every face once and cut it with a margin; run the teachers on it."""
    teachers = tuple(sorted({chosen.stage.teacher for chosen in faces.chosen} - {""}))
    return cutting.cut(
        config.folder.chips,
        faces.faces.images,
        faces.faces.digests,
        cutting.Cutter(chip, config.face_detector, device, teachers, config.bank),
        faces.digest,
        on_progress,
    )


def _store(
    config: Config, faces: Material, start: Initial | None, chips: Chips, job: Job, outcome: loop.Outcome
) -> Trained:
    """Store the model, without its outputs for ethnicity, and record the result in the run's folder."""
    validation = _labelled_validation(faces, job, chips)
    heads = job.objective.stored_heads(assessment.temperature(job, validation))
    weights = assessment.without_ethnicity(job, outcome.weights, sum(len(head.classes) for head in heads))
    counts = faces.of(chips.cut).counts
    task = "perceived-gender" if config.recipe.heads.perceived_gender else "age"
    intended, excluded = catalog.uses(task)
    detector = "" if config.face_detector == _DETECTOR else config.face_detector
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
    model = classifier.load(card.classifier, weights, job.device)
    splits = {"validation": validation, "test": np.flatnonzero(chips.cut & (faces.part == "test"))}
    names = " + ".join(dataset.name for dataset in faces.datasets)
    metrics = (
        metric
        for split, indices in splits.items()
        for metric in assessment.metrics(model, job, indices, f"{split} part of {names}")
    )
    card = replace(card, metrics=tuple(metrics))
    seen = np.union1d(faces.seen, start.seen) if start else faces.seen
    folder = store.save_model(card, weights, replace=True, seen=seen, within=config.models)
    missing = (Skipped(str(faces.faces.images[index]), reason) for index, reason in chips.missing.items())
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
    """Validation faces labelled by people, for the temperature and the card's metrics.

    The last stage's; if a model labelled all of these, the data sets'.
    """
    validation = job.lessons[-1].validation
    human = ~faces.faces.pseudo
    by_people = validation[human[validation]]
    return by_people if len(by_people) else np.flatnonzero(chips.cut & human & (faces.part == "validation"))


def _finished(config: Config) -> Trained | None:
    """The result of a finished run; None for another.

    Raises:
        UsageError: the run is finished, but its model is gone or was replaced.
    """
    result = config.folder.finished()
    if result is None:
        return None
    folder = config.model_folder
    if not (folder / store.CARD).is_file() or store.card(folder).sha256 != result["sha256"]:
        raise UsageError(
            f"{config.out} is finished, but its model {config.model_id} is no longer in {folder.parent}, or "
            "is another by now: train it again with --restart"
        )
    return Trained(
        model_id=config.model_id,
        folder=folder,
        history=read_history(config.out / HISTORY),
        counts=tuple(Count(**count) for count in result["counts"]),
        skipped=tuple(Skipped(**skipped) for skipped in result["skipped"]),
    )

"""What a study of systems needs beside training, embedding and evaluation: its faces, its folder, speeds, answers kept.

OUT/study.json              what it is about: the folder of one study is no other's
OUT/chips/                  faces cut once for several recipes
OUT/runs/RECIPE-…/          a training, which goes on where it was stopped
OUT/models/RECIPE-…/        what came of it
OUT/answers/SYSTEM-….npz    what a system said of the test faces, and what it cost
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.choices import Device
from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Floats, Labels, Trial
from gfpipe.faces import portraits
from gfpipe.faces.portraits import Portraits
from gfpipe.models import store
from gfpipe.progress import OnProgress
from gfpipe.settings import Analysis
from gfpipe.studies.systems.outcome import Run
from gfpipe.training.data import cutting, datasets, material, records, splits
from gfpipe.training.data.datasets import LabelledImage
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe
from gfpipe.training.run.folder import claim_study

_ABOUT_RUN: Final = ("setting", "made_smaller", "parameters", "train_seconds", "images_per_second", "threads")
_TIMED: Final = 128  # faces whose answers are timed
_PASSES: Final = 3  # of which the fastest counts: other work on the machine only ever slows one down


@dataclass(frozen=True)
class Config:
    """What is put side by side on what.

    Attributes:
        data: one benchmark, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        out: folder of the study; one that was stopped goes on there.
        names: systems or groups of ``gfpipe/training/systems.toml``; empty for all.
        full: train at full settings, also where a recipe has a reduced one.
        embedder: whose features heads are fitted on, where they do not say so themselves.
        predictions: what other tools said, ``NAME=FILE.csv``.
        train: also train our own recipes of which no model is stored.
        seed: of every training; None for the recipe's own.
    """

    data: str
    out: Path
    names: tuple[str, ...] = ()
    full: bool = False
    embedder: str = "resnet18-scratch"
    predictions: tuple[str, ...] = ()
    train: bool = False
    seed: int | None = None
    detector: str = Analysis().detector
    device: str = Device.AUTO

    @property
    def models(self) -> Path:
        """The study's own folder of models: they are of no use beyond it."""
        return self.out / "models"

    def claim(self) -> None:
        """Make the folder this study's own; more systems and settings may be added later.

        Raises:
            UsageError: it holds another study, or cannot be written.
        """
        claim_study(self.out, {"data": self.data, "detector": self.detector})


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The N faces that every system is asked about: the part test of the split by hash.

    Attributes:
        data: the data set's name.
        everything: all faces, to learn from and to be asked about.
        test: (M,) which of them are asked about.
        labels: of these N.
        skipped: pictures that are not among the faces, each with the reason.
    """

    data: str
    everything: Faces
    test: NDArray[np.bool_]
    labels: Labels
    skipped: tuple[tuple[str, str], ...]

    @property
    def images(self) -> list[LabelledImage]:
        """The N pictures."""
        return [self.everything.images[place] for place in np.flatnonzero(self.test).tolist()]

    @property
    def digest(self) -> str:
        """Of the faces and their labels."""
        known = [self.labels.female.tolist(), self.labels.ethnicity.tolist(), str(self.labels.age_years.tolist())]
        return material.digest(self.everything.digests[self.test].tolist(), known)

    def taken(self, trial: Trial, name: str) -> tuple[Floats, Floats | None]:
        """What a system said in a trial of these faces, or of the readable ones: (N,) p_female, and ages if it does."""
        said = trial.of(name)
        place = {face: at for at, face in enumerate(trial.labels.names.tolist())}
        which = np.array([place.get(face, -1) for face in self.labels.names.tolist()])

        def brought(values: Floats) -> Floats:
            return np.where(which < 0, np.nan, values[which])

        return brought(said.p_female), None if said.age_years is None else brought(said.age_years)

    def refuse_learned(self, model: str) -> None:
        """See that a model has not learned from any of these faces.

        Raises:
            UsageError: it has.
        """
        known = int(np.isin(self.everything.digests[self.test], store.seen(model)).sum())
        if known:
            raise UsageError(f"{model} has learned from {known:,} of the test faces: it was trained with other parts")


def held_out(config: Config, on_progress: OnProgress) -> HeldOut:
    """Read the data set and part it, as recipes do.

    Raises:
        UsageError: it cannot be found, is from broadcasts, is labelled by a model, or has no test faces.
    """
    data = datasets.read_to_measure(config.data)
    if data.broadcast:
        raise UsageError(f"{data.name} holds faces from broadcasts: systems are compared on benchmarks")
    faces = splits.distinct([data], on_progress)
    test = splits.parts(faces) == "test"
    if not test.any():
        raise UsageError(f"{data.name} has too few faces to ask about: {len(faces.images)}, and none of the part test")
    images = tuple(faces.images[place] for place in np.flatnonzero(test).tolist())
    skipped = tuple((each.name, each.reason) for each in (*data.skipped, *faces.skipped))
    return HeldOut(data.name, faces, test, records.labels(images), skipped)


def fill_bank(config: Config, recipe: Recipe, faces: Faces, on_progress: OnProgress) -> Path:
    """Cut every face once for all recipes that want such chips; returns where they lie."""
    if recipe.input is None:
        raise ValueError(f"{recipe.name} does not say what it wants to see")
    detector = portraits.detector_for(config.detector, recipe.detector)
    cutter = cutting.Cutter(recipe.input.spec, detector, resolve_device(config.device))
    folder = config.out / "chips" / f"{recipe.input.size}-{cutter.alike[:8]}"
    cutting.fill(folder, faces.images, faces.digests, cutter, on_progress)
    return folder


def timed(models: Sequence[str | Path], test: HeldOut, config: Config) -> list[float | Exception]:
    """How many faces each model answers a second, from chips to answers; or why it cannot.

    Of up to 128 faces, at once; the fastest of three passes.
    """
    device = resolve_device(config.device)
    found: dict[str, list[Portraits]] = {}

    def time_of(model: str | Path) -> float:
        asked = portraits.open_classifier(str(model), device, attribute=None)
        detector = portraits.detector_for(config.detector, store.card(model).detector)
        if detector not in found:
            detect = portraits.open_detector(detector, device)
            found[detector] = list(portraits.find(test.images[:_TIMED], detect, []))
        chips = torch.cat([portraits.chips(batch, asked.spec.input, device) for batch in found[detector]])
        if not len(chips):
            raise UsageError("no face was found in any of the first test pictures: nothing can be timed")
        return len(chips) / min(_seconds(asked, chips) for _ in range(_PASSES))

    results: list[float | Exception] = []
    for model in models:
        try:
            results.append(time_of(model))
        except Exception as exc:  # noqa: BLE001 - one system that fails, however it does, never stops the others
            results.append(exc)
    return results


def threads(device: str) -> int:
    """How many threads a network answers with; 0 on a GPU."""
    return 0 if resolve_device(device).type == "cuda" else torch.get_num_threads()


def kept(config: Config, system: str, key: str) -> Run | None:
    """What a system said earlier, if nothing has changed since."""
    try:
        with np.load(_place(config, system, key), allow_pickle=False) as found:
            about: dict[str, Any] = json.loads(str(found["about"]))
            ages = found.get("age_years")
            return Run(p_female=found["p_female"], age_years=ages, **about)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or cut short: asked again


def keep(config: Config, system: str, key: str, run: Run) -> Run:
    """Write down what a system said."""
    path = _place(config, system, key)
    values = asdict(run)
    arrays = {name: values[name] for name in ("p_female", "age_years") if values[name] is not None}
    part = path.with_name(f".{path.stem}.part.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(part, about=np.array(json.dumps({name: values[name] for name in _ABOUT_RUN})), **arrays)
        part.replace(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}") from exc
    return run


def _place(config: Config, system: str, key: str) -> Path:
    return config.out / "answers" / f"{system}-{material.digest(key)[:16]}.npz"


def _seconds(asked: Classifier, chips: torch.Tensor) -> float:
    start = time.perf_counter()
    asked(chips)
    return time.perf_counter() - start

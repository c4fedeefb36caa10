"""Measures classifiers of perceived gender on labelled face images, side by side, with chips cut by our own detector.

images -> each picture once -> those no model was trained on -> faces -> chips for each model -> p_female -> a trial

A face that is not found is an error of the whole way from image to answer, so it counts as one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from gfpipe.attributes.classifier import Classifier
from gfpipe.attributes.device import resolve_device
from gfpipe.attributes.spec import Attribute, InputSpec
from gfpipe.errors import TooFewFacesError, UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import subgroups
from gfpipe.faces import portraits
from gfpipe.faces.portraits import FaceDetector, Portraits
from gfpipe.models import store
from gfpipe.progress import OnProgress, Progress, no_progress
from gfpipe.settings import Analysis
from gfpipe.training.data import datasets, records, splits
from gfpipe.training.data.datasets import Dataset, LabelledImage

_PIPELINE: Final = Analysis()  # faces are found here as they are in recordings
UNSEEN, ALL = "unseen", "all"
PARTS: Final = (UNSEEN, *splits.PARTS, ALL)


@dataclass(frozen=True)
class Config:
    """What to measure on what.

    Attributes:
        models: ids of models, or folders with a card and weights; may be empty where there are predictions.
        data: data sets, ``NAME=PATH`` or ``NAME:ADAPTER=PATH``; a trial each.
        detector: the model that finds the faces; where it is the pipeline's own, and a model learned from another's
            boxes, that.
        device: ``auto``, ``cpu`` or ``cuda``.
        part: ``unseen`` for all faces but those that one of the models was trained or stopped on; ``train``,
            ``validation`` or ``test`` of the splits by hash; ``all``.
        by: groups that will be asked for, of ``ethnicity``, ``age`` and ``gender``; refused here where they cannot be.
        predictions: what other tools said, ``NAME=FILE.csv``; see :mod:`gfpipe.evaluation.predictions`.
        sizes: heights in pixels that faces are reduced to, to be measured once more.
        min_age: measure those known to be so old or older once more, in a trial of their own.
    """

    models: tuple[str, ...]
    data: tuple[str, ...]
    detector: str = _PIPELINE.detector
    device: str = _PIPELINE.device
    part: str = UNSEEN
    by: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    min_age: float | None = None

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise UsageError(f"there is no part {self.part!r}: choose one of {', '.join(PARTS)}")
        if not self.models and not self.predictions:
            raise UsageError("nothing to measure: name at least one model, or predictions of another tool")
        if not self.data:
            raise UsageError("nothing to measure on: name at least one data set")
        if any(size < 1 for size in self.sizes):
            raise UsageError(f"a face cannot be reduced to {min(self.sizes)} pixels: give heights of 1 and more")


def run(config: Config, on_progress: OnProgress = no_progress) -> tuple[Trial, ...]:
    """Measure; `on_progress` receives the images done and in all.

    Returns:
        A trial for each data set, in the order given, followed where ``min_age`` is given by one of the older faces.

    Raises:
        UsageError: a data set cannot be found, has nothing of what is asked for, or labels that a model gave; or a
            detector does not mark what a model's chips are cut by.
        ModelError: a model is unknown or cannot be fetched.
    """
    device = resolve_device(config.device)
    asked = [_read(name, config.by) for name in config.data]
    if len({dataset.name for dataset in asked}) < len(asked):
        raise UsageError("two data sets have the same name: write NAME:ADAPTER=PATH with another NAME for one of them")
    classifiers = [portraits.open_classifier(model, device, attribute=None) for model in config.models]
    if len({each.model_id for each in classifiers}) < len(classifiers):
        raise UsageError(f"a model is named twice: {', '.join(each.model_id for each in classifiers)}")
    seen = _seen(config.models)
    chosen = [_choose(dataset, config.part, seen) for dataset in asked]
    teams = _teams(config, classifiers, device)

    trials: list[Trial] = []
    rounds = max(len(teams), 1)
    done, total = 0, sum(len(choice.images) for choice in chosen) * rounds
    for dataset, choice in zip(asked, chosen, strict=True):
        before = done

        def report(count: int, before: int = before) -> None:
            on_progress(Progress("measuring", before + count, total))

        trial = _trial(config, dataset, choice, teams, report)
        done += len(choice.images) * rounds
        report(len(choice.images) * rounds)
        trials.append(trial)
        if config.min_age is not None:
            trials.append(subgroups.aged(trial, config.min_age))
    return tuple(trials)


@dataclass(frozen=True)
class _Team:
    """Classifiers that are asked about the faces of one detector."""

    detect: FaceDetector
    classifiers: tuple[Classifier, ...]


def _teams(config: Config, classifiers: Sequence[Classifier], device: torch.device) -> list[_Team]:
    teams: dict[str, list[Classifier]] = {}
    for model, each in zip(config.models, classifiers, strict=True):
        teams.setdefault(portraits.detector_for(config.detector, store.card(model).detector), []).append(each)
    return [_Team(portraits.open_detector(name, device), tuple(asked)) for name, asked in teams.items()]


@dataclass(frozen=True)
class _Choice:
    """The faces of a data set that are measured; ``seen`` were left out."""

    images: tuple[LabelledImage, ...]
    skipped: tuple[tuple[str, str], ...]
    seen: int


def _read(name: str, by: Sequence[str]) -> Dataset:
    dataset = datasets.read_to_measure(name)
    if dataset.broadcast and "ethnicity" in by:
        raise UsageError(
            f"{dataset.name} holds faces from broadcasts: gfpipe asks for nobody's ethnicity there, neither people nor "
            "a model, and so it cannot group by it; use a benchmark whose subjects or publishers stated it"
        )
    subgroups.check(dataset.name, records.labels(dataset.images), by)
    return dataset


def _seen(models: Sequence[str]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *map(store.seen, models)]))


def _choose(dataset: Dataset, part: str, seen: NDArray[np.uint64]) -> _Choice:
    faces = splits.distinct([dataset])
    known = np.isin(faces.digests, seen) if part == UNSEEN else np.zeros(len(faces.images), np.bool_)
    kept = ~known if part in {UNSEEN, ALL} else splits.parts(faces) == part
    if not kept.any():
        why = (
            f"the models were trained on all of its {len(faces.images)} pictures; measure on another set, or with "
            f"part {ALL!r} to see how well they remember"
            if known.any()
            else f"none of its {len(faces.images)} distinct pictures is in the part {part!r}"
        )
        error = TooFewFacesError if known.any() else UsageError
        raise error(f"{dataset.name} has nothing to measure on: {why}")
    images = tuple(image for image, keep in zip(faces.images, kept, strict=True) if keep)
    skipped = tuple((each.name, each.reason) for each in (*dataset.skipped, *faces.skipped))
    return _Choice(images, skipped, int(known.sum()))


def _trial(
    config: Config,
    dataset: Dataset,
    choice: _Choice,
    teams: Sequence[_Team],
    report: Callable[[int], None],
) -> Trial:
    count = len(choice.images)
    found: dict[str, Answers] = {}
    unreadable: list[tuple[int, str]] = []
    for number, team in enumerate(teams):
        unreadable = []  # the same for every team

        def told(done: int, before: int = number * count) -> None:
            report(before + done)

        said = _ask(choice.images, team, config.sizes, unreadable, told)
        found |= {each.model_id: each for each in said}
    readable = np.ones(count, np.bool_)
    readable[[place for place, _ in unreadable]] = False
    skipped = [*choice.skipped, *((str(choice.images[place]), reason) for place, reason in unreadable)]
    answers = [found[store.card(model).id][readable] for model in config.models]
    if not readable.any():
        raise UsageError(f"{dataset.name}: not one picture can be read; the first: {': '.join(skipped[-1])}")
    labels = records.labels(choice.images)[readable]
    for named in config.predictions:
        foreign = predictions.read(named, labels)
        answers.append(foreign.answers)
        skipped += [(f"{foreign.answers.model_id}: {file}", reason) for file, reason in foreign.unused]
    detectors = " + ".join(team.detect.model_id for team in teams) or config.detector
    return Trial(dataset.name, detectors, labels, tuple(answers), tuple(skipped), choice.seen)


def _ask(
    images: Sequence[LabelledImage],
    team: _Team,
    sizes: Sequence[int],
    unreadable: list[tuple[int, str]],
    report: Callable[[int], None],
) -> list[Answers]:
    """Every model's answers about every picture, as it is and reduced."""
    classifiers = team.classifiers
    found = {
        (each.model_id, size): np.full(len(images), np.nan) for each in classifiers for size in (None, *sorted(sizes))
    }
    ages = {each.model_id: np.full(len(images), np.nan) for each in classifiers if Attribute.AGE in each.attributes}
    for batch in portraits.find(images, team.detect, unreadable):
        faces = batch.index[batch.detected]
        for size in (None, *sizes):
            chips = _Chips(batch, size)
            for each in classifiers:
                said = each(chips(each.spec.input, each.device))
                found[each.model_id, size][faces] = said.p_female
                if said.age_years is not None and size is None:
                    ages[each.model_id][faces] = said.age_years
        report(int(batch.index[-1]) + 1)
    return [
        Answers(
            each.model_id,
            found[each.model_id, None],
            {size: found[each.model_id, size] for size in sorted(sizes)},
            ages.get(each.model_id),
        )
        for each in classifiers
    ]


class _Chips:
    """The chips of one batch of pictures, cut once for all models that look at the same."""

    def __init__(self, batch: Portraits, face_pixels: int | None) -> None:
        self._batch = batch
        self._face_pixels = face_pixels
        self._cut: dict[InputSpec, torch.Tensor] = {}

    def __call__(self, wanted: InputSpec, device: torch.device) -> torch.Tensor:
        if wanted not in self._cut:
            self._cut[wanted] = portraits.chips(self._batch, wanted, device, self._face_pixels)
        return self._cut[wanted]

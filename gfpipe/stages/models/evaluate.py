"""Evaluates classifiers of perceived gender on the same labelled face images, detected as in recordings.

distinct images -> those that no model was trained on -> faces -> chips for each model -> p_female -> trial

A face that is not detected counts as an error.
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
from gfpipe.base.progress import OnProgress, Progress, no_progress
from gfpipe.errors import TooFewFacesError, UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import subgroups
from gfpipe.faces import portraits
from gfpipe.faces.portraits import FaceDetector
from gfpipe.models import store
from gfpipe.settings import Analysis
from gfpipe.training.data import datasets, records, splits
from gfpipe.training.data.datasets import Dataset, LabelledImage

_PIPELINE: Final = Analysis()  # the same face detection as for recordings
UNSEEN, ALL = "unseen", "all"
PARTS: Final = (UNSEEN, *splits.PARTS, ALL)


@dataclass(frozen=True)
class Config:
    """Models and data to evaluate.

    Attributes:
        models: ids of models, or folders with a card and weights; may be empty if there are predictions.
        data: data sets, ``NAME=PATH`` or ``NAME:ADAPTER=PATH``; one trial each.
        detector: the face detector; the pipeline's default gives way to that of a model's training faces.
        device: ``auto``, ``cpu`` or ``cuda``.
        part: ``unseen`` for faces that no model was trained or stopped on; ``train``, ``validation`` or ``test`` of the
            splits by hash; ``all``.
        by: groups to report, of ``ethnicity``, ``age`` and ``gender``, checked in advance.
        predictions: predictions of other tools, ``NAME=FILE.csv``; see :mod:`gfpipe.evaluation.predictions`.
        sizes: face heights in pixels for further measurements of reduced faces.
        min_age: minimum age of a further trial on older faces.
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
    """Evaluate; `on_progress` receives the images done and in all.

    Returns:
        A trial per data set, in order, each followed by that of the older faces if ``min_age`` is set.

    Raises:
        UsageError: a data set is missing, has no suitable faces, or has labels by a model; or a detector does not give
            the landmarks that a model's chips need.
        ModelError: a model is unknown or cannot be fetched.
    """
    device = resolve_device(config.device)
    data = [_read(name, config.by) for name in config.data]
    if len({dataset.name for dataset in data}) < len(data):
        raise UsageError("two data sets have the same name: write NAME:ADAPTER=PATH with another NAME for one of them")
    classifiers = [portraits.open_classifier(model, device, attribute=None) for model in config.models]
    if len({classifier.model_id for classifier in classifiers}) < len(classifiers):
        raise UsageError(f"a model is named twice: {', '.join(classifier.model_id for classifier in classifiers)}")
    seen = np.unique(np.concatenate([np.zeros(0, np.uint64), *map(store.seen, config.models)]))
    choices = [_choose(dataset, config.part, seen) for dataset in data]
    teams = _teams(config, classifiers, device)

    trials: list[Trial] = []
    rounds = max(len(teams), 1)
    done, total = 0, sum(len(choice.images) for choice in choices) * rounds
    for dataset, choice in zip(data, choices, strict=True):
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
    """Classifiers of the faces of one detector."""

    detect: FaceDetector
    classifiers: tuple[Classifier, ...]


def _teams(config: Config, classifiers: Sequence[Classifier], device: torch.device) -> list[_Team]:
    teams: dict[str, list[Classifier]] = {}
    for model, classifier in zip(config.models, classifiers, strict=True):
        teams.setdefault(portraits.detector_for(config.detector, store.card(model).detector), []).append(classifier)
    return [_Team(portraits.open_detector(name, device), tuple(team)) for name, team in teams.items()]


@dataclass(frozen=True)
class _Choice:
    """The selected faces of a data set; ``seen`` others were left out because a model was trained on them."""

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


def _choose(dataset: Dataset, part: str, seen: NDArray[np.uint64]) -> _Choice:
    faces = splits.distinct([dataset])
    known = np.isin(faces.digests, seen) if part == UNSEEN else np.zeros(len(faces.images), np.bool_)
    selected = ~known if part in {UNSEEN, ALL} else splits.parts(faces) == part
    if not selected.any():
        reason = (
            f"the models were trained on all of its {len(faces.images)} pictures; measure on another set, or with "
            f"part {ALL!r} to see how well they remember"
            if known.any()
            else f"none of its {len(faces.images)} distinct pictures is in the part {part!r}"
        )
        error = TooFewFacesError if known.any() else UsageError
        raise error(f"{dataset.name} has nothing to measure on: {reason}")
    images = tuple(faces.images[index] for index in np.flatnonzero(selected))
    skipped = tuple((item.name, item.reason) for item in (*dataset.skipped, *faces.skipped))
    return _Choice(images, skipped, int(known.sum()))


def _trial(
    config: Config,
    dataset: Dataset,
    choice: _Choice,
    teams: Sequence[_Team],
    report: Callable[[int], None],
) -> Trial:
    count = len(choice.images)
    by_model: dict[str, Answers] = {}
    unreadable: list[tuple[int, str]] = []
    for number, team in enumerate(teams):
        unreadable = []  # the same for every team

        def report_team(done: int, before: int = number * count) -> None:
            report(before + done)

        answers_of_team = _predict(choice.images, team, config.sizes, unreadable, report_team)
        by_model |= {answers.model_id: answers for answers in answers_of_team}
    readable = np.ones(count, np.bool_)
    readable[[index for index, _ in unreadable]] = False
    skipped = [*choice.skipped, *((str(choice.images[index]), reason) for index, reason in unreadable)]
    predicted = [by_model[store.card(model).id][readable] for model in config.models]
    if not readable.any():
        raise UsageError(f"{dataset.name}: not one picture can be read; the first: {': '.join(skipped[-1])}")
    labels = records.labels(choice.images)[readable]
    for argument in config.predictions:
        foreign = predictions.read(argument, labels)
        predicted.append(foreign.answers)
        skipped += [(f"{foreign.answers.model_id}: {file}", reason) for file, reason in foreign.unused]
    detectors = " + ".join(team.detect.model_id for team in teams) or config.detector
    return Trial(dataset.name, detectors, labels, tuple(predicted), tuple(skipped), choice.seen)


def _predict(
    images: Sequence[LabelledImage],
    team: _Team,
    sizes: Sequence[int],
    unreadable: list[tuple[int, str]],
    report: Callable[[int], None],
) -> list[Answers]:
    """Every model's predictions for every picture, as it is and reduced."""
    classifiers, all_sizes = team.classifiers, (None, *sorted(sizes))
    models = [classifier.model_id for classifier in classifiers]
    p_female = {(model, size): np.full(len(images), np.nan) for model in models for size in all_sizes}
    ages = {c.model_id: np.full(len(images), np.nan) for c in classifiers if Attribute.AGE in c.attributes}
    for batch in portraits.find(images, team.detect, unreadable):
        faces = batch.index[batch.detected]
        for size in all_sizes:
            chips: dict[InputSpec, torch.Tensor] = {}  # cut once for all models with the same input
            for classifier in classifiers:
                spec = classifier.spec.input
                if spec not in chips:
                    chips[spec] = portraits.chips(batch, spec, classifier.device, size)
                prediction = classifier(chips[spec])
                p_female[classifier.model_id, size][faces] = prediction.p_female
                if prediction.age_years is not None and size is None:
                    ages[classifier.model_id][faces] = prediction.age_years
        report(int(batch.index[-1]) + 1)
    return [
        Answers(model, p_female[model, None], {size: p_female[model, size] for size in sorted(sizes)}, ages.get(model))
        for model in models
    ]

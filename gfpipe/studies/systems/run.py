"""A study of systems: each trained, fitted or loaded, and all measured on the same faces.

systems.toml -> a training, a head or a stored model each -> predictions for the test faces -> tables and one figure

A system that fails has the reason in its row, and the others go on.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from gfpipe.errors import GfpipeError, UnknownModelError, UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Answers, Floats, Trial
from gfpipe.evaluation.measures import age_errors
from gfpipe.models import store
from gfpipe.stages.models import evaluate, train
from gfpipe.studies import runner
from gfpipe.studies.heads import classical, embedding
from gfpipe.studies.heads import run as heads
from gfpipe.studies.runner import Report, Study, Training
from gfpipe.studies.systems import figure, held_out, tables
from gfpipe.studies.systems.declared import Course, course, declared
from gfpipe.studies.systems.held_out import HeldOut
from gfpipe.studies.systems.outcome import (
    FOREIGN,
    FULL,
    HEAD,
    MODEL,
    OTHERS,
    RECIPE,
    STORED,
    Outcome,
    Row,
    Run,
    System,
    answers_of,
)
from gfpipe.training.data import material
from gfpipe.training.data.splits import Faces

_PENDING: Final = np.zeros(0)  # of a run that is not evaluated yet


@dataclass(frozen=True)
class Config(runner.Options):
    """Options of a study.

    Attributes:
        data: one benchmark, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        names: systems or groups of ``systems.toml``; empty for all.
        full: train at full settings, also where a recipe has a reduced one.
        embedder: features that heads are fitted on, where the system does not name an embedder.
        predictions: of other tools, ``NAME=FILE.csv``.
        train: also train our own recipes of which no model is stored.
        seed: of every training; None for the recipe's own.
    """

    data: str
    names: tuple[str, ...] = ()
    full: bool = False
    embedder: str = "resnet18-scratch"
    predictions: tuple[str, ...] = ()
    train: bool = False
    seed: int | None = None

    def trainings(self, system: System) -> list[tuple[Course, Training]]:
        """A training for each recipe of a system."""
        name, data = system.name, self.data.partition("=")[0].partition(":")[0]
        courses = [course(recipe, data, full=self.full, seed=self.seed) for recipe in system.recipes]
        return [(c, self.training(name, f"{name}: {c.words}", c.recipe, (self.data,), c.id)) for c in courses]

    def stored_model(self, system: System) -> Path | None:
        """Folder of a system's stored model; None if it is to be trained.

        Raises:
            UsageError: there is no stored model.
        """
        if not system.model:
            return None
        try:
            store.card(system.model)
            return Path(system.model) if Path(system.model).is_dir() else store.models_folder() / system.model
        except UnknownModelError as exc:
            if system.recipe and self.train:
                return None
            hint = f": gfpipe train {system.recipe} first, or give --train" if system.recipe else ""
            raise UsageError(f"there is no stored model {system.model}{hint}") from exc

    def predictions_of(self, system: System) -> str:
        """File of another tool's predictions; raises UsageError if --predictions does not name it."""
        for option in self.predictions:
            name, _, file = option.partition("=")
            if name == system.predictions:
                return file
        raise UsageError(f"give its answers about these pictures: --predictions {system.predictions}=FILE.csv")


@dataclass(frozen=True, eq=False)
class _Network:
    """A network ready to be evaluated for a system.

    Attributes:
        model: its folder.
        run: without predictions yet.
        ages: folders of the networks for the ages of women and men.
    """

    system: System
    model: Path
    run: Run
    ages: tuple[Path, ...] = ()

    @property
    def models(self) -> dict[str, str]:
        """All folders by id: two systems may share a network."""
        return {store.card(model).id: str(model) for model in (self.model, *self.ages)}


class Systems(Study[Outcome]):
    """Train, fit or load every system."""

    def __init__(self, config: Config, *callbacks: Any) -> None:
        super().__init__(config.out, *callbacks)
        self.config = config
        self.systems = declared().named(config.names)
        self.rows: dict[str, Row] = {}

    @property
    def about(self) -> Mapping[str, Any]:
        """Data and detector; systems and settings may be added."""
        return {"data": runner.data_paths((self.config.data,)), "detector": self.config.detector}

    @cached_property
    def held_out(self) -> HeldOut:
        """The test faces."""
        return held_out.held_out(self.config.data, self.on_progress)

    @property
    def faces(self) -> Faces:
        """All faces of the benchmark."""
        return self.held_out.everything

    @property
    def trainings(self) -> list[Training]:
        """Trainings of all systems without a stored model, each once."""
        trainings: dict[str, Training] = {}
        for system in self._pending(MODEL, RECIPE):
            with self.attempt(system.name):
                if not self.config.stored_model(system):
                    for _, training in self.config.trainings(system):
                        trainings.setdefault(training.config.model_id, training)
        return list(trainings.values())

    @contextmanager
    def attempt(self, name: str) -> Iterator[None]:
        """Record any error as the reason in a system's row."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - an error of one system, of any kind, must not stop the others
            reason = str(exc) if isinstance(exc, GfpipeError) else f"{type(exc).__name__}: {exc}"
            self.rows[name] = Row(declared().named([name])[0], reason=reason)
            self.say(f"{name} is not run: {reason}")

    def prepare(self) -> None:
        """Read other tools' predictions, and fit heads: both are fast."""
        for system in self._pending(FOREIGN):
            with self.attempt(system.name):
                file = f"{system.name}={self.config.predictions_of(system)}"
                answers = predictions.read(file, self.held_out.labels).answers
                self._finish(system, Run(OTHERS, answers.p_female, answers.age_years))
        samples: dict[str, heads.Sample] = {}
        for system in self._pending(HEAD):
            with self.attempt(system.name):
                self._fit(system, samples)

    def measure(self) -> Outcome:
        """Evaluate all networks that have no stored run together.

        Raises:
            UsageError: no system could be run.
        """
        due = []
        for system in self._pending(MODEL, RECIPE):
            with self.attempt(system.name):
                network = self._network(system)
                if run := held_out.load_run(self._path(system, *self._hashes(network))):
                    self._finish(system, replace(run, train_seconds=network.run.train_seconds))
                else:
                    self.held_out.refuse_learned(str(network.model))
                    due.append(network)
        self._evaluate(due)
        if not any(row.run for row in self.rows.values()):
            reasons = "; ".join(f"{name}: {row.reason}" for name, row in self.rows.items())
            raise UsageError(f"no system could be run: {reasons}")
        rows = tuple(self.rows[system.name] for system in self.systems)
        answers, faces = tuple(answers_of(row) for row in rows if row.run), self.held_out
        trial = Trial(faces.data, self.config.detector, faces.labels, answers, faces.skipped)
        return Outcome(trial, rows, declared().groups)

    def report(self, outcome: Outcome) -> Report:
        """All tables and one figure."""
        texts = tables.texts(outcome)
        return Report(texts["systems.txt"].rstrip(), texts, {"systems": figure.picture(outcome)}, outcome.trial)

    def _pending(self, *kinds: str) -> list[System]:
        """Systems of some kinds without a row, by kind."""
        return [s for kind in kinds for s in self.systems if s.kind == kind and s.name not in self.rows]

    def _finish(self, system: System, run: Run) -> None:
        self.rows[system.name] = Row(system, run)

    def _path(self, system: System, *about: str) -> Path:
        """File of a stored run, named by what its predictions depend on."""
        key = material.digest(" ".join((self.held_out.digest, *about)))
        return self.config.out / "answers" / f"{system.name}-{key[:16]}.npz"

    @staticmethod
    def _hashes(network: _Network) -> list[str]:
        return [store.card(model).sha256 for model in (network.model, *network.ages)]

    def _fit(self, system: System, samples: dict[str, heads.Sample]) -> None:
        """Fit a head; faces are embedded once for all heads on the same features."""
        config, embedder = self.config, system.embedder or self.config.embedder
        card = embedding.stored_card(embedder)
        path = self._path(system, embedder, card.sha256 if card else "", system.head)
        if run := held_out.load_run(path):
            return self._finish(system, run)
        if embedder not in samples:
            if card:
                self.held_out.refuse_learned(embedder)
            options = heads.Config(embedder, config.data, detector=config.detector, device=config.device)
            samples[embedder] = heads.embed(options, self.on_progress)
        sample, head = samples[embedder], classical.BY_NAME[system.head]
        dimensions = sample.embedder.dimensions
        self.say(f"{system.name}: fitted on {sample.learned:,} faces, {dimensions:,} features of {embedder}")
        fitted = sample.fit(head)
        p_female, _ = self.held_out.aligned(sample.trial(Answers(system.name, fitted.p_female)), system.name)
        per_face = sample.embedded.network_seconds / len(sample.labels) + fitted.predict_seconds / sample.test.sum()
        linear = dimensions + 1 if head.family == "linear" else 0
        run = Run(
            FULL,
            p_female,
            parameters=((card.parameters or 0) if card else 0) + linear or None,
            train_seconds=fitted.fit_seconds,
            images_per_second=1 / per_face,
            threads=held_out.threads(config.device),
        )
        return self._finish(system, held_out.store_run(path, run))

    def _network(self, system: System) -> _Network:
        """The stored model of a system, or its trained ones."""
        if model := self.config.stored_model(system):
            return _Network(system, model, Run(STORED, _PENDING, parameters=store.card(model).parameters))
        trainings = self.config.trainings(system)
        results = [train.run(training.config, self.on_progress) for _, training in trainings]
        first, _ = trainings[0]
        run = Run(
            first.setting,
            _PENDING,
            made_smaller=first.made_smaller,
            parameters=sum(store.card(result.folder).parameters or 0 for result in results),
            train_seconds=sum(epoch.seconds for result in results for epoch in result.history),
        )
        return _Network(system, results[0].folder, run, tuple(result.folder for result in results[1:]))

    def _evaluate(self, networks: list[_Network]) -> None:
        config = self.config
        models = [network.model for network in networks]
        speeds = held_out.speeds(models, self.held_out, config.detector, config.device)
        able = []
        for network, speed in zip(networks, speeds, strict=True):
            with self.attempt(network.system.name):
                if isinstance(speed, Exception):
                    raise speed
                run = replace(network.run, images_per_second=speed, threads=held_out.threads(config.device))
                able.append(replace(network, run=run))
        evaluated = {name: model for network in able for name, model in network.models.items()}
        trial: Trial | None = None
        for network in able:
            with self.attempt(network.system.name):
                trial = trial or self._trial(tuple(evaluated.values()))
                p_female, ages = self.held_out.aligned(trial, store.card(network.model).id)
                if network.ages:
                    women, men = (self.held_out.aligned(trial, store.card(model).id)[1] for model in network.ages)
                    ages = _combined_ages(network.system, p_female, women, men)
                run = replace(network.run, p_female=p_female, age_years=ages)
                path = self._path(network.system, *self._hashes(network))
                self._finish(network.system, held_out.store_run(path, run))

    def _trial(self, models: tuple[str, ...]) -> Trial:
        config = self.config
        evaluation = evaluate.Config(models, (config.data,), config.detector, config.device, part="test")
        return evaluate.run(evaluation, self.on_progress)[0]


def _combined_ages(system: System, p_female: Floats, women: Floats | None, men: Floats | None) -> Floats | None:
    """Ages of faces predicted female by one network, of the others by another."""
    if women is None or men is None:
        raise UsageError(f"{system.women} and {system.men} must both tell ages")
    return age_errors.by_perceived_gender(Answers(system.name, p_female), women, men).age_years


def plan(config: Config) -> str:
    """List what would be done for each system; nothing is trained, and no picture is read."""
    return "\n".join(
        f"{system.group:6}{system.name:24}{_step(config, system)}" for system in declared().named(config.names)
    )


def _step(config: Config, system: System) -> str:
    try:
        if system.kind == FOREIGN:
            return f"read from {config.predictions_of(system)}"
        if system.kind == HEAD:
            embedder = system.embedder or config.embedder
            embedding.stored_card(embedder)
            return f"fitted on the features of {embedder}, full"
        if model := config.stored_model(system):
            return f"stored model, {model}"
        return "; ".join(
            f"{'trained before' if training.finished else 'trained'} by {course.recipe.name}: {course.words}"
            for course, training in config.trainings(system)
        )
    except GfpipeError as exc:
        return f"not run: {exc}"

"""A study of systems: each trained, fitted or loaded, and all measured on the same faces.

systems.toml -> a training, a head or a stored model each -> predictions for the test faces -> tables and one figure

A system that fails has the reason in its row, and the others go on.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from gfpipe.errors import GfpipeError, UnknownModelError, UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Answers, Trial
from gfpipe.evaluation.measures import age_errors
from gfpipe.models import store
from gfpipe.stages.models import evaluate, train
from gfpipe.studies.heads import classical, embedding
from gfpipe.studies.heads.run import Heads, Sample
from gfpipe.studies.runner import Report, Study, Training
from gfpipe.studies.systems import figure, held_out, outcome
from gfpipe.studies.systems.declared import Course, course, declared
from gfpipe.studies.systems.held_out import HeldOut
from gfpipe.studies.systems.outcome import FOREIGN, HEAD, MODEL, RECIPE, Outcome, Row, Run, System
from gfpipe.studies.systems.tables import Tables
from gfpipe.training.data import material
from gfpipe.training.data.splits import Faces
from gfpipe.training.run.folder import data_paths

_PENDING: Final = np.zeros(0)  # predictions of a network that is not evaluated yet


@dataclass(frozen=True, eq=False)
class _Network:
    """A network to evaluate for a system."""

    system: System
    models: tuple[Path, ...]  # its folder; then those of the networks for the ages of women and men, if any
    run: Run  # without predictions yet


@dataclass(frozen=True)
class Systems(Study[Outcome]):
    """Train, fit or load every system.

    Attributes:
        data: one benchmark, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        names: systems or groups of ``systems.toml``; empty for all.
        full: train at full settings, also where a recipe has a reduced one.
        embedder: of heads whose system does not name one.
        predictions: of other tools, ``NAME=FILE.csv``.
        train: also train our own recipes of which no model is stored.
        seed: of every training; None for the recipe's own.
        rows: results so far.
    """

    data: str
    names: tuple[str, ...] = ()
    full: bool = False
    embedder: str = "resnet18-scratch"
    predictions: tuple[str, ...] = ()
    train: bool = False
    seed: int | None = None
    rows: dict[str, Row] = field(default_factory=dict, init=False, repr=False)

    @property
    def about(self) -> Mapping[str, Any]:
        """Data and detector; systems and settings may be added."""
        return {"data": data_paths((self.data,)), "detector": self.detector}

    @cached_property
    def systems(self) -> tuple[System, ...]:
        """Systems to compare."""
        return declared().named(self.names)

    @cached_property
    def held_out(self) -> HeldOut:
        """The test faces."""
        return held_out.held_out(self.data, self.on_progress)

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
                if not self._stored_model(system):
                    for _, training in self._trainings(system):
                        trainings.setdefault(training.config.model_id, training)
        return list(trainings.values())

    @contextmanager
    def attempt(self, row: str) -> Iterator[None]:
        """Record any error as the reason in a system's row."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - an error of one system, of any kind, must not stop the others
            reason = str(exc) if isinstance(exc, GfpipeError) else f"{type(exc).__name__}: {exc}"
            self.rows[row] = Row(declared().named([row])[0], reason=reason)
            self.say(f"{row} is not run: {reason}")

    def prepare(self) -> None:
        """Read the test faces and other tools' predictions, and fit heads: all of this is fast."""
        faces = self.held_out
        for system in self._pending(FOREIGN):
            with self.attempt(system.name):
                answers = predictions.read(f"{system.name}={self._file(system)}", faces.labels).answers
                self.rows[system.name] = Row(system, Run(outcome.OTHERS, answers.p_female, answers.age_years))
        samples: dict[str, Sample] = {}
        for system in self._pending(HEAD):
            with self.attempt(system.name):
                self.rows[system.name] = Row(system, self._fit(system, samples))

    def measure(self) -> Outcome:
        """Evaluate all networks without stored predictions together; raises UsageError if no system could be run."""
        due, faces = [], self.held_out
        for system in self._pending(MODEL, RECIPE):
            with self.attempt(system.name):
                network = self._network(system)
                if run := held_out.load_run(self._path(network)):
                    self.rows[system.name] = Row(system, replace(run, train_seconds=network.run.train_seconds))
                else:
                    faces.refuse_learned(str(network.models[0]))
                    due.append(network)
        self._evaluate(due)
        if not any(row.run for row in self.rows.values()):
            reasons = "; ".join(f"{name}: {row.reason}" for name, row in self.rows.items())
            raise UsageError(f"no system could be run: {reasons}")
        rows = tuple(self.rows[system.name] for system in self.systems)
        answers = tuple(row.answers for row in rows if row.run)
        return Outcome(Trial(faces.data, self.detector, faces.labels, answers, faces.skipped), rows, declared().groups)

    def report(self, outcome: Outcome) -> Report:
        """All tables and one figure."""
        tables = Tables(outcome)
        texts, accuracy = tables.files(), {name: row["accuracy"] for name, row in tables.figures.items()}
        return Report(texts["systems.txt"].rstrip(), texts, {"systems": figure.draw(outcome, accuracy)}, outcome.trial)

    def plan(self) -> str:
        """List what would be done for each system; nothing is trained, and no picture is read."""
        return "\n".join(f"{system.group:6}{system.name:24}{self._step(system)}" for system in self.systems)

    def _step(self, system: System) -> str:
        try:
            if system.kind == FOREIGN:
                return f"read from {self._file(system)}"
            if system.kind == HEAD:
                embedding.stored_card(system.embedder or self.embedder)
                return f"fitted on the features of {system.embedder or self.embedder}, full"
            if model := self._stored_model(system):
                return f"stored model, {model}"
            return "; ".join(
                f"{'trained before' if training.finished else 'trained'} by {course.recipe.name}: {course.words}"
                for course, training in self._trainings(system)
            )
        except GfpipeError as exc:
            return f"not run: {exc}"

    def _pending(self, *kinds: str) -> list[System]:
        """Systems of some kinds without a row, by kind."""
        return [s for kind in kinds for s in self.systems if s.kind == kind and s.name not in self.rows]

    def _trainings(self, system: System) -> list[tuple[Course, Training]]:
        """A training for each recipe of a system."""
        name, data = system.name, self.data.partition("=")[0].partition(":")[0]
        courses = [course(recipe, data, full=self.full, seed=self.seed) for recipe in system.recipes]
        return [(c, self.training(name, f"{name}: {c.words}", c.recipe, (self.data,), c.id)) for c in courses]

    def _stored_model(self, system: System) -> Path | None:
        """Folder of a system's stored model; None if it is to be trained, UsageError if that needs --train."""
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

    def _file(self, system: System) -> str:
        """File of another tool's predictions."""
        for option in self.predictions:
            name, _, file = option.partition("=")
            if name == system.predictions:
                return file
        raise UsageError(f"give its answers about these pictures: --predictions {system.predictions}=FILE.csv")

    def _path(self, network: _Network) -> Path:
        return self._stored_run(network.system, *(store.card(model).sha256 for model in network.models))

    def _stored_run(self, system: System, *about: str) -> Path:
        """File of a stored run, named by what its predictions depend on."""
        key = material.digest(" ".join((self.held_out.digest, *about)))
        return self.folder / "answers" / f"{system.name}-{key[:16]}.npz"

    def _fit(self, system: System, samples: dict[str, Sample]) -> Run:
        """Fit a head; faces are embedded once for all heads on the same features."""
        embedder, faces = system.embedder or self.embedder, self.held_out
        card = embedding.stored_card(embedder)
        path = self._stored_run(system, embedder, card.sha256 if card else "", system.head)
        if run := held_out.load_run(path):
            return run
        if embedder not in samples:
            if card:
                faces.refuse_learned(embedder)
            options = {"detector": self.detector, "device": self.device, "on_progress": self.on_progress}
            samples[embedder] = Heads(embedder, self.data, **options).sample()  # type: ignore[arg-type]
        sample, head = samples[embedder], classical.BY_NAME[system.head]
        dimensions = sample.embedder.dimensions
        self.say(f"{system.name}: fitted on {sample.learned:,} faces, {dimensions:,} features of {embedder}")
        fitted = sample.fit(head)
        p_female, _ = faces.aligned(sample.trial(Answers(system.name, fitted.p_female)), system.name)
        per_face = sample.embedded.network_seconds / len(sample.labels) + fitted.predict_seconds / sample.test.sum()
        linear = dimensions + 1 if head.family == "linear" else 0
        run = Run(
            outcome.FULL,
            p_female,
            parameters=((card.parameters or 0) if card else 0) + linear or None,
            train_seconds=fitted.fit_seconds,
            images_per_second=1 / per_face,
            threads=held_out.threads(self.device),
        )
        return held_out.store_run(path, run)

    def _network(self, system: System) -> _Network:
        """The stored model of a system, or its trained ones."""
        if model := self._stored_model(system):
            return _Network(system, (model,), Run(outcome.STORED, _PENDING, parameters=store.card(model).parameters))
        trainings = self._trainings(system)
        results = [train.run(training.config, self.on_progress) for _, training in trainings]
        first, _ = trainings[0]
        run = Run(
            first.setting,
            _PENDING,
            made_smaller=first.made_smaller,
            parameters=sum(store.card(result.folder).parameters or 0 for result in results),
            train_seconds=sum(epoch.seconds for result in results for epoch in result.history),
        )
        return _Network(system, tuple(result.folder for result in results), run)

    def _evaluate(self, networks: list[_Network]) -> None:
        """Time and evaluate networks; two systems may share one."""
        stopwatch, timed = held_out.Stopwatch(self.held_out, self.detector, self.device), []
        for network in networks:
            with self.attempt(network.system.name):
                speed = stopwatch.speed(network.models[0])
                run = replace(network.run, images_per_second=speed, threads=held_out.threads(self.device))
                timed.append(replace(network, run=run))
        models = {store.card(model).id: str(model) for network in timed for model in network.models}
        trial: Trial | None = None
        for network in timed:
            system = network.system
            with self.attempt(system.name):
                if trial is None:
                    tested = tuple(models.values())
                    config = evaluate.Config(tested, (self.data,), self.detector, self.device, part="test")
                    (trial,) = evaluate.run(config, self.on_progress)
                ids = [store.card(model).id for model in network.models]
                p_female, ages = self.held_out.aligned(trial, ids[0])
                if ids[1:]:
                    women, men = (self.held_out.aligned(trial, name)[1] for name in ids[1:])
                    if women is None or men is None:
                        raise UsageError(f"{system.women} and {system.men} must both tell ages")
                    ages = age_errors.by_perceived_gender(Answers(system.name, p_female), women, men).age_years
                run = replace(network.run, p_female=p_female, age_years=ages)
                self.rows[system.name] = Row(system, held_out.store_run(self._path(network), run))

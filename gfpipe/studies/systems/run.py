"""A study of systems: each trained, fitted or asked in turn, all on the same faces; what is finished is kept.

systems.toml -> a training, a head or a stored model each -> answers about the test faces -> tables and one picture

There is one training at a time, which takes all cores or the GPU by itself. A system that fails says why in its row,
and the others go on.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.errors import GfpipeError, UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Answers, Floats, Trial
from gfpipe.evaluation.measures import age_errors
from gfpipe.models import store
from gfpipe.progress import OnProgress
from gfpipe.stages.models import evaluate, train
from gfpipe.studies.heads import classical
from gfpipe.studies.heads import run as embed
from gfpipe.studies.systems import figure as system_figure
from gfpipe.studies.systems import held_out as systems
from gfpipe.studies.systems import tables as system_tables
from gfpipe.studies.systems.declared import Course, declared
from gfpipe.studies.systems.held_out import Config
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
from gfpipe.studies.systems.plan import Chip, chip, courses, file_of, model_of, stored, trained

Say = Callable[[str], None]

_NONE: Final = np.zeros(0)  # no answers yet


@dataclass(frozen=True)
class Written:
    """What a study leaves in its folder.

    Attributes:
        tables: every table, in text.
    """

    outcome: Outcome
    tables: Path


@dataclass(frozen=True, eq=False)
class _Asked:
    """A model that is ready to answer for a system.

    Attributes:
        model: its folder.
        run: what is known before it has answered.
        ages: folders of the networks for the ages of women and men.
    """

    system: System
    model: Path
    run: Run
    ages: tuple[Path, ...] = ()

    @property
    def key(self) -> str:
        """Of what its answers depend on."""
        return " ".join(store.card(each).sha256 for each in (self.model, *self.ages))


class _Study:
    """One study under way: what it knows, and the rows that are done."""

    def __init__(self, config: Config, on_progress: OnProgress, say: Say) -> None:
        self.config = config
        self.on_progress = on_progress
        self.say = say
        self.systems = declared().named(config.names)
        config.claim()
        self.faces = systems.held_out(config, self.on_progress)
        self.rows: dict[str, Row] = {}
        self.shared: frozenset[Chip] = frozenset()

    def share_chips(self) -> None:
        """Find out which chips more than one training still needs."""
        due: Counter[Chip] = Counter()
        for system in self.of(RECIPE):
            with self.attempt(system):
                ways = courses(self.config, system, self.faces.data)
                due.update({way.id: chip(way) for way in ways if not trained(self.config, way)}.values())
        self.shared = frozenset(each for each, count in due.items() if each[0] and count > 1)

    @contextmanager
    def attempt(self, system: System) -> Iterator[None]:
        """Whatever fails within becomes the reason in the system's row."""
        try:
            yield
        except Exception as exc:  # noqa: BLE001 - one system that fails, however it does, never stops the others
            reason = str(exc) if isinstance(exc, GfpipeError) else f"{type(exc).__name__}: {exc}"
            self.rows[system.name] = Row(system, reason=reason)
            self.say(f"{system.name} is not run: {reason}")

    def of(self, kind: str) -> list[System]:
        """The systems of a kind that have no row yet."""
        return [each for each in self.systems if each.kind == kind and each.name not in self.rows]

    def done(self, system: System, run: Run) -> None:
        """A system has answered."""
        self.rows[system.name] = Row(system, run)

    def key(self, *about: str) -> str:
        """Of answers about these faces."""
        return " ".join((self.faces.digest, *about))


def run(config: Config, on_progress: OnProgress, say: Say, *, keep_chips: bool = False) -> Written:
    """Train, fit and ask what is not done yet, and write tables and picture.

    Args:
        config: what is put side by side.
        on_progress: receives how far each step is.
        say: told what begins, and what fails.
        keep_chips: leave the cut faces in the study's folder.

    Raises:
        UsageError: the data cannot be compared on, there is no such system, or not one could be run.
    """
    study = _Study(config, on_progress, say)
    _foreign(study)
    _heads(study)
    _models(study)
    if not any(row.run for row in study.rows.values()):
        reasons = "; ".join(f"{name}: {row.reason}" for name, row in study.rows.items())
        raise UsageError(f"not one system could be run: {reasons}")
    rows = tuple(study.rows[each.name] for each in study.systems)
    said, faces = tuple(answers_of(row) for row in rows if row.run), study.faces
    trial = Trial(faces.data, config.detector, faces.labels, said, faces.skipped)
    outcome = Outcome(trial, rows, declared().groups)
    files = system_tables.write(outcome, config.out)
    system_figure.write(outcome, config.out)
    if not keep_chips:
        shutil.rmtree(config.out / "chips", ignore_errors=True)
    return Written(outcome, files[0])


# --- other tools --------------------------------------------------------------------------------------------------


def _foreign(study: _Study) -> None:
    for system in study.of(FOREIGN):
        with study.attempt(system):
            found = predictions.read(f"{system.name}={file_of(study.config, system)}", study.faces.labels).answers
            study.done(system, Run(OTHERS, found.p_female, found.age_years))


# --- classical heads ----------------------------------------------------------------------------------------------


def _heads(study: _Study) -> None:
    """Every head; faces are embedded once for all heads on the same features."""
    samples: dict[str, embed.Sample] = {}
    for system in study.of(HEAD):
        with study.attempt(system):
            _head(study, system, samples)


def _head(study: _Study, system: System, samples: dict[str, embed.Sample]) -> None:
    config, name = study.config, system.embedder or study.config.embedder
    model = model_of(name)
    key = study.key(name, model.sha256 if model else "", system.head)
    if found := systems.kept(config, system.name, key):
        return study.done(system, found)
    if name not in samples:
        if model:
            study.faces.refuse_learned(name)
        wanted = embed.Config(name, config.data, detector=config.detector, device=config.device)
        samples[name] = embed.gather(wanted, study.on_progress)
    sample = samples[name]
    head = classical.BY_NAME[system.head]
    study.say(f"{system.name}: fitted on {sample.learned:,} faces, {sample.embedder.dimensions:,} features of {name}")
    asked = embed.ask(sample, head)
    said, _ = study.faces.taken(sample.trial(Answers(system.name, asked.p_female)), system.name)
    per_face = sample.found.network_seconds / len(sample.labels) + asked.ask_seconds / sample.test.sum()
    linear = sample.embedder.dimensions + 1 if head.family == "linear" else 0
    run = Run(
        FULL,
        said,
        parameters=((model.parameters or 0) if model else 0) + linear or None,
        train_seconds=asked.fit_seconds,
        images_per_second=1 / per_face,
        threads=systems.threads(config.device),
    )
    return study.done(system, systems.keep(config, system.name, key, run))


# --- networks: trained here, or stored ----------------------------------------------------------------------------


def _models(study: _Study) -> None:
    """Train what has to be trained, then ask all networks that have not answered yet in one go."""
    ready = []
    study.share_chips()
    for system in (*study.of(MODEL), *study.of(RECIPE)):
        with study.attempt(system):
            asked = _made(study, system)
            if found := systems.kept(study.config, system.name, study.key(asked.key)):
                study.done(system, replace(found, train_seconds=asked.run.train_seconds))
            else:
                study.faces.refuse_learned(str(asked.model))
                ready.append(asked)
    if ready:
        _ask(study, ready)


def _made(study: _Study, system: System) -> _Asked:
    """The system's network: as stored, or trained now."""
    config = study.config
    if system.kind == MODEL and (model := stored(config, system)):
        return _Asked(system, model, Run(STORED, _NONE, parameters=store.card(model).parameters))
    made = courses(config, system, study.faces.data)
    results = [_trained_by(study, system, each) for each in made]
    run = Run(
        made[0].setting,
        _NONE,
        made_smaller=made[0].made_smaller,
        parameters=sum(store.card(each.folder).parameters or 0 for each in results),
        train_seconds=sum(epoch.seconds for each in results for epoch in each.history),
    )
    return _Asked(system, results[0].folder, run, tuple(each.folder for each in results[1:]))


def _trained_by(study: _Study, system: System, way: Course) -> train.Trained:
    config = study.config
    wanted = train.Config(
        recipe=way.recipe,
        data=(config.data,),
        out=config.out / "runs" / way.id,
        model_id=way.id,
        device=config.device,
        detector=config.detector,
        models=config.models,
    )
    if not trained(config, way):
        study.say(f"{system.name}: {way.words}")
        if chip(way) in study.shared:
            bank = systems.fill_bank(config, way.recipe, study.faces.everything, study.on_progress)
            wanted = replace(wanted, bank=bank)
    return train.run(wanted, study.on_progress)


def _ask(study: _Study, ready: list[_Asked]) -> None:
    config = study.config
    speeds = systems.timed([each.model for each in ready], study.faces, config)
    able = []
    for asked, speed in zip(ready, speeds, strict=True):
        with study.attempt(asked.system):
            if isinstance(speed, Exception):
                raise speed
            run = replace(asked.run, images_per_second=speed, threads=systems.threads(config.device))
            able.append(replace(asked, run=run))
    # Two systems may share a network, as the one whose ages two others tell.
    models = {store.card(model).id: str(model) for each in able for model in (each.model, *each.ages)}
    if not models:
        return
    wanted = evaluate.Config(
        models=tuple(models.values()),
        data=(config.data,),
        detector=config.detector,
        device=config.device,
        part="test",
    )
    trial: Trial | None = None
    for asked in able:
        with study.attempt(asked.system):
            trial = trial or evaluate.run(wanted, study.on_progress)[0]
            p_female, ages = study.faces.taken(trial, store.card(asked.model).id)
            if asked.ages:
                women, men = (study.faces.taken(trial, store.card(model).id)[1] for model in asked.ages)
                ages = _by_two(asked, p_female, women, men)
            run = replace(asked.run, p_female=p_female, age_years=ages)
            study.done(asked.system, systems.keep(config, asked.system.name, study.key(asked.key), run))


def _by_two(asked: _Asked, p_female: Floats, women: Floats | None, men: Floats | None) -> Floats | None:
    """The ages of those called women by one network, of the others by another."""
    if women is None or men is None:
        raise UsageError(f"{asked.system.women} and {asked.system.men} must both tell ages")
    return age_errors.by_perceived_gender(Answers(asked.system.name, p_female), women, men).age_years

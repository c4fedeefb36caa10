"""A study of thresholds: curate, train and measure each setting, one after the other; what is finished is kept.

settings -> a set each -> a training for each seed -> all models on the same faces -> tables and one picture

There is one training at a time, which takes all cores or the GPU by itself.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from gfpipe.evaluation.answers import Trial
from gfpipe.models import store
from gfpipe.progress import OnProgress
from gfpipe.stages.models import evaluate, train
from gfpipe.studies.thresholds import figure as threshold_figure
from gfpipe.studies.thresholds import prepare as study
from gfpipe.studies.thresholds import tables as threshold_tables
from gfpipe.studies.thresholds.config import MEASURED, Config
from gfpipe.studies.thresholds.measures import Kind, Outcome
from gfpipe.studies.thresholds.prepare import Curated
from gfpipe.training.data import material

Say = Callable[[str], None]

_ANSWERED: Final = "answers.json"


@dataclass(frozen=True)
class Written:
    """What a study leaves in its folder.

    Attributes:
        tables: every table, in text.
        picture: as PNG.
    """

    outcome: Outcome
    tables: Path
    picture: Path


def run(config: Config, on_progress: OnProgress, say: Say, *, keep_chips: bool = False) -> Written:
    """Train what is not trained yet, measure, and write tables and picture.

    Args:
        config: what is studied.
        on_progress: receives how far each step is.
        say: told what each row learns from, when it begins.
        keep_chips: leave the cut faces in the study's folder.
    """
    prepared = study.prepare(config, on_progress)
    curated = [study.curate(config, prepared, setting) for setting in config.settings]
    due = _due(config, curated)
    if due:
        study.fill_bank(config, prepared, on_progress)
    for number, (place, seed) in enumerate(due, start=1):
        setting = config.settings[place]
        say(f"[{number}/{len(due)}] {setting.name}, seed {seed}: {_words(curated[place], setting.kind)}")
        train.run(
            train.Config(
                recipe=config.recipe_of(setting, seed),
                data=config.data_of(setting),
                out=config.run_of(setting, seed),
                model_id=config.model_id(setting, seed),
                device=config.device,
                detector=config.detector,
                bank=config.bank,
                models=config.models,
            ),
            on_progress,
        )
    outcome = study.conclude(config, curated, _measure(config, curated, on_progress))
    tables = threshold_tables.write(outcome, config.out)
    _, picture = threshold_figure.write(outcome, config.out)
    if not keep_chips:
        shutil.rmtree(config.bank, ignore_errors=True)
    return Written(outcome, tables[0], picture)


def plan(config: Config, on_progress: OnProgress) -> str:
    """What would be trained on what; nothing is trained, but the model is asked about the archive."""
    prepared = study.prepare(config, on_progress)
    curated = [study.curate(config, prepared, setting) for setting in config.settings]
    lines = [f"{len(prepared.candidates):,} of the archive's {prepared.archive:,} faces were found and read"]
    lines += [
        f"{setting.name:24}{_words(made, setting.kind)}" for setting, made in zip(config.settings, curated, strict=True)
    ]
    faces = sum(stage.epochs * stage.epoch_faces for stage in config.recipe.stages)
    due = len(_due(config, curated))
    return "\n".join([*lines, f"{due} trainings, each shown {faces:,} faces"])


def _due(config: Config, curated: list[Curated]) -> list[tuple[int, int]]:
    """The trainings that are not finished, seed by seed, so that a study that is stopped has whole tables."""
    return [
        (place, seed)
        for seed in range(config.seeds)
        for place, (setting, made) in enumerate(zip(config.settings, curated, strict=True))
        if setting.kind is Kind.CONTROL or made.enough
        if not (config.run_of(setting, seed) / "finished.json").is_file()
        or not (config.models / config.model_id(setting, seed) / store.CARD).is_file()
    ]


def _measure(config: Config, curated: list[Curated], on_progress: OnProgress) -> list[Trial]:
    """The source and all models on the same faces; kept, so that a finished study only reads them."""
    models = [
        str(config.models / config.model_id(setting, seed))
        for setting, made in zip(config.settings, curated, strict=True)
        if setting.kind is Kind.CONTROL or made.enough
        for seed in range(config.seeds)
    ]
    data = [config.table(name) for name in MEASURED]
    tables = [material.digest(np.frombuffer(path.read_bytes(), np.uint8).tolist()) for path in data]
    key = material.digest([store.card(model).sha256 for model in (config.model, *models)], tables)
    answers = [config.out / "answers" / f"{name}.parquet" for name in MEASURED]
    mark = config.out / "answers" / _ANSWERED
    if mark.is_file() and json.loads(mark.read_text(encoding="utf-8")) == key:
        return [Trial.read(path) for path in answers]
    asked = evaluate.Config(
        models=(config.model, *models),
        data=tuple(f"{name}:parquet={path}" for name, path in zip(MEASURED, data, strict=True)),
        detector=config.detector,
        device=config.device,
        part=evaluate.ALL,  # the tables hold no face that any of the models has learned from
    )
    trials = evaluate.run(asked, on_progress)
    mark.unlink(missing_ok=True)
    for path, trial in zip(answers, trials, strict=True):
        trial.write(path)
    mark.write_text(json.dumps(key), encoding="utf-8")
    return list(trials)


def _words(made: Curated, kind: Kind) -> str:
    if kind is Kind.CONTROL:
        return "labelled faces alone"
    words = f"{made.female:,} women and {made.male:,} men of the archive"
    return words if made.enough else f"{words}: too few to learn from"

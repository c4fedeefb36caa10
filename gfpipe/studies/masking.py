"""A study of masking: the same network, budget and seeds, with sensitive, other or random patches hidden.

recipes × seeds -> a training each -> all models on the same faces -> mean and spread over seeds, and over ethnicities

There is one training at a time; what is finished is kept. Models lie in the study's folder, not among the user's.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gfpipe.attributes.device import resolve_device
from gfpipe.choices import Device
from gfpipe.errors import UsageError
from gfpipe.evaluation.measures import spread
from gfpipe.progress import OnProgress
from gfpipe.settings import Analysis
from gfpipe.stages.models import evaluate, train
from gfpipe.tables import Table
from gfpipe.training import recipe as recipes
from gfpipe.training.data import cutting, material
from gfpipe.training.data.cutting import Cutter
from gfpipe.training.recipe import Recipe
from gfpipe.training.tables import Input

Say = Callable[[str], None]

MASKINGS: Final = ("random", "sensitive", "other")
LIGHT: Final = "fine-tuning"  # hides sensitive patches while labels are learned, without pre-training


@dataclass(frozen=True)
class Config:
    """What is studied.

    Attributes:
        data: one benchmark that knows ethnicity and age, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        out: folder of the study; one that was stopped goes on there.
        seeds: trainings of each masking.
        light: whether masking at fine-tuning is studied too.
        reduced: by the recipes' setting for two cores.
    """

    data: str
    out: Path
    seeds: int = 3
    light: bool = False
    reduced: bool = False
    detector: str = Analysis().detector
    device: str = Device.AUTO

    @property
    def maskings(self) -> tuple[str, ...]:
        """What is trained."""
        return (*MASKINGS, LIGHT) if self.light else MASKINGS

    def recipe(self, masking: str, seed: int) -> Recipe:
        """The package's recipe with another seed."""
        found = recipes.find(f"masked-{masking}")
        return replace(found.at_reduced_setting if self.reduced else found, seed=seed)

    def model_id(self, masking: str, seed: int) -> str:
        """Of the model that comes out."""
        return f"masked-{masking}-seed-{seed}"

    @property
    def trainings(self) -> list[train.Config]:
        """All of the study, seed by seed, so that one that is stopped has as many of each masking."""
        return [self.training(masking, seed) for seed in range(self.seeds) for masking in self.maskings]

    def training(self, masking: str, seed: int) -> train.Config:
        """One training of the study."""
        model = self.model_id(masking, seed)
        return train.Config(
            recipe=self.recipe(masking, seed),
            data=(self.data,),
            out=self.out / "runs" / model,
            model_id=model,
            device=self.device,
            detector=self.detector,
            bank=self.out / "chips",
            models=self.out / "models",
        )


def run(config: Config, on_progress: OnProgress, say: Say, *, keep_chips: bool = False) -> tuple[Table, ...]:
    """Train what is not trained yet, measure on the test part, and write the tables.

    Args:
        config: what is studied.
        on_progress: receives how far each step is.
        say: told which training begins.
        keep_chips: leave the cut faces in the study's folder.

    Raises:
        UsageError: data that do not know what the recipes learn, or a folder of another study.
        ModelError: the detector cannot be had.
    """
    trainings = config.trainings
    due = [each for each in trainings if each.folder.finished() is None]
    if due:
        _fill_bank(config, due[0].recipe, on_progress)
    for number, each in enumerate(due, start=1):
        say(f"[{number}/{len(due)}] {each.model_id}")
        train.run(each, on_progress)
    tables = _measure(config, trainings, on_progress)
    _write(config.out, tables)
    if not keep_chips:
        shutil.rmtree(config.out / "chips", ignore_errors=True)
    return tables


def plan(config: Config) -> str:
    """What would be trained; no picture is read."""
    trainings = config.trainings
    shown = sum(stage.epochs * stage.epoch_faces for stage in trainings[0].recipe.stages)
    faces = f", each shown {shown:,} faces" if shown else ""
    due = [each.model_id for each in trainings if each.folder.finished() is None]
    return "\n".join([*due, f"{len(due)} of {len(trainings)} trainings are not finished{faces}"])


def _fill_bank(config: Config, recipe: Recipe, on_progress: OnProgress) -> None:
    """Find and cut every face once, for all trainings."""
    faces = material.gather(recipe, (config.data,), on_progress).faces
    cutter = Cutter((recipe.input or Input()).spec, config.detector, resolve_device(config.device))

    cutting.fill(config.out / "chips", faces.images, faces.digests, cutter, on_progress)


def _measure(config: Config, trainings: list[train.Config], on_progress: OnProgress) -> tuple[Table, ...]:
    """All models on the same faces, which none of them was trained or stopped on."""
    asked = evaluate.Config(
        models=tuple(str(each.place) for each in trainings),
        data=(config.data,),
        detector=config.detector,
        device=config.device,
        part="test",
        by=("ethnicity",),
    )
    (trial,) = evaluate.run(asked, on_progress)
    trial.write(config.out / "answers.parquet")
    models = {masking: [config.model_id(masking, seed) for seed in range(config.seeds)] for masking in config.maskings}
    setting = "At the recipes’ reduced setting." if config.reduced else "At the recipes’ full setting."
    return spread.seeds(trial, models, setting), spread.each(trial), spread.table(trial)


def _write(folder: Path, tables: tuple[Table, ...]) -> None:
    """``study.txt`` and ``study.md`` with all tables, and ``NAME.csv`` of each."""
    contents = {
        "study.txt": "\n\n".join(table.text() for table in tables) + "\n",
        "study.md": "\n".join(table.markdown() for table in tables),
        **{f"{table.name}.csv": table.csv() for table in tables},
    }
    try:
        for name, content in contents.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{folder} cannot be written: {exc.strerror or exc}") from exc

"""A study of masking: the same network, budget and seeds, with sensitive, other or random patches masked.

recipes × seeds -> a training each -> all models on the same test faces -> mean and SD over seeds and over ethnicities
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.tables import spread
from gfpipe.stages.models import evaluate
from gfpipe.studies import runner
from gfpipe.studies.runner import Report, Study, Training
from gfpipe.training import recipe as recipes
from gfpipe.training.data import material
from gfpipe.training.data.material import Material
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe

MASKINGS: Final = ("random", "sensitive", "other")
LIGHT: Final = "fine-tuning"  # masks sensitive patches while labels are learned, without pre-training


@dataclass(frozen=True)
class Config(runner.Options):
    """Options of a study.

    Attributes:
        data: one benchmark with ethnicity and age, ``NAME=PATH`` or ``NAME:FORM=PATH``.
        seeds: trainings of each masking.
        light: also study masking during fine-tuning.
        reduced: train at the recipes' reduced setting.
    """

    data: str
    seeds: int = 3
    light: bool = False
    reduced: bool = False

    @property
    def maskings(self) -> tuple[str, ...]:
        """Maskings to train, in order."""
        return (*MASKINGS, LIGHT) if self.light else MASKINGS

    @property
    def setting(self) -> str:
        """Setting of the recipes."""
        return "reduced" if self.reduced else "full"

    def recipe(self, masking: str, seed: int) -> Recipe:
        """The built-in recipe with another seed."""
        recipe = recipes.find(f"masked-{masking}")
        return replace(recipe.at_reduced_setting if self.reduced else recipe, seed=seed)

    def model_id(self, masking: str, seed: int) -> str:
        """Id of the trained model."""
        return f"masked-{masking}-seed-{seed}"

    @cached_property
    def trainings(self) -> list[Training]:
        """All trainings, seed by seed, so that an interrupted study has as many of each masking."""
        return [
            self.training(model, model, self.recipe(masking, seed), (self.data,), model)
            for seed in range(self.seeds)
            for masking in self.maskings
            for model in [self.model_id(masking, seed)]
        ]


class Masking(Study[Trial]):
    """Declaration for :func:`gfpipe.studies.runner.run`; the outcome has the answers of all models."""

    def __init__(self, config: Config, *callbacks: Any) -> None:
        super().__init__(config.out, *callbacks)
        self.config = config

    @property
    def about(self) -> Mapping[str, Any]:
        """Data, detector and setting; seeds and the light variant may be added."""
        config = self.config
        return {"data": runner.data_paths((config.data,)), "detector": config.detector, "setting": config.setting}

    @property
    def trainings(self) -> list[Training]:
        """See :attr:`Config.trainings`."""
        return self.config.trainings

    @cached_property
    def _material(self) -> Material:
        return material.gather(self.trainings[0].config.recipe, (self.config.data,), self.on_progress)

    @property
    def faces(self) -> Faces:
        """All faces of the benchmark."""
        return self._material.faces

    def measure(self) -> Trial:
        """Evaluate all models on the test split, from which none of them learned."""
        evaluation = evaluate.Config(
            models=tuple(str(training.config.model_folder) for training in self.trainings),
            data=(self.config.data,),
            detector=self.config.detector,
            device=self.config.device,
            part="test",
            by=("ethnicity",),
        )
        (trial,) = runner.stored_answers(self.config.out, evaluation, self._material.digest, self.on_progress)
        return trial

    def report(self, outcome: Trial) -> Report:
        """Mean ± SD over seeds, each model, and accuracy by ethnicity."""
        config = self.config
        models = {name: [config.model_id(name, seed) for seed in range(config.seeds)] for name in config.maskings}
        note = f"At the recipes’ {config.setting} setting."
        tables = spread.seeds(outcome, models, note), spread.by_model(outcome), spread.by_ethnicity(outcome)
        return Report.of("study", tables, trial=outcome)


def plan(config: Config) -> str:
    """List the trainings that are missing; no picture is read."""
    due = [training.title for training in config.trainings if not training.finished]
    return "\n".join([*due, runner.summary(config.trainings)])

"""A study of masking: the same network, budget and seeds, with sensitive, other or random patches masked.

recipes × seeds -> a training each -> all models on the same test faces -> mean and SD over seeds and over ethnicities
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from gfpipe.evaluation.answers import Trial
from gfpipe.evaluation.tables import spread
from gfpipe.studies.runner import Report, Study, Training
from gfpipe.training import recipe as recipes
from gfpipe.training.data import material
from gfpipe.training.data.material import Material
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe
from gfpipe.training.run.folder import data_paths

MASKINGS: Final = ("random", "sensitive", "other")
LIGHT: Final = "fine-tuning"  # masks sensitive patches while labels are learned, without pre-training


@dataclass(frozen=True)
class Masking(Study[Trial]):
    """The study; its outcome has the answers of all models.

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
    def about(self) -> Mapping[str, Any]:
        """Data, detector and setting; seeds and the light variant may be added."""
        return {"data": data_paths((self.data,)), "detector": self.detector, "setting": self._setting}

    @cached_property
    def trainings(self) -> list[Training]:
        """Seed by seed, so that an interrupted study has as many of each masking."""
        ids = {(masking, seed): _id(masking, seed) for seed in range(self.seeds) for masking in self.maskings}
        return [self.training(name, name, self.recipe(*key), (self.data,), name) for key, name in ids.items()]

    def recipe(self, masking: str, seed: int) -> Recipe:
        """The built-in recipe with another seed."""
        recipe = recipes.find(f"masked-{masking}")
        return replace(recipe.at_reduced_setting if self.reduced else recipe, seed=seed)

    @property
    def faces(self) -> Faces:
        """All faces of the benchmark."""
        return self._material.faces

    def measure(self) -> Trial:
        """Evaluate all models on the test split, from which none of them learned."""
        models = [str(training.config.model_folder) for training in self.trainings]
        (trial,) = self.answers(models, (self.data,), self._material.digest, part="test", by=("ethnicity",))
        return trial

    def report(self, outcome: Trial) -> Report:
        """Mean ± SD over seeds, each model, and accuracy by ethnicity."""
        models = {masking: [_id(masking, seed) for seed in range(self.seeds)] for masking in self.maskings}
        seeds = spread.seeds(outcome, models, f"At the recipes’ {self._setting} setting.")
        return Report.of("study", (seeds, spread.by_model(outcome), spread.by_ethnicity(outcome)), trial=outcome)

    @property
    def _setting(self) -> str:
        return "reduced" if self.reduced else "full"

    @cached_property
    def _material(self) -> Material:
        return material.gather(self.trainings[0].config.recipe, (self.data,), self.on_progress)


def _id(masking: str, seed: int) -> str:
    return f"masked-{masking}-seed-{seed}"

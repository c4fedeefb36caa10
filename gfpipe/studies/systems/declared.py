"""Which systems a study puts side by side, and by what recipe each is trained: ``systems.toml`` read and looked up."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.studies.systems.outcome import FULL, REDUCED, System
from gfpipe.training import recipe as recipes
from gfpipe.training.recipe import Recipe
from gfpipe.training.tables import Split
from gfpipe.validation import parse

_FILE: Final = Path(__file__).parent / "systems.toml"


@dataclass(frozen=True)
class Systems:
    """All that are declared.

    Attributes:
        groups: what each group is called.
        systems: in the order of the tables.
    """

    groups: Mapping[str, str]
    systems: tuple[System, ...]

    def __post_init__(self) -> None:
        names = [system.name for system in self.systems]
        if len(set(names)) < len(names):
            raise ValueError(f"two systems have one name: {', '.join(names)}")
        if unknown := {system.group for system in self.systems} - set(self.groups):
            raise ValueError(f"no words for the group {', '.join(sorted(unknown))}")

    def named(self, names: Sequence[str]) -> tuple[System, ...]:
        """Those of these names or groups, in their own order; all for no name.

        Raises:
            UsageError: there is none of such a name.
        """
        known = {*self.groups, *(system.name for system in self.systems)}
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(sorted(known))}"
                raise UsageError(f"there is no system {name!r}: {hint}")
        return tuple(each for each in self.systems if not names or {each.name, each.group} & set(names))


@cache
def declared() -> Systems:
    """What the package declares."""
    return parse(Systems, tomllib.loads(_FILE.read_text(encoding="utf-8")), str(_FILE))


@dataclass(frozen=True)
class Course:
    """How a recipe is followed in a study.

    Attributes:
        setting: full, also where a recipe has no reduced one; or reduced.
        made_smaller: what the reduced setting changes, in words.
    """

    recipe: Recipe
    setting: str
    made_smaller: str

    @property
    def id(self) -> str:
        """Of its run and its model: another whenever something changes what comes out."""
        return f"{self.recipe.name}-{self.setting}-{self.recipe.digest[:8]}"

    @property
    def words(self) -> str:
        """How long it trains."""
        stages = self.recipe.stages
        faces = {f"{stage.epoch_faces:,}" if stage.epoch_faces else "all" for stage in stages}
        epochs = " + ".join(str(stage.epochs) for stage in stages)
        return f"{self.setting}, {epochs} epochs of {' or '.join(sorted(faces))} faces"


def course(name: str, data: str, *, full: bool, seed: int | None = None) -> Course:
    """A recipe at a setting, on the one data set of a study.

    Args:
        name: of the recipe.
        data: the data set's name, whatever the recipe calls it.
        full: or reduced, where the recipe says how.
        seed: None for the recipe's own.

    Raises:
        UsageError: there is no such recipe, or it learns from several data sets, or parts faces in its own way.
    """
    given = recipes.find(name)
    if len(given.datasets) != 1:
        raise UsageError(f"the recipe {name} learns from {' + '.join(given.datasets)}: a study has one data set")
    if given.split != Split():
        raise UsageError(f"the recipe {name} parts faces in its own way: its test faces would not be the others'")
    found = given if full else given.at_reduced_setting
    stages = tuple(replace(stage, data=data) for stage in found.stages)
    made = replace(found, stages=stages, seed=found.seed if seed is None else seed)
    reduced = not full and given.reduced is not None
    return Course(made, REDUCED if reduced else FULL, _smaller(given, found) if reduced else "")


def _smaller(full: Recipe, less: Recipe) -> str:
    words = []
    if less.network != full.network:
        words.append(f"{less.network} for {full.network}")
    if less.input and full.input and less.input.size != full.input.size:
        words.append(f"{less.input.size} pixels for {full.input.size}")
    epochs = [" + ".join(str(stage.epochs) for stage in each.stages) for each in (less, full)]
    if epochs[0] != epochs[1]:
        words.append(f"{epochs[0]} epochs for {epochs[1]}")
    faces = [stage.epoch_faces for stage in less.stages]
    if faces != [stage.epoch_faces for stage in full.stages]:
        words.append(f"{' + '.join(f'{each:,}' if each else 'all' for each in faces)} faces an epoch")
    return ", ".join(words)

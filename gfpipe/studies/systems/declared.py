"""The systems of ``systems.toml``, and the recipes that train them at a study's setting."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final

from gfpipe.base.validation import parse
from gfpipe.errors import UsageError
from gfpipe.studies.systems.outcome import FULL, REDUCED, System
from gfpipe.training import recipe as recipes
from gfpipe.training.recipe import Recipe
from gfpipe.training.tables import Split

_FILE: Final = Path(__file__).parent / "systems.toml"


@dataclass(frozen=True)
class Declarations:
    """All systems, in the order of the tables, and the titles of their groups."""

    groups: Mapping[str, str]
    systems: tuple[System, ...]

    def __post_init__(self) -> None:
        names = [system.name for system in self.systems]
        if len(set(names)) < len(names):
            raise ValueError(f"two systems have the same name: {', '.join(names)}")
        if unknown := {system.group for system in self.systems} - set(self.groups):
            raise ValueError(f"no title for the group {', '.join(sorted(unknown))}")

    def named(self, names: Sequence[str]) -> tuple[System, ...]:
        """Systems by name or group; all for no name. Raises UsageError for an unknown name."""
        known = {*self.groups, *(system.name for system in self.systems)}
        for name in names:
            if name not in known:
                near = get_close_matches(name, known, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"choose from {', '.join(sorted(known))}"
                raise UsageError(f"there is no system {name!r}: {hint}")
        return tuple(system for system in self.systems if not names or {system.name, system.group} & set(names))


@cache
def declared() -> Declarations:
    """Read ``systems.toml``."""
    tables = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    groups = {group: table.pop("title") for group, table in tables.items()}
    systems = [{"name": name, "group": group, **tables[group][name]} for group in groups for name in tables[group]]
    return parse(Declarations, {"groups": groups, "systems": systems}, str(_FILE))


@dataclass(frozen=True)
class Course:
    """A recipe at a setting.

    Attributes:
        setting: full, also where a recipe has no reduced setting; or reduced.
        made_smaller: what the reduced setting changes, in words.
    """

    recipe: Recipe
    setting: str
    made_smaller: str

    @property
    def id(self) -> str:
        """Id of its run and model; depends on all of the recipe."""
        return f"{self.recipe.name}-{self.setting}-{self.recipe.digest[:8]}"

    @property
    def words(self) -> str:
        """Setting, epochs and faces per epoch."""
        faces = {f"{stage.epoch_faces:,}" if stage.epoch_faces else "all" for stage in self.recipe.stages}
        return f"{self.setting}, {_epochs(self.recipe)} epochs of {' or '.join(sorted(faces))} faces"


def course(name: str, data: str, *, full: bool, seed: int | None = None) -> Course:
    """A recipe at its full or reduced setting, where `data` and `seed` replace its data set and seed.

    Raises:
        UsageError: the recipe is unknown, uses several data sets, or has a split of its own.
    """
    published = recipes.find(name)
    if len(published.datasets) != 1:
        raise UsageError(f"the recipe {name} learns from {' + '.join(published.datasets)}: a study has one data set")
    if published.split != Split():
        raise UsageError(f"the recipe {name} has a split of its own: its test faces would not be the others'")
    recipe = published if full else published.at_reduced_setting
    reduced = not full and published.reduced is not None
    made_smaller = _differences(published, recipe) if reduced else ""
    stages = tuple(replace(stage, data=data) for stage in recipe.stages)
    recipe = replace(recipe, stages=stages, seed=recipe.seed if seed is None else seed)
    return Course(recipe, REDUCED if reduced else FULL, made_smaller)


def _differences(full: Recipe, reduced: Recipe) -> str:
    words = []
    if reduced.network != full.network:
        words.append(f"{reduced.network} for {full.network}")
    if reduced.input and full.input and reduced.input.size != full.input.size:
        words.append(f"{reduced.input.size} pixels for {full.input.size}")
    if _epochs(reduced) != _epochs(full):
        words.append(f"{_epochs(reduced)} epochs for {_epochs(full)}")
    faces = [stage.epoch_faces for stage in reduced.stages]
    if faces != [stage.epoch_faces for stage in full.stages]:
        words.append(f"{' + '.join(f'{count:,}' if count else 'all' for count in faces)} faces per epoch")
    return ", ".join(words)


def _epochs(recipe: Recipe) -> str:
    return " + ".join(str(stage.epochs) for stage in recipe.stages)

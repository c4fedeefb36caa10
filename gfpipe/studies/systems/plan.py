"""What a study of systems would do: for each system a recipe at its setting, a stored model, a head or a file."""

from pathlib import Path

from gfpipe.errors import GfpipeError, UnknownModelError, UsageError
from gfpipe.models import store
from gfpipe.models.card import Card
from gfpipe.studies.heads import embedding
from gfpipe.studies.systems.declared import Course, course, declared
from gfpipe.studies.systems.held_out import Config
from gfpipe.studies.systems.outcome import FOREIGN, HEAD, MODEL, System
from gfpipe.training.run.folder import FINISHED
from gfpipe.training.tables import Input

Chip = tuple[Input | None, str]  # what a network sees, and what finds the faces


def plan(config: Config) -> str:
    """What would be done; nothing is trained, and no picture is read."""
    data = config.data.partition("=")[0].partition(":")[0]
    return "\n".join(
        f"{each.group:6}{each.name:24}{_planned(config, each, data)}" for each in declared().named(config.names)
    )


def _planned(config: Config, system: System, data: str) -> str:
    try:
        if system.kind == FOREIGN:
            return f"read from {file_of(config, system)}"
        if system.kind == HEAD:
            embedder = system.embedder or config.embedder
            model_of(embedder)
            return f"fitted on the features of {embedder}, full"
        if system.kind == MODEL and (folder := stored(config, system)):
            return f"asked as stored, {folder}"
        return "; ".join(
            f"{'trained before' if trained(config, each) else 'trained'} by {each.recipe.name}: {each.words}"
            for each in courses(config, system, data)
        )
    except GfpipeError as exc:
        return f"not run: {exc}"


def file_of(config: Config, system: System) -> str:
    """Where another tool's answers lie; raises a UsageError where the user has not said so."""
    for each in config.predictions:
        name, _, file = each.partition("=")
        if name == system.predictions:
            return file
    raise UsageError(f"give its answers about these pictures: --predictions {system.predictions}=FILE.csv")


def model_of(embedder: str) -> Card | None:
    """The stored model that an embedder is; None for pixels and the networks of others."""
    if embedder == embedding.DLIB or embedder.partition(":")[0] in (embedding.ARCFACE, embedding.PIXELS):
        return None
    return store.card(embedder)


def stored(config: Config, system: System) -> Path | None:
    """The folder of a stored model; None where it is to be trained instead.

    Raises:
        UsageError: there is none.
    """
    try:
        store.card(system.model)
        return Path(system.model) if Path(system.model).is_dir() else store.models_folder() / system.model
    except UnknownModelError as exc:
        if system.recipe and config.train:
            return None
        hint = f": gfpipe train {system.recipe} first, or give --train" if system.recipe else ""
        raise UsageError(f"there is no stored model {system.model}{hint}") from exc


def courses(config: Config, system: System, data: str) -> list[Course]:
    """How each of its recipes is followed."""
    return [course(name, data, full=config.full, seed=config.seed) for name in system.recipes]


def chip(way: Course) -> Chip:
    """What its network sees; recipes that see the same can share what was cut."""
    return way.recipe.input, way.recipe.detector


def trained(config: Config, way: Course) -> bool:
    """Whether this study has come to the end of it."""
    return (config.out / "runs" / way.id / FINISHED).is_file()

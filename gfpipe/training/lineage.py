"""Where a trained model comes from, in words for its card."""

from collections.abc import Sequence

from gfpipe.training.datasets import Dataset
from gfpipe.training.history import Epoch
from gfpipe.training.initial import Initial
from gfpipe.training.lessons import Count
from gfpipe.training.recipe import Recipe, Stage


def licence(found: Sequence[Dataset], start: Initial | None) -> str:
    """What the publishers of the data and of the initial weights allow."""
    terms = [f"{each.name}: {each.licence}" for each in found]
    terms += [f"{start.source}: {start.licence}"] if start else []
    return f"of what it was trained on: {'; '.join(terms)}"


def names(found: Sequence[Dataset]) -> str:
    """The data sets in one line."""
    return " + ".join(dataset.name for dataset in found)


def lineage(recipe: Recipe, found: Sequence[Dataset], counts: Sequence[Count], history: Sequence[Epoch]) -> str:
    """Recipe, start, stages, faces and seed.

    Args:
        recipe: that was followed.
        found: its data sets.
        counts: of faces by part and by stage, see :class:`gfpipe.training.lessons.Count`.
        history: all epochs.
    """
    faces = {count.what: count for count in counts}
    stages = [
        f"Stage {stage.name}: {stage.data}{_filters(stage)}, {faces[f'stage {stage.name}'].female:,} female and "
        f"{faces[f'stage {stage.name}'].male:,} male faces, {sum(row.stage == stage.name for row in history)} epochs."
        for stage in recipe.stages
    ]
    return " ".join(
        (
            f"Trained by gfpipe's recipe {recipe.name} ({recipe.digest[:12]}), seed {recipe.seed}: {recipe.network}, "
            f"from {recipe.initial}.",
            *stages,
            f"{faces['validation'].faces:,} faces to stop by and {faces['test'].faces:,} to test, of {names(found)}.",
        )
    )


def made_by(recipe: Recipe, text: str) -> bool:
    """Whether a card's lineage says that its model was trained by this very recipe."""
    return f"({recipe.digest[:12]})" in text


def _filters(stage: Stage) -> str:
    words = [
        f"{word} {attribute} {' or '.join(values)}"
        for word, filters in (("only", stage.only), ("without", stage.without))
        for attribute, values in filters.items()
    ]
    return f" ({', '.join(words)})" if words else ""

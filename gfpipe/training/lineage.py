"""Where a trained model comes from, in words for its card."""

import re
from collections.abc import Sequence

from gfpipe.training.data.datasets import Dataset
from gfpipe.training.data.lessons import Count
from gfpipe.training.recipe import SCRATCH, Recipe, Stage
from gfpipe.training.run.history import Epoch
from gfpipe.training.run.initial import Initial


def licence(found: Sequence[Dataset], start: Initial | None) -> str:
    """What the publishers of the data and of the initial weights allow."""
    terms = [f"{each.name}: {each.licence}" for each in found]
    terms += [f"{start.source}: {start.licence}"] if start else []
    return f"of what it was trained on: {'; '.join(terms)}"


def names(found: Sequence[Dataset]) -> str:
    """The data sets in one line."""
    return " + ".join(dataset.name for dataset in found)


def lineage(
    recipe: Recipe, found: Sequence[Dataset], counts: Sequence[Count], history: Sequence[Epoch], detector: str = ""
) -> str:
    """Recipe, start, stages, faces and seed.

    Args:
        recipe: that was followed.
        found: its data sets.
        counts: of faces by part and by stage, see :class:`gfpipe.training.data.lessons.Count`.
        history: all epochs.
        detector: what found the faces, where that was not the pipeline's own.
    """
    faces = {count.what: count for count in counts}
    finder = (f"Faces were found by {detector}.",) if detector else ()
    stages = [
        f"Stage {stage.name}: {stage.data}{_filters(stage)}, {_faces(faces[f'stage {stage.name}'])}, "
        f"{sum(row.stage == stage.name for row in history)} epochs."
        for stage in recipe.stages
    ]
    labelled_by = [f"{each.name}: {each.about.rstrip('.')}." for each in found if each.about]
    return " ".join(
        (
            f"Trained by gfpipe's recipe {recipe.name} ({recipe.digest[:12]}), seed {recipe.seed}: {recipe.network}, "
            f"from {recipe.initial}.",
            *stages,
            *finder,
            *labelled_by,
            f"{faces['validation'].faces:,} faces to stop by and {faces['test'].faces:,} to test, of {names(found)}.",
        )
    )


def made_by(recipe: Recipe, text: str) -> bool:
    """Whether a card's lineage says that its model was trained by this very recipe."""
    return f"({recipe.digest[:12]})" in text


def learned_without(text: str, attribute: str, value: str) -> bool:
    """Whether a card's lineage says that no stage learned from, or was stopped by, faces known to be of that kind."""
    stages = re.findall(r"Stage .+?: (.+?), [\d,]+ female and", text)
    filters = [re.search(rf"without {re.escape(attribute)} ([^,)]+)", stage) for stage in stages]
    return bool(stages) and all(each is not None and value in each[1].split(" or ") for each in filters)


def start(text: str) -> tuple[str, ...]:
    """The models that a card's lineage says training began with; empty for random weights, or a lineage not ours."""
    found = re.search(r", seed \d+: \S+, from (.+?)\. Stage ", text)
    return () if not found or found[1] == SCRATCH else tuple(found[1].split(" + "))


def _faces(count: Count) -> str:
    labelled = f" ({count.pseudo:,} of them labelled by a model)" if count.pseudo else ""
    return f"{count.female:,} female and {count.male:,} male faces{labelled}"


def _filters(stage: Stage) -> str:
    words = [
        f"{word} {attribute} {' or '.join(values)}"
        for word, filters in (("only", stage.only), ("without", stage.without))
        for attribute, values in filters.items()
    ]
    return f" ({', '.join(words)})" if words else ""

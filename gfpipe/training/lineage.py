"""Lineage and licence of a trained model, for its card."""

from collections.abc import Sequence

from gfpipe.evaluation.epochs import Epoch
from gfpipe.models.lineage import Lineage, TrainedStage
from gfpipe.training.data.datasets import Dataset
from gfpipe.training.data.lessons import Count
from gfpipe.training.recipe import Recipe
from gfpipe.training.run.initial import Initial


def licence(datasets: Sequence[Dataset], initial: Initial | None) -> str:
    """The licences of the data sets and of the initial weights."""
    terms = [f"{dataset.name}: {dataset.licence}" for dataset in datasets]
    terms += [f"{initial.source}: {initial.licence}"] if initial else []
    return f"of what it was trained on: {'; '.join(terms)}"


def lineage(
    recipe: Recipe, datasets: Sequence[Dataset], counts: Sequence[Count], history: Sequence[Epoch], detector: str = ""
) -> Lineage:
    """The lineage of a finished training; ``detector`` names the faces' detector, if it is not the pipeline's."""
    faces = {count.what: count for count in counts}
    stages = []
    for stage in recipe.stages:
        count = faces[f"stage {stage.name}"]
        stages.append(
            TrainedStage(
                name=stage.name,
                data=stage.data,
                female=count.female,
                male=count.male,
                epochs=sum(epoch.stage == stage.name for epoch in history),
                pseudo=count.pseudo,
                only={str(name): values for name, values in stage.only.items()},
                without={str(name): values for name, values in stage.without.items()},
            )
        )
    return Lineage(
        recipe=recipe.name,
        digest=recipe.digest,
        seed=recipe.seed,
        network=recipe.network,
        initial=recipe.initial_models,
        stages=tuple(stages),
        datasets={dataset.name: dataset.about for dataset in datasets},
        validation=faces["validation"].faces,
        test=faces["test"].faces,
        detector=detector,
    )

"""Training and validation faces of each stage of a recipe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE
from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError
from gfpipe.training.data import mixtures
from gfpipe.training.data.datasets import Dataset
from gfpipe.training.data.mixtures import Share
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe, Stage
from gfpipe.training.run.job import Lesson

Indices = NDArray[np.int64]


@array_dataclass
class Chosen:
    """The faces of one stage: indices, ascending.

    Attributes:
        train: each once, whatever an epoch draws of them.
        validation: of the same mixture and filters, labelled by people; may be empty. A stage trained only on a
            model's labels validates on such labels too: enough for early stopping, but never stated as an accuracy.
        both: whether both perceived genders are needed, as for learning perceived gender.
    """

    stage: Stage
    train: Indices
    validation: Indices
    both: bool = True


@dataclass(frozen=True)
class Count:
    """Numbers of faces of a split or stage by label; ``pseudo`` of them are labelled by a model."""

    what: str
    female: int
    male: int
    pseudo: int = 0

    @property
    def faces(self) -> int:
        """The sum."""
        return self.female + self.male


def check(recipe: Recipe, datasets: Sequence[Dataset]) -> None:
    """Check the data sets against the recipe.

    Raises:
        UsageError: one is missing or superfluous, or ethnicity would be learned from broadcasts.
    """
    names = [dataset.name for dataset in datasets]
    if missing := [name for name in recipe.datasets if name not in names]:
        raise UsageError(
            f"the recipe {recipe.name} needs {', '.join(missing)}: give --data {missing[0]}=FOLDER, or --data "
            f"{missing[0]}:FORM=FOLDER if its form has another name"
        )
    if idle := [name for name in names if name not in recipe.datasets]:
        raise UsageError(f"the recipe {recipe.name} does not use {', '.join(idle)}: leave it out")
    aired = [dataset.name for dataset in datasets if dataset.broadcast]
    if recipe.heads.ethnicity and aired:
        raise UsageError(
            f"{', '.join(aired)} holds faces from broadcasts: ethnicity is only learned from benchmark "
            "sets; set [heads] ethnicity = 0, or leave those faces out"
        )


def choose(recipe: Recipe, faces: Faces, part: NDArray[np.str_]) -> tuple[Chosen, ...]:
    """Choose the faces of every stage, of N distinct faces with their splits (N,): train, validation or test.

    Raises:
        UsageError: a stage has no faces, one perceived gender only, or no validation faces for its patience.
    """
    return tuple(_chosen(stage, faces, part, recipe.heads.perceived_gender > 0) for stage in recipe.stages)


def lesson(
    chosen: Chosen, faces: Faces, usable: NDArray[np.bool_], seed: int, teacher: NDArray[np.float32] | None = None
) -> Lesson:
    """Prepare a stage for the training loop.

    Args:
        chosen: the stage and its faces.
        faces: N distinct faces.
        usable: (N,) whether there is a chip.
        seed: of the order of faces.
        teacher: (N,) p_female of the stage's teacher; None for no teacher.

    Raises:
        UsageError: the chips show no face, or one perceived gender only.
    """
    stage = chosen.stage
    mask = np.zeros(len(usable), np.bool_)
    mask[chosen.train] = True
    mask &= usable
    # The shares of the mixture were taken before detection: of the rest, everything.
    everything = tuple(Share(share.dataset) for share in mixtures.parse(stage.data))

    def draw(epoch: int) -> Indices:
        return mixtures.draw(
            faces, mask, everything, stage.balance, seed=seed, epoch=epoch, size=stage.epoch_faces, both=chosen.both
        )

    try:
        draw(0)
    except UsageError as exc:
        raise UsageError(f"stage {stage.name!r}, after face detection: {exc}") from exc
    return Lesson(stage, draw, chosen.validation[usable[chosen.validation]], teacher)


def subset(faces: Faces, indices: Indices) -> Faces:
    """Select faces by index."""
    return Faces(tuple(faces.images[i] for i in indices), faces.digests[indices], faces.dataset[indices])


def count(name: str, faces: Faces, indices: Indices) -> Count:
    """Count the faces at these indices."""
    female = int((faces.perceived_gender[indices] == FEMALE).sum())
    return Count(name, female, len(indices) - female, int(faces.pseudo[indices].sum()))


def _chosen(stage: Stage, faces: Faces, part: NDArray[np.str_], both: bool) -> Chosen:
    mixture = mixtures.parse(stage.data)
    try:
        train = mixtures.select(faces, part == "train", mixture, stage.only, stage.without, both=both)
    except UsageError as exc:
        raise UsageError(f"stage {stage.name!r}: {exc}") from exc
    if len(train) < 2:
        raise UsageError(f"stage {stage.name!r}: {len(train)} training faces")
    try:
        validation = _validation(stage, faces, part == "validation", mixture, both)
    except UsageError as exc:  # too few for the shares, or one perceived gender
        if stage.patience:
            raise UsageError(
                f"stage {stage.name!r} needs validation faces for its patience, but {exc}; give [split] validation "
                "more, or patience = 0"
            ) from exc
        validation = np.zeros(0, np.int64)
    return Chosen(stage, train, validation, both)


def _validation(
    stage: Stage, faces: Faces, part_mask: NDArray[np.bool_], mixture: Sequence[Share], both: bool
) -> Indices:
    """The mixture's faces labelled by people; if there are none, all of them."""
    human = {str(name) for name in np.unique(faces.dataset[~faces.pseudo])}
    labelled = tuple(share for share in mixture if share.dataset in human)
    return mixtures.select(faces, part_mask, labelled or mixture, stage.only, stage.without, both=both)

"""Which faces each stage of a recipe learns from, is stopped by and is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE
from gfpipe.errors import UsageError
from gfpipe.training.data import mixtures
from gfpipe.training.data.datasets import Dataset
from gfpipe.training.data.mixtures import Share
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe, Stage
from gfpipe.training.run.job import Lesson

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """The faces of one stage: indices, rising.

    Attributes:
        train: each once, whatever an epoch makes of them.
        validation: by the same mixture and filters, of faces that people labelled; may be empty. A stage that learns
            from no such face is stopped by those that a model labelled: that a network agrees with its source more
            and more, and then no more, is enough to say when to stop, but it is no accuracy, and no card states it.
        both: whether both perceived genders are needed, as where perceived gender is learned.
    """

    stage: Stage
    train: Indices
    validation: Indices
    both: bool = True


@dataclass(frozen=True)
class Count:
    """How many faces, as labelled.

    Attributes:
        what: such as ``train``, ``test`` or ``stage mixed``.
        pseudo: of them, so many were labelled by a model.
    """

    what: str
    female: int
    male: int
    pseudo: int = 0

    @property
    def faces(self) -> int:
        """Both together."""
        return self.female + self.male


def check(recipe: Recipe, datasets: Sequence[Dataset]) -> None:
    """See that the data sets are those that the recipe asks for, and may be used as it wants.

    Raises:
        UsageError: one is missing, or not asked for, or ethnicity would be learned from broadcasts.
    """
    names = [dataset.name for dataset in datasets]
    if missing := [name for name in recipe.datasets if name not in names]:
        raise UsageError(
            f"the recipe {recipe.name} learns from {', '.join(missing)}, which was not given; say --data "
            f"{missing[0]}=FOLDER, or --data {missing[0]}:FORM=FOLDER where its form is called otherwise"
        )
    if idle := [name for name in names if name not in recipe.datasets]:
        raise UsageError(f"the recipe {recipe.name} has no use for {', '.join(idle)}: leave it out")
    aired = [dataset.name for dataset in datasets if dataset.broadcast]
    if recipe.heads.ethnicity and aired:
        raise UsageError(
            f"{', '.join(aired)} holds faces from broadcasts: nobody's ethnicity is learned or told there, only on "
            "benchmark sets; set [heads] ethnicity = 0, or leave those faces out"
        )


def choose(recipe: Recipe, faces: Faces, part: NDArray[np.str_]) -> tuple[Chosen, ...]:
    """The faces of every stage.

    Args:
        recipe: what to choose for.
        faces: N distinct faces.
        part: (N,) train, validation or test.

    Raises:
        UsageError: a stage would have none, or one perceived gender only, or nothing to be stopped by.
    """
    return tuple(_chosen(stage, faces, part, recipe.heads.perceived_gender > 0) for stage in recipe.stages)


def lesson(
    chosen: Chosen, faces: Faces, usable: NDArray[np.bool_], seed: int, teacher: NDArray[np.float32] | None = None
) -> Lesson:
    """Make a stage ready for the loop.

    Args:
        chosen: the stage and its faces.
        faces: N distinct faces.
        usable: (N,) whether there is a chip.
        seed: of the order in which faces are shown.
        teacher: (N,) p_female of the stage's teacher, None for no teacher.

    Raises:
        UsageError: no face was found, or of one perceived gender only.
    """
    stage = chosen.stage
    mask = np.zeros(len(usable), np.bool_)
    mask[chosen.train] = True
    mask &= usable
    # What the mixture takes of each set was chosen before faces were looked for: of that, everything.
    whole = tuple(Share(share.dataset) for share in mixtures.parse(stage.data))

    def draw(epoch: int) -> Indices:
        return mixtures.draw(
            faces, mask, whole, stage.balance, seed=seed, epoch=epoch, size=stage.epoch_faces, both=chosen.both
        )

    with_faces = chosen.validation[usable[chosen.validation]]
    try:
        draw(0)
    except UsageError as exc:
        raise UsageError(f"stage {stage.name!r}, after faces were looked for: {exc}") from exc
    return Lesson(stage, draw, with_faces, teacher)


def subset(faces: Faces, which: Indices) -> Faces:
    """Some of the faces."""
    return Faces(tuple(faces.images[i] for i in which), faces.digests[which], faces.dataset[which])


def count(what: str, faces: Faces, which: Indices) -> Count:
    """Count some of the faces."""
    female = int((faces.perceived_gender[which] == FEMALE).sum())
    return Count(what, female, len(which) - female, int(faces.pseudo[which].sum()))


def _chosen(stage: Stage, faces: Faces, part: NDArray[np.str_], both: bool) -> Chosen:
    mixture = mixtures.parse(stage.data)
    try:
        train = mixtures.select(faces, part == "train", mixture, stage.only, stage.without, both=both)
    except UsageError as exc:
        raise UsageError(f"stage {stage.name!r}: {exc}") from exc
    if len(train) < 2:
        raise UsageError(f"stage {stage.name!r}: {len(train)} faces to learn from")
    try:
        validation = _validation(stage, faces, part == "validation", mixture, both)
    except UsageError as exc:  # too few for the shares, or one perceived gender: nothing to compare epochs by
        if stage.patience:
            raise UsageError(
                f"stage {stage.name!r} is to be stopped by its validation faces, but {exc}; give [split] validation "
                "more, or patience = 0"
            ) from exc
        validation = np.zeros(0, np.int64)
    return Chosen(stage, train, validation, both)


def _validation(
    stage: Stage, faces: Faces, part_mask: NDArray[np.bool_], mixture: Sequence[Share], both: bool
) -> Indices:
    """Of the mixture's faces those that people labelled; all, where a model labelled all."""
    human = {str(name) for name in np.unique(faces.dataset[~faces.pseudo])}
    labelled = tuple(share for share in mixture if share.dataset in human)
    return mixtures.select(faces, part_mask, labelled or mixture, stage.only, stage.without, both=both)

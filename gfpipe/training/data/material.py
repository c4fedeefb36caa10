"""The faces of a training: read, split and assigned to the recipe's stages."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE
from gfpipe.base.arrays import array_dataclass
from gfpipe.base.progress import OnProgress, no_progress
from gfpipe.errors import UsageError
from gfpipe.training.data import datasets, lessons, splits
from gfpipe.training.data.datasets import Dataset, Skipped
from gfpipe.training.data.lessons import Chosen, Count
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe


@array_dataclass
class Material:
    """Faces with their splits and stages.

    Attributes:
        faces: N distinct faces that a stage or the test split uses.
        part: (N,) train, validation or test.
        chosen: the faces of each stage.
        skipped: unusable pictures.
        seen: digests of all training and validation faces, used or not.
    """

    datasets: tuple[Dataset, ...]
    faces: Faces
    part: NDArray[np.str_]
    chosen: tuple[Chosen, ...]
    skipped: tuple[Skipped, ...]
    seen: NDArray[np.uint64]

    @property
    def counts(self) -> tuple[Count, ...]:
        """Faces by split and by stage."""
        parts = [lessons.count(name, self.faces, np.flatnonzero(self.part == name)) for name in splits.PARTS]
        return (*parts, *(lessons.count(f"stage {stage.stage.name}", self.faces, stage.train) for stage in self.chosen))

    @property
    def female(self) -> NDArray[np.bool_]:
        """(N,) whether perceived as female."""
        return np.asarray(self.faces.perceived_gender == FEMALE)

    @property
    def p_female(self) -> NDArray[np.float32] | None:
        """(N,) soft labels, NaN for hard ones; None if no face has any."""
        soft = [image.p_female for image in self.faces.images]
        if all(p is None for p in soft):
            return None
        return np.array([np.nan if p is None else p for p in soft], np.float32)

    @property
    def age_years(self) -> NDArray[np.float32]:
        """(N,) NaN where unknown."""
        ages = (np.nan if image.age_years is None else image.age_years for image in self.faces.images)
        return np.fromiter(ages, np.float32, len(self.faces.images))

    @property
    def ethnicities(self) -> tuple[str, ...]:
        """The known ethnicities of the training faces."""
        trained = np.concatenate([stage.train for stage in self.chosen])
        return tuple(sorted({str(name) for name in self.faces.ethnicity[trained]} - {""}))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of faces, labels, splits and stage assignment, in order."""
        known = [
            (
                *(image.perceived_gender, image.age_years, image.ethnicity, str(part), str(dataset)),
                *((image.p_female,) if image.pseudo else ()),
            )
            for image, part, dataset in zip(self.faces.images, self.part, self.faces.dataset, strict=True)
        ]
        chosen = [(stage.train.tolist(), stage.validation.tolist()) for stage in self.chosen]
        return digest(self.faces.digests.tolist(), known, chosen)

    def of(self, usable: NDArray[np.bool_]) -> "Material":
        """Leave out faces that are not usable, (N,); indices stay the same."""
        chosen = tuple(
            replace(
                stage, train=stage.train[usable[stage.train]], validation=stage.validation[usable[stage.validation]]
            )
            for stage in self.chosen
        )
        return replace(self, chosen=chosen, part=np.where(usable, self.part, ""))


def gather(recipe: Recipe, data: Sequence[str], on_progress: OnProgress = no_progress) -> Material:
    """Read and split the data sets, ``NAME=PATH`` or ``NAME:FORM=PATH``, and choose the faces of every stage.

    Raises:
        UsageError: a data set is missing, empty, superfluous or of one perceived gender; or ethnicity is to be learned
            from broadcasts, or is unknown.
    """
    read = tuple(datasets.read(name) for name in data)
    lessons.check(recipe, read)
    faces = splits.distinct(read, on_progress)
    part = splits.parts(faces, recipe.split.validation, recipe.split.test)
    seen = faces.digests[part != "test"]
    part, small = _large_enough(faces, part, recipe.least_bytes)
    chosen = lessons.choose(recipe, faces, part)
    used = part == "test"
    for stage in chosen:
        used[stage.train] = used[stage.validation] = True
    index = np.cumsum(used) - 1  # of each face among the used ones
    material = Material(
        datasets=read,
        faces=lessons.subset(faces, np.flatnonzero(used)),
        part=part[used],
        chosen=tuple(replace(stage, train=index[stage.train], validation=index[stage.validation]) for stage in chosen),
        skipped=(*(skipped for dataset in read for skipped in dataset.skipped), *faces.skipped, *small),
        seen=seen,
    )
    if recipe.heads.ethnicity and len(material.ethnicities) < 2:
        known = ", ".join(material.ethnicities) or "none"
        raise UsageError(f"the recipe {recipe.name} has a head for ethnicity, but the faces to train on know {known}")
    return material


def _large_enough(faces: Faces, part: NDArray[np.str_], least_bytes: int) -> tuple[NDArray[np.str_], list[Skipped]]:
    """Leave small files out of training and validation; the test split keeps them, to stay comparable."""
    if not least_bytes:
        return part, []
    small = [index for index in np.flatnonzero(part != "test") if len(faces.images[index].read()) < least_bytes]
    large = part.copy()
    large[small] = ""
    reason = f"its file has fewer than {least_bytes:,} bytes (least_bytes of the recipe)"
    return large, [Skipped(str(faces.images[index]), reason) for index in small]


def digest(*values: object) -> str:
    """SHA-256 of plain values: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()

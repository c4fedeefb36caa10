"""The faces of a run: what is given, what of it a recipe has a use for, and for what."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE
from gfpipe.errors import UsageError
from gfpipe.progress import OnProgress, no_progress
from gfpipe.training.data import datasets, lessons, splits
from gfpipe.training.data.datasets import Dataset, LabelledImage, Skipped
from gfpipe.training.data.lessons import Chosen, Count
from gfpipe.training.data.splits import Faces
from gfpipe.training.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """Faces, and what they are for.

    Attributes:
        faces: N distinct faces that some stage, or the test, has a use for.
        part: (N,) train, validation or test.
        chosen: by stage.
        skipped: pictures that cannot be used.
        seen: digests of everything in the parts train and validation, used or not.
    """

    datasets: tuple[Dataset, ...]
    faces: Faces
    part: NDArray[np.str_]
    chosen: tuple[Chosen, ...]
    skipped: tuple[Skipped, ...]
    seen: NDArray[np.uint64]

    @property
    def counts(self) -> tuple[Count, ...]:
        """Faces by part and by stage; a part holds what some stage, or the test, has a use for."""
        parts = [lessons.count(name, self.faces, np.flatnonzero(self.part == name)) for name in splits.PARTS]
        return (*parts, *(lessons.count(f"stage {each.stage.name}", self.faces, each.train) for each in self.chosen))

    @property
    def female(self) -> NDArray[np.bool_]:
        """(N,) the perceived gender."""
        return np.asarray(self.faces.perceived_gender == FEMALE)

    @property
    def p_female(self) -> NDArray[np.float32] | None:
        """(N,) soft labels, NaN where there is a plain one; None where no face has any."""
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
        """All that the faces to train on are known to be."""
        trained = np.concatenate([each.train for each in self.chosen])
        return tuple(sorted({str(name) for name in self.faces.ethnicity[trained]} - {""}))

    @cached_property
    def digest(self) -> str:
        """Of the faces, of all that is known of them and of what they are for, in their order."""
        known = [
            (image.perceived_gender, image.age_years, image.ethnicity, str(part), str(dataset), *_pseudo(image))
            for image, part, dataset in zip(self.faces.images, self.part, self.faces.dataset, strict=True)
        ]
        chosen = [(each.train.tolist(), each.validation.tolist()) for each in self.chosen]
        return digest(self.faces.digests.tolist(), known, chosen)

    def of(self, usable: NDArray[np.bool_]) -> "Material":
        """What is left where only some of the faces, (N,), can be used; places stay as they are."""
        chosen = tuple(
            replace(each, train=each.train[usable[each.train]], validation=each.validation[usable[each.validation]])
            for each in self.chosen
        )
        return replace(self, chosen=chosen, part=np.where(usable, self.part, ""))


def gather(recipe: Recipe, data: Sequence[str], on_progress: OnProgress = no_progress) -> Material:
    """Read the data sets, part them, and choose the faces of every stage.

    Args:
        recipe: what to train.
        data: ``NAME=PATH`` or ``NAME:FORM=PATH`` each.
        on_progress: receives how many files were read.

    Raises:
        UsageError: a data set is missing, empty, of no use, or of one perceived gender; ethnicity is asked of
            broadcasts, or known of nobody.
    """
    found = tuple(datasets.read(name) for name in data)
    lessons.check(recipe, found)
    faces = splits.distinct(found, on_progress)
    part = splits.parts(faces, recipe.split.validation, recipe.split.test)
    seen = faces.digests[part != "test"]
    part, small = _large_enough(faces, part, recipe.least_bytes)
    chosen = lessons.choose(recipe, faces, part)
    used = part == "test"
    for each in chosen:
        used[each.train] = used[each.validation] = True
    place = np.cumsum(used) - 1  # of each face among those that are kept
    material = Material(
        datasets=found,
        faces=lessons.subset(faces, np.flatnonzero(used)),
        part=part[used],
        chosen=tuple(replace(each, train=place[each.train], validation=place[each.validation]) for each in chosen),
        skipped=(*(skipped for dataset in found for skipped in dataset.skipped), *faces.skipped, *small),
        seen=seen,
    )
    if recipe.heads.ethnicity and len(material.ethnicities) < 2:
        known = ", ".join(material.ethnicities) or "none"
        raise UsageError(f"the recipe {recipe.name} has a head for ethnicity, but the faces to train on know {known}")
    return material


def _large_enough(faces: Faces, part: NDArray[np.str_], least_bytes: int) -> tuple[NDArray[np.str_], list[Skipped]]:
    """The parts without small files, and which these are; the test part keeps its own, or figures would not compare."""
    if not least_bytes:
        return part, []
    small = [place for place in np.flatnonzero(part != "test") if len(faces.images[place].read()) < least_bytes]
    kept = part.copy()
    kept[small] = ""
    reason = f"its file has fewer than {least_bytes:,} bytes (least_bytes of the recipe)"
    return kept, [Skipped(str(faces.images[place]), reason) for place in small]


def _pseudo(image: LabelledImage) -> tuple[object, ...]:
    """What changes what is learned of a face that a model labelled."""
    return (image.p_female,) if image.pseudo else ()


def digest(*values: object) -> str:
    """64 hexadecimal digits for plain values."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()

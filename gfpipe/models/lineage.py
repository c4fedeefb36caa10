"""The lineage of a model that gfpipe trained, as its card holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class TrainedStage:
    """One stage of the training."""

    name: str
    data: str  # the mixture of data sets, as in the recipe
    female: int  # training faces
    male: int
    epochs: int
    pseudo: int = 0  # of the training faces, those labelled by a model
    # Filters of training and validation faces: values by attribute, as in the recipe.
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        pseudo = f" ({self.pseudo:,} of them labelled by a model)" if self.pseudo else ""
        filters = filters_text(self.only, self.without)
        return (
            f"Stage {self.name}: {self.data}{filters and f' ({filters})'}, {self.female:,} female and {self.male:,} "
            f"male faces{pseudo}, {self.epochs} epochs."
        )


@dataclass(frozen=True)
class Lineage:
    """How a model was trained."""

    summary: str = field(default="", kw_only=True)  # the same in words; always generated from the other fields
    recipe: str
    digest: str  # the recipe's SHA-256
    seed: int
    network: str
    initial: tuple[str, ...]  # ids or files of the models that training started from; empty for random weights
    stages: tuple[TrainedStage, ...]
    datasets: Mapping[str, str]  # by name, with the origin of labels that are not people's
    validation: int  # faces of the split
    test: int
    detector: str = ""  # of the faces, if not the pipeline's

    def __post_init__(self) -> None:
        object.__setattr__(self, "summary", self._summary())

    def __str__(self) -> str:
        return self.summary

    def excludes(self, attribute: str, value: str) -> bool:
        """Whether every stage left out the faces known to have this value, in training and validation."""
        return bool(self.stages) and all(value in stage.without.get(attribute, ()) for stage in self.stages)

    def _summary(self) -> str:
        sentences = [
            f"Trained by gfpipe's recipe {self.recipe} ({self.digest[:12]}), seed {self.seed}: {self.network}, "
            f"from {' + '.join(self.initial) or 'scratch'}.",
            *map(str, self.stages),
            *([f"Faces were found by {self.detector}."] if self.detector else []),
            *(f"{name}: {origin.rstrip('.')}." for name, origin in self.datasets.items() if origin),
            f"{self.validation:,} validation and {self.test:,} test faces of {' + '.join(self.datasets)}.",
        ]
        return " ".join(sentences)


def filters_text(only: Mapping[Any, Sequence[str]], without: Mapping[Any, Sequence[str]]) -> str:
    """Filters of faces in words, such as ``without ethnicity asian or indian``; empty for none."""
    return ", ".join(
        f"{word} {attribute} {' or '.join(values)}"
        for word, filters in (("only", only), ("without", without))
        for attribute, values in filters.items()
    )

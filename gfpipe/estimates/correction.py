"""Seconds of each group corrected by the labels of its channels and model."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from gfpipe.base.arrays import digest
from gfpipe.estimates.rows import Labelled, Part
from gfpipe.estimates.sample import Sample
from gfpipe.statistics.misclassification import Correction, correction
from gfpipe.statistics.screen_time import Corrected, corrected


@dataclass(frozen=True)
class CorrectedGroup:
    """One group's seconds, or the problem why they cannot be corrected."""

    seconds: Corrected | None = None
    women: int = 0  # labels of the stratum with the fewest
    men: int = 0
    problem: str | None = None

    def __add__(self, other: "CorrectedGroup") -> "CorrectedGroup":
        seconds = self.seconds + other.seconds if self.seconds and other.seconds else None
        labels = min((self.women, self.men), (other.women, other.men), key=min)
        return CorrectedGroup(seconds, *labels, self.problem or other.problem)


@dataclass(frozen=True)
class Corrections:
    """The corrections of channels that share their labels, by labels that are resampled with their recordings."""

    parts: tuple[Part, ...]
    labelled: Labelled
    sample: Sample

    def __call__(self, part: int, sums: NDArray[np.float64], weights: NDArray[np.float64]) -> CorrectedGroup:
        """Correct the sums of a part's units; see `gfpipe.statistics.screen_time.corrected`."""
        found = self.of_parts[part]
        return CorrectedGroup(None if found.problem else corrected(sums, weights, found), *found.labels, found.problem)

    @cached_property
    def of_parts(self) -> tuple[Correction, ...]:
        """The correction of each part in every draw."""
        units, row = np.unique(self.sample.units(self.labelled.recording), return_inverse=True)
        weights = self.sample.weights(units)
        return tuple(correction(self.labelled.of(part, row), weights) for part in self.parts)

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """Digests of everything that the correction of each part depends on."""
        facts = self.sample.facts(self.sample.units(self.labelled.recording))
        rows = np.arange(len(self.labelled))
        chosen = ((part, self.labelled.of(part, rows)) for part in self.parts)
        return tuple(digest(part, facts[labels.unit], *list(vars(labels).values())[1:]) for part, labels in chosen)

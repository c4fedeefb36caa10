"""Records of the promotion gate, as stored in a model's card."""

from dataclasses import dataclass
from typing import Final

MIN_DECISION_FACES: Final = 100  # faces of a data set that can decide


@dataclass(frozen=True)
class Check:
    """One measure on one data set; all values in points.

    Attributes:
        measure: ``accuracy``, ``gap`` or ``worst cell``.
        candidate, champion: value of each model.
        difference: improvement of the candidate; for the gap, its reduction.
        bound: lower one-sided 95 % bound of the difference.
        margin: allowed deterioration.
        passed: whether the bound exceeds minus the margin.
        faces: number of faces; for the worst cell, those of the candidate's.
        note: the worst cells of candidate and champion.
    """

    data: str
    measure: str
    candidate: float
    champion: float
    difference: float
    bound: float
    margin: float
    passed: bool
    faces: int
    note: str = ""

    @property
    def verdict(self) -> str:
        """``passed``, ``worse`` or, if the bound failed but the difference did not, ``too few faces to tell``."""
        if self.passed:
            return "passed"
        return "worse" if self.difference < -self.margin else "too few faces to tell"


@dataclass(frozen=True)
class Decision:
    """Outcome of the gate.

    Attributes:
        candidate, champion: model ids.
        passed: whether every check passed.
        checks: three per data set; empty if the candidate is already the champion, or if undecided.
        forced: the reason given for promoting despite the checks; None if not forced.
        on: time of the decision, ISO 8601; empty until stored.
        undecided: the reason why no decision was possible; empty otherwise.
    """

    candidate: str
    champion: str
    passed: bool
    checks: tuple[Check, ...]
    forced: str | None = None
    on: str = ""
    undecided: str = ""

    @property
    def promoted(self) -> bool:
        """Whether the candidate becomes the champion."""
        return self.passed or self.forced is not None

"""What the gate says of a candidate; plain records, which a model's card keeps."""

from dataclasses import dataclass
from typing import Final

FEWEST_FACES: Final = 100  # in a set that decides


@dataclass(frozen=True)
class Check:
    """One measure on one data set; all in points.

    Attributes:
        measure: ``accuracy``, ``gap`` or ``worst cell``.
        candidate, champion: the measure of each.
        difference: how much better the candidate is; of the gap, how much smaller.
        bound: with 95 % confidence it is better by more than this.
        margin: it may be worse by this much.
        passed: the bound lies above minus the margin.
        faces: that were measured; of the worst cell, those in the candidate's.
        note: which cells are the worst, the candidate's and the champion's.
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
        """What to say of it: a check may fail because the candidate is worse, or because there are too few faces."""
        if self.passed:
            return "passed"
        return "worse" if self.difference < -self.margin else "too few faces to tell"


@dataclass(frozen=True)
class Decision:
    """What the gate says of a candidate, and what was made of it.

    Attributes:
        candidate, champion: ids.
        passed: every check did.
        checks: three for each data set; none where the candidate is the champion already, or nothing was decided.
        forced: why somebody promoted it whatever the checks say; None where nobody did.
        on: when, in ISO 8601; empty until it is kept.
        undecided: why nothing could be decided, and so nothing was changed; empty where something was.
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
        """Whether the candidate takes the champion's place."""
        return self.passed or self.forced is not None

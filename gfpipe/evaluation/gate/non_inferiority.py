"""Non-inferiority tests of a candidate against the champion on the same faces.

On each data set, for accuracy, for the gap between women and men, and for the worst group, the lower one-sided 95 %
bound of the candidate's improvement must exceed minus the margin. Bounds are percentiles of a paired bootstrap (Efron
and Tibshirani 1993, chapter 13). Because all checks must pass, no correction for multiple tests is needed: this is an
intersection-union test (Berger 1982), and an inferior candidate passes with a probability of at most 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gfpipe.errors import TooFewFacesError, UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.gate.decision import MIN_DECISION_FACES, Check, Decision
from gfpipe.evaluation.measures import comparison, metrics, resampling, subgroups
from gfpipe.evaluation.measures.comparison import Measure
from gfpipe.evaluation.measures.resampling import Floats, Measured
from gfpipe.evaluation.measures.subgroups import MIN_GROUP_FACES, WorstCell

_LEVEL: Final = 0.05
_POINTS: Final = 100.0


@dataclass(frozen=True)
class Margins:
    """Allowed deterioration, in points.

    A gap is the difference of two accuracies, and a worst cell has few faces, so their margins are wider: with
    0.5 points for the gap, 3 % of better candidates with an equally small gap would pass on 1,700 faces; with 2, 70 %.

    Attributes:
        accuracy: of the overall accuracy.
        gap: of the absolute difference between women's and men's accuracy.
        worst: of the accuracy in the worst group.
    """

    accuracy: float = 0.5
    gap: float = 2.0
    worst: float = 2.0

    def __post_init__(self) -> None:
        for name, margin in vars(self).items():
            if not 0 <= margin <= 100:
                raise UsageError(f"the margin of {name} is {margin:g} points; choose between 0 and 100")


def decide(
    trials: Sequence[Trial], candidate: str, champion: str, margins: Margins | None = None, seed: int = 0
) -> Decision:
    """Test a candidate against the champion on every trial.

    Raises:
        UsageError: no trial, or a trial without answers of both models.
        TooFewFacesError: a trial has fewer than 100 faces, or fewer than 20 of women or men.
    """
    if not trials:
        raise UsageError("nothing to decide on: name at least one data set")
    margins = margins or Margins()
    checks = tuple(
        check for trial in trials for check in _checks(trial, trial.of(candidate), trial.of(champion), margins, seed)
    )
    return Decision(candidate, champion, all(check.passed for check in checks), checks)


def _checks(trial: Trial, candidate: Answers, champion: Answers, margins: Margins, seed: int) -> list[Check]:
    data, labels = trial.data, trial.labels
    _require_faces(data, labels)
    worst = [_worst_cell(data, labels, answers) for answers in (candidate, champion)]
    cells = " / ".join(cell.name for cell in worst)
    tests = (
        _Test("accuracy", comparison.MEASURES["accuracy"], 1, margins.accuracy, len(labels)),
        _Test("gap", comparison.of_counts(metrics.absolute_gap), -1, margins.gap, len(labels)),
        _Test("worst cell", subgroups.worst_accuracy, 1, margins.worst, worst[0].faces, cells),
    )
    pairs = {test.name: _paired(test.measure(labels, candidate), test.measure(labels, champion)) for test in tests}
    values = resampling.measure(pairs, len(labels), seed=seed)
    return [test.check(data, *values[test.name]) for test in tests]


def _require_faces(data: str, labels: Labels) -> None:
    if len(labels) < MIN_DECISION_FACES:
        raise TooFewFacesError(
            f"{data}: {len(labels)} faces are too few to decide on; {MIN_DECISION_FACES} or more are needed"
        )
    for group, count in (("women", np.sum(labels.female)), ("men", np.sum(~labels.female))):
        if count < MIN_GROUP_FACES:
            raise TooFewFacesError(
                f"{data}: {count} {group}; the gap needs at least {MIN_GROUP_FACES} faces each of women and men"
            )


def _worst_cell(data: str, labels: Labels, answers: Answers) -> WorstCell:
    worst = subgroups.worst_cell(labels, answers)
    if worst is None:
        attributes = " and ".join(subgroups.cells(labels).attributes)
        raise TooFewFacesError(f"{data}: no group by {attributes} has {MIN_GROUP_FACES} faces")
    return worst


def _paired(candidate: Measured, champion: Measured) -> Measured:
    return lambda weights: np.stack([candidate(weights), champion(weights)], axis=1)


@dataclass(frozen=True)
class _Test:
    """A measure under test; `sign` is -1 if lower values are better."""

    name: str
    measure: Measure
    sign: int
    margin: float
    faces: int
    note: str = ""

    def check(self, data: str, values: Floats, draws: Floats) -> Check:
        """Judge (2,) values of candidate and champion by their (D, 2) draws."""
        candidate, champion = (_POINTS * values).tolist()
        bound = float(np.quantile(self.sign * _POINTS * (draws[:, 0] - draws[:, 1]), _LEVEL))
        return Check(
            data=data,
            measure=self.name,
            candidate=candidate,
            champion=champion,
            difference=self.sign * (candidate - champion),
            bound=bound,
            margin=self.margin,
            passed=bound > -self.margin,
            faces=self.faces,
            note=self.note,
        )

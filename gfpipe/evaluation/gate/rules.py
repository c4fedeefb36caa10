"""Whether a candidate may take the champion's place: nowhere worse than it, as far as the same faces can show.

Non-inferiority, set by set: for accuracy, for the gap between women and men, and for the worst group, the lower
one-sided 95 % bound of how much better the candidate is must lie above minus the margin. Bounds are percentiles of a
paired bootstrap (Efron and Tibshirani 1993, chapter 13): both models answer about the same resampled faces. That all
checks must pass needs no correction for their number: the chance that a worse candidate slips through is at most 5 %
for each thing in which it is worse (an intersection-union test, Berger 1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from gfpipe.errors import TooFewFacesError, UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial
from gfpipe.evaluation.gate.decision import FEWEST_FACES, Check, Decision
from gfpipe.evaluation.measures import comparison, metrics, resampling, subgroups
from gfpipe.evaluation.measures.comparison import Measure
from gfpipe.evaluation.measures.metrics import Tally
from gfpipe.evaluation.measures.resampling import Floats, Measured

_LEVEL: Final = 0.05
_POINTS: Final = 100.0


@dataclass(frozen=True)
class Margins:
    """How much worse a candidate may be, in points.

    A gap is the difference of two accuracies, and a worst cell rests on few faces: with 0.5 points for the gap, only
    3 in 100 better candidates with as small a gap would pass on 1,700 faces; with 2 points, 70 in 100 do.

    Attributes:
        accuracy: of all faces.
        gap: of the difference, whichever way, between women's and men's accuracy.
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
    """Hold a candidate against the champion on each trial, in which both have answered.

    Raises:
        UsageError: no trial, or one without answers of both.
        TooFewFacesError: one of fewer than 100 faces, or of fewer than 20 women or men, without whom there is no gap.
    """
    if not trials:
        raise UsageError("nothing to decide on: name at least one data set")
    margins = margins or Margins()
    checks = tuple(
        check for trial in trials for check in _checks(trial, trial.of(candidate), trial.of(champion), margins, seed)
    )
    return Decision(candidate, champion, all(check.passed for check in checks), checks)


def _checks(trial: Trial, candidate: Answers, champion: Answers, margins: Margins, seed: int) -> list[Check]:
    labels = trial.labels
    _refuse_where_too_few(trial.data, labels)
    worst = [_worst(trial.data, labels, answers) for answers in (candidate, champion)]
    kinds = (
        _Kind("accuracy", comparison.MEASURES["accuracy"], 1, margins.accuracy, len(labels)),
        _Kind("gap", comparison.of_counts(metrics.absolute_gap), -1, margins.gap, len(labels)),
        _Kind("worst cell", subgroups.worst_cell, 1, margins.worst, worst[0].faces, " / ".join(w.name for w in worst)),
    )
    of_both = {kind.name: _both(kind.measure(labels, candidate), kind.measure(labels, champion)) for kind in kinds}
    measured = resampling.measure(of_both, len(labels), seed=seed)
    return [kind.check(trial.data, *measured[kind.name]) for kind in kinds]


def _refuse_where_too_few(data: str, labels: Labels) -> None:
    if len(labels) < FEWEST_FACES:
        raise TooFewFacesError(f"{data}: {len(labels)} faces are too few to decide on; bring {FEWEST_FACES} or more")
    for who, count in (("women", np.sum(labels.female)), ("men", np.sum(~labels.female))):
        if count < subgroups.FEWEST:
            raise TooFewFacesError(f"{data}: {count} {who}; a gap takes {subgroups.FEWEST} women and men or more")


def _both(candidate: Measured, champion: Measured) -> Measured:
    return lambda weights: np.stack([candidate(weights), champion(weights)], axis=1)


@dataclass(frozen=True)
class _Kind:
    """A measure as a check takes it; `sign` is -1 where less of it is better."""

    name: str
    measure: Measure
    sign: int
    margin: float
    faces: int
    note: str = ""

    def check(self, data: str, measured: Floats, drawn: Floats) -> Check:
        """Judge a measure, (2,) candidate's and champion's, by its draws, (D, 2)."""
        ours, theirs = (_POINTS * measured).tolist()
        better = self.sign * _POINTS * (drawn[:, 0] - drawn[:, 1])
        bound = float(np.quantile(better, _LEVEL))
        difference, passed = self.sign * (ours - theirs), bound > -self.margin
        return Check(data, self.name, ours, theirs, difference, bound, self.margin, passed, self.faces, self.note)


class _Worst(NamedTuple):
    name: str
    faces: int


def _worst(data: str, labels: Labels, answers: Answers) -> _Worst:
    """The group in which a model does worst, of those that :func:`subgroups.worst_cell` looks at."""
    grouping = subgroups.cells(labels)
    if not grouping.counted.any():
        raise TooFewFacesError(
            f"{data}: no group by {' and '.join(grouping.attributes)} has {subgroups.FEWEST} faces; bring more"
        )
    accuracy = metrics.accuracy(Tally(labels.female, answers.p_female, grouping.index, len(grouping.names)).counts)
    place = int(np.argmin(np.where(grouping.counted, accuracy, np.inf)))
    return _Worst(grouping.names[place], int(grouping.faces[place]))

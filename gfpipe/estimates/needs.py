"""Need for labels: the contribution of each stratum to the variance of the corrected share of women.

Linearised (Särndal, Swensson and Wretman 1992, section 5.5), a face of s seconds contributes ``s * (truth - x)`` to
Rogan and Gladen's estimate, where x is its corrected value and truth is 1 for a woman, 0 for a man; a false detection
contributes its error. With n_h labels for N_h faces of stratum h, the labels' part of the variance is the sum of
``N_h^2 / n_h`` times the mean squared contribution, over the squared face time; Neyman's (1934) allocation follows.
Squares, not their variance, since published intervals resample recordings without strata.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.estimates.question import Question
from gfpipe.statistics.misclassification import ANSWERS, SIZES, TRUTHS, Correction
from gfpipe.warehouse import Warehouse

Floats = NDArray[np.float64]

_SCORE: Final = np.array([1.0, 0.0, 0.5])
_BELIEF_IN_PROBABILITIES: Final = 4.0  # weight of the classifier's probabilities as a prior, in labels
_BELIEF_IN_ALL: Final = 20.0  # weight of all strata's labels as the prior of one stratum, in labels
_FLOOR: Final = 0.1  # of sensitivity + specificity - 1, and of the share of informative labels
_CELL: Final = ("stratum", "size", "confidence", "answer")


@dataclass(frozen=True)
class Needs:
    """Need for labels by stratum, (H,)."""

    strata: tuple[str, ...]  # names
    population: NDArray[np.int64]  # faces
    labels: NDArray[np.int64]  # informative labels
    need: Floats  # N_h times the root mean squared contribution of a face to the share
    women: Floats  # expected shares of the faces
    men: Floats
    correction: Correction  # by these rates, of one column
    independent: float  # variance of the share due to the labels if each were of another recording; 0 without labels

    @property
    def by_stratum(self) -> Mapping[str, float]:
        """Argument of :func:`gfpipe.labelling.design.sampling.by_need`."""
        return dict(zip(self.strata, self.need.tolist(), strict=True))


def measure(db: Warehouse, question: Question) -> Needs:
    """Estimate the need for labels of the strata ``question.by``, in recordings selected by dates and channels.

    The error rates of each stratum are those of its labels, shrunk towards those of all labels of the same size,
    confidence and prediction, and these towards the classifier's probabilities.

    Raises:
        UsageError: nothing can be labelled.
        LakeError: the warehouse cannot be read.
    """
    parameters: dict[str, object] = {"keys": list(question.by), "channels": list(question.only_channels)}
    parameters |= {"since": question.since, "until": question.until}
    table, labels = db.ask("cells", parameters), db.ask("labels_in_cells", parameters)
    if not table.num_rows:
        raise UsageError("no face counts in what is asked about: there is nothing to label")
    cells = _Cells(table, labels)
    names, stratum = np.unique(table["stratum"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)

    def summed(values: Floats) -> Floats:
        return np.bincount(stratum, values, len(names)).astype(np.float64)

    population = summed(cells.faces)
    return Needs(
        strata=tuple(map(str, names)),
        population=np.rint(population).astype(np.int64),
        labels=np.rint(summed(cells.labels)).astype(np.int64),
        need=np.sqrt(population * summed(cells.squares)) / cells.face_time,
        women=summed(cells.faces * cells.rates[:, 0]) / population,
        men=summed(cells.faces * cells.rates[:, 1]) / population,
        correction=cells.correction,
        independent=cells.independent(),
    )


class _Cells:
    """C cells of faces of one stratum, size, confidence and prediction, and their estimated error rates.

    ``rates`` (C, 3) are shares of women, men and false detections; ``squares`` (C,) sums of squared contributions,
    increased by the share of undecided labels; ``face_time`` is in seconds.
    """

    def __init__(self, cells: pa.Table, labels: pa.Table) -> None:
        names = [tuple(row[key] for key in _CELL) for row in cells.select(list(_CELL)).to_pylist()]
        self._place = {name: index for index, name in enumerate(names)}
        self._size = np.array([SIZES.index(size) for _, size, _, _ in names])
        self._answer = np.array([ANSWERS.index(answer) for *_, answer in names])
        faces, p_female, seconds, squared = (
            cells[name].to_numpy().astype(float) for name in ("faces", "p_female", "seconds", "squared_seconds")
        )
        self.faces = faces
        self._gendered = [row for row in labels.to_pylist() if row["truth"] in TRUTHS]
        weights, self.labels = self._weights(len(names))
        self.rates = _rates([name[1:] for name in names], faces, p_female, weights, self.labels)
        time = np.zeros((len(SIZES), len(ANSWERS), len(TRUTHS)))
        np.add.at(time, (self._size, self._answer), seconds[:, None] * self.rates)
        self.face_time = float(time[..., :2].sum())
        self.correction, self._contribution = self._corrected(time)
        share = max(len(self._gendered) / labels.num_rows, _FLOOR) if labels.num_rows else 1.0
        self.squares = squared * (self.rates * self._contribution**2).sum(1) / share

    def independent(self) -> float:
        """The labels' part of the variance if each were of another recording."""
        if not self._gendered:
            return 0.0
        weight = np.array([row["weight"] for row in self._gendered])
        errors = self._contribution[[self._of(row) for row in self._gendered], [_truth(row) for row in self._gendered]]
        return float(((weight * errors) ** 2).sum() / weight.sum() ** 2)

    def _of(self, label: Mapping[str, Any]) -> int:
        return self._place[tuple(label[key] for key in _CELL)]

    def _weights(self, cells: int) -> tuple[Floats, Floats]:
        """Sums of weights of the labels by cell and truth (C, 3), and their numbers by cell (C,)."""
        weights, number = np.zeros((cells, len(TRUTHS))), np.zeros(cells)
        for label in self._gendered:
            weights[self._of(label), _truth(label)] += label["weight"]
            number[self._of(label)] += 1
        return weights, number

    def _corrected(self, time: Floats) -> tuple[Correction, Floats]:
        """Rogan and Gladen's correction by expected time, and the contribution of a second of a face, (C, 3 truths)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            called = (time[..., :2] * _SCORE[None, :, None]).sum(1) / time[..., :2].sum(1)
            real = np.nan_to_num(1 - time[..., 2] / time.sum(-1), nan=1.0)
        sensitivity, false_women = np.nan_to_num(called[:, 0], nan=1.0), np.nan_to_num(called[:, 1], nan=0.0)
        worth = (_SCORE - false_women[:, None]) / np.maximum(sensitivity - false_women, _FLOOR)[:, None]
        share = time[..., 0].sum() / time[..., :2].sum()
        at = (self._size, self._answer)
        off = worth[at] - share
        kept = off * (1 - real[at])
        found = Correction(
            women=(real * worth)[..., None],
            men=(real * (1 - worth))[..., None],
            sensitivity=sensitivity[:, None],
            specificity=1 - false_women[:, None],
            labels=(0, 0),
        )
        return found, np.stack([1 - worth[at] + kept, kept - worth[at], -off * real[at]], axis=1)


def _rates(kinds: list[tuple[str, ...]], faces: Floats, p_female: Floats, weights: Floats, labels: Floats) -> Floats:
    """Shares of women, men and false detections in each cell, (C, 3)."""
    _, kind = np.unique(np.array(kinds), axis=0, return_inverse=True)
    kind = kind.reshape(-1)

    def summed(values: Floats) -> Floats:
        return np.bincount(kind, values).astype(np.float64)

    women = summed(faces * p_female) / summed(faces)
    by_probabilities = np.stack([women, 1 - women, np.zeros_like(women)], axis=1)
    seen = np.stack([summed(weights[:, truth]) for truth in range(len(TRUTHS))], axis=1)
    of_all = _drawn_towards(by_probabilities, _BELIEF_IN_PROBABILITIES, seen, summed(labels))
    return _drawn_towards(of_all[kind], _BELIEF_IN_ALL, weights, labels)


def _drawn_towards(prior: Floats, belief: float, weights: Floats, labels: Floats) -> Floats:
    """Shares by weight, (K, 3), with a `prior` that is worth `belief` labels."""
    total = weights.sum(1, keepdims=True)
    own = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    shares: Floats = (own * labels[:, None] + prior * belief) / (labels[:, None] + belief)
    return shares


def _truth(label: Mapping[str, Any]) -> int:
    return TRUTHS.index(label["truth"])

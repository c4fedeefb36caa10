"""Precision of the corrected share of women: the parts of its variance due to recordings and to labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.estimates import needs
from gfpipe.estimates.correction import Corrections
from gfpipe.estimates.needs import Needs
from gfpipe.estimates.question import Question, narrow
from gfpipe.estimates.rows import Rows, read
from gfpipe.estimates.sample import resample
from gfpipe.statistics.bootstrap import MIN_RECORDINGS
from gfpipe.statistics.misclassification import Correction
from gfpipe.statistics.screen_time import SUMS, corrected
from gfpipe.warehouse import Warehouse

Floats = NDArray[np.float64]

_MOST_CLUSTERED: Final = 5.0


@dataclass(frozen=True)
class Precision:
    """Variances of the corrected share of women (face time)."""

    share: float  # the corrected share; by the classifier's probabilities if there are too few labels
    published: float | None  # variance of the published share; None if it cannot be published
    archive: float  # variance if the classifier's errors were known: between recordings alone
    labels: float  # variance if only the labels were a sample; infinite if there are too few
    freedom: int  # degrees of freedom of the interval
    answers: int  # number of labels
    clustering: float  # design effect of several labels per recording; 1 if unknown
    needs: Needs
    problem: str | None = None  # why the share cannot be published


def measure(db: Warehouse, question: Question) -> Precision:
    """Measure the precision of the corrected share; ``question`` as in :func:`gfpipe.estimates.needs.measure`.

    Raises:
        UsageError: fewer than 5 recordings, several models, or nothing that shows a face.
        LakeError: the warehouse cannot be read.
    """
    needed = needs.measure(db, question)
    narrow(db, question)
    rows, labelled = read(db, ((),), (), faces=True)
    _require_enough(rows)
    sample = resample(rows, rows.groups[0], labelled, question.draws)
    units, row = np.unique(sample.units(rows.recording), return_inverse=True)
    freedom, weights = sample.freedom(units), sample.weights(units)
    sums = np.zeros((len(rows.parts), len(units), SUMS))
    np.add.at(sums, (rows.part, row), rows.sums)
    found = Corrections(rows.parts, labelled, sample).of_parts
    if problem := next(filter(None, (each.problem for each in found)), None):
        archive = _share(sums, weights, [_known(needed.correction, weights)] * len(found))
        return Precision(
            float(archive[0]), None, _variance(archive), np.inf, freedom, len(labelled), 1.0, needed, problem
        )
    published = _share(sums, weights, found)
    archive = _share(sums, weights, [_known(each, weights) for each in found])
    labels = _variance(_share(sums, np.ones_like(weights), found))
    clustering = float(np.clip(labels / needed.independent, 1, _MOST_CLUSTERED)) if needed.independent else 1.0
    return Precision(
        float(published[0]),
        _variance(published),
        _variance(archive),
        labels,
        freedom,
        len(labelled),
        clustering,
        needed,
    )


def _require_enough(rows: Rows) -> None:
    """Require recordings of one model, and enough of them for an interval."""
    models = sorted({model for _, model in rows.parts})
    if len(models) > 1:
        raise UsageError(f"recordings of several models ({', '.join(models)}): bring them under one: gfpipe reclassify")
    recordings = len(np.unique(rows.recording))
    if recordings < MIN_RECORDINGS:
        raise UsageError(f"{recordings} recordings: for fewer than {MIN_RECORDINGS} there is no interval at all")


def _known(correction: Correction, weights: Floats) -> Correction:
    """The estimate itself in every draw, as if it were known."""

    def constant(rate: Floats) -> Floats:
        return np.repeat(rate[..., :1], weights.shape[1], axis=-1)

    women, men = constant(correction.women), constant(correction.men)
    return Correction(women, men, constant(correction.sensitivity), constant(correction.specificity), correction.labels)


def _share(sums: Floats, weights: Floats, corrections: Sequence[Correction]) -> Floats:
    """Women's share of corrected face time in every draw, (D,); sums are (parts, U, SUMS)."""
    found = (corrected(of_part, weights, by) for of_part, by in zip(sums, corrections, strict=True))
    return reduce(add, found).share


def _variance(draws: Floats) -> float:
    return float(np.nanvar(draws[1:]))

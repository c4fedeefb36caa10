"""Precision of the corrected share of women: the parts of its variance due to recordings and to labels."""

from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gfpipe.errors import UsageError
from gfpipe.estimates import needs
from gfpipe.estimates.correction import Part, lend_labels, parts
from gfpipe.estimates.needs import Needs
from gfpipe.estimates.question import Question, group, narrow
from gfpipe.estimates.sample import resample
from gfpipe.statistics.bootstrap import MIN_RECORDINGS
from gfpipe.statistics.misclassification import Correction
from gfpipe.statistics.screen_time import Corrected, Corrector
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
    group(db, ())
    recordings = _recordings(db)
    answers = lend_labels(db)
    sample = resample(db, question.draws)
    freedom, weights = sample.freedom(recordings), sample.weights
    split = list(parts(db, sample))
    if problem := next(filter(None, (part.correction.problem for part in split)), None):
        archive = _share([replace(part, correction=_known(needed.correction, weights)) for part in split], weights)
        return Precision(float(archive[0]), None, _variance(archive), np.inf, freedom, answers, 1.0, needed, problem)
    published = _share(split, weights)
    archive = _share([replace(part, correction=_known(part.correction, weights)) for part in split], weights)
    labels = _variance(_share(split, np.ones_like(weights)))
    clustering = float(np.clip(labels / needed.independent, 1, _MOST_CLUSTERED)) if needed.independent else 1.0
    return Precision(
        float(published[0]), _variance(published), _variance(archive), labels, freedom, answers, clustering, needed
    )


def _recordings(db: Warehouse) -> NDArray[np.int64]:
    """Numbers of the question's analysed recordings, checked to be enough for an interval, and of one model."""
    chosen = db.query("select distinct recording_number, model_id from chosen where analysed_seconds > 0")
    models = sorted(set(chosen["model_id"].to_pylist()))
    if len(models) > 1:
        raise UsageError(f"recordings of several models ({', '.join(models)}): bring them under one: gfpipe reclassify")
    recordings = np.unique(chosen["recording_number"].to_numpy().astype(np.int64))
    if len(recordings) < MIN_RECORDINGS:
        raise UsageError(f"{len(recordings)} recordings: for fewer than {MIN_RECORDINGS} there is no interval at all")
    return recordings


def _known(correction: Correction, weights: Floats) -> Correction:
    """The estimate itself in every draw, as if it were known."""

    def constant(rate: Floats) -> Floats:
        return np.repeat(rate[..., :1], weights.shape[1], axis=-1)

    women, men = constant(correction.women), constant(correction.men)
    return Correction(women, men, constant(correction.sensitivity), constant(correction.specificity), correction.labels)


def _share(split: list[Part], weights: Floats) -> Floats:
    """Women's share of corrected face time in every draw, (D,)."""
    groups: list[Corrected] = []
    for part in split:
        corrected = Corrector(part.correction, part.seconds)(part.seconds, part.group, weights)
        groups += [seconds for _, seconds in corrected]
    return reduce(add, groups).share


def _variance(draws: Floats) -> float:
    return float(np.nanvar(draws[1:]))

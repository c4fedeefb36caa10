"""How sure the corrected share of women is: what of its interval comes from recordings, and what from labels."""

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
    """Where the interval of the corrected share of women (face time) comes from.

    Attributes:
        share: the corrected share; by the classifier's probabilities where there are too few labels.
        published: variance of what is published; None where nothing can be.
        archive: variance if the classifier's errors were known: of the recordings that happened to be on air.
        labels: variance if only the labels were a sample; infinite where there are too few.
        freedom: degrees of freedom of the interval.
        answers: how many labels the share rests on.
        clustering: how much more the labels vary than if each were of a recording of its own; 1 where unknown.
        needs: by stratum.
        problem: why nothing can be published; None where it can.
    """

    share: float
    published: float | None
    archive: float
    labels: float
    freedom: int
    answers: int
    clustering: float
    needs: Needs
    problem: str | None = None


def measure(db: Warehouse, question: Question) -> Precision:
    """Take the interval of the corrected share apart.

    Args:
        db: the warehouse.
        question: as `gfpipe.estimates.needs.measure` takes it.

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
    found = list(parts(db, sample))
    if problem := next((part.found.problem for part in found if part.found.problem), None):
        archive = _share([replace(part, found=_known(needed.correction, weights)) for part in found], weights)
        return Precision(float(archive[0]), None, _variance(archive), np.inf, freedom, answers, 1.0, needed, problem)
    published = _share(found, weights)
    archive = _share([replace(part, found=_known(part.found, weights)) for part in found], weights)
    labels = _variance(_share(found, np.ones_like(weights)))
    clustering = float(np.clip(labels / needed.independent, 1, _MOST_CLUSTERED)) if needed.independent else 1.0
    return Precision(
        float(published[0]), _variance(published), _variance(archive), labels, freedom, answers, clustering, needed
    )


def _recordings(db: Warehouse) -> NDArray[np.int64]:
    """Those that were analysed and are asked about.

    Raises:
        UsageError: too few of them for an interval, or of several models.
    """
    found = db.query("select distinct recording_number, model_id from chosen where analysed_seconds > 0")
    models = sorted(set(found["model_id"].to_pylist()))
    if len(models) > 1:
        raise UsageError(f"recordings of several models ({', '.join(models)}): bring them under one: gfpipe reclassify")
    recordings = np.unique(found["recording_number"].to_numpy().astype(np.int64))
    if len(recordings) < MIN_RECORDINGS:
        raise UsageError(f"{len(recordings)} recordings: for fewer than {MIN_RECORDINGS} there is no interval at all")
    return recordings


def _known(found: Correction, weights: Floats) -> Correction:
    """The estimate itself in every draw, as if it were known."""
    draws = weights.shape[1]
    women, men, sensitivity, specificity = (
        np.repeat(each[..., :1], draws, axis=-1)
        for each in (found.women, found.men, found.sensitivity, found.specificity)
    )
    return Correction(women, men, sensitivity, specificity, found.labels)


def _share(found: list[Part], weights: Floats) -> Floats:
    """Women's share of corrected face time in every draw, (D,)."""
    together: list[Corrected] = []
    for part in found:
        together += [each for _, each in Corrector(part.found, part.seconds)(part.seconds, part.group, weights)]
    return reduce(add, together).share


def _variance(draws: Floats) -> float:
    return float(np.nanvar(draws[1:]))

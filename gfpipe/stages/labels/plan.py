"""Plans how many faces to label, and of which strata, for an interval of a given width."""

from dataclasses import dataclass
from pathlib import Path

from gfpipe import warehouse
from gfpipe.estimates import planning, precision
from gfpipe.estimates.planning import Plan
from gfpipe.estimates.precision import Precision
from gfpipe.estimates.question import Question


@dataclass(frozen=True)
class Stratum:
    """One stratum of a plan.

    Attributes:
        name: values of the stratification variables.
        population: faces in the archive.
        answers: existing labels that show errors of the classifier.
        part: share of the variance due to labels, if these were drawn in proportion to the population.
        faces: faces to label.
    """

    name: str
    population: int
    answers: int
    part: float
    faces: float


@dataclass(frozen=True, eq=False)
class Summary:
    """A plan, and its basis.

    Attributes:
        plan: how many faces to label.
        precision: variance of the current estimate.
        strata: ordered by number of faces to label.
        by_recordings: width of the interval if only recordings were sampled.
        by_labels: width if only labels were; None if there are too few.
    """

    plan: Plan
    precision: Precision
    strata: tuple[Stratum, ...]
    by_recordings: float
    by_labels: float | None


def run(lake: Path | str, width: float, question: Question) -> Summary:
    """Plan labels for a published lake.

    Args:
        lake: the lake's folder or URL.
        width: width of the 95 % interval of the corrected share of women (face time); 0.01 is one percentage point.
        question: stratification variables (``by``), and filters of the recordings.

    Raises:
        UsageError: there is nothing to plan for.
        LakeError: the lake was never published, or cannot be read.
    """
    with warehouse.open(lake) as db:
        measured = precision.measure(db, question)
    needs, plan = measured.needs, planning.plan(measured, width)
    part = needs.need**2 / needs.population  # of n labels in proportion, N_h / N * n are of stratum h
    part = part / part.sum() if part.sum() else part
    rows = zip(needs.strata, needs.population, needs.labels, part, plan.allocation, strict=True)
    strata = [
        Stratum(name, int(population), int(answers), float(share), float(faces))
        for name, population, answers, share, faces in rows
    ]
    return Summary(
        plan,
        measured,
        tuple(sorted(strata, key=lambda stratum: (-stratum.faces, -stratum.part, stratum.name))),
        by_recordings=plan.floor,
        by_labels=planning.width(measured, measured.labels) if measured.published is not None else None,
    )

"""How many faces must still be labelled, and of which strata, for an interval of a wanted width."""

from dataclasses import dataclass
from pathlib import Path

from gfpipe import warehouse
from gfpipe.estimates import precision
from gfpipe.estimates.precision import Precision
from gfpipe.estimates.question import Question
from gfpipe.labelling.design import planning
from gfpipe.labelling.design.planning import Known, Plan


@dataclass(frozen=True)
class Stratum:
    """One stratum of a plan.

    Attributes:
        name: channel, size, confidence, answer of the classifier, or whatever it is made of.
        population: faces of the archive.
        answers: labels so far that tell of errors.
        part: its part in the labels' variance, were labels drawn in proportion to the faces.
        faces: of it that should be labelled next.
    """

    name: str
    population: int
    answers: int
    part: float
    faces: float


@dataclass(frozen=True)
class Summary:
    """A plan, and what it rests on.

    Attributes:
        plan: how many faces.
        precision: where today's interval comes from.
        strata: where the faces are, those that need most first.
        by_recordings: width of the interval if only recordings were a sample.
        by_labels: width if only labels were; None where there are too few.
    """

    plan: Plan
    precision: Precision
    strata: tuple[Stratum, ...]
    by_recordings: float
    by_labels: float | None


def run(lake: Path | str, width: float, question: Question) -> Summary:
    """Plan what to label.

    Args:
        lake: a published lake.
        width: that the 95 % interval of the corrected share of women (face time) may have; 0.01 is one point.
        question: what strata are made of (``by``), and about which recordings.

    Raises:
        UsageError: there is nothing to plan for.
        LakeError: the lake was never published, or cannot be read.
    """
    with warehouse.open(lake) as db:
        found = precision.measure(db, question)
    needs = found.needs
    known = Known(
        share=found.share,
        published=found.published,
        archive=found.archive,
        labels=found.labels,
        answers=found.answers,
        clustering=found.clustering,
        freedom=found.freedom,
        population=needs.population,
        need=needs.need,
        women=needs.women,
        men=needs.men,
    )
    plan = planning.plan(known, width)
    part = needs.need**2 / needs.population  # of n labels in proportion, N_h / N * n are of stratum h
    part = part / part.sum() if part.sum() else part
    rows = zip(needs.strata, needs.population, needs.labels, part, plan.allocation, strict=True)
    strata = [Stratum(name, int(all_), int(answers), float(share), float(n)) for name, all_, answers, share, n in rows]
    return Summary(
        plan,
        found,
        tuple(sorted(strata, key=lambda each: (-each.faces, -each.part, each.name))),
        by_recordings=plan.floor,
        by_labels=known.width(found.labels) if found.published is not None else None,
    )

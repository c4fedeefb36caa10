"""Tests of planning: how labels narrow an interval, and what they cannot do."""

from dataclasses import replace

import numpy as np
import pytest

from gfpipe.estimates import planning
from gfpipe.estimates.needs import Needs
from gfpipe.estimates.precision import Precision
from gfpipe.statistics.misclassification import Correction

POPULATION = np.array([80_000, 15_000, 5_000])
SPREAD = np.array([0.1, 0.4, 0.8])  # of the contribution of a face
RATES = np.ones((3, 1))
NEEDS = Needs(
    strata=("easy", "medium", "hard"),
    population=POPULATION,
    labels=np.zeros(3, np.int64),
    need=POPULATION / POPULATION.sum() * SPREAD,
    women=np.array([0.4, 0.5, 0.5]),
    men=np.array([0.6, 0.5, 0.5]),
    correction=Correction(RATES, RATES, RATES, RATES, labels=(0, 0)),
    independent=0.0,
)
NO_LABELS = Precision(
    share=0.4,
    published=None,
    archive=0.005**2,
    labels=np.inf,
    freedom=100,
    answers=0,
    clustering=1.0,
    needs=NEEDS,
)
SOME_LABELS = replace(NO_LABELS, published=0.025**2 + 0.005**2, labels=0.025**2, answers=200)


@pytest.mark.parametrize("precision", [NO_LABELS, SOME_LABELS])
def test_the_plan_is_the_smallest_sufficient_sample(precision: Precision) -> None:
    plan = planning.plan(precision, 0.05)
    assert plan.faces is not None
    assert plan.promised is not None
    assert plan.promised <= 0.05 < planning.promise(precision, plan.faces - 1)
    assert plan.allocation.sum() == pytest.approx(plan.faces)


def test_allocation_by_need_takes_fewer_faces() -> None:
    plan = planning.plan(SOME_LABELS, 0.05)
    assert plan.faces is not None
    assert plan.proportional is not None
    assert plan.faces < 0.8 * plan.proportional
    share = plan.allocation / POPULATION
    assert share[2] > share[1] > share[0]


def test_nine_tenths_are_allocated_as_by_neyman() -> None:
    plan = planning.plan(NO_LABELS, 0.05)
    neyman = NEEDS.need / NEEDS.need.sum()
    assert plan.allocation / plan.allocation.sum() == pytest.approx(0.9 * neyman + 0.1 * POPULATION / POPULATION.sum())


def test_labels_do_not_reduce_the_variance_of_the_archive() -> None:
    plan = planning.plan(SOME_LABELS, 0.015)
    assert (plan.faces, plan.proportional, plan.promised) == (None, None, None)
    assert plan.floor == pytest.approx(2 * 1.984 * 0.005, rel=0.01)


def test_a_narrow_interval_needs_no_labels() -> None:
    plan = planning.plan(SOME_LABELS, 0.12)
    assert plan.faces == 0
    assert plan.promised == plan.width
    assert plan.allocation.sum() == 0


def test_clustered_labels_need_larger_samples() -> None:
    plain, clustered = (
        planning.plan(replace(SOME_LABELS, clustering=clustering), 0.05).faces for clustering in (1.0, 2.0)
    )
    assert plain is not None
    assert clustered is not None
    assert clustered > 1.3 * plain


def test_a_first_sample_has_enough_women_and_men() -> None:
    plan = planning.plan(NO_LABELS, 0.9)
    assert plan.faces is not None
    assert 180 <= plan.faces <= 250

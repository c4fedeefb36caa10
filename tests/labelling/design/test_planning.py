"""Plans: what further labels do to an interval, and what they cannot do."""

from dataclasses import replace

import numpy as np
import pytest

from gfpipe.labelling.design import planning
from gfpipe.labelling.design.planning import Known

POPULATION = np.array([80_000, 15_000, 5_000])
SPREAD = np.array([0.1, 0.4, 0.8])  # of what a face contributes
NOTHING = Known(
    share=0.4,
    published=None,
    archive=0.005**2,
    labels=np.inf,
    answers=0,
    clustering=1.0,
    freedom=100,
    population=POPULATION,
    need=POPULATION / POPULATION.sum() * SPREAD,
    women=np.array([0.4, 0.5, 0.5]),
    men=np.array([0.6, 0.5, 0.5]),
)
SOMETHING = replace(NOTHING, published=0.025**2 + 0.005**2, labels=0.025**2, answers=200)


@pytest.mark.parametrize("known", [NOTHING, SOMETHING])
def test_the_plan_is_the_fewest_faces_that_keep_its_promise(known: Known) -> None:
    found = planning.plan(known, 0.05)
    assert found.faces is not None
    assert found.promised is not None
    assert found.promised <= 0.05 < planning.promise(known, found.faces - 1)
    assert found.allocation.sum() == pytest.approx(found.faces)


def test_by_need_takes_fewer_faces_than_in_proportion() -> None:
    found = planning.plan(SOMETHING, 0.05)
    assert found.faces is not None
    assert found.proportional is not None
    assert found.faces < 0.8 * found.proportional
    part = found.allocation / POPULATION
    assert part[2] > part[1] > part[0]


def test_the_allocation_is_neymans_but_for_a_tenth() -> None:
    found = planning.plan(NOTHING, 0.05)
    neyman = NOTHING.need / NOTHING.need.sum()
    assert found.allocation / found.allocation.sum() == pytest.approx(
        0.9 * neyman + 0.1 * POPULATION / POPULATION.sum()
    )


def test_what_the_archive_itself_varies_by_no_label_can_shrink() -> None:
    found = planning.plan(SOMETHING, 0.015)
    assert (found.faces, found.proportional, found.promised) == (None, None, None)
    assert found.floor == pytest.approx(2 * 1.984 * 0.005, rel=0.01)


def test_where_the_interval_is_narrow_enough_nothing_is_to_be_done() -> None:
    found = planning.plan(SOMETHING, 0.12)
    assert found.faces == 0
    assert found.promised == found.width
    assert found.allocation.sum() == 0


def test_labels_of_the_same_recordings_tell_less() -> None:
    plain, clustered = (planning.plan(replace(SOMETHING, clustering=each), 0.05).faces for each in (1.0, 2.0))
    assert plain is not None
    assert clustered is not None
    assert clustered > 1.3 * plain


def test_without_labels_there_must_be_enough_women_and_men_for_a_correction() -> None:
    found = planning.plan(NOTHING, 0.9)
    assert found.faces is not None
    assert 180 <= found.faces <= 250

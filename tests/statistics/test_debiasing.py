"""Debiased shares: PPI++ where that has a closed form, and no bias where errors drift within a stratum."""

import numpy as np
import pytest

from gfpipe.statistics.bootstrap import Resampling
from gfpipe.statistics.debiasing import SUMS, Predicted, debiased, of_labels, too_few
from tests.statistics import drift


def test_a_sample_of_independent_faces_has_the_estimate_and_the_variance_of_ppi_plus_plus() -> None:
    """Angelopoulos et al. (2023, proposition 2 and example 1), with the labelled faces apart from the others."""
    rng = np.random.default_rng(5)
    faces, labels = 4000, 500
    woman = rng.random(faces) < 0.3
    p = np.clip(np.where(woman, 0.8, 0.25) + rng.normal(0, 0.15, faces), 0.01, 0.99)
    known, others = np.arange(faces) < labels, np.arange(faces) >= labels
    slope = np.cov(woman[known], p[known])[0, 1] / p.var() / (1 + labels / others.sum())
    expected = woman[known].mean() + slope * (p[others].mean() - p[known].mean())
    variance = np.var(woman[known] - slope * p[known]) / labels + slope**2 * p[others].var() / others.sum()

    weights = Resampling.within(np.zeros(faces), 1000, most_units=faces).weights()
    sums = np.column_stack([np.ones(faces), np.ones(faces), p, p, 1 - p])  # one face in each picture
    added = of_labels(np.where(woman, 0, 1), known.astype(float), p, 1 - p, p)
    found = debiased(Predicted(*(sums.T @ weights)), added.T @ weights)
    assert found.female_face[0] == pytest.approx(expected, abs=0.001)
    assert found.female_face[1:].std() == pytest.approx(np.sqrt(variance), rel=0.08)
    # With one face in every picture, presence time is face time.
    assert found.female_presence[0] == pytest.approx(expected, abs=0.003)
    assert found.male_presence[0] == pytest.approx(1 - expected, abs=0.003)


def test_useless_predictions_leave_the_estimate_of_the_labels_alone() -> None:
    rng = np.random.default_rng(6)
    woman, p = rng.random(400) < 0.3, np.full(400, 0.5)
    weights = Resampling.within(np.zeros(400), 200, most_units=400).weights()
    sums = np.column_stack([np.ones(400), np.ones(400), p, p, p])
    found = debiased(
        Predicted(*(sums.T @ weights)), of_labels(np.where(woman, 0, 1), np.ones(400), p, p, p).T @ weights
    )
    assert found.female_face[0] == pytest.approx(woman.mean())


def test_false_detections_and_undecided_faces_are_neither_womens_nor_mens() -> None:
    truth = np.array([0, 1, 2, 3])
    half = np.full(4, 0.5)
    sums = of_labels(truth, np.full(4, 2.0), half, half, half).sum(0)
    assert sums[:7].tolist() == [4, 1, 1, 8, 4, 2, 2]


def test_too_few_labels_are_counted() -> None:
    assert too_few(np.zeros((3, SUMS))) == "no labels drawn at random: gfpipe label sample"
    few = np.zeros((6, SUMS))
    few[:, :3] = 8, 5, 3
    assert str(too_few(few)).startswith("too few labels drawn at random: 30 women and 18 men from 6 recordings")


@pytest.mark.parametrize("errors", ["programme", "age"])
def test_debiased_shares_hold_where_error_rates_drift_within_a_stratum(errors: str) -> None:
    """A small version of `python -m tests.statistics.drift`."""
    row = drift.simulate(errors, 600, 30)
    assert abs(row.bias[0]) > 2
    assert abs(row.bias[1]) < 1.2  # three standard errors of the mean of 30
    assert row.coverage[1] >= 0.83


def test_at_equal_labels_the_interval_is_narrower() -> None:
    row = drift.simulate("none, weak classifier", 400, 12)
    assert row.width[1] < 0.85 * row.width[0]

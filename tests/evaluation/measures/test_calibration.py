"""Calibration: errors worked out by hand, and temperatures that were put in come out."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit

from gfpipe.evaluation.measures import calibration


def drawn(count: int, too_sure_by: float, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Logit margins of a classifier that says them ``too_sure_by`` times too large, and labels."""
    rng = np.random.default_rng(seed)
    margin = 2.5 * rng.normal(size=count)
    return margin * too_sure_by, rng.random(count) < expit(margin)


def test_the_error_is_the_mean_distance_of_promise_and_fact() -> None:
    """In fifteenths 0.9 lies in the 14th bin and 0.62 in the 10th; a man's 0.1 is a confidence of 0.9."""
    p_female = np.array([0.9, 0.9, 0.1, 0.1, 0.62, 0.62, np.nan])
    female = np.array([True, True, False, True, True, False, True])
    found = calibration.reliability(p_female, female)
    assert found.faces.tolist() == [0] * 9 + [2] + [0] * 3 + [4, 0]
    assert found.confidence[[9, 13]] == pytest.approx([0.62, 0.9])
    assert found.accuracy[[9, 13]] == pytest.approx([0.5, 0.75])
    assert found.error == pytest.approx((2 * 0.12 + 4 * 0.15) / 6)


def test_certainty_lies_in_the_last_bin_and_a_bin_is_closed_above() -> None:
    found = calibration.reliability(np.array([1.0, 0.0, 0.8]), np.array([True, False, True]))
    assert found.faces[-1] == 2
    assert found.faces[11] == 1  # (11/15, 12/15]
    assert found.error == pytest.approx(0.2 / 3)


def test_no_faces_have_no_error() -> None:
    assert np.isnan(calibration.reliability(np.full(3, np.nan), np.ones(3, bool)).error)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_found_is_the_one_put_in(temperature: float) -> None:
    margin, female = drawn(40_000, temperature)
    assert calibration.temperature(margin, female) == pytest.approx(temperature, rel=0.03)


def test_the_temperature_makes_the_labels_likeliest() -> None:
    margin, female = drawn(500, 2.0)
    towards = np.where(female, margin, -margin)
    by_search = minimize_scalar(lambda log: -np.sum(log_expit(towards / np.exp(log))), bounds=(-3, 3), method="bounded")
    assert calibration.temperature(margin, female) == pytest.approx(np.exp(by_search.x), rel=1e-3)


def test_without_errors_or_without_sense_the_temperature_is_bounded() -> None:
    female = np.array([True, False, True, False])
    sure = np.array([3.0, -2.0, 1.0, -5.0])
    assert calibration.temperature(sure, female) == 0.01
    assert calibration.temperature(-sure, female) == 100
    assert calibration.temperature(np.zeros(0), np.zeros(0, bool)) == 1


def test_scaling_mends_a_model_that_is_too_sure_on_faces_it_was_not_chosen_on() -> None:
    margin, female = drawn(4_000, 3.0)
    p_female = expit(margin)
    p_female[:10] = np.nan
    found = calibration.calibrate(p_female, female)
    assert found.error > 0.08
    assert found.error_after < 0.02
    assert found.temperature == pytest.approx(3, rel=0.1)


def test_labels_alone_promise_nothing() -> None:
    found = calibration.calibrate(np.array([1.0, 0.0, np.nan]), np.array([True, True, True]))
    assert np.isnan([found.error, found.temperature, found.error_after]).all()


def test_answers_rounded_to_certainty_can_still_be_scaled() -> None:
    scaled = calibration.scaled(np.array([0.0, 0.5, 1.0, np.nan]), 2.0)
    assert 0 < scaled[0] < 0.001 < scaled[1] == 0.5 < scaled[2] < 1
    assert np.isnan(scaled[3])

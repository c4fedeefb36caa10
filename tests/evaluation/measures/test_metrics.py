"""Metrics: scikit-learn's and fairlearn's on the same faces, and honest about undetected ones and small samples."""

import fairlearn.metrics as fairlearn
import numpy as np
import pytest
import sklearn.metrics as sklearn
from numpy.typing import NDArray

from gfpipe.evaluation.measures import metrics
from gfpipe.evaluation.measures.metrics import Counts, Tally, wilson_interval
from tests.evaluation import simulated

FACES = simulated.labels(600)
ANSWERS = simulated.answers(FACES, undetected=20)


def words(p_female: NDArray[np.float64]) -> NDArray[np.str_]:
    return np.where(np.isnan(p_female), "undetected", np.where(p_female >= 0.5, "female", "male"))


def test_an_undetected_face_is_an_error_and_a_miss_but_no_false_positive() -> None:
    female = np.array([True, True, True, False, False, False, False])
    said = simulated.of_labels(["female", "male", "undetected", "male", "male", "female", "undetected"])
    counts = Tally(female, said).counts
    one = Counts(*(np.array([count]) for count in (1, 1, 1, 2, 1, 1)))
    assert {name: value[0] for name, value in vars(counts).items()} == {
        name: value[0] for name, value in vars(one).items()
    }
    assert metrics.accuracy(counts)[0] == 3 / 7
    assert metrics.accuracy_female(counts)[0] == 1 / 3
    assert metrics.accuracy_male(counts)[0] == 2 / 4
    assert metrics.gap(counts)[0] == pytest.approx(1 / 3 - 1 / 2)
    assert metrics.absolute_gap(counts)[0] == pytest.approx(1 / 6)
    assert metrics.precision(counts)[0] == 1 / 2
    assert metrics.f1(counts)[0] == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert metrics.false_positive_rate(counts)[0] == 1 / 3
    assert metrics.false_negative_rate(counts)[0] == 1 / 2


def test_metrics_are_those_of_scikit_learn() -> None:
    """An undetected face is a third answer, which is never right."""
    counts = Tally(FACES.female, ANSWERS.p_female).counts
    truth, said = np.where(FACES.female, "female", "male"), words(ANSWERS.p_female)
    of_women = {"labels": ["female"], "average": "macro"}
    oracles = {
        "accuracy": sklearn.accuracy_score(truth, said),
        "recall": sklearn.recall_score(truth, said, **of_women),
        "precision": sklearn.precision_score(truth, said, **of_women),
        "f1": sklearn.f1_score(truth, said, **of_women),
        "accuracy_male": sklearn.recall_score(truth, said, labels=["male"], average="macro"),
        "balanced_accuracy": sklearn.recall_score(truth, said, labels=["female", "male"], average="macro"),
    }
    for name, expected in oracles.items():
        assert metrics.METRICS[name](counts)[0] == pytest.approx(expected), name
    found = ANSWERS.answered
    detected = Tally(FACES.female[found], ANSWERS.p_female[found]).counts
    balanced = sklearn.balanced_accuracy_score(truth[found], said[found])
    assert metrics.balanced_accuracy(detected)[0] == pytest.approx(balanced)


def test_error_rates_by_group_are_those_of_fairlearn() -> None:
    groups, index = np.unique(FACES.ethnicity, return_inverse=True)
    counts = Tally(FACES.female, ANSWERS.p_female, index, len(groups)).counts
    found = ANSWERS.answered
    frame = fairlearn.MetricFrame(
        metrics={
            "false_positive_rate": fairlearn.false_positive_rate,
            "false_negative_rate": fairlearn.false_negative_rate,
        },
        y_true=FACES.female[found],
        y_pred=ANSWERS.p_female[found] >= 0.5,
        sensitive_features=FACES.ethnicity[found],
    )
    for name in ("false_positive_rate", "false_negative_rate"):
        assert metrics.METRICS[name](counts) == pytest.approx(frame.by_group[name].loc[list(groups)].to_numpy())


def test_groups_add_up_to_the_whole_and_faces_without_a_group_are_left_out() -> None:
    cell = np.where(np.arange(600) < 50, -1, np.arange(600) % 7)
    by_cell = Tally(FACES.female, ANSWERS.p_female, cell, 7).counts
    inside = Tally(FACES.female[50:], ANSWERS.p_female[50:]).counts
    assert by_cell.faces.sum() == 550
    for name, count in vars(inside).items():
        assert vars(by_cell)[name].sum() == count[0]


def test_resampled_counts_are_those_of_faces_drawn_one_by_one() -> None:
    cell = np.arange(600) % 3 - 1
    tally = Tally(FACES.female, ANSWERS.p_female, cell, 2)
    quick = tally.resampled(20_000, seed=1)
    rng = np.random.default_rng(2)
    weights = np.stack([np.bincount(rng.integers(0, 600, 600), minlength=600) for _ in range(4_000)]).astype(float)
    slow = tally.weighted(weights)
    for metric in (metrics.accuracy, metrics.gap, metrics.f1):
        one, other = metric(quick), metric(slow)
        assert one.shape == (20_000, 2)
        assert one.mean(0) == pytest.approx(other.mean(0), abs=0.002)
        assert one.std(0) == pytest.approx(other.std(0), rel=0.06)
    assert np.cov(quick.tp.T)[0, 1] == pytest.approx(np.cov(slow.tp.T)[0, 1], rel=0.5)


def test_the_area_under_the_curve_is_scikit_learns_also_with_weights_and_ties() -> None:
    p_female = np.round(ANSWERS.p_female, 1)
    found = np.isfinite(p_female)
    weights = np.random.default_rng(0).integers(0, 4, (3, 600)).astype(float)
    areas = metrics.roc_auc(FACES.female, p_female)(weights)
    for row, area in zip(weights, areas, strict=True):
        expected = sklearn.roc_auc_score(FACES.female[found], p_female[found], sample_weight=row[found])
        assert area == pytest.approx(expected)
    curve = metrics.roc(FACES.female, p_female)
    assert curve is not None
    assert curve.area == pytest.approx(metrics.roc_auc(FACES.female, p_female)(np.ones((1, 600)))[0])
    assert (curve.false_positive_rate[0], curve.true_positive_rate[-1]) == (0, 1)


@pytest.mark.parametrize("said", [["female", "male", "male"], ["?", "?", "?"]])
def test_labels_alone_have_no_curve(said: list[str]) -> None:
    female = np.array([True, False, True])
    assert metrics.roc(female, simulated.of_labels(said)) is None
    assert np.isnan(metrics.roc_auc(female, simulated.of_labels(said))(np.ones((2, 3)))).all()


def test_nothing_measured_is_not_a_number() -> None:
    counts = Tally(np.zeros(0, bool), np.zeros(0)).counts
    assert all(np.isnan(metric(counts)[0]) for metric in metrics.METRICS.values())


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],
)
def test_the_interval_is_that_of_newcombes_published_examples(
    successes: int, count: int, low: float, high: float
) -> None:
    """Newcombe (1998), Statistics in Medicine 17, table I, the score method without continuity correction."""
    assert wilson_interval(successes / count, count) == pytest.approx((low, high), abs=6e-5)


def test_of_nothing_every_share_is_possible() -> None:
    assert wilson_interval(0, 0) == (0, 1)

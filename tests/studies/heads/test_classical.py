"""Classical heads: each learns what there is to learn, answers in 0..1, and says the same twice."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.svm import SVC

from gfpipe.errors import UsageError
from gfpipe.studies.heads import classical
from gfpipe.studies.heads.classical import HEADS, Features, Head

WIDTH = 8


def faces(count: int, seed: int) -> tuple[Features, NDArray[np.bool_]]:
    """Two clouds that overlap a little, as features of wholly different sizes."""
    rng = np.random.default_rng(seed)
    female = np.arange(count) % 2 == 0
    features = rng.normal(size=(count, WIDTH)) + 0.8 * np.where(female, 1, -1)[:, None]
    return (features * np.logspace(-1, 2, WIDTH)).astype(np.float32), female


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_a_head_learns_answers_in_0_to_1_and_says_the_same_twice(head: Head) -> None:
    features, female = faces(400, 0)
    test, truth = faces(100, 1)
    predictions = classical.fit(head, features, female, test)
    assert ((predictions.p_female >= 0) & (predictions.p_female <= 1)).all()
    # A tree sees little of what is spread over all features.
    least = {"tree-4": 0.7, "tree-20": 0.7, "tree-100": 0.7}.get(head.name, 0.85)
    assert np.mean((predictions.p_female >= 0.5) == truth) >= least
    np.testing.assert_array_equal(classical.fit(head, features, female, test).p_female, predictions.p_female)


def test_faces_that_were_not_found_are_neither_learned_from_nor_answered() -> None:
    (head,) = classical.named(["logistic-regression"])
    features, female = faces(100, 0)
    test, _ = faces(10, 1)
    test[3] = np.nan
    wrong = np.full((50, WIDTH), np.nan, np.float32)
    plain = classical.fit(head, features, female, test).p_female
    assert np.isnan(plain).tolist() == [place == 3 for place in range(10)]
    more = classical.fit(head, np.concatenate([features, wrong]), np.append(female, [True] * 50), test)
    np.testing.assert_array_equal(more.p_female, plain)


def test_the_gaussian_kernel_divides_standardised_features_by_the_root_of_their_number() -> None:
    """MATLAB's medium Gaussian: exp(-|x - y|² / s²) with s = sqrt(P)."""
    features, female = faces(100, 0)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0) / np.sqrt(WIDTH)
    oracle = SVC(gamma=1).fit(scaled.astype(np.float64), female)
    (head,) = classical.named(["svm-gaussian"])
    p_female = classical.predict(head.make(WIDTH).fit(features, female), features)
    np.testing.assert_allclose(p_female, 1 / (1 + np.exp(-oracle.decision_function(scaled))), atol=1e-3)


@pytest.mark.parametrize("splits", [4, 20, 100])
def test_a_tree_has_no_more_splits_than_its_name_says(splits: int) -> None:
    features, female = faces(2000, 0)
    (head,) = classical.named([f"tree-{splits}"])
    assert head.make(1).fit(features[:, :1], female).get_n_leaves() == splits + 1


def test_heads_are_named_singly_or_by_family_in_the_order_of_the_table() -> None:
    assert len(classical.named([])) == len(HEADS)
    assert [head.name for head in classical.named(["tree-4", "linear"])] == [
        *("logistic-regression", "linear-discriminant", "tree-4"),
    ]
    with pytest.raises(UsageError, match="there is no head 'forest'"):
        classical.named(["forest"])


def test_too_few_faces_are_refused_in_words() -> None:
    (head,) = classical.named(["knn-100"])
    features, female = faces(40, 0)
    with pytest.raises(UsageError, match="not of both perceived genders"):
        classical.fit(head, features, np.ones(40, np.bool_), features)
    with pytest.raises(UsageError, match="knn-100 cannot learn from 40 faces"):
        classical.fit(head, features, female, features)

"""Bias in points: differences of accuracy averaged over categories, not over faces."""

from dataclasses import replace

import numpy as np
import pytest

from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures import bias

# Accuracy by woman or man, white or not, 20 to 50 or older; and how many of each.
ACCURACY = np.array([[[0.9, 0.8], [0.7, 0.6]], [[1.0, 0.9], [0.95, 0.5]]])
FACES = np.array([[[100, 10], [40, 20]], [[10, 200], [20, 10]]])


def made() -> tuple[Labels, Answers]:
    female, white, young, right = [], [], [], []
    for (f, w, y), count in np.ndenumerate(FACES):
        female += [f == 0] * count
        white += [w == 0] * count
        young += [y == 0] * count
        right += [place < round(ACCURACY[f, w, y] * count) for place in range(count)]
    is_female = np.array(female)
    labels = Labels(
        names=np.arange(len(female)).astype(str),
        female=is_female,
        age_years=np.where(young, 50.0, 51.0),
        ethnicity=np.where(white, "white", "asian"),
    )
    return labels, Answers("model", np.where(is_female == np.array(right), 1.0, 0.0))


def test_bias_is_the_mean_difference_over_categories() -> None:
    """Worked out by hand; positive where men, white people, and those up to 50 are read better."""
    found = bias.measure(*made(), draws=300)
    assert found.gender.value == pytest.approx(((1.0 - 0.9) + (0.9 - 0.8) + (0.95 - 0.7) + (0.5 - 0.6)) / 4)
    assert found.ethnicity.value == pytest.approx(((0.9 - 0.7) + (0.8 - 0.6) + (1.0 - 0.95) + (0.9 - 0.5)) / 4)
    assert found.age.value == pytest.approx(((0.9 - 0.8) + (0.7 - 0.6) + (1.0 - 0.9) + (0.95 - 0.5)) / 4)
    assert found.faces == FACES.sum()
    assert found.gender.low < found.gender.value < found.gender.high


def test_the_young_are_in_no_category() -> None:
    labels, answers = made()
    children = replace(labels, age_years=np.full(len(labels), 19.0))
    both = Labels(*(np.concatenate([vars(one)[name] for one in (labels, children)]) for name in vars(labels)))
    wrong = Answers("model", np.concatenate([answers.p_female, 1 - answers.p_female]))
    assert bias.measure(both, wrong, draws=20).gender.value == bias.measure(labels, answers, draws=20).gender.value
    assert bias.measure(both, wrong, draws=20).faces == len(labels)


def test_where_no_age_is_known_the_categories_are_fewer() -> None:
    """As the paper has it for MAFA."""
    labels, answers = made()
    found = bias.measure(replace(labels, age_years=np.full(len(labels), np.nan)), answers, draws=50)
    assert np.isnan(found.age.value)
    pooled = np.sum(np.round(ACCURACY * FACES), axis=2) / FACES.sum(axis=2)
    assert found.gender.value == pytest.approx(np.mean(pooled[1] - pooled[0]))
    assert found.ethnicity.value == pytest.approx(np.mean(pooled[:, 0] - pooled[:, 1]))


def test_where_nothing_but_perceived_gender_is_known_bias_is_the_gap_turned_round() -> None:
    labels, answers = made()
    unknown = replace(labels, age_years=np.full(len(labels), np.nan), ethnicity=np.full(len(labels), ""))
    found = bias.measure(unknown, answers, draws=50)
    right = (answers.p_female >= 0.5) == labels.female
    assert found.gender.value == pytest.approx(right[~labels.female].mean() - right[labels.female].mean())
    assert np.isnan([found.ethnicity.value, found.age.value]).all()

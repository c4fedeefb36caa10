"""Tests of agreement: values of the literature, and compared pairs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from gfpipe.errors import UsageError
from gfpipe.labelling.design import agreement
from gfpipe.labelling.design.agreement import Answer
from tests.warehouse.lakes import write_labels

START = datetime(2024, 1, 1, tzinfo=UTC)


def units(*observers: str) -> NDArray[np.int64]:
    """Number of observers by unit and value; a dot is a missing value."""
    values = sorted(set("".join(observers)) - {"."})
    counts = [[sum(row[unit] == value for row in observers) for value in values] for unit in range(len(observers[0]))]
    return np.array(counts)


@pytest.mark.parametrize(
    ("observers", "expected"),
    [
        (("0100000010", "1110010000"), 0.095),  # section B: binary data, two observers
        (("aabbdcccedda", "babbbccceddd"), 0.692),  # section C: nominal data, two observers
        (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
    ],
)
def test_alpha_equals_krippendorff_2011(observers: tuple[str, ...], expected: float) -> None:
    assert agreement.alpha(units(*observers)) == pytest.approx(expected, abs=5e-4)


def test_alpha_is_undefined_for_identical_answers() -> None:
    assert np.isnan(agreement.alpha(units("aaaa", "aaaa")))
    assert agreement.alpha(units("aabb", "aabb")) == 1


def test_kappa_equals_scikit_learn() -> None:
    first, second = (np.random.default_rng(seed).integers(0, 4, 60) for seed in (1, 2))
    second[:30] = first[:30]
    table = np.zeros((4, 4), np.int64)
    np.add.at(table, (first, second), 1)
    assert agreement.kappa(table) == pytest.approx(cohen_kappa_score(first, second))


def test_kappa_equals_its_definition() -> None:
    table = np.zeros((4, 4), np.int64)
    table[:2, :2] = [[20, 5], [10, 15]]  # 0.7 observed, 0.5 by chance
    assert agreement.kappa(table) == pytest.approx(0.4)
    assert np.isnan(agreement.kappa(np.diag([5, 0, 0, 0])))


def answers(annotator: str, letters: str, shift: int = 0) -> list[Answer]:
    """Answers from one letter per face: f, m, u, n; a dot is a missing answer."""
    words = {"f": "female", "m": "male", "u": "undecided", "n": "no_face"}
    return [
        Answer(("r", float(face), 0, 0, 9, 9), annotator, words[letter], START + timedelta(seconds=shift + face))
        for face, letter in enumerate(letters)
        if letter != "."
    ]


def test_pairs_all_and_repeated_answers_are_compared() -> None:
    all_answers = [
        *answers("Ada", "ffmmfm"),
        *answers("Bo", "ffmm.f"),
        *answers("Cy", "...mfm"),
        *answers("Ada", "fm", 100),
    ]
    results = {(*item.annotators, item.measure): item for item in agreement.measure(all_answers, resamples=50)}
    assert {key: item.faces for key, item in results.items()} == {
        ("Ada", "Bo", "kappa"): 5,
        ("Ada", "Cy", "kappa"): 3,
        ("Bo", "Cy", "kappa"): 2,
        ("Ada", "Bo", "Cy", "alpha"): 6,
        ("Ada", "kappa"): 2,
    }
    assert results["Ada", "Bo", "kappa"].same == pytest.approx(0.8)
    assert results["Ada", "Cy", "kappa"].value.value == 1
    assert results["Ada", "kappa"].same == 0.5  # with the first answer


def test_the_interval_contains_the_value_and_narrows_with_more_faces() -> None:
    few = agreement.measure([*answers("Ada", "ffmmfmuf" * 4), *answers("Bo", "ffmmfmfm" * 4)], resamples=200)[0].value
    many = agreement.measure([*answers("Ada", "ffmmfmuf" * 40), *answers("Bo", "ffmmfmfm" * 40)], resamples=200)[
        0
    ].value
    assert few.low < few.value < few.high
    assert many.value == pytest.approx(few.value)
    assert many.high - many.low < 0.5 * (few.high - few.low)


def test_single_answers_are_refused() -> None:
    with pytest.raises(UsageError, match="no face has two answers"):
        agreement.measure([*answers("Ada", "fm.."), *answers("Bo", "..fm")])


def test_answers_are_read_in_order_of_time(tmp_path: Path) -> None:
    row = {"recording_id": "r", "queue": "spring"}
    write_labels(
        tmp_path,
        {**row, "answer": "male", "imported_at": START + timedelta(hours=1), "position": 9},
        {**row, "answer": "female", "imported_at": START, "position": 2},
        {**row, "queue": "autumn", "imported_at": START},
        {"recording_id": "r", "annotator": None},
    )
    assert [each.answer for each in agreement.read(str(tmp_path), "spring")] == ["female", "male"]
    assert len(agreement.read(str(tmp_path))) == 4
    assert agreement.read(str(tmp_path), "winter") == ()
    with pytest.raises(UsageError, match="cannot name a queue"):
        agreement.read(str(tmp_path), "../spring")

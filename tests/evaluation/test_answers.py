from pathlib import Path

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels, Trial

LABELS = Labels(
    np.array(["a.jpg", "b.jpg", "c.jpg"]),
    np.array([True, False, True]),
    np.array([31.0, np.nan, 4.5]),
    np.array(["asian", "", "white"]),
)
TRIAL = Trial(
    "utkface=UTKFace",
    "retinaface",
    LABELS,
    (Answers("one", np.array([0.9, np.nan, 0.4]), {20: np.array([0.6, 0.5, np.nan])}), Answers("two", np.ones(3))),
    (("d.jpg", "not a readable image"),),
    seen=7,
)


def test_a_trial_comes_back_from_disk_as_it_was(tmp_path: Path) -> None:
    TRIAL.write(tmp_path / "deep" / "answers.parquet")
    back = Trial.read(tmp_path / "deep" / "answers.parquet")
    np.testing.assert_array_equal(back.labels.names, LABELS.names)
    np.testing.assert_array_equal(back.labels.female, LABELS.female)
    np.testing.assert_array_equal(back.labels.age_years, LABELS.age_years)
    np.testing.assert_array_equal(back.labels.ethnicity, LABELS.ethnicity)
    np.testing.assert_array_equal(back.of("one").p_female, TRIAL.of("one").p_female)
    np.testing.assert_array_equal(back.of("one").by_size[20], TRIAL.of("one").by_size[20])
    assert (back.data, back.detector_id, back.models) == (TRIAL.data, TRIAL.detector_id, ("one", "two"))
    assert (back.skipped, back.seen) == (TRIAL.skipped, 7)


def test_some_faces_of_a_trial_keep_labels_and_answers_together() -> None:
    part = TRIAL[np.array([True, False, True])]
    assert part.labels.names.tolist() == ["a.jpg", "c.jpg"]
    assert part.of("one").p_female.tolist() == [0.9, 0.4]
    assert part.of("one").by_size[20][0] == 0.6


def test_a_file_that_holds_no_answers_is_named(tmp_path: Path) -> None:
    (tmp_path / "other.parquet").write_text("no Parquet")
    for name in ("other.parquet", "missing.parquet"):
        with pytest.raises(UsageError, match=name):
            Trial.read(tmp_path / name)


def test_answers_must_be_about_the_same_faces() -> None:
    with pytest.raises(ValueError, match="2 answers on 3 faces"):
        Trial("x", "y", LABELS, (Answers("one", np.ones(2)),))
    with pytest.raises(UsageError, match="no answers of three"):
        TRIAL.of("three")

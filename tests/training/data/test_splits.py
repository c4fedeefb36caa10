"""Splits: by content alone, to within one face in every stratum, with no picture on both sides."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation.measures.ages import age_band
from gfpipe.training.data import datasets
from gfpipe.training.data.datasets import LabelledImage
from gfpipe.training.data.splits import Faces, distinct, joined, parts, shuffled
from tests.training.faces import dataset, jpeg, renamed, some_faces, together, write

PINNED = {"3320001.jpg", "3320003.jpg", "3320012.jpg", "3320015.jpg"}
SIZES = {
    ("female", "white"): 101,
    ("male", "white"): 97,
    ("female", "asian"): 23,
    ("male", "asian"): 7,
    ("female", None): 1,
    ("male", None): 2,
}


def of_content(faces: Faces, values: np.ndarray) -> dict[int, str]:
    return dict(zip(faces.digests.tolist(), values.tolist(), strict=True))


class TestDistinct:
    def test_digests_are_the_beginning_of_sha256(self, tmp_path: Path) -> None:
        faces = distinct([dataset("a", LabelledImage(write(tmp_path / "1.jpg", 1), "female"))])
        assert faces.digests.dtype == np.uint64
        assert faces.digests.tolist() == [int(sha256(jpeg(1)).hexdigest()[:16], 16)]

    def test_copies_are_kept_once_within_and_across_data_sets(self, tmp_path: Path) -> None:
        one, copy, two, far = (
            write(tmp_path / f"{name}.jpg", seed) for name, seed in zip("abcd", (1, 1, 2, 1), strict=True)
        )
        near = dataset("near", *(LabelledImage(path, "female") for path in (one, copy, two)))
        faces = distinct([dataset("nearer", LabelledImage(far, "female")), near])
        assert [image.path for image in faces.images] == [one, two]
        assert faces.dataset.tolist() == ["near", "near"]
        assert [(each.name, each.reason) for each in faces.skipped] == [
            (str(copy), f"the same picture as {one}"),
            (str(far), f"the same picture as {one}"),
        ]

    def test_conflicting_perceived_gender_drops_every_copy(self, tmp_path: Path) -> None:
        one, two, three = (write(tmp_path / f"{name}.jpg", 1) for name in "abc")
        other = write(tmp_path / "d.jpg", 2)
        left = dataset("left", LabelledImage(one, "female"), LabelledImage(two, "female"), LabelledImage(other, "male"))
        faces = distinct([left, dataset("right", LabelledImage(three, "male"))])
        assert [image.path for image in faces.images] == [other]
        assert [(each.name, each.reason) for each in faces.skipped] == [
            (str(one), f"perceived gender is female, but male in its copy {three}"),
            (str(two), f"perceived gender is female, but male in its copy {three}"),
            (str(three), f"perceived gender is male, but female in its copy {one}"),
        ]

    def test_other_conflicting_labels_become_unknown(self, tmp_path: Path) -> None:
        image = LabelledImage(write(tmp_path / "a.jpg", 1), "female", 30.0, "white")
        (disputed,) = distinct(
            [dataset("a", image), dataset("b", replace(image, age_years=31.0, ethnicity="black"))]
        ).images
        assert (disputed.age_years, disputed.ethnicity) == (None, None)
        (known,) = distinct([dataset("a", replace(image, age_years=None, ethnicity=None)), dataset("b", image)]).images
        assert (known.age_years, known.ethnicity) == (30.0, "white")

    def test_unreadable_and_empty_files_are_named(self, tmp_path: Path) -> None:
        good, empty, absent = write(tmp_path / "a.jpg", 1), tmp_path / "b.jpg", tmp_path / "c.jpg"
        empty.touch()
        faces = distinct([dataset("a", *(LabelledImage(path, "female") for path in (good, empty, absent)))])
        assert len(faces.images) == 1
        assert [(each.name, each.reason) for each in faces.skipped] == [
            (str(empty), "is empty"),
            (str(absent), "cannot be read: No such file or directory"),
        ]
        with pytest.raises(UsageError, match=r"no file can be read; the first of 1: .*c\.jpg"):
            distinct([dataset("a", LabelledImage(absent, "female"))])

    def test_two_sets_of_one_name_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="two data sets are called a: write NAME:ADAPTER=PATH"):
            distinct([dataset("a"), dataset("b"), dataset("a")])

    def test_progress_ends_at_the_number_of_files(self, tmp_path: Path) -> None:
        images = [LabelledImage(write(tmp_path / f"{seed}.jpg", seed), "male") for seed in range(5)]
        told: list[tuple[int, int | None]] = []
        distinct([dataset("a", *images)], lambda now: told.append((now.done, now.total)))
        assert told[-1] == (5, 5)


class TestParts:
    def test_the_same_whatever_files_are_called_and_however_they_lie(self, tmp_path: Path) -> None:
        faces = some_faces(tmp_path, SIZES)
        others = renamed(faces, tmp_path / "renamed")
        assert of_content(faces, parts(faces)) == of_content(others, parts(others))

    def test_the_same_whatever_other_sets_are_there(self, tmp_path: Path) -> None:
        one, two = some_faces(tmp_path, SIZES, "one"), some_faces(tmp_path, SIZES, "two")
        both = together(two, one)
        assert of_content(both, parts(both)) == of_content(one, parts(one)) | of_content(two, parts(two))

    def test_pinned_so_that_no_release_moves_a_test_face_into_training(self, tmp_path: Path) -> None:
        faces = some_faces(tmp_path, {("female", "white"): 10, ("male", "white"): 10})
        held_back = {image.path.name for image in np.array(faces.images, object)[parts(faces, 0.1, 0.2) == "test"]}
        assert held_back == PINNED

    def test_every_stratum_and_the_whole_have_their_shares_to_within_one_face(self, tmp_path: Path) -> None:
        faces = some_faces(tmp_path, SIZES)
        part = parts(faces, validation=0.05, test=0.15)
        strata = joined(faces.perceived_gender, faces.ethnicity, faces.age_band)
        for mine in [np.ones(len(part), bool), *(strata == stratum for stratum in np.unique(strata))]:
            count = Counter(part[mine].tolist())
            assert abs(count["test"] - 0.15 * mine.sum()) < 1
            assert abs(count["validation"] - 0.05 * mine.sum()) < 1

    def test_a_duplicate_never_straddles(self, tmp_path: Path) -> None:
        faces = some_faces(tmp_path, {("female", "white"): 200, ("male", "white"): 200}, "first")
        copies = renamed(faces, tmp_path / "copies", "second")
        both = together(faces, copies)
        assert len(both.images) == 400
        assert len(np.unique(both.digests)) == 400

    def test_what_a_set_says_itself_is_obeyed(self, tmp_path: Path) -> None:
        faces = some_faces(tmp_path, {("female", "white"): 100, ("male", "white"): 100})
        images = [replace(image, part="test") if n % 2 else image for n, image in enumerate(faces.images)]
        said = distinct([dataset("set", *images)])
        part = parts(said, validation=0.1)
        assert all(part[1::2] == "test")
        assert Counter(part[::2].tolist()) == {"train": 90, "validation": 10}

    def test_a_copy_that_is_held_back_holds_the_picture_back(self, tmp_path: Path) -> None:
        image = LabelledImage(write(tmp_path / "a.jpg", 1), "female")
        sets = [
            dataset(name, replace(image, part=part)) for name, part in zip("abc", (None, "test", "train"), strict=True)
        ]
        assert parts(distinct(sets)).tolist() == ["test"]

    @pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.2), (0.5, 0.5), (0.0, 1.5)])
    def test_shares_leave_faces_to_train_on(self, tmp_path: Path, validation: float, test: float) -> None:
        with pytest.raises(UsageError, match="must leave some faces to train"):
            parts(some_faces(tmp_path, {("female", None): 3}), validation, test)

    def test_shared_faces_are_split_in_a_moment(self, shared: Path) -> None:
        faces = distinct([datasets.read(f"utkface={shared}/utkface/images")])
        assert len(faces.images) == 11_512
        assert Counter(parts(faces).tolist()) == {"train": 9_209, "test": 1_727, "validation": 576}


def test_lots_of_two_purposes_have_nothing_to_do_with_each_other() -> None:
    digests = np.arange(20_000, dtype=np.uint64)
    one, other = shuffled(digests, "one"), shuffled(digests, "other")
    assert len(np.unique(one)) == len(digests)
    assert abs(np.corrcoef(one.astype(float), other.astype(float))[0, 1]) < 0.03
    assert abs(np.corrcoef(one.astype(float), digests.astype(float))[0, 1]) < 0.03


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (0, "0-9"),
        (9.9, "0-9"),
        (10, "10-19"),
        (69.5, "60-69"),
        (70, "70+"),
        (116, "70+"),
        (None, ""),
        (float("nan"), ""),
    ],
)
def test_ages_fall_into_tens_of_years(years: float | None, band: str) -> None:
    assert age_band(years) == band

"""One group plays the archive: its labels are hidden, and nobody is both learned from and measured on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gfpipe.errors import UsageError
from gfpipe.studies.thresholds import hiding
from gfpipe.studies.thresholds.hiding import ARCHIVE, CHOOSING, REPORTING, Group
from gfpipe.training.data import datasets, splits
from gfpipe.training.tables import Split
from tests.training.faces import some_faces

SIZES: dict[tuple[str, str | None], int] = {
    ("female", "asian"): 40,
    ("male", "asian"): 60,
    ("female", "white"): 100,
    ("male", "white"): 80,
}


def test_a_group_is_an_attribute_and_a_value(tmp_path: Path) -> None:
    faces = some_faces(tmp_path, SIZES)
    assert Group.parse("ethnicity = asian").members(faces).sum() == 100
    with pytest.raises(UsageError, match="'asian' is not a group: write ATTRIBUTE=VALUE, such as ethnicity=asian"):
        Group.parse("asian")
    with pytest.raises(UsageError, match="'gender' does not define a group"):
        Group.parse("gender=female")
    with pytest.raises(UsageError, match="no face has ethnicity martian; the data sets have asian, white"):
        Group.parse("ethnicity=martian").members(faces)


def test_labelled_faces_keep_the_parts_that_training_gave_them(tmp_path: Path) -> None:
    faces = some_faces(tmp_path, SIZES)
    hidden = Group("ethnicity", "asian").members(faces)
    part = hiding.labelled_parts(faces, Split(), hidden)
    assert set(part[hidden]) == {""}
    assert np.array_equal(part[~hidden], splits.parts(faces)[~hidden])


def test_the_group_is_parted_by_hash_with_as_many_of_each_gender_as_there_are(tmp_path: Path) -> None:
    faces = some_faces(tmp_path, {("female", "asian"): 400, ("male", "asian"): 200})
    role = hiding.roles(faces, 0.5, 0.5)
    counts = {name: int((role == name).sum()) for name in (ARCHIVE, CHOOSING, REPORTING)}
    assert counts == {ARCHIVE: 300, CHOOSING: 150, REPORTING: 150}
    for name in counts:
        assert abs(np.mean(faces.perceived_gender[role == name] == "female") - 2 / 3) < 0.05


def test_test_faces_that_a_data_set_names_are_no_archive(tmp_path: Path) -> None:
    faces = some_faces(tmp_path, {("female", "asian"): 40, ("male", "asian"): 40})
    images = tuple(replace(image, part="test" if at % 4 == 0 else None) for at, image in enumerate(faces.images))
    role = hiding.roles(splits.Faces(images, faces.digests, faces.dataset), 0.5, 0.5)
    named = np.array([image.part == "test" for image in images])
    assert set(role[~named]) == {ARCHIVE}
    assert ((role == CHOOSING).sum(), (role == REPORTING).sum()) == (10, 10)


def test_a_table_brings_back_pictures_labels_parts_and_licence(tmp_path: Path) -> None:
    faces = some_faces(tmp_path, {("female", "asian"): 2, ("male", None): 2})
    path = hiding.write(tmp_path / "t" / "x.parquet", faces.images, ["train", "test", None, None], "mine")
    found = datasets.read(f"x:parquet={path}")
    assert found.licence == "mine"
    assert [image.part for image in found.images] == ["train", "test", None, None]
    assert [replace(image, part=None) for image in found.images] == list(faces.images)

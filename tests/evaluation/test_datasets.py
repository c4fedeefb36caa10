"""Data sets: every image is either used or reported with the reason."""

from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.evaluation import datasets


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def test_utkface_labels_are_read_from_the_names(tmp_path: Path) -> None:
    touch(tmp_path, "26_0_1_20170116220224657.jpg.chip.jpg", "3_1_4_20161219203650636.jpg.chip.jpg")
    labels = {image.path.name[:2]: image.perceived_gender for image in datasets.read(f"utkface={tmp_path}").images}
    assert labels == {"26": "male", "3_": "female"}


def test_utkface_names_with_a_slip_near_the_end_still_count(tmp_path: Path) -> None:
    touch(tmp_path, "24_0_1_20170116220224657 .jpg.chip.jpg", "55_0_0_20170116232725357jpg.chip.jpg")
    assert len(datasets.read(f"utkface={tmp_path}").images) == 2


def test_utkface_names_without_a_label_are_reported(tmp_path: Path) -> None:
    touch(tmp_path, "26_0_1_20170116220224657.jpg.chip.jpg", "61_1_20170109142408075.jpg.chip.jpg", "53__0_2017.jpg")
    touch(tmp_path, "44_3_0_20170109142408075.jpg.chip.jpg", "readme.txt")
    dataset = datasets.read(f"utkface={tmp_path}")
    assert len(dataset.images) == 1
    assert sorted(skipped.name[:3] for skipped in dataset.skipped) == ["44_", "53_", "61_"]


@pytest.mark.parametrize("header", ["file,perceived_gender", "path,gender", "age,path,perceived_gender"])
def test_a_table_may_name_its_columns_either_way(tmp_path: Path, header: str) -> None:
    table = tmp_path / "labels.csv"
    row = {"file": "a.jpg", "path": "a.jpg", "perceived_gender": "Female", "gender": "F", "age": "30"}
    table.write_text(f"{header}\n{','.join(row[name] for name in header.split(','))}\n")
    (image,) = datasets.read(f"csv={table}").images
    assert image == datasets.LabelledImage(tmp_path / "a.jpg", "female")


def test_rows_with_another_label_are_reported(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("file,gender\na.jpg,male\nb.jpg,unknown\n,female\nc.jpg,\n")
    dataset = datasets.read(f"csv={table}")
    assert [image.path.name for image in dataset.images] == ["a.jpg"]
    assert [(skipped.name, skipped.reason) for skipped in dataset.skipped] == [
        ("b.jpg", "gender is 'unknown', not female or male"),
        ("labels.csv, row 4", "no file"),
        ("c.jpg", "gender is '', not female or male"),
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FOLDER", "write utkface=FOLDER or csv=FILE"),
        ("fairface=x", "write utkface=FOLDER or csv=FILE"),
        ("utkface=", "write utkface=FOLDER or csv=FILE"),
        ("utkface={0}/absent", "is no folder"),
        ("utkface={0}", "no labelled image found"),
        ("csv={0}/absent.csv", "cannot be read as a CSV table"),
        ("csv={0}/empty.csv", "has no rows"),
        ("csv={0}/columns.csv", "has no column perceived_gender or gender; it has file, age"),
        ("csv={0}/labels.csv", "no labelled image found; the first of 1: a.jpg: gender is '2'"),
    ],
)
def test_what_cannot_be_used_says_why(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "columns.csv").write_text("file,age\na.jpg,30\n")
    (tmp_path / "labels.csv").write_text("file,gender\na.jpg,2\n")
    with pytest.raises(UsageError, match=message):
        datasets.read(name.format(tmp_path))

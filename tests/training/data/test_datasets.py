"""Data sets in the layouts in which they are published: every picture is either used or reported with the reason."""

import csv
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfpipe.errors import UsageError
from gfpipe.training.data import datasets
from gfpipe.training.data.adapters import words
from gfpipe.training.data.datasets import LabelledImage
from tests.training.faces import jpeg, write
from tests.warehouse.lakes import Face, Show, shard_path, write_shard, write_show


def pictures(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        write(folder / name, seed)


def table(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def by_name(name: str) -> dict[str, LabelledImage]:
    return {image.path.name: image for image in datasets.read(name).images}


class TestNames:
    def test_a_set_is_called_after_its_form_unless_it_gets_a_name(self, tmp_path: Path) -> None:
        pictures(tmp_path / "a=b", "26_0_1_20170116220224657.jpg.chip.jpg")
        plain = datasets.read(f"utkface={tmp_path}/a=b")
        named = datasets.read(f"half-2:utkface={tmp_path}/a=b")
        assert (plain.name, plain.adapter) == ("utkface", "utkface")
        assert (named.name, named.adapter) == ("half-2", "utkface")
        assert plain.images == named.images

    def test_a_path_may_begin_with_the_home_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        pictures(tmp_path / "faces", "26_0_1_20170116220224657.jpg.chip.jpg")
        assert datasets.read("utkface=~/faces").images[0].path.is_file()

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("FOLDER", "is not a data set: write NAME:ADAPTER=PATH"),
            ("utkface=", "is not a data set"),
            ("=FOLDER", "is not a data set"),
            (
                "faces=FOLDER",
                r"'faces' is not a form of data set(?s:.*)\n  utkface=FOLDER: names(?s:.*)\n  lake=LAKE: ",
            ),
            ("mine:faces=FOLDER", "'faces' is not a form of data set"),
            ("mine:=FOLDER", "'' is not a form of data set"),
            ("20 %:utkface=FOLDER", "'20 %' is not a valid name for a data set"),
        ],
    )
    def test_what_names_no_set_says_why(self, name: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            datasets.read(name)

    @pytest.mark.parametrize("form", sorted(datasets.ADAPTERS))
    def test_a_place_that_is_not_there_is_named(self, tmp_path: Path, form: str) -> None:
        with pytest.raises(UsageError, match="absent"):
            datasets.read(f"{form}={tmp_path}/absent")

    @pytest.mark.parametrize("form", sorted(datasets.ADAPTERS))
    def test_an_empty_folder_is_no_data_set(self, tmp_path: Path, form: str) -> None:
        with pytest.raises(UsageError, match=str(tmp_path)):
            datasets.read(f"{form}={tmp_path}")


class TestUTKFace:
    def test_labels_are_read_from_the_names(self, tmp_path: Path) -> None:
        pictures(tmp_path, "26_0_1_20170116220224657.jpg.chip.jpg", "3_1_4_20161219203650636.jpg.chip.jpg")
        dataset = datasets.read(f"utkface={tmp_path}")
        assert [(image.perceived_gender, image.age_years, image.ethnicity) for image in dataset.images] == [
            ("male", 26, "black"),
            ("female", 3, "other"),
        ]
        assert dataset.licence == "non-commercial research only (UTKFace)"

    def test_names_with_a_slip_near_the_end_still_count(self, tmp_path: Path) -> None:
        pictures(tmp_path, "24_0_1_20170116220224657 .jpg.chip.jpg", "55_0_0_20170116232725357jpg.chip.jpg")
        assert len(datasets.read(f"utkface={tmp_path}").images) == 2

    def test_pictures_may_lie_in_parts(self, tmp_path: Path) -> None:
        pictures(tmp_path, "part1/26_0_1_20170116220224657.jpg", "part3/3_1_4_20161219203650636.jpg", "part2/._x.jpg")
        dataset = datasets.read(f"utkface={tmp_path}")
        assert len(dataset.images) == 2
        assert not dataset.skipped

    def test_names_without_a_label_are_reported(self, tmp_path: Path) -> None:
        pictures(tmp_path, "26_0_1_20170116220224657.jpg.chip.jpg", "61_1_20170109142408075.jpg.chip.jpg")
        pictures(tmp_path, "53__0_2017.jpg", "44_3_0_20170109142408075.jpg", "117_0_0_20170109142408075.jpg")
        (tmp_path / "readme.txt").write_text("no picture")
        dataset = datasets.read(f"utkface={tmp_path}")
        assert len(dataset.images) == 1
        assert sorted(skipped.name[:3] for skipped in dataset.skipped) == ["117", "44_", "53_", "61_"]
        assert [skipped.reason for skipped in dataset.skipped if skipped.name[:3] == "117"] == [
            "age 117 is not from 0 to 116"
        ]

    def test_the_shared_half_is_read_whole(self, shared: Path) -> None:
        dataset = datasets.read(f"utkface={shared}/utkface/images")
        assert len(dataset.images) == 11_512
        assert not dataset.skipped
        assert {image.ethnicity for image in dataset.images} == {"white", "black", "asian", "indian", "other"}


class TestFairFace:
    HEADER = "file,age,gender,race,service_test"

    def folder(self, tmp_path: Path) -> Path:
        table(
            tmp_path / "fairface_label_train.csv",
            self.HEADER,
            "train/1.jpg,50-59,Male,East Asian,True",
            "train/2.jpg,more than 70,Female,Latino_Hispanic,False",
            "train/3.jpg,old,Female,White,False",
            "train/4.jpg,0-2,,White,False",
        )
        table(tmp_path / "fairface_label_val.csv", self.HEADER, "val/1.jpg,3-9,Male,Middle Eastern,False")
        return tmp_path

    def test_bands_and_seven_groups_are_read(self, tmp_path: Path) -> None:
        dataset = datasets.read(f"fairface={self.folder(tmp_path)}")
        assert dataset.images == (
            LabelledImage(tmp_path / "train/1.jpg", "male", 54.5, "east asian"),
            LabelledImage(tmp_path / "train/2.jpg", "female", 75, "latino"),
            LabelledImage(tmp_path / "val/1.jpg", "male", 6, "middle eastern", part="test"),
        )
        assert dataset.licence == "CC-BY-4.0 (FairFace)"

    def test_rows_that_say_nothing_usable_are_reported(self, tmp_path: Path) -> None:
        skipped = datasets.read(f"fairface={self.folder(tmp_path)}").skipped
        assert [(each.name, each.reason) for each in skipped] == [
            ("train/3.jpg", "age 'old' is neither a number nor a band such as 20-29"),
            ("train/4.jpg", "gender is '', not female or male"),
        ]

    def test_one_table_and_the_unpacked_archive_will_do(self, tmp_path: Path) -> None:
        self.folder(tmp_path)
        write(tmp_path / "fairface-img-margin025-trainval/val/1.jpg", 1)
        (image,) = datasets.read(f"fairface={tmp_path}/fairface_label_val.csv").images
        assert image.part == "test"
        assert image.read() == jpeg(1)


class TestAllAgeFaces:
    def test_serial_numbers_tell_women_from_men(self, tmp_path: Path) -> None:
        pictures(tmp_path / "original images", "00000A02.jpg", "07380A80.jpg", "07381A02.jpg", "13321A80.jpg")
        pictures(tmp_path / "aglined faces", "00000A02.jpg")
        images = by_name(f"aaf={tmp_path}")
        assert {name: (each.perceived_gender, each.age_years) for name, each in images.items()} == {
            "00000A02.jpg": ("female", 2),
            "07380A80.jpg": ("female", 80),
            "07381A02.jpg": ("male", 2),
            "13321A80.jpg": ("male", 80),
        }
        assert {each.ethnicity for each in images.values()} == {"asian"}

    def test_lists_say_what_is_kept_for_testing(self, tmp_path: Path) -> None:
        pictures(tmp_path / "aglined faces", "00000A02.jpg", "07382A02.jpg", "00002A02.jpg", "00003A02.jpg")
        table(tmp_path / "image sets/train.txt", "00000A02.jpg 0", "00003A02.jpg 1")
        table(tmp_path / "image sets/val.txt", "07382A02.jpg 1")
        dataset = datasets.read(f"aaf={tmp_path}")
        assert {image.path.name: image.part for image in dataset.images} == {
            "00000A02.jpg": None,
            "00002A02.jpg": None,
            "07382A02.jpg": "test",
        }
        assert [(each.name, each.reason) for each in dataset.skipped] == [
            ("00003A02.jpg", "its serial number means female, but it is listed as male")
        ]

    def test_other_names_are_reported(self, tmp_path: Path) -> None:
        pictures(tmp_path, "00000A02.jpg", "13322A02.jpg", "face.jpg")
        assert [each.name for each in datasets.read(f"aaf={tmp_path}").skipped] == ["13322A02.jpg", "face.jpg"]


class TestFolders:
    def test_kaggles_validation_is_what_others_measure_on(self, tmp_path: Path) -> None:
        pictures(tmp_path, "Training/female/a.jpg", "Training/male/b.jpg", "Validation/female/c.jpg")
        images = by_name(f"kaggle={tmp_path}")
        assert {name: (each.perceived_gender, each.part) for name, each in images.items()} == {
            "a.jpg": ("female", None),
            "b.jpg": ("male", None),
            "c.jpg": ("female", "test"),
        }

    @pytest.mark.parametrize("classes", [("Women", "men"), ("f", "M"), ("female", "male"), ("woman", "MAN")])
    def test_a_folder_per_class_may_be_called_many_ways(self, tmp_path: Path, classes: tuple[str, str]) -> None:
        pictures(tmp_path, f"{classes[0]}/a.jpg", f"{classes[1]}/deep/er/b.png")
        images = by_name(f"folders={tmp_path}")
        assert {name: each.perceived_gender for name, each in images.items()} == {"a.jpg": "female", "b.png": "male"}

    def test_folders_of_parts_are_obeyed(self, tmp_path: Path) -> None:
        pictures(tmp_path, "train/female/a.jpg", "val/male/b.jpg", "Test/male/c.jpg")
        parts = {name: each.part for name, each in by_name(f"folders={tmp_path}").items()}
        assert parts == {"a.jpg": "train", "b.jpg": "validation", "c.jpg": "test"}

    def test_without_a_folder_for_validation_some_can_be_drawn(self, tmp_path: Path) -> None:
        pictures(tmp_path, "train/female/a.jpg", "test/male/c.jpg")
        parts = {name: each.part for name, each in by_name(f"folders={tmp_path}").items()}
        assert parts == {"a.jpg": None, "c.jpg": "test"}

    def test_pictures_elsewhere_are_reported(self, tmp_path: Path) -> None:
        pictures(tmp_path, "female/a.jpg", "b.jpg", "cats/c.jpg")
        (tmp_path / "notes").mkdir()
        assert sorted(each.name for each in datasets.read(f"folders={tmp_path}").skipped) == ["b.jpg", "cats"]


class TestAdience:
    HEADER = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty"

    def folds(self, folder: Path, form: str = "fold_{}_data.txt") -> None:
        for fold in range(5):
            table(folder / form.format(fold), self.HEADER, f"9@N0{fold}\tp{fold}.jpg\t{fold}\t(25, 32)\tf\t0\t0")

    def test_folds_name_the_pictures(self, tmp_path: Path) -> None:
        self.folds(tmp_path)
        (tmp_path / "faces").mkdir()
        images = datasets.read(f"adience={tmp_path}").images
        assert images[0] == LabelledImage(tmp_path / "faces/9@N00/coarse_tilt_aligned_face.0.p0.jpg", "female", 28.5)

    def test_nobody_of_the_last_fold_is_trained_on(self, tmp_path: Path) -> None:
        self.folds(tmp_path)
        (tmp_path / "aligned").mkdir()
        images = datasets.read(f"adience={tmp_path}").images
        assert [image.part for image in images] == [None] * 4 + ["test"]
        assert images[-1].path == tmp_path / "aligned/9@N04/landmark_aligned_face.4.p4.jpg"

    def test_frontal_faces_count_where_there_are_no_others(self, tmp_path: Path) -> None:
        self.folds(tmp_path, "folds/fold_frontal_{}_data.txt")
        (tmp_path / "faces").mkdir()
        assert len(datasets.read(f"adience={tmp_path}").images) == 5
        self.folds(tmp_path)
        assert len(datasets.read(f"adience={tmp_path}").images) == 5

    def test_unknown_gender_and_odd_ages_are_reported(self, tmp_path: Path) -> None:
        cells = ("a.jpg\t1\t35\tm", "b.jpg\t1\tNone\tf", "c.jpg\t1\t(0, 2)\tu", "d.jpg\t1\tx\tm")
        table(tmp_path / "fold_0_data.txt", self.HEADER, *(f"1@N\t{row}\t0\t0" for row in cells))
        (tmp_path / "faces").mkdir()
        dataset = datasets.read(f"adience={tmp_path}")
        assert [(image.perceived_gender, image.age_years) for image in dataset.images] == [
            ("male", 35),
            ("female", None),
        ]
        assert [(each.name[-5:], each.reason) for each in dataset.skipped] == [
            ("c.jpg", "gender is 'u', not f or m"),
            ("d.jpg", "age 'x' is neither a number nor a band such as 20-29"),
        ]

    def test_missing_pictures_say_what_to_unpack(self, tmp_path: Path) -> None:
        self.folds(tmp_path)
        with pytest.raises(UsageError, match=r"neither faces nor aligned: unpack faces\.tar\.gz"):
            datasets.read(f"adience={tmp_path}")


class TestLFW:
    @pytest.mark.parametrize("place", ["", "lfw", "lfw_funneled", "lfw-deepfunneled/lfw-deepfunneled"])
    def test_lists_name_pictures_or_people(self, tmp_path: Path, place: str) -> None:
        pictures(tmp_path / place, "Ann_Bee/Ann_Bee_0001.jpg", "Ann_Bee/Ann_Bee_0002.jpg", "Cy_Dee/Cy_Dee_0001.jpg")
        table(tmp_path / "female_names.txt", "Ann_Bee\t2")
        table(tmp_path / "male_names.txt", "Cy_Dee_0001.jpg", "", "Nobody_Here")
        dataset = datasets.read(f"lfw={tmp_path}")
        assert [(image.path.name, image.perceived_gender) for image in dataset.images] == [
            ("Ann_Bee_0001.jpg", "female"),
            ("Ann_Bee_0002.jpg", "female"),
            ("Cy_Dee_0001.jpg", "male"),
        ]
        assert all(image.path.is_file() for image in dataset.images)
        assert [each.name for each in dataset.skipped] == ["Nobody_Here"]


class TestTables:
    @pytest.mark.parametrize("header", ["file,perceived_gender", "path,gender", "note,Path,perceived_gender"])
    @pytest.mark.parametrize("delimiter", [",", ";"])
    def test_columns_may_be_called_either_way(self, tmp_path: Path, header: str, delimiter: str) -> None:
        row = {"file": "a.jpg", "path": "a.jpg", "perceived_gender": "Female", "gender": "F", "note": "x"}
        line = ",".join(row[name.casefold()] for name in header.split(","))
        file = table(tmp_path / "labels.csv", header.replace(",", delimiter), line.replace(",", delimiter))
        (image,) = datasets.read(f"csv={file}").images
        assert image == LabelledImage(tmp_path / "a.jpg", "female")

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
    def test_tables_are_read_as_spreadsheets_save_them(self, tmp_path: Path, encoding: str) -> None:
        (tmp_path / "labels.csv").write_bytes("File;Gender;Age\r\nmänner.jpg;m;31\r\n".encode(encoding))
        (image,) = datasets.read(f"csv={tmp_path}/labels.csv").images
        assert image == LabelledImage(tmp_path / "männer.jpg", "male", 31)

    def test_age_ethnicity_and_part_are_read_where_given(self, tmp_path: Path) -> None:
        file = table(
            tmp_path / "labels.csv",
            "file,gender,age,race,split",
            "a.jpg,female,31,East_Asian,train",
            "b.jpg,male,20-29,,val",
            '"c, d.jpg",1,"(60, 100)",White,test',
            "e.jpg,m,,Others,",
        )
        assert datasets.read(f"csv={file}").images == (
            LabelledImage(tmp_path / "a.jpg", "female", 31, "east asian", "train"),
            LabelledImage(tmp_path / "b.jpg", "male", 24.5, None, "validation"),
            LabelledImage(tmp_path / "c, d.jpg", "female", 80, "white", "test"),
            LabelledImage(tmp_path / "e.jpg", "male", None, "other", None),
        )

    def test_rows_that_cannot_be_used_are_reported(self, tmp_path: Path) -> None:
        rows = ["a.jpg,male,,", "b.jpg,unknown,,", ",female,,", "c.jpg,,,", "d.jpg,f,117,", "e.jpg,f,,later", "f.jpg"]
        file = table(tmp_path / "labels.csv", "file,gender,age,part", *rows)
        dataset = datasets.read(f"csv={file}")
        assert [image.path.name for image in dataset.images] == ["a.jpg"]
        assert [(skipped.name, skipped.reason) for skipped in dataset.skipped] == [
            ("labels.csv, line 8", "1 cells in 4 columns; an empty cell is missing"),
            ("b.jpg", "gender is 'unknown', not female or male"),
            ("labels.csv, line 4", "no file"),
            ("c.jpg", "gender is '', not female or male"),
            ("d.jpg", "age '117' is not from 0 to 116"),
            ("e.jpg", "'later' is not train, validation or test"),
        ]

    def test_parquet_says_the_same_as_csv(self, tmp_path: Path) -> None:
        columns: dict[str, list[Any]] = {
            "path": ["a.jpg", "b.jpg", "c.jpg"],
            "perceived_gender": ["female", "male", None],
            "age": [31.0, None, 5.0],
            "ethnicity": ["white", None, "black"],
        }
        pq.write_table(pa.table(columns), tmp_path / "labels.parquet")
        dataset = datasets.read(f"parquet={tmp_path}/labels.parquet")
        with (tmp_path / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([columns, *zip(*columns.values(), strict=True)])
        assert dataset.images == datasets.read(f"csv={tmp_path}/labels.csv").images
        assert dataset.images[0] == LabelledImage(tmp_path / "a.jpg", "female", 31, "white")
        assert [each.name for each in dataset.skipped] == ["c.jpg"]

    def test_codes_of_a_numeric_column_are_understood(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"file": ["a", "b"], "gender": [1.0, 0.0]}), tmp_path / "labels.parquet")
        images = datasets.read(f"parquet={tmp_path}/labels.parquet").images
        assert [image.perceived_gender for image in images] == ["female", "male"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("csv={}/absent.csv", "cannot be read as a table"),
            ("csv={}/empty.csv", "cannot be read as a table: it is empty"),
            ("csv={}/header.csv", "has no rows"),
            ("csv={}/columns.csv", "has no column perceived_gender or gender; it has file, age"),
            ("csv={}/labels.csv", "no labelled image found; the first of 1: a.jpg: gender is '2'"),
            ("csv={}/bytes.csv", "cannot be read as a table: it is not text"),
            ("parquet={}/broken.parquet", "cannot be read as a table"),
        ],
    )
    def test_what_cannot_be_used_says_why(self, tmp_path: Path, name: str, message: str) -> None:
        table(tmp_path / "empty.csv")
        table(tmp_path / "header.csv", "file,gender")
        table(tmp_path / "columns.csv", "file,age", "a.jpg,30")
        table(tmp_path / "labels.csv", "file,gender", "a.jpg,2")
        (tmp_path / "bytes.csv").write_bytes(b"file,gender\n\0\1\2")
        (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
        with pytest.raises(UsageError, match=message):
            datasets.read(name.format(tmp_path))


@pytest.mark.parametrize(
    ("text", "years"),
    [
        *[("31", 31), ("4.5", 4.5), ("(25, 32)", 28.5), ("20-29", 24.5), ("3–9", 6), ("more than 70", 75), ("60+", 65)],
        *[("", None), ("None", None), ("nan", None)],
    ],
)
def test_ages_are_numbers_or_the_middles_of_bands(text: str, years: float | None) -> None:
    assert words.age(text) == years


@pytest.mark.parametrize("text", ["-1", "116.5", "29-20", "old", "inf", "200+"])
def test_other_ages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="age"):
        words.age(text)


class TestLake:
    """Two faces in each of three seconds of news; a crop of each was kept."""

    SHOW = Show(samples=[(1.0, [Face(0.9), Face(0.1)])] * 3)

    def lake(self, folder: Path, *labels: dict[str, Any], digest: str | None = "d1", **crops: Any) -> Path:
        write_show(folder, self.SHOW)
        faces = [(sample, face) for sample in range(3) for face in range(2)]
        rows = {
            "recording_id": [self.SHOW.recording_id] * len(faces),
            "sample_index": [sample for sample, _ in faces],
            "face_index": [face for _, face in faces],
            "jpeg": [jpeg(2 * sample + face) for sample, face in faces],
            "expires_at": [datetime.now(UTC) + timedelta(days=30)] * len(faces),
            **({"config_digest": [digest] * len(faces)} if digest else {}),
        }
        path = shard_path(folder, "crops", self.SHOW)
        path.parent.mkdir(parents=True)
        pq.write_table(pa.table(rows | crops), path, row_group_size=4)
        write_shard(folder / "labels/v1/some.parquet", "labels", [self.label() | label for label in labels])
        return folder

    def label(self) -> dict[str, Any]:
        """Somebody says female of the first face of the first second."""
        answer = {"answer": "female", "weight": 1.0, "annotator": "ada", "whole_picture": False}
        moment = {"seconds": 0.5, "imported_at": datetime(2024, 1, 1, tzinfo=UTC)}
        return {"recording_id": self.SHOW.recording_id, **Face(0.5).box(0), **answer, **moment}

    def test_crops_are_joined_with_what_people_said(self, tmp_path: Path) -> None:
        man = Face(0.5, height=50).box(1) | {"answer": "male", "seconds": 2.1}
        dataset = datasets.read(f"lake={self.lake(tmp_path, {}, man)}")
        shard = shard_path(tmp_path, "crops", self.SHOW)
        assert dataset.images == (LabelledImage(shard, "female", row=0), LabelledImage(shard, "male", row=5))
        assert [image.read() for image in dataset.images] == [jpeg(0), jpeg(5)]  # of two row groups
        assert dataset.broadcast
        assert [(each.name, each.reason) for each in dataset.skipped] == [("4 crops", "not labelled")]

    def test_crops_need_no_digest_of_their_own(self, tmp_path: Path) -> None:
        assert len(datasets.read(f"lake={self.lake(tmp_path, {}, digest=None)}").images) == 1

    def test_crops_of_an_earlier_analysis_show_somebody_else(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no labelled image found; the first of 2: 6 crops"):
            datasets.read(f"lake={self.lake(tmp_path, {}, digest='d0')}")

    def test_expired_crops_are_not_used(self, tmp_path: Path) -> None:
        expires = [datetime(2024, 1, 1, tzinfo=UTC), None, *[datetime.now(UTC) + timedelta(days=1)] * 4]
        labels: list[dict[str, Any]] = [Face(0.5).box(1), {"seconds": 1.5}]
        dataset = datasets.read(f"lake={self.lake(tmp_path, {}, *labels, expires_at=expires)}")
        assert [image.row for image in dataset.images] == [2]
        assert [each.reason for each in dataset.skipped[:2]] == [
            "the crop expired on 2024-01-01",
            "the crop has no expiry date",
        ]

    def test_only_what_people_agree_on_counts(self, tmp_path: Path) -> None:
        bob, later = {"annotator": "bob"}, {"imported_at": datetime(2024, 1, 2, tzinfo=UTC)}
        first: list[dict[str, Any]] = [{}, bob | {"answer": "male"}]
        second: list[dict[str, Any]] = [
            {"seconds": 1.5, "answer": "male"},
            bob | {"seconds": 1.5},
            later | {"seconds": 1.5},
        ]
        third = [{"seconds": 2.5, "answer": "undecided"}]
        dataset = datasets.read(f"lake={self.lake(tmp_path, *first, *second, *third)}")
        assert [(image.row, image.perceived_gender) for image in dataset.images] == [(2, "female")]
        assert [each.reason for each in dataset.skipped[:2]] == [
            "annotators disagree: female, male",
            "the answer is undecided, not female or male",
        ]

    def test_labels_that_meet_no_face_or_crop_are_counted(self, tmp_path: Path) -> None:
        nowhere: list[dict[str, Any]] = [{"seconds": 3.5}, {"x1": 300.0, "x2": 360.0}, {"recording_id": "another"}]
        self.lake(tmp_path, {}, *nowhere, {"seconds": 1.5, "answer": "male"})
        shard = shard_path(tmp_path, "crops", self.SHOW)
        pq.write_table(pq.ParquetFile(shard).read().slice(0, 2), shard)
        skipped = datasets.read(f"lake={tmp_path}").skipped
        assert [(each.name, each.reason) for each in skipped] == [
            ("1 crops", "not labelled"),
            ("3 labels", "no face was detected there"),
            ("1 labels", "no crop of the face is stored"),
        ]

    def test_a_lake_without_crops_or_labels_says_why(self, tmp_path: Path) -> None:
        write_show(tmp_path, self.SHOW)
        with pytest.raises(UsageError, match="has no labels"):
            datasets.read(f"lake={tmp_path}")
        write_shard(tmp_path / "labels/v1/some.parquet", "labels", [self.label()])
        with pytest.raises(UsageError, match="has no crops of faces, which is the default: analyse with --keep-crops"):
            datasets.read(f"lake={tmp_path}")

    def test_a_purged_crop_is_gone(self, tmp_path: Path) -> None:
        (image,) = datasets.read(f"lake={self.lake(tmp_path, {'seconds': 2.5})}").images
        assert image.read() == jpeg(4)
        shard = image.path
        pq.write_table(pq.ParquetFile(shard).read().slice(0, 2), shard)
        with pytest.raises(OSError, match="row 4 cannot be read"):
            image.read()
        shard.unlink()
        with pytest.raises(FileNotFoundError):
            image.read()


def test_one_perceived_gender_alone_is_no_error_yet(tmp_path: Path) -> None:
    pictures(tmp_path, "female/a.jpg", "female/b.jpg")
    assert Counter(image.perceived_gender for image in datasets.read(f"folders={tmp_path}").images) == {"female": 2}

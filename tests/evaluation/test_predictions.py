"""Other tools' answers: found again among the faces, and whatever cannot be used is named."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from gfpipe.errors import UsageError
from gfpipe.evaluation import predictions
from gfpipe.evaluation.answers import Labels


def faces(*names: str) -> Labels:
    count = len(names)
    return Labels(np.array(names), np.ones(count, bool), np.full(count, np.nan), np.full(count, ""))


def table(folder: Path, text: str) -> str:
    (folder / "said.csv").write_text(text)
    return f"tool={folder / 'said.csv'}"


def test_the_csv_of_inafaceanalyzer_is_read(tmp_path: Path) -> None:
    """Its columns and a row of its README: sex_decfunc is the logit of male."""
    said = table(
        tmp_path,
        "frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label\n"
        '/data/a.jpg,"(945, -17, 1139, 177)",0.999998927116394,8.408014,3.9126961,m,34.12696123123169\n'
        '/data/b.jpg,"(10, 10, 90, 90)",0.99,-1.5,3.9,f,34.1\n',
    )
    found = predictions.read(said, faces("/data/b.jpg", "/data/a.jpg", "/data/c.jpg"))
    assert found.answers.model_id == "tool"
    assert found.answers.p_female == pytest.approx([expit(1.5), expit(-8.408014), np.nan], nan_ok=True)
    assert found.answers.age_years == pytest.approx([34.1, 34.12696, np.nan], nan_ok=True)
    assert found.unused == ()


def test_of_several_faces_in_a_picture_the_largest_counts(tmp_path: Path) -> None:
    said = table(
        tmp_path,
        "frame,bbox,detect_conf,sex_decfunc,sex_label\n"
        'a.jpg,"(0, 0, 20, 20)",0.99,5,m\n'
        'a.jpg,"(-10.5, 0, 80, 90)",0.7,-5,f\n'
        'a.jpg,"(50, 0, 80, 90)",0.99,5,m\n',
    )
    assert predictions.read(said, faces("a.jpg")).answers.p_female == pytest.approx([expit(5)])


@pytest.mark.parametrize("column", ["perceived_gender", "gender", "label", "sex_label", "prediction"])
@pytest.mark.parametrize(("woman", "man"), [("female", "male"), ("F", "M"), ("1", "0"), (" Woman ", "man")])
def test_any_table_of_files_and_labels_will_do(tmp_path: Path, column: str, woman: str, man: str) -> None:
    said = table(tmp_path, f"file,{column}\na.jpg,{woman}\nb.jpg,{man}\nc.jpg,\n")
    found = predictions.read(said, faces("x/a.jpg", "x/b.jpg", "x/c.jpg"))
    np.testing.assert_array_equal(found.answers.p_female, [1, 0, np.nan])
    assert found.unused == ()


def test_probabilities_are_taken_where_there_are_any(tmp_path: Path) -> None:
    said = table(tmp_path, "path,gender,p_female\na.jpg,male,0.7\nb.jpg,male,1.2\nc.jpg,male,nan\n")
    found = predictions.read(said, faces("a.jpg", "b.jpg", "c.jpg"))
    np.testing.assert_array_equal(found.answers.p_female, [0.7, np.nan, np.nan])
    assert found.unused == (("b.jpg", "its p_female is '1.2'"), ("c.jpg", "its p_female is 'nan'"))


def test_a_path_is_matched_before_a_file_name(tmp_path: Path) -> None:
    names = [str(tmp_path / folder / "a.jpg") for folder in ("one", "two")]
    said = table(tmp_path, "file,label\none/a.jpg,female\n../elsewhere/a.jpg,male\n")
    found = predictions.read(said, faces(*names))
    np.testing.assert_array_equal(found.answers.p_female, [1, np.nan])
    assert found.unused == (("../elsewhere/a.jpg", "several faces have this name"),)


def test_file_names_of_other_systems_are_matched(tmp_path: Path) -> None:
    said = table(tmp_path, "file,label\nC:\\faces\\24_0_1_2017 .jpg,female\n")
    assert predictions.read(said, faces("/data/24_0_1_2017 .jpg")).answers.p_female == [1]


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    said = table(tmp_path, "file,label\na.jpg,female\nb.jpg,cat\nz.jpg,male\nc.jpg,male\nc.jpg,female\n")
    found = predictions.read(said, faces("a.jpg", "b.jpg", "c.jpg"))
    np.testing.assert_array_equal(found.answers.p_female, [1, np.nan, np.nan])
    assert found.unused == (
        ("b.jpg", "its label is 'cat'"),
        ("z.jpg", "no face of the data set has this name"),
        ("c.jpg", "tool predicts both female and male"),
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1", "utf-16"])
def test_tables_are_read_as_spreadsheets_save_them(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "said.csv").write_bytes("File;P female;age_years\r\nmänner.jpg;0,25;31,5\r\n".encode(encoding))
    found = predictions.read(f"tool={tmp_path / 'said.csv'}", faces("männer.jpg"))
    assert found.answers.p_female == pytest.approx([0.25])
    assert found.answers.age_years == pytest.approx([31.5])


def test_rows_that_do_not_fit_the_columns_are_named(tmp_path: Path) -> None:
    found = predictions.read(table(tmp_path, "file,label\na.jpg,female\nb.jpg,male,0.9\n"), faces("a.jpg", "b.jpg"))
    assert found.unused == (("said.csv, line 3", "3 cells in 2 columns; quote a cell that contains the separator"),)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("said.csv", "is not of the form NAME=FILE.csv"),
        ("tool={0}/absent.csv", "cannot be read as a table"),
        ("tool={0}/empty.csv", "cannot be read as a table: it is empty"),
        ("tool={0}/columns.csv", "has no column p_female or perceived_gender or .*; it has file, age"),
        ("tool={0}/video.csv", "video.csv is about a video, as its frames are numbers: use gfpipe ina import"),
        ("tool={0}/others.csv", "none of its 1 rows matches a face of this data set; .* 'q.jpg', .* 'a.jpg'"),
    ],
)
def test_what_cannot_be_used_at_all_says_why(tmp_path: Path, named: str, message: str) -> None:
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "columns.csv").write_text("file,age\na.jpg,30\n")
    (tmp_path / "video.csv").write_text('frame,bbox,detect_conf,sex_decfunc,sex_label\n0,"(1, 1, 9, 9)",0.9,2.0,m\n')
    (tmp_path / "others.csv").write_text("file,label\nq.jpg,male\n")
    with pytest.raises(UsageError, match=message):
        predictions.read(named.format(tmp_path), faces("a.jpg"))

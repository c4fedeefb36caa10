"""Tests of label files: one invalid row rejects the file."""

from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.labelling.imports import label_csv, recordings
from gfpipe.labelling.imports.recordings import Recordings
from gfpipe.labelling.labels import Label
from tests.labelling.lakes import LATER, NORTH, lake, recording_id

HEADER = "recording,seconds,x1,y1,x2,y2,answer,weight,annotator,whole_picture"
GOOD = f"{NORTH},12.5,410,96,520.5,230,female,250,AB,true"


@pytest.fixture
def known(tmp_path: Path) -> Recordings:
    return recordings.read(lake(tmp_path / "lake"))


def read(known: Recordings, folder: Path, *lines: str, header: str = HEADER) -> tuple[Label, ...]:
    return label_csv.read(written(folder, header, *lines), known).labels


def written(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = folder / "labels.csv"
    file.write_text("\n".join(lines) + "\n", encoding=encoding)
    return file


def test_a_row_becomes_a_label(known: Recordings, tmp_path: Path) -> None:
    (label,) = read(known, tmp_path, GOOD)
    assert label == Label(recording_id("north"), 12.5, 410, 96, 520.5, 230, "female", 250, "AB", True)


def test_optional_columns_have_defaults(known: Recordings, tmp_path: Path) -> None:
    (label,) = read(known, tmp_path, f"{NORTH},0,1 2 30 40,male", header="Recording, seconds ,box,ANSWER")
    assert (label.weight, label.annotator, label.whole_picture) == (1.0, None, False)
    assert (label.x1, label.y1, label.x2, label.y2) == (1, 2, 30, 40)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        *[(word, "female") for word in ("female", "Woman", "F", "women")],
        *[(word, "male") for word in ("MALE", "man", "m", "Men")],
        *[("undecided", "undecided"), ("None", "no_face"), ("no_face", "no_face"), ("no face", "no_face")],
    ],
)
def test_answers_have_synonyms(known: Recordings, tmp_path: Path, text: str, answer: str) -> None:
    (label,) = read(known, tmp_path, GOOD.replace("female", text))
    assert label.answer == answer


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_delimiters_are_detected(known: Recordings, tmp_path: Path, delimiter: str) -> None:
    file = written(tmp_path, HEADER.replace(",", delimiter), GOOD.replace(",", delimiter), encoding="utf-8-sig")
    assert len(label_csv.read(file, known).labels) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (NORTH, "1900_news.mp4", "end of 2 paths"),
        (NORTH, "nowhere.mp4", "no recording of the lake has the id 'nowhere.mp4'"),
        (NORTH, "", "recording is empty"),
        ("12.5", "soon", "seconds 'soon' is not a number; write it as 12.5"),
        ("12.5", "nan", "not a number"),
        ("12.5", "-1", "negative"),
        ("12.5", "75", r"after the end of the recording \(60.0 s\)"),
        ("410,96", "520.5,96", "empty; x1 y1 is its upper left corner"),
        ("410,96", "high,96", "box 'high' is not a number"),
        ("410,96", ",96", "box '96 520.5 230' has 3 numbers"),
        ("410,96,520.5,230", "0.2,0.1,0.3,0.25", "less than two pixels"),
        ("410,96,520.5,230", "1930,96,1990,230", "outside the frame of 1920 × 1080"),
        ("410,96,520.5,230", "-90,96,-10,230", "outside the frame of 1920 × 1080"),
        ("female", "lady", "answer 'lady' is unknown; use female, male, undecided, no_face"),
        ("250", "0", "weight 0 is not positive"),
        ("250", "inf", "weight 'inf' is not a number"),
        ("true", "perhaps", "whole_picture 'perhaps' is neither true nor false"),
        ("true", "true,surplus", "11 cells in 10 columns; quote a cell"),
    ],
)
def test_problems_are_reported_with_file_and_line(
    known: Recordings, tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(UsageError, match=rf"(?s)nothing was imported.*labels\.csv, line 3: .*{message}"):
        read(known, tmp_path, GOOD, GOOD.replace("12.5", "13").replace(old.replace("12.5", "13"), new))


def test_all_problems_are_reported_at_once(known: Recordings, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read(known, tmp_path, GOOD.replace("female", "lady").replace("250", "-1"), "", GOOD.replace("12.5", "soon"))
    problems = [line.strip() for line in str(error.value).splitlines()[1:]]
    assert [problem.partition(":")[0] for problem in problems] == [*["labels.csv, line 2"] * 2, "labels.csv, line 4"]


def test_long_lists_of_problems_are_truncated(known: Recordings, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        read(known, tmp_path, *[GOOD.replace("female", "lady")] * 27)
    assert len(str(error.value).splitlines()) == 1 + 20 + 1
    assert str(error.value).endswith("… and 7 more")


def test_a_face_has_one_label_per_annotator(known: Recordings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 4: the same face as in labels\.csv, line 2"):
        read(known, tmp_path, GOOD, GOOD.replace("AB", "CD"), GOOD.replace("female", "male"))


def test_a_scheduled_recording_can_be_labelled(known: Recordings, tmp_path: Path) -> None:
    (label,) = read(known, tmp_path, GOOD.replace(NORTH, LATER).replace("12.5", "3600"))
    assert label.recording_id == "south-talk"


def test_boxes_may_extend_beyond_the_frame(known: Recordings, tmp_path: Path) -> None:
    (label,) = read(known, tmp_path, GOOD.replace("410,96,520.5", "1890,-4.5,1930"))
    assert label.x2 == 1930


def test_missing_and_unused_columns_are_reported(known: Recordings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"columns missing: seconds, answer; it has .*; labels have"):
        read(known, tmp_path, header="recording,x1,y1,x2,y2")
    file = written(tmp_path, f"{HEADER},remark", f"{GOOD},fine")
    assert label_csv.read(file, known).unused == ("remark",)


def test_tables_of_spreadsheets_are_read(known: Recordings, tmp_path: Path) -> None:
    lines = ("Recording;Seconds;X1;Y1;X2;Y2;Answer;Annotator", f"{NORTH};12,5;410,25;96;520,5;230;female;É")
    (label,) = label_csv.read(written(tmp_path, *lines, encoding="cp1252"), known).labels
    assert (label.seconds, label.x1, label.annotator) == (12.5, 410.25, "É")


def test_unreadable_and_empty_files_are_refused(known: Recordings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        label_csv.read(tmp_path / "nowhere.csv", known)
    with pytest.raises(UsageError, match="contains no labels"):
        read(known, tmp_path)

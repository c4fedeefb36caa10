"""Tests of reading CSVs of inaFaceAnalyzer, and of assigning faces to samples."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from gfpipe.errors import UsageError
from gfpipe.labelling.imports import inaface
from tests.labelling.lakes import written

# the first rows of its own media/pexels-artem-podrez_lfd_fps1_GRA.csv, 30 frames a second
HEADER = "frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label"
ROWS = (
    '0,"(945, -17, 1139, 177)",0.999998927116394,8.408013,3.9126964,m,34.12696361541748',
    '0,"(71, 119, 272, 320)",0.9999958872795105,-13.514767,3.1241808,f,26.24180793762207',
    '30,"(939, -18, 1134, 178)",0.9999975562095642,8.66655,3.8259254,m,33.25925349189209',
)
# as its VideoTracking writes them: no confidence for tracked faces
TRACKED = "frame,bbox,face_id,detect_conf,track_conf,sex_decfunc,sex_label,sex_decfunc_avg,sex_label_avg"
TRACKED_ROWS = ('0,"(61, 100, 274, 313)",3,0.998,,-12.1,f,-13.5,f', '10,"(71, 105, 281, 314)",3,,22.6,-13.3,f,-13.5,f')
SECOND = 1 / 30


def test_reads_faces(tmp_path: Path) -> None:
    faces = inaface.read(written(tmp_path, HEADER, *ROWS))
    assert faces.frame.tolist() == [0, 0, 30]
    assert faces.p_female == pytest.approx(expit([-8.408013, 13.514767, -8.66655]), rel=1e-5)
    assert faces.age_years is not None
    assert faces.age_years[1] == pytest.approx(26.2418)
    assert faces.track_id is None
    # 194 pixels are 1.1 times the detected height, around the same middle
    assert faces.boxes[0] == pytest.approx([1042 - 97 / 1.1, 80 - 97 / 1.1, 1042 + 97 / 1.1, 80 + 97 / 1.1])


def test_tracked_faces_have_a_track_and_no_confidence(tmp_path: Path) -> None:
    faces = inaface.read(written(tmp_path, TRACKED, *TRACKED_ROWS))
    assert faces.track_id is not None
    assert faces.track_id.tolist() == [3, 3]
    assert faces.scores == pytest.approx([0.998, np.nan], nan_ok=True)
    assert faces.age_years is None
    assert faces.p_female[1] == pytest.approx(expit(13.3))  # of this frame: the mean over a track is taken in SQL


def test_a_recording_without_faces_is_valid(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER)
    faces = inaface.read(path)
    samples = inaface.samples(path, faces, 2.5, SECOND, 1)
    assert (len(faces), samples.seconds.tolist()) == (0, [0, 1, 2])
    assert samples.step_seconds.tolist() == pytest.approx([1, 1, 0.5])


def test_faces_are_assigned_to_sampled_frames(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, *ROWS, ROWS[2].replace("30,", "90,", 1))
    samples = inaface.samples(path, inaface.read(path), 2.5, SECOND, 1)  # the last face is after the end
    assert (samples.faces.tolist(), samples.sample.tolist()) == ([0, 1, 2], [0, 0, 1])
    every = inaface.samples(path, inaface.read(path), 2.5, SECOND, None)
    assert len(every.seconds) == 75
    assert every.step_seconds.sum() == pytest.approx(2.5)
    assert every.sample.tolist() == [0, 0, 30]


@pytest.mark.parametrize(
    ("frames", "fps", "step"),
    [(25, 1, 25), (25, 2, 12), (29.97, 1, 29), (30, 3, 10), (25, None, 1), (25, 40, 1)],
)
def test_step_is_rounded_as_in_inafaceanalyzer(frames: float, fps: float | None, step: int) -> None:
    assert inaface.step(1 / frames, fps) == step


def test_step_refuses_more_frames_than_there_are() -> None:
    with pytest.raises(UsageError, match="25 frames a second"):
        inaface.step(0.04, 60)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "it is empty"),
        (["frame,bb,label,decision,conf"], "columns missing: bbox, detect_conf, sex_decfunc; it has frame, bb"),
        ([HEADER, ROWS[0].replace("0,", "a.jpg,", 1)], "line 2: frame 'a.jpg' .* gfpipe evaluate --predictions"),
        ([HEADER, ROWS[0].replace("0,", "-1,", 1)], "line 2: frame -1"),
        ([HEADER, *ROWS, '60,"(939, -18, 1134)",0.9,1,1,m,1'], r"line 5: bbox '\(939, -18, 1134\)' is not a box"),
        ([HEADER, '60,"(9, 8, 7, 9)",0.9,1,1,m,1'], "line 2: bbox .* is not a box"),
        ([HEADER, '60,"(1, 1, 7, 9)",1.9,1,1,m,1'], "line 2: detect_conf 1.9 is not between 0 and 1"),
        ([HEADER, '60,"(1, 1, 7, 9)",0.9,,1,m,1'], "line 2: sex_decfunc '' is not a number"),
        ([HEADER, '60,"(1, 1, 7, 9)",0.9,nan,1,m,1'], "line 2: sex_decfunc 'nan' is not a number"),
        ([HEADER, '60,"(1, 1, 7, 9)",0.9,3,1,f,1'], "line 2: sex_label 'f' contradicts sex_decfunc 3"),
        ([HEADER, '60,"(1, 1, 7, 9)",0.9,3'], "line 2: 4 cells in 7 columns"),
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inaface.read(written(tmp_path, *lines))


def test_a_wrong_rate_is_detected(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, *(ROWS[2].replace("30,", f"{30 * second},", 1) for second in range(12)))
    faces = inaface.read(path)
    with pytest.raises(UsageError, match=r"line 3: frame 30 is not a multiple of 60, .* with --fps 0.5"):
        inaface.samples(path, faces, 12.0, SECOND, 0.5)
    with pytest.raises(UsageError, match=r"multiples of frame 30, but with no --fps .* had --fps 1, give it"):
        inaface.samples(path, faces, 12.0, SECOND, None)


def test_a_csv_of_a_longer_recording_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, ROWS[0].replace("0,", "3000,", 1))
    with pytest.raises(
        UsageError, match=r"ends at 100.0 s, but the recording ends at 60.0 s; is it about another recording\?"
    ):
        inaface.samples(path, inaface.read(path), 60.0, SECOND, 1)

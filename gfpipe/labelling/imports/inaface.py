"""Reads the faces that inaFaceAnalyzer found in videos, and assigns them to the frames that it sampled.

It writes one file per recording, ``programme.csv`` for ``programme.mp4``, one row per face:

    frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label

``frame`` is the frame number from 0; ``bbox`` is ``(x1, y1, x2, y2)``, the classified square: the smallest one around
the detected box, enlarged by 1.1; ``sex_decfunc`` is the logit of male. With ``--tracking`` there is a ``face_id``, and
``detect_conf`` is empty for faces that were tracked, not detected. Frames without faces have no row: the sampled frames
follow from its ``--fps``. Source: https://github.com/ina-foss/inaFaceAnalyzer, inaFaceAnalyzer.py, opencv_utils.py,
face_preprocessing.py and face_tracking.py
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from gfpipe.base.arrays import array_dataclass
from gfpipe.errors import UsageError
from gfpipe.labelling.imports import external
from gfpipe.tables import sheet

PROGRAM: Final = "inaFaceAnalyzer"
MODEL: Final = "inafaceanalyzer"  # model id of its output in a lake
_COLUMNS: Final = ("frame", "bbox", "detect_conf", "sex_decfunc")
_BOX_SCALE: Final = 1.1  # FaceClassifier.bbox_scale
_LABELS: Final = ("f", "m")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_LARGEST: Final = 1e9  # of all numbers: frames of a year
_MIN_FRAMES: Final = 10  # frames needed to infer the sampling rate from their common divisor


@array_dataclass
class Faces:
    """The F faces of one recording, by frame.

    Attributes:
        line: (F,) int64, line number in the file.
        frame: (F,) int64, frame number from 0.
        boxes: (F, 4) float32, x1, y1, x2, y2 in pixels of the source frame: the square without its enlargement, as high
            as the detected box where that is higher than wide. May extend beyond the frame.
        scores: (F,) float32, the detector's confidence; NaN for tracked faces.
        p_female: (F,) float32.
        age_years: (F,) float32; None without an age classifier.
        track_id: (F,) int32; None without ``--tracking``.
    """

    line: NDArray[np.int64]
    frame: NDArray[np.int64]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    p_female: NDArray[np.float32]
    age_years: NDArray[np.float32] | None = None
    track_id: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.frame)


@array_dataclass
class Samples:
    """The N sampled frames, and the K faces in them.

    Attributes:
        seconds: (N,) float64, from the start of the recording.
        step_seconds: (N,) float64, duration that each represents; they add up to the length of the recording.
        faces: (K,) int64, indices into the F faces, ordered by sample; faces after the end are left out.
        sample: (K,) int64, sample of each face, ascending.
    """

    seconds: NDArray[np.float64]
    step_seconds: NDArray[np.float64]
    faces: NDArray[np.int64]
    sample: NDArray[np.int64]


def read(path: Path) -> Faces:
    """Read and validate the faces of one recording.

    Raises:
        UsageError: the file has another format, or a row is invalid.
    """
    table = sheet.read(path)
    table.needs(_COLUMNS, f"{PROGRAM} writes {', '.join(_COLUMNS)}")
    if table.refused:
        raise sheet.refusal(path, table.refused)
    values: dict[str, list[float]] = {name: [] for name in ("frame", "score", "logit", "age", "track")}
    boxes: list[Sequence[float]] = []
    for where, written in ((row.place, row.cells) for row in table.rows):
        row = {name: cell if name == "bbox" else table.number(cell) for name, cell in written.items()}
        values["frame"].append(_frame(where, row["frame"]))
        values["score"].append(_score(where, row))
        values["logit"].append(_male_logit(where, row))
        values["age"].append(_number(where, row, "age_label") if "age_label" in row else math.nan)
        values["track"].append(_number(where, row, "face_id") if "face_id" in row else -1)
        boxes.append(_box(where, row["bbox"]))
    order = np.argsort(np.array(values["frame"], np.int64), kind="stable")
    return Faces(
        line=np.array([row.number for row in table.rows], np.int64)[order],
        frame=np.array(values["frame"], np.int64)[order],
        boxes=np.array(boxes, np.float32).reshape(-1, 4)[order],
        scores=np.array(values["score"], np.float32)[order],
        p_female=expit(-np.array(values["logit"], np.float64)).astype(np.float32)[order],
        age_years=np.array(values["age"], np.float32)[order] if "age_label" in table.headings else None,
        track_id=np.array(values["track"], np.int32)[order] if "face_id" in table.headings else None,
    )


def step(frame_seconds: float, fps: float | None) -> int:
    """Return the distance of sampled frames, as its ``analysisFPS2subsamp_coeff`` computes it; 1 without ``fps``.

    Raises:
        UsageError: `fps` is more than the recording has.
    """
    if fps is None:
        return 1
    video = _frame_rate(frame_seconds)
    frames = int(np.round(video / fps))
    if frames < 1:
        raise UsageError(f"--fps {fps:g}: the recording has only {video} frames a second")
    return frames


def samples(path: Path, faces: Faces, length: float, frame_seconds: float, fps: float | None) -> Samples:
    """Assign the faces of a CSV to the frames sampled with this ``--fps``, or with none.

    `length` is the decodable part of the recording in seconds; later faces are left out.

    Raises:
        UsageError: the faces are not on the sampled frames, or the file is about another recording.
    """
    every = step(frame_seconds, fps)
    _check_frames(path, faces, every, frame_seconds, fps)
    if len(faces):
        external.check_length(path, float(faces.frame[-1]) * frame_seconds, length)
    step_seconds = every * frame_seconds
    seconds = np.arange(max(math.ceil(length / step_seconds - 1e-6), 0), dtype=np.float64) * step_seconds
    sample = faces.frame // every
    decodable = np.flatnonzero(sample < len(seconds))
    return Samples(seconds, np.diff(seconds, append=length), decodable, sample[decodable])


def _check_frames(path: Path, faces: Faces, every: int, frame_seconds: float, fps: float | None) -> None:
    option = "no --fps" if fps is None else f"--fps {fps:g}"
    if len(others := np.flatnonzero(faces.frame % every)):
        first = others[0]
        raise UsageError(
            f"{path}, line {faces.line[first]}: frame {faces.frame[first]} is not a multiple of {every}, the frames "
            f"that {PROGRAM} samples with {option}; give the --fps of its run (runs with --keyframes do not number "
            "frames: repeat them without)"
        )
    frames = np.unique(faces.frame)
    common = int(np.gcd.reduce(frames)) if len(frames) >= _MIN_FRAMES else every
    if common > every:
        raise UsageError(
            f"{path}: all faces are on multiples of frame {common}, but with {option} {PROGRAM} samples every {every}; "
            f"if its run had --fps {_frame_rate(frame_seconds) / common:.3g}, give it here too"
        )


def _frame_rate(frame_seconds: float) -> int:
    return int(1 / frame_seconds + 1e-6)  # truncated as inaFaceAnalyzer does for 29.97


def _frame(where: str, text: str) -> int:
    try:
        frame = float(text)
    except ValueError as exc:
        raise UsageError(
            f"{where}: frame {text!r} is not a number; predictions for images are for gfpipe evaluate --predictions"
        ) from exc
    if not 0 <= frame < _LARGEST or not frame.is_integer():
        raise UsageError(f"{where}: frame {text} is not a frame number")
    return int(frame)


def _box(where: str, text: str) -> tuple[float, float, float, float]:
    """Parse a square and undo its enlargement."""
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if len(numbers) != 4 or max(map(abs, numbers)) > _LARGEST or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        raise UsageError(f"{where}: bbox {text!r} is not a box (x1, y1, x2, y2)")
    x1, y1, x2, y2 = numbers
    dx, dy = ((high - low) * (1 - 1 / _BOX_SCALE) / 2 for low, high in ((x1, x2), (y1, y2)))
    return x1 + dx, y1 + dy, x2 - dx, y2 - dy


def _score(where: str, row: Mapping[str, str]) -> float:
    score = _number(where, row, "detect_conf") if row["detect_conf"] else math.nan
    if score < 0 or score > 1:
        raise UsageError(f"{where}: detect_conf {row['detect_conf']} is not between 0 and 1")
    return score


def _male_logit(where: str, row: Mapping[str, str]) -> float:
    logit = _number(where, row, "sex_decfunc")
    label = row.get("sex_label", "")
    if label and label != _LABELS[logit > 0]:
        raise UsageError(f"{where}: sex_label {label!r} contradicts sex_decfunc {logit:g}")
    return logit


def _number(where: str, row: Mapping[str, str], column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not abs(number) < _LARGEST:
        raise UsageError(f"{where}: {column} {row[column]!r} is not a number")
    return number

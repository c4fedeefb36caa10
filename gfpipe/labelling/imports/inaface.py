"""What inaFaceAnalyzer saw: its CSVs of videos, checked, and its faces laid on the samples that it looked at.

It writes a file a recording, ``programme.csv`` for ``programme.mp4``, a row a face:

    frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label

``frame`` counts the video's frames from 0; ``bbox`` is ``(x1, y1, x2, y2)``, the square that was classified: the
smallest around the detected box, 1.1 times as large; ``sex_decfunc`` is the logit of male. With ``--tracking`` there is
a ``face_id``, and ``detect_conf`` is empty where a face was followed instead of found. Frames without a face have no
row: which frames it looked at follows from its ``--fps``. Source: https://github.com/ina-foss/inaFaceAnalyzer,
inaFaceAnalyzer.py, opencv_utils.py, face_preprocessing.py and face_tracking.py
"""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from gfpipe.errors import UsageError

PROGRAM: Final = "inaFaceAnalyzer"
MODEL: Final = "inafaceanalyzer"  # what its answers stand under in a lake
_COLUMNS: Final = ("frame", "bbox", "detect_conf", "sex_decfunc")
_ENLARGED: Final = 1.1  # FaceClassifier.bbox_scale
_LABELS: Final = ("f", "m")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_SLACK: Final = 10.0  # seconds by which its video may outlast what gfpipe could decode
_ENOUGH: Final = 10  # frames from which a common divisor is no accident


@dataclass(frozen=True)
class Faces:
    """The F faces of one recording, by frame.

    Attributes:
        line: (F,) int64, where each stands in the file.
        frame: (F,) int64, counted from 0.
        boxes: (F, 4) float32, x1, y1, x2, y2 in pixels of the source frame: the square without its enlargement, as high
            as the detected box wherever that is higher than wide. It may reach beyond the frame.
        scores: (F,) float32, the detector's confidence; NaN where the face was followed, not found.
        p_female: (F,) float32.
        age_years: (F,) float32; None where the classifier says no age.
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


@dataclass(frozen=True)
class Samples:
    """The frames that it looked at, and where its faces are among them.

    Attributes:
        seconds: (N,) float64, from the recording's start.
        step_seconds: (N,) float64, how much time each stands for; they add up to the recording's length.
        faces: (K,) int64, which of the F faces lie within that length, by sample.
        sample: (K,) int64, which of the N samples each is in, ascending.
    """

    seconds: NDArray[np.float64]
    step_seconds: NDArray[np.float64]
    faces: NDArray[np.int64]
    sample: NDArray[np.int64]


def read(path: Path) -> Faces:
    """Read and check the faces of one recording.

    Raises:
        UsageError: it is no such CSV, or a row of it cannot be right.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(f"{path}: cannot be read as a CSV of {PROGRAM}: {exc}") from exc
    if missing := [name for name in _COLUMNS if name not in header]:
        raise UsageError(f"{path}: no column {', '.join(missing)}; it has {', '.join(header) or 'none'}")
    values: dict[str, list[float]] = {name: [] for name in ("frame", "score", "logit", "age", "track")}
    boxes: list[Sequence[float]] = []
    for line, cells in rows:
        where = f"{path}, line {line}"
        if len(cells) != len(header):
            raise UsageError(f"{where}: {len(cells)} fields, but {len(header)} columns")
        row = dict(zip(header, cells, strict=True))
        values["frame"].append(_frame(where, row["frame"]))
        values["score"].append(_score(where, row["detect_conf"]))
        values["logit"].append(_logit_of_male(where, row))
        values["age"].append(_number(where, row, "age_label") if "age_label" in row else math.nan)
        values["track"].append(_number(where, row, "face_id") if "face_id" in row else -1)
        boxes.append(_box(where, row["bbox"]))
    order = np.argsort(np.array(values["frame"], np.int64), kind="stable")
    return Faces(
        line=np.array([line for line, _ in rows], np.int64)[order],
        frame=np.array(values["frame"], np.int64)[order],
        boxes=np.array(boxes, np.float32).reshape(-1, 4)[order],
        scores=np.array(values["score"], np.float32)[order],
        p_female=expit(-np.array(values["logit"], np.float64)).astype(np.float32)[order],
        age_years=np.array(values["age"], np.float32)[order] if "age_label" in header else None,
        track_id=np.array(values["track"], np.int32)[order] if "face_id" in header else None,
    )


def step(frame_seconds: float, fps: float | None) -> int:
    """Every how manieth frame it looks at, as its ``analysisFPS2subsamp_coeff`` has it; every one without ``fps``.

    Raises:
        UsageError: there are not so many frames a second.
    """
    if fps is None:
        return 1
    video = int(1 / frame_seconds + 1e-6)  # it drops the fraction of 29.97
    frames = int(np.round(video / fps))
    if frames < 1:
        raise UsageError(f"--fps {fps:g}: the recording has {video} frames a second, and {PROGRAM} can take no more")
    return frames


def samples(path: Path, faces: Faces, length: float, frame_seconds: float, fps: float | None) -> Samples:
    """Lay faces on the frames that it looked at.

    Args:
        path: of the CSV, for what is said of it.
        faces: as :func:`read`.
        length: seconds of the recording that can be decoded; faces after it are left out.
        frame_seconds: how long one frame lasts.
        fps: the ``--fps`` of its run; None where it had none.

    Raises:
        UsageError: the faces are on other frames, or the file is of another recording.
    """
    every = step(frame_seconds, fps)
    _refuse_other_frames(path, faces, every, frame_seconds, fps)
    if len(faces) and (end := float(faces.frame[-1]) * frame_seconds) > length + _SLACK:
        raise UsageError(f"{path}: goes on to {end:.1f} s, but the recording ends at {length:.1f} s; is it another's?")
    apart = every * frame_seconds
    seconds = np.arange(max(math.ceil(length / apart - 1e-6), 0), dtype=np.float64) * apart
    sample = faces.frame // every
    within = np.flatnonzero(sample < len(seconds))
    return Samples(seconds, np.diff(seconds, append=length), within, sample[within])


def _refuse_other_frames(path: Path, faces: Faces, every: int, frame_seconds: float, fps: float | None) -> None:
    said = "no --fps" if fps is None else f"--fps {fps:g}"
    if len(other := np.flatnonzero(faces.frame % every)):
        first = other[0]
        raise UsageError(
            f"{path}, line {faces.line[first]}: frame {faces.frame[first]} is none of every {every}th, which {PROGRAM} "
            f"looks at with {said}; give the --fps of its run (a run with --keyframes counts no frames: run it anew)"
        )
    frames = np.unique(faces.frame)
    common = int(np.gcd.reduce(frames)) if len(frames) >= _ENOUGH else every
    if common > every:
        likely = int(1 / frame_seconds + 1e-6) / common
        raise UsageError(
            f"{path}: all faces are on every {common}th frame, but with {said} {PROGRAM} looks at every {every}th; "
            f"if its run had --fps {likely:.3g}, say so here"
        )


def _frame(where: str, text: str) -> int:
    try:
        frame = float(text)
    except ValueError as exc:
        raise UsageError(
            f"{where}: frame {text!r} is no number; answers about pictures are for gfpipe evaluate --predictions"
        ) from exc
    if frame < 0 or not frame.is_integer():
        raise UsageError(f"{where}: frame {text} is no number of a frame")
    return int(frame)


def _box(where: str, text: str) -> tuple[float, float, float, float]:
    """The square of the row without its enlargement."""
    numbers = [float(number) for number in _NUMBER.findall(text)]
    if len(numbers) != 4 or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        raise UsageError(f"{where}: bbox {text!r} is no box (x1, y1, x2, y2)")
    x1, y1, x2, y2 = numbers
    beside, above = ((high - low) * (1 - 1 / _ENLARGED) / 2 for low, high in ((x1, x2), (y1, y2)))
    return x1 + beside, y1 + above, x2 - beside, y2 - above


def _score(where: str, text: str) -> float:
    score = _number(where, {"detect_conf": text}, "detect_conf") if text else math.nan
    if score < 0 or score > 1:
        raise UsageError(f"{where}: detect_conf {text} is not between 0 and 1")
    return score


def _logit_of_male(where: str, row: Mapping[str, str]) -> float:
    logit = _number(where, row, "sex_decfunc")
    label = row.get("sex_label", "")
    if label and label != _LABELS[logit > 0]:
        raise UsageError(
            f"{where}: sex_label {label!r}, but sex_decfunc is {logit:g}: {' or '.join(_LABELS)} by its sign"
        )
    return logit


def _number(where: str, row: Mapping[str, str], column: str) -> float:
    try:
        number = float(row[column])
    except ValueError as exc:
        raise UsageError(f"{where}: {column} {row[column]!r} is no number") from exc
    if not math.isfinite(number):
        raise UsageError(f"{where}: {column} {row[column]!r} is no number")
    return number

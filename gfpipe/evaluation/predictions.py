"""What other tools said of the same pictures: a CSV of files and labels, matched with the faces of a benchmark.

inaFaceAnalyzer's image analyser writes ``frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label``, a row
for each face it found: ``frame`` is the path, ``sex_label`` m or f, ``sex_decfunc`` the logit of male (with its VGG
classifiers, the distance from a support vector machine's boundary), and ``age_label`` the age in years.
"""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.special import expit

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures.metrics import THRESHOLD

_FILES: Final = ("file", "path", "filename", "frame", "image")
_LABELS: Final = ("perceived_gender", "gender", "sex_label", "label", "prediction")
_AGES: Final = ("age_years", "age_label")
_P_FEMALE, _LOGIT_MALE, _BOX = "p_female", "sex_decfunc", "bbox"
_WORDS: Final = {
    **dict.fromkeys(("female", "f", "woman", "1"), 1.0),
    **dict.fromkeys(("male", "m", "man", "0"), 0.0),
}
_FRAME: Final = re.compile(r"\d+(\.0)?")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")

Unused = tuple[str, str]  # a file, and why nothing was made of it


@dataclass(frozen=True)
class Foreign:
    """Another tool's answers about the faces of one data set.

    Attributes:
        answers: those of faces without a row are NaN, as of faces that the tool did not find.
        unused: rows that are about none of the faces or cannot be read, and faces of which the table says two things.
    """

    answers: Answers
    unused: tuple[Unused, ...]


@dataclass(frozen=True)
class _Row:
    """One row of a table; ``area`` of the face in pixels, 0 where the table does not say; ``age_years``, else NaN."""

    file: str
    p_female: float
    area: float
    age_years: float


def read(named: str, labels: Labels) -> Foreign:
    """Read ``NAME=FILE.csv`` and match it with the faces: by path as it stands there, else by file name.

    Columns: ``file`` (or path, filename, frame, image), and ``p_female`` or ``perceived_gender`` (or gender, sex_label,
    label, prediction) with female, f, 1 or male, m, 0; where it is known ``age_years`` (or age_label). Of several rows
    about one picture that with the largest ``bbox`` counts.

    Raises:
        UsageError: another form, no such file, columns missing, not one row about any of the faces, or a CSV that
            inaFaceAnalyzer wrote about a video.
    """
    name, _, place = named.partition("=")
    if not name or not place:
        raise UsageError(f"{named!r} names no predictions: write NAME=FILE.csv")
    unused: list[Unused] = []
    rows = list(_rows(Path(place).expanduser(), unused))
    of_face = _matched(rows, _Faces(labels.names.tolist(), Path(place).expanduser().parent), unused)
    if not of_face:
        raise UsageError(
            f"{place}: none of its {len(rows)} rows is about a face of this data set; its files are called as "
            f"{rows[0].file if rows else '…'!r}, the data set's as {str(labels.names[0])!r}"
        )
    p_female, age_years = np.full((2, len(labels)), np.nan)
    for face, said in of_face.items():
        largest = max(row.area for row in said)
        best = [row for row in said if row.area == largest]
        if len({row.p_female >= THRESHOLD for row in best}) > 1:
            unused.append((str(labels.names[face]), f"{name} says both female and male"))
        else:
            p_female[face], age_years[face] = best[0].p_female, best[0].age_years
    ages = age_years if np.isfinite(age_years).any() else None
    return Foreign(Answers(name, p_female, age_years=ages), tuple(unused))


class _Faces:
    """Finds the faces that a file's name may mean."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._by_path: dict[str, list[int]] = defaultdict(list)
        self._by_file: dict[str, list[int]] = defaultdict(list)
        for place, name in enumerate(names):
            for key in {name, os.path.abspath(name)}:  # noqa: PTH100 - links are not followed: names are compared
                self._by_path[key].append(place)
            self._by_file[_last(name)].append(place)

    def __call__(self, file: str) -> list[int]:
        """Their places: one for a match, several where the name is ambiguous."""
        for path in (file, os.path.abspath(file), os.path.abspath(self._folder / file)):  # noqa: PTH100
            if path in self._by_path:
                return self._by_path[path]
        return self._by_file.get(_last(file), [])


def _matched(rows: list[_Row], faces: _Faces, unused: list[Unused]) -> Mapping[int, list[_Row]]:
    of_face: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        places = faces(row.file)
        if len(places) == 1:
            of_face[places[0]].append(row)
        else:
            unused.append((row.file, "several faces have this name" if places else "no face measured has this name"))
    return of_face


def _rows(file: Path, unused: list[Unused]) -> Iterator[_Row]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            columns = reader.fieldnames or ()
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(f"{file} cannot be read as a CSV table: {exc}") from exc
    where = _column(file, columns, _FILES)
    label = _column(file, columns, (_P_FEMALE, *_LABELS))
    age = next((name for name in _AGES if name in columns), "")
    if _LOGIT_MALE in columns and rows and all(_FRAME.fullmatch(row[where] or "") for row in rows):
        raise UsageError(f"{file}: its {where}s are numbers, so it is about a video: gfpipe ina import reads those")
    for row in rows:
        value = (row[label] or "").strip().lower()
        if value and row[where]:
            try:
                p_female = float(value) if label == _P_FEMALE else _of_label(_WORDS[value], row.get(_LOGIT_MALE))
                if not 0 <= p_female <= 1:
                    raise ValueError(value)
            except (KeyError, ValueError):
                unused.append((row[where], f"its {label} is {value!r}"))
                continue
            yield _Row(row[where], p_female, _area(row.get(_BOX)), _years(row.get(age)))


def _of_label(female: float, logit_of_male: str | None) -> float:
    """The probability behind a label, where the table has one that does not contradict it; else 1 or 0."""
    try:
        p_female = float(expit(-float(logit_of_male or "")))
    except ValueError:
        return female
    return p_female if (p_female >= THRESHOLD) == bool(female) else female


def _years(age: str | None) -> float:
    try:
        return float(age or "nan")
    except ValueError:
        return np.nan


def _area(box: str | None) -> float:
    numbers = [float(number) for number in _NUMBER.findall(box or "")]
    return (numbers[2] - numbers[0]) * (numbers[3] - numbers[1]) if len(numbers) == 4 else 0.0


def _column(file: Path, columns: Sequence[str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in columns:
            return name
    raise UsageError(f"{file} has no column {' or '.join(names)}; it has {', '.join(columns) or 'none'}")


def _last(name: str) -> str:
    return re.split(r"[\\/]", name)[-1]

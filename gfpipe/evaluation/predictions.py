"""Predictions of other tools, read from a table and matched with the faces of a benchmark.

inaFaceAnalyzer's image analyser writes ``frame,bbox,detect_conf,sex_decfunc,age_decfunc,sex_label,age_label``, a row
for each detected face: ``frame`` is the path, ``sex_label`` m or f, ``sex_decfunc`` the logit of male (for its VGG
classifiers, the distance from the boundary of a support vector machine), and ``age_label`` the age in years.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from scipy.special import expit

from gfpipe.errors import UsageError
from gfpipe.evaluation.answers import Answers, Labels
from gfpipe.evaluation.measures.metrics import THRESHOLD
from gfpipe.tables import sheet
from gfpipe.tables.sheet import Row, Sheet

_FILES: Final = ("file", "path", "filename", "frame", "image")
_LABELS: Final = ("perceived_gender", "gender", "sex_label", "label", "prediction")
_AGES: Final = ("age_years", "age_label")
_P_FEMALE, _LOGIT_MALE, _BOX = "p_female", "sex_decfunc", "bbox"
_WORDS: Final = {**dict.fromkeys(("female", "f", "woman", "1"), 1.0), **dict.fromkeys(("male", "m", "man", "0"), 0.0)}
_FRAME: Final = re.compile(r"\d+(\.0)?")
_NUMBER: Final = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")

Unused = tuple[str, str]  # a file and the reason why it was not used


class Foreign(NamedTuple):
    """Predictions of another tool for the faces of one data set.

    Attributes:
        answers: NaN for faces without a row, as for undetected faces.
        unused: rows that match no face or cannot be parsed, and faces with contradictory rows.
    """

    answers: Answers
    unused: tuple[Unused, ...]


class _Row(NamedTuple):
    """One row: ``area`` of the face box in pixels, 0 if unknown; ``age_years``, NaN if unknown."""

    file: str
    p_female: float
    area: float
    age_years: float


def read(argument: str, labels: Labels) -> Foreign:
    """Read the table ``NAME=FILE.csv`` and match its rows with the faces, by path or else by file name.

    Columns: ``file`` (or path, filename, frame, image), and ``p_female`` or ``perceived_gender`` (or gender, sex_label,
    label, prediction) with female, f, 1 or male, m, 0; optionally ``age_years`` (or age_label). If an image has several
    rows, the one with the largest ``bbox`` is used.

    Raises:
        UsageError: the argument is malformed, the file or a column is missing, no row matches a face, or the file is
            inaFaceAnalyzer's output for a video.
    """
    name, _, file = argument.partition("=")
    if not name or not file:
        raise UsageError(f"{argument!r} is not of the form NAME=FILE.csv")
    path = Path(file).expanduser()
    unused: list[Unused] = []
    rows = list(_rows(path, unused))
    rows_of_face = _match(rows, _Faces(labels.names.tolist(), path.parent), unused)
    if not rows_of_face:
        raise UsageError(
            f"{file}: none of its {len(rows)} rows matches a face of this data set; it names files such as "
            f"{rows[0].file if rows else '…'!r}, the data set such as {str(labels.names[0])!r}"
        )
    p_female, age_years = np.full((2, len(labels)), np.nan)
    for face, candidates in rows_of_face.items():
        area = max(row.area for row in candidates)
        largest = [row for row in candidates if row.area == area]
        if len({row.p_female >= THRESHOLD for row in largest}) > 1:
            unused.append((str(labels.names[face]), f"{name} predicts both female and male"))
        else:
            p_female[face], age_years[face] = largest[0].p_female, largest[0].age_years
    ages = age_years if np.isfinite(age_years).any() else None
    return Foreign(Answers(name, p_female, age_years=ages), tuple(unused))


class _Faces:
    """Indices of faces by path and by file name."""

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._by_path: dict[str, list[int]] = defaultdict(list)
        self._by_file: dict[str, list[int]] = defaultdict(list)
        for index, name in enumerate(names):
            for key in {name, os.path.abspath(name)}:  # noqa: PTH100 - names are compared, without following links
                self._by_path[key].append(index)
            self._by_file[_file_name(name)].append(index)

    def __call__(self, file: str) -> list[int]:
        """Indices of the matching faces; several if the name is ambiguous."""
        for path in (file, os.path.abspath(file), os.path.abspath(self._folder / file)):  # noqa: PTH100
            if path in self._by_path:
                return self._by_path[path]
        return self._by_file.get(_file_name(file), [])


def _match(rows: list[_Row], faces: _Faces, unused: list[Unused]) -> Mapping[int, list[_Row]]:
    rows_of_face: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        indices = faces(row.file)
        if len(indices) == 1:
            rows_of_face[indices[0]].append(row)
        else:
            reason = "several faces have this name" if indices else "no face of the data set has this name"
            unused.append((row.file, reason))
    return rows_of_face


def _rows(file: Path, unused: list[Unused]) -> Iterator[_Row]:
    table = sheet.read(file)
    unused += [(refused.place, refused.problem) for refused in table.refused]
    path = _column(table, _FILES)
    label = _column(table, (_P_FEMALE, *_LABELS))
    age = next((name for name in _AGES if name in table.headings), "")
    if _LOGIT_MALE in table.headings and table.rows and all(_FRAME.fullmatch(row[path]) for row in table.rows):
        raise UsageError(f"{file} is about a video, as its {path}s are numbers: use gfpipe ina import")
    for row in table.rows:
        value = row[label].casefold()
        if not value or not row[path]:
            continue
        try:
            p_female = float(table.number(value)) if label == _P_FEMALE else _of_label(_WORDS[value], row, table)
            if not 0 <= p_female <= 1:
                raise ValueError(value)
        except (KeyError, ValueError):
            unused.append((row[path], f"its {label} is {value!r}"))
            continue
        yield _Row(row[path], p_female, _area(row[_BOX]), _years(table.number(row[age])))


def _of_label(female: float, row: Row, table: Sheet) -> float:
    """The probability of a label if its logit is known and agrees with the label; otherwise 1 or 0."""
    try:
        p_female = float(expit(-float(table.number(row[_LOGIT_MALE]))))
    except ValueError:
        return female
    return p_female if (p_female >= THRESHOLD) == bool(female) else female


def _years(age: str) -> float:
    try:
        return float(age or "nan")
    except ValueError:
        return np.nan


def _area(box: str) -> float:
    numbers = [float(number) for number in _NUMBER.findall(box)]
    return (numbers[2] - numbers[0]) * (numbers[3] - numbers[1]) if len(numbers) == 4 else 0.0


def _column(table: Sheet, names: tuple[str, ...]) -> str:
    for name in names:
        if name in table.headings:
            return name
    raise UsageError(f"{table.path} has no column {' or '.join(names)}; it has {', '.join(table.headings.values())}")


def _file_name(name: str) -> str:
    return re.split(r"[\\/]", name)[-1]

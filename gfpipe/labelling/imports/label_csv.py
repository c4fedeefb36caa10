"""Reads labels from a CSV file; one invalid row rejects the file.

One row per face: ``recording`` (its id, its path, or the end of its path), ``seconds`` (time of the frame, from the
start of the recording), the box in pixels of the source frame (``x1, y1, x2, y2``, or one column ``box``), ``answer``,
and optionally ``weight``, ``annotator`` and ``whole_picture``.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from gfpipe.errors import UsageError
from gfpipe.faces.boxes import CORNERS, Box
from gfpipe.labelling.imports.recordings import KnownRecording, Recordings
from gfpipe.labelling.labels import MIN_BOX_SIDE, Label
from gfpipe.tables import sheet
from gfpipe.tables.sheet import Sheet

_SYNONYMS: Final = {
    "female": ("female", "f", "woman", "women"),
    "male": ("male", "m", "man", "men"),
    "undecided": ("undecided", "unsure", "unknown", "?"),
    "no_face": ("no_face", "no face", "none"),
}
_ANSWERS: Final = {word: answer for answer, words in _SYNONYMS.items() for word in words}
_BOOLEANS: Final = dict.fromkeys(("true", "yes", "1"), True) | dict.fromkeys(("false", "no", "0", ""), False)
_OPTIONAL: Final = ("weight", "annotator", "whole_picture")
_NUMBERS: Final = ("seconds", *CORNERS, "weight")
_LARGEST: Final = 1e9  # of all numbers
_MOST_PROBLEMS: Final = 20  # listed in the error message

_T = TypeVar("_T")


@dataclass(frozen=True)
class LabelFile:
    """The labels of a valid file, and the names of its columns that were ignored."""

    labels: tuple[Label, ...]
    unused: tuple[str, ...]


def read(file: Path, recordings: Recordings) -> LabelFile:
    """Read and validate a label file.

    Raises:
        UsageError: the file is unreadable or invalid; the message lists the problems by line.
    """
    labels: list[Label] = []
    problems: list[str] = []
    places: dict[tuple[object, ...], str] = {}
    table, unused = _table(file)
    problems += map(str, table.refused)
    for place, cells in ((row.place, row.cells) for row in table.rows):
        row = _Row({name: table.number(cell) if name in _NUMBERS else cell for name, cell in cells.items()})
        label = row.label(recordings)
        if label and (earlier := places.setdefault(label.key, place)) != place:
            row.problems.append(f"the same face as in {earlier}, by the same annotator; keep one of the two")
        problems += [f"{place}: {problem}" for problem in row.problems]
        labels += [label] if label else []
    if problems:
        raise sheet.refusal(file, problems, "nothing was imported; correct these problems first", _MOST_PROBLEMS)
    if not labels:
        raise UsageError(f"{file}: contains no labels")
    return LabelFile(tuple(labels), unused)


class _Row:
    """Parser of one row; collects all its problems."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells
        self.problems: list[str] = []

    def label(self, recordings: Recordings) -> Label | None:
        recording = self._parse(recordings.named, "recording")
        seconds = self._parse(partial(_seconds, recording), "seconds")
        box = self._parse(partial(_box, recording), *(("box",) if "box" in self._cells else CORNERS))
        answer = self._parse(_answer, "answer")
        weight = self._parse(_weight, "weight")
        whole = self._parse(_whole_picture, "whole_picture")
        if recording is None or seconds is None or box is None or answer is None or weight is None or whole is None:
            return None
        annotator = self._cells.get("annotator", "") or None
        return Label(recording.recording_id, seconds, *box, answer, weight, annotator, whole)

    def _parse(self, parse: Callable[[str], _T], *columns: str) -> _T | None:
        text = " ".join(self._cells.get(column, "") for column in columns).strip()
        if not text and columns[0] not in _OPTIONAL:
            self.problems.append(f"{' '.join(columns)} is empty")
            return None
        try:
            return parse(text)
        except (UsageError, ValueError) as exc:
            self.problems.append(str(exc))
            return None


def _seconds(recording: KnownRecording | None, text: str) -> float:
    seconds = _number("seconds", text)
    if seconds < 0:
        raise ValueError(f"seconds {text} are negative; they count from the start of the recording")
    if recording and recording.seconds and seconds > recording.seconds + 1:  # container durations are rounded
        raise ValueError(f"seconds {text} are after the end of the recording ({recording.seconds:.1f} s)")
    return seconds


def _box(recording: KnownRecording | None, text: str) -> Box:
    numbers = text.strip("[]()").replace(",", " ").replace(";", " ").split()
    if len(numbers) != 4:
        raise ValueError(f"box {text!r} has {len(numbers)} numbers; give x1 y1 x2 y2 in pixels of the source frame")
    x1, y1, x2, y2 = (_number("box", number) for number in numbers)
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"box {text!r} is empty; x1 y1 is its upper left corner, x2 y2 its lower right one")
    if x2 - x1 < MIN_BOX_SIDE or y2 - y1 < MIN_BOX_SIDE:
        raise ValueError(f"box {text!r} is less than two pixels wide or high; give pixels of the source frame")
    width, height = (recording.width or math.inf, recording.height or math.inf) if recording else (math.inf, math.inf)
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:  # boxes at the edge may extend beyond the frame
        size = f" of {width} × {height}" if width < math.inf else ""
        raise ValueError(f"box {text!r} is outside the frame{size}; give pixels of the source frame")
    return x1, y1, x2, y2


def _answer(text: str) -> str:
    if text.casefold() not in _ANSWERS:
        raise ValueError(f"answer {text!r} is unknown; use {', '.join(_SYNONYMS)}")
    return _ANSWERS[text.casefold()]


def _weight(text: str) -> float:
    weight = _number("weight", text or "1")
    if weight <= 0:
        raise ValueError(f"weight {text} is not positive; it is the number of faces represented, or empty")
    return weight


def _whole_picture(text: str) -> bool:
    if text.casefold() not in _BOOLEANS:
        raise ValueError(f"whole_picture {text!r} is neither true nor false")
    return _BOOLEANS[text.casefold()]


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) < _LARGEST:
        raise ValueError(f"{name} {text!r} is not a number; write it as 12.5")
    return number


def _table(file: Path) -> tuple[Sheet, tuple[str, ...]]:
    """The table, and the columns to ignore."""
    table = sheet.read(file)
    required = ("recording", "seconds", *(("box",) if "box" in table.headings else CORNERS), "answer")
    optional = ", ".join(_OPTIONAL)
    table.needs(required, f"labels have recording, seconds, x1, y1, x2, y2 (or box), answer, and optionally {optional}")
    return table, tuple(column for column in table.headings if column not in (*required, *_OPTIONAL))

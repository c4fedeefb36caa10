"""A human's answers about faces, from a CSV into the lake; nothing is kept of a file that is not right.

A file of labels has a row a face: ``recording`` (its id, its path, or the end of its path), ``seconds`` (the moment
that was looked at, from the recording's start), the box in pixels of the source frame (``x1, y1, x2, y2``, or one
column ``box``), ``answer``, and, if it likes, ``weight``, ``annotator`` and ``whole_picture``.
"""

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import zip_longest
from pathlib import Path
from typing import Final, TypeVar

from gfpipe.errors import UsageError
from gfpipe.labelling.imports.recordings import Known, Recordings

_ANSWERS: Final = {
    "female": ("female", "f", "woman", "women"),
    "male": ("male", "m", "man", "men"),
    "undecided": ("undecided", "unsure", "unknown", "?"),
    "no_face": ("no_face", "no face", "none"),
}
_MEANS: Final = {word: answer for answer, words in _ANSWERS.items() for word in words}
_TRUTH: Final = dict.fromkeys(("true", "yes", "1"), True) | dict.fromkeys(("false", "no", "0", ""), False)
_CORNERS: Final = ("x1", "y1", "x2", "y2")
_OPTIONAL: Final = ("weight", "annotator", "whole_picture")
_SHOWN: Final = 20

_T = TypeVar("_T")
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Label:
    """One answer about one face; columns of the lake's table ``labels``.

    Attributes:
        recording_id: which recording.
        seconds: the moment looked at, from the recording's start.
        x1: left edge of the face, pixels of the source frame.
        y1: upper edge.
        x2: right edge.
        y2: lower edge.
        answer: ``female``, ``male``, ``undecided`` or ``no_face``.
        weight: how many faces of the archive this one stands for.
        annotator: who answered; None where nobody says.
        whole_picture: whether every face of that picture was marked.
    """

    recording_id: str
    seconds: float
    x1: float
    y1: float
    x2: float
    y2: float
    answer: str
    weight: float
    annotator: str | None
    whole_picture: bool

    @property
    def face(self) -> tuple[object, ...]:
        """What two answers about the same face by the same person have in common."""
        return (self.recording_id, self.seconds, self.x1, self.y1, self.x2, self.y2, self.annotator)


@dataclass(frozen=True)
class LabelFile:
    """A file of labels that was found right.

    Attributes:
        labels: every row.
        unused: columns that mean nothing here.
    """

    labels: tuple[Label, ...]
    unused: tuple[str, ...]


def read(file: Path, recordings: Recordings) -> LabelFile:
    """Read and check a file of labels.

    Raises:
        UsageError: it cannot be read, or is not right; says where, line by line, and what to do.
    """
    labels: list[Label] = []
    problems: list[str] = []
    first: dict[tuple[object, ...], int] = {}
    lines, unused = _lines(file)
    for number, text in lines:
        line = _Line(text)
        label = line.label(recordings)
        if label and (earlier := first.setdefault(label.face, number)) != number:
            line.problems.append(f"the same face as in line {earlier}, by the same annotator; keep one of the two")
        problems += [f"{file.name}, line {number}: {problem}" for problem in line.problems]
        labels += [label] if label else []
    if problems:
        more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        listed = "\n  ".join([*problems[:_SHOWN], *more])
        raise UsageError(f"{file}: nothing was imported; mend this first:\n  {listed}")
    if not labels:
        raise UsageError(f"{file}: there are no labels in it")
    return LabelFile(tuple(labels), unused)


def answers(labels: tuple[Label, ...]) -> dict[str, int]:
    """How many labels give which answer."""
    count = Counter(label.answer for label in labels)
    return {answer: count[answer] for answer in _ANSWERS if count[answer]}


class _Line:
    """One row of the file; collects everything that is wrong with it."""

    def __init__(self, text: Mapping[str, str]) -> None:
        self._text = text
        self.problems: list[str] = []

    def label(self, recordings: Recordings) -> Label | None:
        if surplus := self._text.get(""):
            self.problems.append(f"{surplus!r} stands beyond the last column; a cell with a comma in it needs quotes")
        recording = self._read(recordings.named, "recording")
        seconds = self._read(partial(_seconds, recording), "seconds")
        box = self._read(partial(_box, recording), *(("box",) if "box" in self._text else _CORNERS))
        answer = self._read(_answer, "answer")
        weight = self._read(_weight, "weight")
        whole = self._read(_whole_picture, "whole_picture")
        if recording is None or seconds is None or box is None or answer is None or weight is None or whole is None:
            return None
        annotator = self._text.get("annotator", "") or None
        return Label(recording.recording_id, seconds, *box, answer, weight, annotator, whole)

    def _read(self, parse: Callable[[str], _T], *columns: str) -> _T | None:
        text = " ".join(self._text.get(column, "") for column in columns).strip()
        if not text and columns[0] not in _OPTIONAL:
            self.problems.append(f"{' '.join(columns)} is empty")
            return None
        try:
            return parse(text)
        except (UsageError, ValueError) as exc:
            self.problems.append(str(exc))
            return None


def _seconds(recording: Known | None, text: str) -> float:
    seconds = _number("seconds", text)
    if seconds < 0:
        raise ValueError(f"seconds {text} lie before the recording's start; they are counted from it")
    if recording and recording.seconds and seconds > recording.seconds + 1:  # containers round what they promise
        raise ValueError(f"seconds {text} lie after the recording's end ({recording.seconds:.1f} s)")
    return seconds


def _box(recording: Known | None, text: str) -> Box:
    numbers = text.strip("[]()").replace(",", " ").replace(";", " ").split()
    if len(numbers) != 4:
        raise ValueError(f"box {text!r} has {len(numbers)} numbers; give x1 y1 x2 y2 in pixels of the source frame")
    x1, y1, x2, y2 = (_number("box", number) for number in numbers)
    if x2 <= x1 or y2 <= y1:
        raise ValueError(f"box {text!r} is empty; x1 y1 is its upper left corner, x2 y2 its lower right one")
    if x2 - x1 < 2 or y2 - y1 < 2:
        raise ValueError(f"box {text!r} is less than two pixels wide or high; give pixels of the source frame")
    width, height = (recording.width or math.inf, recording.height or math.inf) if recording else (math.inf, math.inf)
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:  # a face cut by the edge may reach beyond it
        size = f" of {width} × {height}" if width < math.inf else ""
        raise ValueError(f"box {text!r} lies outside the picture{size}; give pixels of the source frame")
    return x1, y1, x2, y2


def _answer(text: str) -> str:
    if text.casefold() not in _MEANS:
        raise ValueError(f"answer {text!r} is unknown; write {', '.join(_ANSWERS)}")
    return _MEANS[text.casefold()]


def _weight(text: str) -> float:
    weight = _number("weight", text or "1")
    if weight <= 0:
        raise ValueError(f"weight {text} is not above 0; it says how many faces this one stands for, or is left empty")
    return weight


def _whole_picture(text: str) -> bool:
    if text.casefold() not in _TRUTH:
        raise ValueError(f"whole_picture {text!r} is neither true nor false")
    return _TRUTH[text.casefold()]


def _number(what: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{what} {text!r} is not a number; write it as 12.5")
    return number


def _lines(file: Path) -> tuple[Iterator[tuple[int, dict[str, str]]], tuple[str, ...]]:
    """Line numbers with cells by column; and the columns that mean nothing here."""
    try:
        content = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"{file}: cannot be read as a CSV in UTF-8: {exc}") from exc
    reader = csv.reader(StringIO(content, newline=""), delimiter=_delimiter(content))
    header = [cell.strip().casefold() for cell in next(reader, [])]
    needed = ("recording", "seconds", *(("box",) if "box" in header else _CORNERS), "answer")
    if missing := [column for column in needed if column not in header]:
        raise UsageError(
            f"{file}: columns missing: {', '.join(missing)}; a file of labels has recording, seconds, x1, y1, x2, y2 "
            f"(or box), answer, and may have {', '.join(_OPTIONAL)}"
        )
    rows = ((reader.line_num, row) for row in reader if any(map(str.strip, row)))
    cells = ((number, dict(zip_longest(header, map(str.strip, row), fillvalue=""))) for number, row in rows)
    return cells, tuple(column for column in header if column not in (*needed, *_OPTIONAL))


def _delimiter(content: str) -> str:
    """Spreadsheets of some countries write semicolons, or tabs."""
    header = content.partition("\n")[0]
    return max(",;\t", key=header.count)

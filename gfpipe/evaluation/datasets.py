"""Labelled face images on disk: what a classifier of perceived gender is measured on.

Labels come from the data set; whether people were asked or looked at is for its documentation to say.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from gfpipe.errors import UsageError

GENDERS = {"0": "male", "1": "female", "m": "male", "f": "female", "male": "male", "female": "female"}
_UTKFACE = re.compile(r"\d{1,3}_(?P<code>[01])_[0-4]_\d{8}.*")  # some names lack a dot near the end, or have a space
_IMAGES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


@dataclass(frozen=True)
class LabelledImage:
    """A picture of one face, and ``female`` or ``male``."""

    path: Path
    perceived_gender: str


@dataclass(frozen=True)
class Skipped:
    """A picture or row that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """What was found.

    Attributes:
        name: ``utkface=FOLDER`` or ``csv=FILE``, as it was asked for.
    """

    name: str
    images: tuple[LabelledImage, ...]
    skipped: tuple[Skipped, ...]


def read(name: str) -> Dataset:
    """List the images of ``utkface=FOLDER`` or ``csv=FILE``; none is opened.

    Raises:
        UsageError: another form, nothing there, columns missing, or not one usable image.
    """
    kind, _, place = name.partition("=")
    readers = {"utkface": _utkface, "csv": _csv}
    if kind not in readers or not place:
        raise UsageError(f"{name!r} is no data set: write utkface=FOLDER or csv=FILE")
    images, skipped = readers[kind](Path(place))
    if not images:
        first = f"; the first of {len(skipped)}: {skipped[0].name}: {skipped[0].reason}" if skipped else ""
        raise UsageError(f"{place}: no labelled image found{first}")
    return Dataset(name, tuple(images), tuple(skipped))


def _utkface(folder: Path) -> tuple[list[LabelledImage], list[Skipped]]:
    """Names are ``[age]_[gender]_[race]_[date&time].jpg.chip.jpg`` (Zhang, Song and Qi 2017); 0 is male, 1 female."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give the one that holds UTKFace's images")
    images, skipped = [], []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in _IMAGES):
        if match := _UTKFACE.fullmatch(path.name):
            images.append(LabelledImage(path, GENDERS[match["code"]]))
        else:
            skipped.append(Skipped(path.name, "the name is not [age]_[gender]_[race]_[date].jpg.chip.jpg"))
    return images, skipped


def _csv(file: Path) -> tuple[list[LabelledImage], list[Skipped]]:
    """Columns ``file`` or ``path`` (relative to the table) and ``perceived_gender`` or ``gender``; others are left."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(f"{file} cannot be read as a CSV table: {exc}") from exc
    if not rows:
        raise UsageError(f"{file} has no rows")
    where = _column(file, rows[0], ("file", "path"))
    label = _column(file, rows[0], ("perceived_gender", "gender"))
    images, skipped = [], []
    for number, row in enumerate(rows, start=2):
        value = (row[label] or "").strip()
        if not row[where]:
            skipped.append(Skipped(f"{file.name}, row {number}", f"no {where}"))
        elif gender := GENDERS.get(value.lower()):
            images.append(LabelledImage(file.parent / row[where], gender))
        else:
            skipped.append(Skipped(row[where], f"{label} is {value!r}, not female or male"))
    return images, skipped


def _column(file: Path, row: dict[str, str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in row:
            return name
    raise UsageError(f"{file} has no column {' or '.join(names)}; it has {', '.join(map(str, row))}")

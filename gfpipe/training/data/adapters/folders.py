"""A folder per class, as most tools that sort pictures leave them."""

from dataclasses import replace
from pathlib import Path

from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import words
from gfpipe.training.data.records import Found, LabelledImage, images_below, images_in


def classes(folder: Path) -> Found:
    """``female`` and ``male`` (or f, m, women, men, woman, man), in the folder or in its train, validation and test.

    Where there is no folder for validation, training faces are told no part, so that some can be drawn for it.

    Raises:
        UsageError: there is no such folder.
    """
    found = Found()
    for place, part in _parts(folder, found):
        _read_classes(place, part, found)
    if not any(image.part == "validation" for image in found.images):
        found.images[:] = [replace(image, part=None) if image.part == "train" else image for image in found.images]
    return found


def kaggle(folder: Path) -> Found:
    """Kaggle's ``cashutosh/gender-classification-dataset``: 47,009 faces in Training, 11,649 in Validation.

    What it calls Validation is what others measure on, so it is the test part; validation is drawn from Training.

    Raises:
        UsageError: neither folder is there.
    """
    places = {place.name.casefold(): place for place in _subfolders(folder)}
    if not places.keys() & {"training", "validation"}:
        raise UsageError(f"{folder} has neither Training nor Validation; for other layouts write NAME:folders={folder}")
    found = Found()
    for name, part in (("training", None), ("validation", "test")):
        if name in places:
            _read_classes(places[name], part, found)
    return found


def _parts(folder: Path, found: Found) -> list[tuple[Path, str | None]]:
    """The folder itself, and what in it is named after a part; what is neither part nor class is noted."""
    parts: list[tuple[Path, str | None]] = [(folder, None)]
    for place in _subfolders(folder):
        try:
            part = words.part(place.name)
        except ValueError:
            part = None
        if part:
            parts.append((place, part))
        elif not words.perceived_gender(place.name) and images_below(place):
            found.skip(place.name, "the folder is named neither after a class (female, male) nor a part (train, test)")
    return parts


def _read_classes(folder: Path, part: str | None, found: Found) -> None:
    for path in images_in(folder):
        found.skip(path.name, f"lies in {folder.name}, but in no folder of a class")
    for place in _subfolders(folder):
        if gender := words.perceived_gender(place.name):
            found.images.extend(LabelledImage(path, gender, part=part) for path in images_below(place))


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: give the one that holds a folder per class")
    return sorted(path for path in folder.iterdir() if path.is_dir())

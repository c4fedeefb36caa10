"""Data sets with a folder per class."""

from dataclasses import replace
from pathlib import Path

from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import words
from gfpipe.training.data.records import AdapterResult, LabelledImage, images_below, images_in


def classes(folder: Path) -> AdapterResult:
    """Read ``female`` and ``male`` (or f, m, women, men, woman, man), also within train, validation and test.

    Without a validation folder, training faces get no split, so that validation can be drawn from them.

    Raises:
        UsageError: the folder does not exist.
    """
    result = AdapterResult()
    for path, part in _parts(folder, result):
        _read_classes(path, part, result)
    if not any(image.part == "validation" for image in result.images):
        result.images[:] = [replace(image, part=None) if image.part == "train" else image for image in result.images]
    return result


def kaggle(folder: Path) -> AdapterResult:
    """Read Kaggle's ``cashutosh/gender-classification-dataset``: 47,009 faces in Training, 11,649 in Validation.

    Its Validation, on which others test, is the test split; validation is drawn from Training.

    Raises:
        UsageError: neither folder exists.
    """
    folders = {path.name.casefold(): path for path in _subfolders(folder)}
    if not folders.keys() & {"training", "validation"}:
        raise UsageError(f"{folder} has neither Training nor Validation; for other layouts write NAME:folders={folder}")
    result = AdapterResult()
    for name, part in (("training", None), ("validation", "test")):
        if name in folders:
            _read_classes(folders[name], part, result)
    return result


def _parts(folder: Path, result: AdapterResult) -> list[tuple[Path, str | None]]:
    """The folder itself and those named like a split; folders of another name are skipped."""
    parts: list[tuple[Path, str | None]] = [(folder, None)]
    for path in _subfolders(folder):
        try:
            part = words.part(path.name)
        except ValueError:
            part = None
        if part:
            parts.append((path, part))
        elif not words.perceived_gender(path.name) and images_below(path):
            result.skip(path.name, "the folder is named neither like a class (female, male) nor a split (train, test)")
    return parts


def _read_classes(folder: Path, part: str | None, result: AdapterResult) -> None:
    for path in images_in(folder):
        result.skip(path.name, f"is in {folder.name}, but not in the folder of a class")
    for subfolder in _subfolders(folder):
        if gender := words.perceived_gender(subfolder.name):
            result.images.extend(LabelledImage(path, gender, part=part) for path in images_below(subfolder))


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: give the one that contains a folder per class")
    return sorted(path for path in folder.iterdir() if path.is_dir())

"""Labelled face images on disk, read by adapters for the common forms of data sets.

Every file or row is either used or reported with a reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import benchmarks, crops, curated, folders, tables
from gfpipe.training.data.records import Adapter, LabelledImage, Skipped

__all__ = ["ADAPTERS", "Dataset", "LabelledImage", "Skipped", "read", "read_to_measure"]

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "utkface": Adapter(
        benchmarks.utkface,
        "FOLDER",
        "names [age]_[gender]_[race]_[date].jpg.chip.jpg",
        "non-commercial research only (UTKFace)",
    ),
    "fairface": Adapter(
        benchmarks.fairface,
        "FOLDER",
        "fairface_label_train.csv and fairface_label_val.csv, or one of them",
        "CC-BY-4.0 (FairFace)",
    ),
    "aaf": Adapter(benchmarks.all_age_faces, "FOLDER", "All-Age-Faces: names such as 00000A02.jpg, image sets"),
    "kaggle": Adapter(folders.kaggle, "FOLDER", "Kaggle's Gender Classification: Training/female … Validation/male"),
    "adience": Adapter(benchmarks.adience, "FOLDER", "fold_0_data.txt … fold_4_data.txt, faces or aligned"),
    "lfw": Adapter(benchmarks.lfw, "FOLDER", "female_names.txt and male_names.txt beside LFW's folders"),
    "folders": Adapter(folders.classes, "FOLDER", "a folder per class: female, male; also in train, validation, test"),
    "csv": Adapter(tables.read, "FILE", "columns file, perceived_gender; may have age, ethnicity, part"),
    "parquet": Adapter(tables.read, "FILE", "the same columns in Parquet"),
    "curated": Adapter(curated.read, "FOLDER", "a set of gfpipe curate, labelled by a model: for training only"),
    "lake": Adapter(crops.read, "LAKE", "crops stored in a lake, with labels of annotators", broadcast=True),
}
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class Dataset:
    """The images of a data set; `broadcast` and `about` as in :class:`gfpipe.training.data.records.AdapterResult`."""

    name: str
    adapter: str
    images: tuple[LabelledImage, ...]
    skipped: tuple[Skipped, ...]
    licence: str = "not stated"
    broadcast: bool = False
    about: str = ""

    @property
    def pseudo(self) -> bool:
        """Whether labels are a model's predictions, on which models must not be evaluated."""
        return any(image.pseudo for image in self.images)


def read(name: str) -> Dataset:
    """List the images of ``NAME=PATH`` or ``NAME:ADAPTER=PATH`` without opening them.

    Raises:
        UsageError: the argument is malformed, the adapter unknown, the path or a column missing, or no image usable.
    """
    left, _, path = name.partition("=")
    label, colon, form = left.partition(":")
    form = form if colon else label
    if not label or not path:
        raise UsageError(f"{name!r} is not a data set: write {_forms()}")
    if not _NAME.fullmatch(label):
        raise UsageError(
            f"{label!r} is not a valid name for a data set: use letters, digits, '.', '-' and '_', a letter first"
        )
    if form not in ADAPTERS:
        raise UsageError(f"{name!r}: {form!r} is not a form of data set: write {_forms()}")
    adapter = ADAPTERS[form]
    result = adapter.read(Path(path).expanduser())
    if not result.images:
        count = len(result.skipped)
        first = [f"; the first of {count}: {skipped.name}: {skipped.reason}" for skipped in result.skipped[:1]]
        raise UsageError(f"{path}: no labelled image found{''.join(first)}")
    return Dataset(
        name=label,
        adapter=form,
        images=tuple(result.images),
        skipped=tuple(result.skipped),
        licence=result.licence or adapter.licence,
        broadcast=adapter.broadcast or result.broadcast,
        about=result.about,
    )


def read_to_measure(name: str) -> Dataset:
    """List the images of a data set for evaluation.

    Raises:
        UsageError: as :func:`read`, or its labels are a model's.
    """
    dataset = read(name)
    if dataset.pseudo:
        raise UsageError(
            f"{dataset.name} is a curated set: its labels are a model's predictions, which measure only the "
            "agreement of two models; evaluate on faces labelled by people"
        )
    return dataset


def _forms() -> str:
    known = "\n".join(f"  {form}={adapter.takes}: {adapter.form}" for form, adapter in ADAPTERS.items())
    return f"NAME:ADAPTER=PATH, or ADAPTER=PATH, where ADAPTER is one of\n{known}"

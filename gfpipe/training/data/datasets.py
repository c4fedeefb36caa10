"""Labelled face images on disk, whatever their form: what a classifier of perceived gender learns from.

Labels come from the data set; whether people were asked or looked at is for its documentation to say. Nothing is
dropped in silence: a file or row is either used, or named with the reason.
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
    "curated": Adapter(curated.read, "FOLDER", "a set of gfpipe curate, labelled by a model: only to learn from"),
    "lake": Adapter(crops.read, "LAKE", "the crops that a lake kept, with people's answers about them", broadcast=True),
}
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class Dataset:
    """What was found.

    Attributes:
        name: how mixtures, tables and cards call it.
        adapter: which form it has, one of :data:`ADAPTERS`.
        skipped: files and rows that could not be understood.
        licence: what its publishers allow, as far as known.
        broadcast: faces from an archive of ours, of which nobody's ethnicity is ever asked.
        about: where the labels come from, in a sentence; empty where people gave them.
    """

    name: str
    adapter: str
    images: tuple[LabelledImage, ...]
    skipped: tuple[Skipped, ...]
    licence: str = "not stated"
    broadcast: bool = False
    about: str = ""

    @property
    def pseudo(self) -> bool:
        """Whether labels are a model's own answers, on which nothing may be measured."""
        return any(image.pseudo for image in self.images)


def read(name: str) -> Dataset:
    """List the images of ``NAME=PATH`` or ``NAME:ADAPTER=PATH``; none is opened.

    Raises:
        UsageError: another form, an unknown adapter, nothing there, columns missing, or not one usable image.
    """
    left, _, place = name.partition("=")
    called, colon, form = left.partition(":")
    form = form if colon else called
    if not called or not place:
        raise UsageError(f"{name!r} is no data set: write {_forms()}")
    if not _NAME.fullmatch(called):
        raise UsageError(f"{called!r} is no name for a data set: use letters, digits, '.', '-' and '_', a letter first")
    if form not in ADAPTERS:
        raise UsageError(f"{name!r}: {form!r} is no form of data set: write {_forms()}")
    adapter = ADAPTERS[form]
    found = adapter.read(Path(place).expanduser())
    if not found.images:
        first = f"; the first of {len(found.skipped)}: " if found.skipped else ""
        first += f"{found.skipped[0].name}: {found.skipped[0].reason}" if found.skipped else ""
        raise UsageError(f"{place}: no labelled image found{first}")
    return Dataset(
        name=called,
        adapter=form,
        images=tuple(found.images),
        skipped=tuple(found.skipped),
        licence=found.licence or adapter.licence,
        broadcast=adapter.broadcast or found.broadcast,
        about=found.about,
    )


def read_to_measure(name: str) -> Dataset:
    """List the images of a data set on which models may be measured.

    Raises:
        UsageError: as :func:`read`; or its labels are a model's.
    """
    dataset = read(name)
    if dataset.pseudo:
        raise UsageError(
            f"{dataset.name} is a curated set: its labels are a model's own answers, on which any accuracy would only "
            "say how alike two models are; measure on faces that people labelled"
        )
    return dataset


def _forms() -> str:
    known = "\n".join(f"  {form}={adapter.takes}: {adapter.says}" for form, adapter in ADAPTERS.items())
    return f"NAME:ADAPTER=PATH, or ADAPTER=PATH, where ADAPTER is one of\n{known}"

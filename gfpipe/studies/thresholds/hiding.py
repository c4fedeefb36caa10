"""Splits of labelled data for a study of pseudo-labels: one group of faces replaces an archive without labels.

distinct faces -> the group, whose labels no training reads -> archive | choosing | reporting
               -> all others, labelled -> train | validation | test

The group is split by hash, stratified as in training. Where a data set names its test faces, the archive consists of
the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.base import files
from gfpipe.errors import UsageError
from gfpipe.training.data import lessons, splits
from gfpipe.training.data.adapters.tables import LICENCE
from gfpipe.training.data.datasets import Dataset, LabelledImage
from gfpipe.training.data.splits import Faces
from gfpipe.training.tables import Split

ATTRIBUTES: Final = ("ethnicity", "age", "dataset")
ARCHIVE, CHOOSING, REPORTING = "archive", "choosing", "reporting"
_ROLES: Final = {"train": ARCHIVE, "validation": CHOOSING, "test": REPORTING}


@dataclass(frozen=True)
class Group:
    """Faces whose labels are hidden, by the value of one of :data:`ATTRIBUTES`."""

    attribute: str
    value: str

    def __post_init__(self) -> None:
        if self.attribute not in ATTRIBUTES:
            raise UsageError(f"{self.attribute!r} does not define a group: choose one of {', '.join(ATTRIBUTES)}")

    def __str__(self) -> str:
        return f"{self.attribute} {self.value}"

    @classmethod
    def parse(cls, text: str) -> "Group":
        """Parse ``ethnicity=asian``; raises UsageError for another form."""
        attribute, equals, value = (word.strip() for word in text.partition("="))
        if not equals or not value:
            raise UsageError(f"{text!r} is not a group: write ATTRIBUTE=VALUE, such as ethnicity=asian")
        return cls(attribute, value)

    def members(self, faces: Faces) -> NDArray[np.bool_]:
        """(N,) mask of the faces in the group; raises UsageError if there are none."""
        columns = {"ethnicity": faces.ethnicity, "age": faces.age_band, "dataset": faces.dataset}
        values = columns[self.attribute]
        if not (mask := np.asarray(values == self.value)).any():
            known = ", ".join(sorted({str(value) for value in values} - {""})) or "none"
            raise UsageError(f"no face has {self.attribute} {self.value}; the data sets have {known}")
        return mask


def labelled_parts(faces: Faces, split: Split, hidden: NDArray[np.bool_]) -> NDArray[np.str_]:
    """(N,) train, validation or test, as in a training on all faces; empty where hidden."""
    return np.where(hidden, "", splits.parts(faces, split.validation, split.test))


def roles(faces: Faces, held_out: float, reported: float) -> NDArray[np.str_]:
    """(N,) archive, choosing or reporting.

    Args:
        faces: N faces of the hidden group.
        held_out: share outside the archive; replaced by the test faces that the data set names, if any.
        reported: share of the held-out faces to report on; settings are chosen on the others.
    """
    named = np.array([image.part == "test" for image in faces.images], np.bool_)
    if named.any():
        result = np.full(len(faces.images), ARCHIVE, "<U10")
        result[named] = halves(lessons.subset(faces, np.flatnonzero(named)), reported)
        return result
    drawn = splits.parts(_without_parts(faces), held_out * (1 - reported), held_out * reported)
    return np.array([_ROLES[part] for part in drawn.tolist()], np.str_)


def halves(faces: Faces, reported: float) -> NDArray[np.str_]:
    """(N,) choosing or reporting, of held-out faces."""
    drawn = splits.parts(_without_parts(faces), 0.0, reported)
    return np.where(drawn == "test", REPORTING, CHOOSING)


def write(path: Path, images: Iterable[LabelledImage], parts: Iterable[str | None], licence: str) -> Path:
    """Write a table of pictures and their splits in the data-set form ``parquet``; raises UsageError."""
    rows = [
        {
            "path": str(image.path.absolute()),
            "row": image.row,
            "perceived_gender": image.perceived_gender,
            "age": image.age_years,
            "ethnicity": image.ethnicity,
            "part": part,
        }
        for image, part in zip(images, parts, strict=True)
    ]
    kinds = {"path": pa.string(), "row": pa.int64(), "perceived_gender": pa.string(), "age": pa.float64()}
    schema = pa.schema({**kinds, "ethnicity": pa.string(), "part": pa.string()})
    table = pa.Table.from_pylist(rows, schema.with_metadata({LICENCE: licence.encode()}))
    try:
        with files.replacing(path) as temporary:
            pq.write_table(table, temporary)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}; choose another --out") from exc
    return path


def licence(datasets: Iterable[Dataset]) -> str:
    """Licences of all the data sets."""
    return "; ".join(f"{data.name}: {data.licence}" for data in datasets)


def _without_parts(faces: Faces) -> Faces:
    return Faces(tuple(replace(image, part=None) for image in faces.images), faces.digests, faces.dataset)

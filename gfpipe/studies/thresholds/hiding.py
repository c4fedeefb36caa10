"""A labelled data set parted for a study of pseudo-labels: one group of its faces plays an archive without labels.

distinct faces -> the group, of which nobody's label is learned -> archive | choosing | reporting
               -> all others, labelled -> train | validation | test

The group's faces are parted by hash, stratified as training parts them. A data set that names test faces itself is
obeyed: the archive is made of the others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

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
    """Whose labels are hidden.

    Attributes:
        attribute: one of :data:`ATTRIBUTES`.
        value: such as ``asian``.
    """

    attribute: str
    value: str

    def __post_init__(self) -> None:
        if self.attribute not in ATTRIBUTES:
            raise UsageError(f"no group is made by {self.attribute!r}: write one of {', '.join(ATTRIBUTES)}")

    def __str__(self) -> str:
        return f"{self.attribute} {self.value}"

    @classmethod
    def parse(cls, text: str) -> "Group":
        """Read ``ethnicity=asian``.

        Raises:
            UsageError: another form.
        """
        attribute, equals, value = (word.strip() for word in text.partition("="))
        if not equals or not value:
            raise UsageError(f"{text!r} names no group: write such as ethnicity=asian")
        return cls(attribute, value)

    def members(self, faces: Faces) -> NDArray[np.bool_]:
        """(N,) which faces are of the group.

        Raises:
            UsageError: none is.
        """
        columns = {"ethnicity": faces.ethnicity, "age": faces.age_band, "dataset": faces.dataset}
        known = columns[self.attribute]
        if not (mask := np.asarray(known == self.value)).any():
            words = ", ".join(sorted({str(each) for each in known} - {""})) or "nothing"
            raise UsageError(f"no face has {self.attribute} {self.value}; the data sets know {words}")
        return mask


def labelled_parts(faces: Faces, split: Split, hidden: NDArray[np.bool_]) -> NDArray[np.str_]:
    """(N,) train, validation or test, of all faces together, as a training on them parts them; empty where hidden."""
    return np.where(hidden, "", splits.parts(faces, split.validation, split.test))


def roles(faces: Faces, held_out: float, reported: float) -> NDArray[np.str_]:
    """(N,) archive, choosing or reporting, of faces whose labels are hidden.

    Args:
        faces: N of them.
        held_out: the share that is no archive; where the data set names its test faces, these are.
        reported: the share of those held out that is reported on; the others are chosen on.
    """
    named = np.array([image.part == "test" for image in faces.images], np.bool_)
    result = np.full(len(faces.images), ARCHIVE, "<U10")
    if named.any():
        some = _without_parts(lessons.subset(faces, np.flatnonzero(named)))
        result[named] = np.where(splits.parts(some, 0.0, reported) == "test", REPORTING, CHOOSING)
        return result
    drawn = splits.parts(_without_parts(faces), held_out * (1 - reported), held_out * reported)
    return np.array([_ROLES[part] for part in drawn.tolist()], np.str_)


def halves(faces: Faces, reported: float) -> NDArray[np.str_]:
    """(N,) choosing or reporting, of faces all of which are held out."""
    drawn = splits.parts(_without_parts(faces), 0.0, reported)
    return np.where(drawn == "test", REPORTING, CHOOSING)


def write(path: Path, images: Iterable[LabelledImage], parts: Iterable[str | None], said: Mapping[str, str]) -> Path:
    """Write a table of pictures that the form ``parquet`` reads, in one step.

    Args:
        path: of the table; its folder is made.
        images: files of their own, or rows of shards.
        parts: of each, or None.
        said: ``licence``, for the cards of models.

    Raises:
        UsageError: it cannot be written.
    """
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
    table = pa.Table.from_pylist(rows, schema.with_metadata({LICENCE: said["licence"].encode()}))
    pending = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, pending)
        pending.replace(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be written: {exc.strerror or exc}; choose another --out") from exc
    finally:
        pending.unlink(missing_ok=True)
    return path


def licence(datasets: Iterable[Dataset]) -> str:
    """What the publishers of all the data sets allow."""
    return "; ".join(f"{each.name}: {each.licence}" for each in datasets)


def _without_parts(faces: Faces) -> Faces:
    return Faces(tuple(replace(image, part=None) for image in faces.images), faces.digests, faces.dataset)

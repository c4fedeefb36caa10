"""Records of data sets: pictures of one face each, with labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gfpipe.attributes.spec import FEMALE
from gfpipe.evaluation.answers import Labels

_IMAGES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """A picture of one face and its labels; unknown ones are None.

    Attributes:
        path: of the picture or of its Parquet shard.
        perceived_gender: ``female`` or ``male``.
        age_years: the middle of the band if only a band is known.
        ethnicity: the data set's word, in lower case; never on broadcast faces.
        part: ``train``, ``validation`` or ``test``, if the data set defines the splits.
        row: the row in a Parquet shard whose column ``jpeg`` holds the picture.
        pseudo: whether the label is a model's prediction, for training only.
        p_female: a soft label, from 0 to 1, that replaces the label in training; None for a hard one.
    """

    path: Path
    perceived_gender: str
    age_years: float | None = None
    ethnicity: str | None = None
    part: str | None = None
    row: int | None = None
    pseudo: bool = False
    p_female: float | None = None

    def read(self) -> bytes:
        """Read the encoded picture.

        Raises:
            OSError: it is missing or cannot be read.
        """
        return self.path.read_bytes() if self.row is None else _cell(self.path, self.row)

    def __str__(self) -> str:
        return str(self.path) if self.row is None else f"{self.path}, row {self.row}"


def labels(images: Sequence[LabelledImage]) -> Labels:
    """The labels of pictures, as arrays for an evaluation."""
    return Labels(
        names=np.array([str(image) for image in images], np.str_),
        female=np.array([image.perceived_gender == FEMALE for image in images], np.bool_),
        age_years=np.array([np.nan if image.age_years is None else image.age_years for image in images], np.float64),
        ethnicity=np.array([image.ethnicity or "" for image in images], np.str_),
    )


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture or row that could not be used, with the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class AdapterResult:
    """The result of an adapter.

    Attributes:
        licence: as stated in the data itself; empty for the adapter's default.
        about: origin of the labels, in a sentence for model cards; empty for people's labels.
        broadcast: whether some faces are from broadcasts.
    """

    images: list[LabelledImage] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    licence: str = ""
    about: str = ""
    broadcast: bool = False

    def skip(self, name: str, reason: str) -> None:
        """Record an unusable picture or row."""
        self.skipped.append(Skipped(name, reason))


@dataclass(frozen=True)
class Adapter:
    """A reader of one layout of data sets.

    Attributes:
        read: lists the images of a folder or file without opening them.
        takes: placeholder of its argument: ``FOLDER``, ``FILE`` or ``LAKE``.
        form: the layout in a few words.
        broadcast: whether the faces are from broadcasts, whose ethnicity is never used.
    """

    read: Callable[[Path], AdapterResult]
    takes: str
    form: str
    licence: str = "not stated"
    broadcast: bool = False


def images_below(folder: Path) -> list[Path]:
    """All pictures below a folder, sorted by path, without hidden files."""
    return sorted(path for path in folder.rglob("*") if _is_image(path))


def images_in(folder: Path) -> list[Path]:
    """All pictures directly in a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if _is_image(path))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGES and not path.name.startswith(".")


def _cell(path: Path, row: int) -> bytes:
    """One picture of a shard; the last row groups are cached, as neighbouring rows are read next."""
    changed = path.stat().st_mtime_ns
    try:
        ends = _row_group_ends(path, changed)
        group = int(np.searchsorted(ends, row, side="right"))
        start = int(ends[group - 1]) if group else 0
        picture = _pictures(path, group, changed)[row - start].as_py()
    except (pa.ArrowException, IndexError) as exc:
        raise OSError(f"{path}: row {row} cannot be read: {exc}") from exc
    if picture is None:
        raise OSError(f"{path}: row {row} has no picture")
    return bytes(picture)


@lru_cache(maxsize=256)
def _row_group_ends(path: Path, _changed: int) -> NDArray[np.int64]:
    metadata = pq.read_metadata(path)
    return np.cumsum([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)], dtype=np.int64)


@lru_cache(maxsize=2)
def _pictures(path: Path, group: int, _changed: int) -> Any:
    return pq.ParquetFile(path).read_row_group(group, columns=["jpeg"])["jpeg"]

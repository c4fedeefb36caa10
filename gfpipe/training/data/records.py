"""What every data set comes down to: pictures of one face each, with what people said of them."""

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
    """A picture of one face and its labels; what nobody said is None.

    Attributes:
        path: where it is.
        perceived_gender: ``female`` or ``male``.
        age_years: the middle of the band where only a band is known.
        ethnicity: a word of the data set's own, in lower case; never on broadcast faces.
        part: ``train``, ``validation`` or ``test``, where the data set says so itself.
        row: the row of a Parquet shard whose column ``jpeg`` holds the picture.
        pseudo: the label is a model's answer, not a person's: to learn from, never to be measured on.
        p_female: a soft label, from 0 to 1, which is learned in the label's place; None for a plain one.
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
            OSError: it is not there any more, or never was.
        """
        return self.path.read_bytes() if self.row is None else _cell(self.path, self.row)

    def __str__(self) -> str:
        return str(self.path) if self.row is None else f"{self.path}, row {self.row}"


def labels(images: Sequence[LabelledImage]) -> Labels:
    """What people said of pictures, as an evaluation takes it."""
    return Labels(
        names=np.array([str(image) for image in images], np.str_),
        female=np.array([image.perceived_gender == FEMALE for image in images], np.bool_),
        age_years=np.array([np.nan if image.age_years is None else image.age_years for image in images], np.float64),
        ethnicity=np.array([image.ethnicity or "" for image in images], np.str_),
    )


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture or row that could not be used, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What an adapter gathers as it reads.

    Attributes:
        licence: what the data's own file says is allowed; empty where it says nothing, and the form's word counts.
        about: where the labels come from, in a sentence for cards of models; empty where people are meant.
        broadcast: faces from an archive of ours are among them, whatever the form.
    """

    images: list[LabelledImage] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    licence: str = ""
    about: str = ""
    broadcast: bool = False

    def skip(self, name: str, reason: str) -> None:
        """Note what cannot be used."""
        self.skipped.append(Skipped(name, reason))


@dataclass(frozen=True)
class Adapter:
    """One form of data set.

    Attributes:
        read: lists the images of a folder or file without opening one.
        takes: what to write behind ``=``.
        says: the form in a few words.
        licence: what its publishers allow, with whom they are.
        broadcast: faces from an archive of ours, of which nobody's ethnicity is ever asked.
    """

    read: Callable[[Path], Found]
    takes: str
    says: str
    licence: str = "not stated"
    broadcast: bool = False


def images_below(folder: Path) -> list[Path]:
    """Every picture in a folder and the folders in it, by name; hidden files are none."""
    return sorted(path for path in folder.rglob("*") if _is_image(path))


def images_in(folder: Path) -> list[Path]:
    """Every picture in a folder itself, by name."""
    return sorted(path for path in folder.iterdir() if _is_image(path))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGES and not path.name.startswith(".")


def _cell(path: Path, row: int) -> bytes:
    """One picture of a shard; row groups that were just read are kept, as neighbours are asked for next."""
    changed = path.stat().st_mtime_ns
    try:
        ends = _row_group_ends(path, changed)
        group = int(np.searchsorted(ends, row, side="right"))
        start = int(ends[group - 1]) if group else 0
        picture = _pictures(path, group, changed)[row - start].as_py()
    except (pa.ArrowException, IndexError) as exc:
        raise OSError(f"{path}: row {row} cannot be read: {exc}") from exc
    if picture is None:
        raise OSError(f"{path}: row {row} holds no picture")
    return bytes(picture)


@lru_cache(maxsize=256)
def _row_group_ends(path: Path, _changed: int) -> NDArray[np.int64]:
    metadata = pq.read_metadata(path)
    return np.cumsum([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)], dtype=np.int64)


@lru_cache(maxsize=2)
def _pictures(path: Path, group: int, _changed: int) -> Any:
    return pq.ParquetFile(path).read_row_group(group, columns=["jpeg"])["jpeg"]

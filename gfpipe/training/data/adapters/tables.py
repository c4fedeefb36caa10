"""Tables of image paths and labels: CSV, XLSX or Parquet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.tables import columnar, sheet
from gfpipe.tables.sheet import Refused
from gfpipe.training.data.adapters import words
from gfpipe.training.data.records import AdapterResult, LabelledImage

_FILE: Final = ("file", "path")
_GENDER: Final = ("perceived_gender", "gender")
_AGE: Final = ("age", "age_years")
_ETHNICITY: Final = ("ethnicity", "race")
_PART: Final = ("part", "split")
_ROW: Final = ("row",)
_KNOWN: Final = frozenset((*_FILE, *_GENDER, *_AGE, *_ETHNICITY, *_PART, *_ROW))

LICENCE: Final = b"gfpipe.licence"  # the key of a Parquet file's metadata

Row = Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """An open table.

    Attributes:
        columns: names in lower case, with underscores (:func:`gfpipe.tables.sheet.key`).
        rows: where each row stands, and its cells by column; empty strings for missing values.
        refused: rows that do not fit the columns.
        licence: ``gfpipe.licence`` in the metadata of a Parquet file; empty if not stated.
    """

    file: Path
    columns: tuple[str, ...]
    rows: Iterable[tuple[str, Row]]
    refused: tuple[Refused, ...] = ()
    licence: str = ""

    def column(self, *names: str) -> str:
        """Return the first of these names that is a column; raises UsageError if none is."""
        if not (column := self.optional(*names)):
            raise UsageError(f"{self.file} has no column {' or '.join(names)}; it has {', '.join(self.columns)}")
        return column

    def optional(self, *names: str) -> str | None:
        """Return the first of these names that is a column, or None."""
        return next((name for name in names if name in self.columns), None)


def read(file: Path) -> AdapterResult:
    """Read columns ``file`` or ``path`` (relative to the table) and ``perceived_gender`` or ``gender``.

    Optional: ``age`` (a number or a band), ``ethnicity`` or ``race``, ``part`` or ``split``, and ``row``, the row of a
    Parquet shard whose column ``jpeg`` contains the image; where it is empty, the file is the image.

    Raises:
        UsageError: the table cannot be read, has no rows, or lacks a column.
    """
    return labelled(file, file.parent)


def labelled(file: Path, base: Path, part: Callable[[str], str | None] | None = None) -> AdapterResult:
    """Read as :func:`read`, with paths relative to ``base``; ``part`` maps an image's path to its split."""
    with opened(file) as table:
        result = AdapterResult(licence=table.licence)
        path, label = table.column(*_FILE), table.column(*_GENDER)
        age, ethnicity, split = table.optional(*_AGE), table.optional(*_ETHNICITY), table.optional(*_PART)
        shard_row = table.optional(*_ROW)
        for refused in table.refused:
            result.skip(refused.place, refused.problem)
        for place, row in table.rows:
            name, gender = row[path], words.perceived_gender(row[label])
            if not name:
                result.skip(place, f"no {path}")
                continue
            if gender is None:
                result.skip(name, f"{label} is {row[label]!r}, not female or male")
                continue
            try:
                image = LabelledImage(
                    base / name,
                    gender,
                    age_years=words.age(row[age]) if age else None,
                    ethnicity=words.ethnicity(row[ethnicity]) if ethnicity else None,
                    part=part(name) if part else words.part(row[split]) if split else None,
                    row=int(row[shard_row]) if shard_row and row[shard_row] else None,
                )
            except ValueError as exc:
                result.skip(name, str(exc))
            else:
                result.images.append(image)
    return result


@contextmanager
def opened(file: Path) -> Iterator[Table]:
    """Open a table: CSV or XLSX (:mod:`gfpipe.tables.sheet`), or Parquet, which is read row by row.

    Raises:
        UsageError: it cannot be read, or has no rows.
    """
    if _is_parquet(file):
        with columnar.opened(file, _KNOWN) as parquet:
            if not parquet.count:
                raise UsageError(f"{file} has no rows")
            licence = parquet.metadata.get(LICENCE, b"").decode()
            yield Table(file, tuple(parquet.headings), _places(parquet.rows), licence=licence)
        return
    text = sheet.read(file)
    if not text.rows and not text.refused:
        raise UsageError(f"{file} has no rows")
    yield Table(file, tuple(text.headings), _places(text.rows), text.refused)


def _places(rows: Iterable[sheet.Row]) -> Iterator[tuple[str, Row]]:
    return ((row.place, row.cells) for row in rows)


def _is_parquet(file: Path) -> bool:
    with sheet.unreadable(file), file.open("rb") as opened_file:
        return opened_file.read(4) == b"PAR1" or file.suffix.lower() in (".parquet", ".pq")

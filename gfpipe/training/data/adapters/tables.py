"""Tables of paths and labels, in CSV or Parquet."""

import csv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe.errors import UsageError
from gfpipe.training.data.adapters import words
from gfpipe.training.data.records import Found, LabelledImage

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
    """A table that is being read.

    Attributes:
        columns: their names, in lower case.
        rows: the number of each row, as an editor counts lines, and its cells by column; empty where nothing stands.
        licence: what a Parquet file says of it under ``gfpipe.licence``; empty where it says nothing.
    """

    file: Path
    columns: tuple[str, ...]
    rows: Iterator[tuple[int, Row]]
    licence: str = ""

    def column(self, *names: str) -> str:
        """The first of the columns that is there.

        Raises:
            UsageError: none is.
        """
        if not (there := self.optional(*names)):
            raise UsageError(f"{self.file} has no column {' or '.join(names)}; it has {', '.join(self.columns)}")
        return there

    def optional(self, *names: str) -> str | None:
        """The first of the columns that is there, or None."""
        return next((name for name in names if name in self.columns), None)


def read(file: Path) -> Found:
    """Columns ``file`` or ``path`` (from where the table is) and ``perceived_gender`` or ``gender``; others as known.

    ``age`` may be a number or a band; ``ethnicity`` may be called ``race``, and ``part`` ``split``. ``row`` is the row
    of a Parquet shard whose column ``jpeg`` holds the picture; where it is empty, the file is the picture.

    Raises:
        UsageError: the table cannot be read, has no rows, or lacks a column.
    """
    return labelled(file, file.parent)


def labelled(file: Path, base: Path, part: Callable[[str], str | None] | None = None) -> Found:
    """As :func:`read`, with paths from ``base``; ``part`` says from a picture's path where it belongs.

    Raises:
        UsageError: the table cannot be read, has no rows, or lacks a column.
    """
    with opened(file) as table:
        found = Found(licence=table.licence)
        place, label = table.column(*_FILE), table.column(*_GENDER)
        age, ethnicity, split = table.optional(*_AGE), table.optional(*_ETHNICITY), table.optional(*_PART)
        shard_row = table.optional(*_ROW)
        for number, row in table.rows:
            name, gender = row[place], words.perceived_gender(row[label])
            if not name:
                found.skip(f"{file.name}, row {number}", f"no {place}")
                continue
            if gender is None:
                found.skip(name, f"{label} is {row[label]!r}, not female or male")
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
                found.skip(name, str(exc))
            else:
                found.images.append(image)
    return found


@contextmanager
def opened(file: Path) -> Iterator[Table]:
    """A CSV (with commas, semicolons or tabs) or Parquet table, read row by row.

    Raises:
        UsageError: it cannot be read, or has no rows.
    """
    if _is_parquet(file):
        with _parquet(file) as table:
            yield table
        return
    with _cannot_be_read(file, "a CSV table"), file.open(newline="", encoding="utf-8-sig") as text:
        header = text.readline()
        delimiter = max(",;\t", key=header.count)  # spreadsheets of some countries write semicolons
        columns = tuple(name.strip().casefold() for name in next(csv.reader([header], delimiter=delimiter), []))
        first = text.tell()
        if not text.readline():
            raise UsageError(f"{file} has no rows")
        text.seek(first)
        yield Table(file, columns, _csv_rows(text, columns, delimiter))


def _is_parquet(file: Path) -> bool:
    with _cannot_be_read(file, "a table"), file.open("rb") as opened_file:
        return opened_file.read(4) == b"PAR1" or file.suffix.lower() in (".parquet", ".pq")


def _csv_rows(text: Iterator[str], columns: tuple[str, ...], delimiter: str) -> Iterator[tuple[int, Row]]:
    reader = csv.DictReader(text, columns, delimiter=delimiter, restval="")
    for row in reader:
        yield reader.line_num + 1, {name: (row[name] or "").strip() for name in columns}


@contextmanager
def _parquet(file: Path) -> Iterator[Table]:
    with _cannot_be_read(file, "a Parquet table"), pq.ParquetFile(file) as opened_file:
        spelt = {name.strip().casefold(): name for name in opened_file.schema_arrow.names}
        if not opened_file.metadata.num_rows:
            raise UsageError(f"{file} has no rows")
        licence = (opened_file.schema_arrow.metadata or {}).get(LICENCE, b"").decode()
        yield Table(file, tuple(spelt), _parquet_rows(opened_file, spelt), licence)


def _parquet_rows(file: pq.ParquetFile, spelt: Mapping[str, str]) -> Iterator[tuple[int, Row]]:
    wanted = {name: column for name, column in spelt.items() if name in _KNOWN}
    number = 0
    for batch in file.iter_batches(columns=list(wanted.values())):
        for row in batch.to_pylist():
            number += 1
            cells = {name: row[column] for name, column in wanted.items()}
            yield number, {name: "" if cell is None else str(cell).strip() for name, cell in cells.items()}


@contextmanager
def _cannot_be_read(file: Path, form: str) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as exc:
        raise UsageError(f"{file} cannot be read as {form}: {exc}") from exc

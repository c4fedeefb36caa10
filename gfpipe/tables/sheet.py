"""A table read as text, with its rows by line number; what does not fit its columns is refused, never shifted."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gfpipe.errors import UsageError
from gfpipe.tables import delimited, workbook
from gfpipe.tables.formulas import unguarded

_MOST_PROBLEMS: Final = 5  # listed in an error message
_ZIP, _OLE = b"PK\3\4", b"\xd0\xcf\x11\xe0"
_COMPACT: Final = re.compile(r"[\s_-]+")


@dataclass(frozen=True)
class Row:
    """A row: where it stands, and its cells by column (:func:`key`), stripped."""

    number: int
    place: str  # such as "night.csv, line 3"
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def name(self, column: str) -> str:
        """A name, in the normal form NFC, as programs spell accents differently."""
        return unicodedata.normalize("NFC", self[column])


@dataclass(frozen=True)
class Refused:
    """A row that does not fit the columns, with the reason."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True)
class Sheet:
    """A table.

    Attributes:
        headings: the columns as written, by their key.
        decimal_comma: whether numbers may have one, as the separator is no comma.
    """

    path: Path
    headings: Mapping[str, str]
    rows: tuple[Row, ...]
    refused: tuple[Refused, ...] = ()
    decimal_comma: bool = False

    def needs(self, columns: Sequence[str], description: str) -> None:
        """Raise UsageError if a column is missing."""
        if missing := [name for name in columns if name not in self.headings]:
            raise UsageError(
                f"{self.path}: columns missing: {', '.join(missing)}; it has {', '.join(self.headings.values())}; "
                f"{description}"
            )

    def number(self, text: str) -> str:
        """A number with a decimal point, for float()."""
        return text.replace(",", ".") if self.decimal_comma and "." not in text else text


def key(heading: str) -> str:
    """A column's name in lower case, with underscores for spaces and hyphens."""
    return _COMPACT.sub("_", unicodedata.normalize("NFC", heading).strip().casefold())


def read(path: Path) -> Sheet:
    """Read a CSV file (any usual encoding and separator) or the first sheet of an .xlsx workbook.

    Raises:
        UsageError: the file cannot be read, is empty, or has two columns of one name.
    """
    with unreadable(path):
        data = path.read_bytes()
        if data.startswith(_OLE):
            raise ValueError("it is a workbook of the old format; save it as .xlsx or CSV")
        is_workbook = data.startswith(_ZIP)
        separator, records = ("", workbook.read(path)) if is_workbook else delimited.parse(delimited.decode(data))
        if not records:
            raise ValueError("it is empty")
        (_, heading), *body = records
        if isinstance(heading, str):
            raise ValueError(heading)
    columns = headings(path, heading)
    keys = [key(_clean(cell)) for cell in heading]
    while keys and not keys[-1]:
        keys.pop()
    if is_workbook:  # a sheet stores no cells after the last one that was used
        body = [(number, _padded(cells, len(heading))) for number, cells in body if not isinstance(cells, str)]
    width = _width(keys, heading, [cells for _, cells in body if not isinstance(cells, str)])
    unit = "row" if is_workbook else "line"
    rows: list[Row | Refused] = []
    for number, cells in body:
        place = f"{path.name}, {unit} {number}"
        rows.append(Refused(place, cells) if isinstance(cells, str) else _row(number, place, keys, cells, width))
    return Sheet(
        path,
        columns,
        tuple(row for row in rows if isinstance(row, Row)),
        tuple(row for row in rows if isinstance(row, Refused)),
        decimal_comma=separator != ",",
    )


def refusal(
    path: Path, problems: Sequence[object], what: str = "correct it first", most: int = _MOST_PROBLEMS
) -> UsageError:
    """An error that says what to do, lists the first problems of a file, and counts the others."""
    more = [f"… and {len(problems) - most} more"] if len(problems) > most else []
    return UsageError("\n  ".join([f"{path}: {what}:", *map(str, problems[:most]), *more]))


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Turn an error of reading into a UsageError that names the file."""
    try:
        yield
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path}: cannot be read as a table: {exc}") from exc


def headings(path: Path, cells: Sequence[str]) -> dict[str, str]:
    """Headings by key; columns without one are left out.

    Raises:
        UsageError: two have the same key.
    """
    found: dict[str, str] = {}
    for heading in filter(None, map(_clean, cells)):
        if found.setdefault(key(heading), heading) is not heading:
            raise UsageError(f"{path}: two columns are called {heading}; rename or remove one")
    return found


def _row(number: int, place: str, keys: Sequence[str], cells: Sequence[str], width: int) -> Row | Refused:
    """A row of a table with these keys (empty for columns without a heading) and this number of cells a row."""
    if len(cells) != width or any(map(str.strip, cells[len(keys) :])):
        hint = "an empty cell is missing"
        if len(cells) > len(keys):
            is_last_empty = not cells[-1].strip()
            hint = "quote a cell that contains the separator" + is_last_empty * ", or end no row with a separator"
        return Refused(place, f"{len(cells)} cells in {len(keys)} columns; {hint}")
    return Row(number, place, {name: _clean(cell) for name, cell in zip(keys, cells, strict=False) if name})


def _width(keys: Sequence[str], heading: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Cells of a proper row: as many as the heading's, with empty ones at the end or, in every row, without."""
    return len(keys) if {len(cells) for cells in rows} == {len(keys)} else len(heading)


def _clean(cell: str) -> str:
    return unguarded(cell.replace("\u00a0", " ").lstrip()).rstrip()  # the guarded text may be line breaks alone


def _padded(cells: list[str], width: int) -> list[str]:
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells + [""] * (width - len(cells))

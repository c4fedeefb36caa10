"""The first sheet of an Excel workbook (.xlsx, Office Open XML), as text.

Dates and times are numbers there, which :mod:`gfpipe.tables.times` reads. Source: ECMA-376, part 1, section 18.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree as ET

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_LARGEST: Final = 200_000_000  # bytes of XML; a sheet has a million rows at most
_WIDEST: Final = 16_384  # columns of a sheet
_MOST_CELLS: Final = 20_000_000  # read into memory, with empty ones
_REFERENCE: Final = re.compile("[A-Z]{1,3}")
_TWO_DECIMALS: Final = re.compile(r"[01]\.\d\d")


def read(path: Path) -> list[tuple[int, list[str] | str]]:
    """Row numbers and cells of the first sheet, without empty rows.

    Raises:
        ValueError: it is no workbook of this format, or uses the 1904 date system.
        OSError: the file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as book:
            contents = _xml(book, "xl/workbook.xml")
            properties = contents.find(f"{_MAIN}workbookPr")
            if properties is not None and properties.get("date1904") in ("1", "true"):
                raise ValueError("its dates count from 1904; save it as CSV")
            strings = _xml(book, "xl/sharedStrings.xml").iter(f"{_MAIN}si")
            shared = dict(enumerate(map(_text, strings)))
            rows = _xml(book, _first_sheet(book, contents)).iter(f"{_MAIN}row")
            return [(number, cells) for number, cells in _rows(rows, shared) if any(map(str.strip, cells))]
    except (OSError, ValueError):
        raise
    except Exception as exc:  # whatever zipfile, zlib and expat raise for a damaged or encrypted archive
        raise ValueError(f"it is no readable .xlsx workbook; save it as CSV ({exc})") from exc


def _xml(book: zipfile.ZipFile, name: str) -> ET.Element:
    if name == "xl/sharedStrings.xml" and name not in book.namelist():
        return ET.Element("none")
    if book.getinfo(name).file_size > _LARGEST:
        raise ValueError(f"{name} in it is larger than {_LARGEST // 1_000_000} MB; save it as CSV")
    data = book.read(name)
    if b"<!DOCTYPE" in data:
        raise ValueError(f"{name} in it has a document type, which workbooks never have")
    return ET.fromstring(data)  # noqa: S314 - without a document type there are no entities


def _first_sheet(book: zipfile.ZipFile, contents: ET.Element) -> str:
    relation = next(contents.iter(f"{_MAIN}sheet")).attrib[_RELATION]
    links = _xml(book, "xl/_rels/workbook.xml.rels")
    target = next(link.attrib["Target"] for link in links if link.get("Id") == relation)
    return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)


def _rows(rows: Iterator[ET.Element], shared: Mapping[int, str]) -> Iterator[tuple[int, list[str]]]:
    number = total = 0
    for row in rows:
        number = int(row.get("r", number + 1))
        cells: dict[int, str] = {}
        for cell in row.iter(f"{_MAIN}c"):
            column = max(cells, default=-1) + 1 if (reference := cell.get("r")) is None else _column(reference)
            cells[column] = _value(cell, shared)
        width = max(cells, default=-1) + 1
        if (total := total + width) > _MOST_CELLS:
            raise ValueError(f"its first sheet has more than {_MOST_CELLS:,} cells; save it as CSV")
        yield number, [cells.get(column, "") for column in range(width)]


def _column(reference: str) -> int:
    """Column number from 0 of a reference such as AB12."""
    if (match := _REFERENCE.match(reference)) is None:
        raise IndexError(f"cell {reference!r}")
    number = 0
    for letter in match[0]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if number > _WIDEST:
        raise IndexError(f"cell {reference!r}")
    return number - 1


def _value(cell: ET.Element, shared: Mapping[int, str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v", "")
    if kind == "s" and value:
        return shared[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    if kind == "inlineStr":
        return _text(cell)
    return _decimal(value) if kind == "n" else value


def _decimal(number: str) -> str:
    """A number without exponent; a part of a day with three decimals, so that 0.25 is no clock with 25 minutes."""
    if "E" in number.upper():
        number = f"{float(number):.15f}".rstrip("0").rstrip(".")
    return f"{number}0" if _TWO_DECIMALS.fullmatch(number) else number


def _text(item: ET.Element) -> str:
    """The text of a string, whose runs may be formatted one by one; phonetic guides (rPh) are left out."""
    runs = [run for run in item.iter() if run.tag in (f"{_MAIN}si", f"{_MAIN}is", f"{_MAIN}r")]
    return "".join(run.findtext(f"{_MAIN}t", "") for run in runs)

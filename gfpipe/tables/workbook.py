"""The first sheet of an Excel workbook (.xlsx, Office Open XML), as text.

Dates and times are numbers there, which :mod:`gfpipe.tables.times` reads. Source: ECMA-376, part 1, section 18.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final
from xml.etree import ElementTree as ET

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_LARGEST: Final = 200_000_000  # bytes of XML; a sheet has a million rows at most
_WIDEST: Final = 16_384  # columns of a sheet


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
            shared = [_text(item) for item in _xml(book, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]
            rows = _xml(book, _first_sheet(book, contents)).iter(f"{_MAIN}row")
            return [(number, cells) for number, cells in _rows(rows, shared) if any(map(str.strip, cells))]
    except (zipfile.BadZipFile, ET.ParseError, KeyError, IndexError, NotImplementedError, RuntimeError) as exc:
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


def _rows(rows: Iterator[ET.Element], shared: list[str]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    for row in rows:
        number = int(row.get("r", number + 1))
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            column = _column(cell.get("r", "")) or len(cells)
            cells += [""] * (column - len(cells))
            cells.append(_value(cell, shared))
        yield number, cells


def _column(reference: str) -> int:
    """Column number from 0 of a reference such as AB12."""
    number = 0
    for letter in re.sub(r"[^A-Z]", "", reference)[:4]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if number > _WIDEST:
        raise IndexError(f"column {reference}")
    return max(number - 1, 0)


def _value(cell: ET.Element, shared: list[str]) -> str:
    kind, value = cell.get("t", "n"), cell.findtext(f"{_MAIN}v", "")
    if kind == "s" and value:
        return shared[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    return _text(cell) if kind == "inlineStr" else value


def _text(item: ET.Element) -> str:
    """The text of a string, whose runs may be formatted one by one; phonetic guides (rPh) are left out."""
    runs = [run for run in item.iter() if run.tag in (f"{_MAIN}si", f"{_MAIN}is", f"{_MAIN}r")]
    return "".join(run.findtext(f"{_MAIN}t", "") for run in runs)

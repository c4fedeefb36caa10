"""Text of CSV files as programs save them: its encoding, its separator, and its rows by line number."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEPARATORS: Final = ",;\t|"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(.)"?[,;]*\s*', re.IGNORECASE)  # Excel's own first line

Record = tuple[int, list[str] | str]  # line number, and the cells or what is wrong with them


def decode(data: bytes) -> str:
    """Text in UTF-8, UTF-16 or Windows-1252 (which contains Latin-1), with or without a byte order mark.

    Raises:
        ValueError: the bytes are not text in one of these encodings.
    """
    marked = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), None)
    if marked is None and b"\0" in data[:2]:  # the first character of a heading is ASCII
        marked = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    for encoding in (marked,) if marked else ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ValueError("it is not text in UTF-8, UTF-16 or Windows-1252 (Latin-1)")


def parse(text: str) -> tuple[str, list[Record]]:
    """Split text into its separator (comma, semicolon, tab or bar) and its rows, without empty ones.

    A row that is not valid CSV does not affect the next lines.
    """
    lines = list(io.StringIO(text, newline=None))
    start = 0
    if lines and (stated := _SEPARATOR_LINE.fullmatch(lines[0])):
        separator, start = stated[1], 1
    else:
        heading = next((line for line in lines if line.strip()), "")
        separator = max(_SEPARATORS, key=lambda one: len(_cells(heading, one)))
    return separator, list(_records(lines, start, separator))


def _cells(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:
        return []


def _records(lines: list[str], start: int, separator: str) -> Iterator[Record]:
    width = 0  # of the first row
    while start < len(lines):
        reader = csv.reader(islice(lines, start, None), delimiter=separator, skipinitialspace=True, strict=True)
        first = start
        try:
            for cells in reader:
                width = width or (len(cells) if any(map(str.strip, cells)) else 0)
                if _spans_rows(lines[first : start + reader.line_num], len(cells), width, separator):
                    break
                if any(map(str.strip, cells)):
                    yield first + 1, cells
                first = start + reader.line_num
            else:
                return
            problem = f"it extends to line {start + reader.line_num}"
        except csv.Error as exc:
            problem = f"it is not valid CSV ({exc})"
        yield first + 1, f"{problem}; is a quotation mark missing or not doubled?"
        start = first + 1


def _spans_rows(lines: Sequence[str], cells: int, width: int, separator: str) -> bool:
    """Whether a row of several lines may be several rows, joined by a quotation mark that was not closed."""
    return len(lines) > 1 and (cells != width or all(line.count(separator) + 1 == width for line in lines))

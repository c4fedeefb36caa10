"""Tables as programs and people write them: each cell is in its column, or its row is refused."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfpipe.tables import sheet
from tests.parsers.inputs import ENCODINGS

COLUMNS: Final = ("path", "channel", "title", "end")
Cells = Sequence[str]


def cells(alphabet: st.SearchStrategy[str]) -> st.SearchStrategy[list[list[str]]]:
    """Rows whose cells say of which column they are: 0 to 3 at their start, unless they are empty."""
    content = st.text(alphabet, max_size=8)
    row = st.tuples(*(content.map(f"{number}".__add__) | st.just("") for number in range(len(COLUMNS))))
    return st.lists(row.map(list).filter(any), min_size=1, max_size=5)


plain = cells(st.sampled_from("abé ,;\t|'\""))
any_text = cells(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns") / "table.csv"


def written(rows: Sequence[Cells], separator: str) -> str:
    """A CSV file with a heading, with CRLF and quoted cells as Excel and Python write it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows([COLUMNS, *rows])
    return text.getvalue()


def read(file: Path, content: str, encoding: str = "utf-8") -> sheet.Sheet:
    file.write_bytes(content.encode(encoding))
    return sheet.read(file)


def as_read(cell: str) -> str:
    return sheet._clean(cell.replace("\r\n", "\n").replace("\r", "\n"))


@given(
    rows=any_text,
    separator=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(
    file: Path, rows: list[list[str]], separator: str, line_end: str, encoding: str
) -> None:
    table = read(file, written(rows, separator).replace("\r\n", line_end), encoding)
    found = [[row[column] for column in COLUMNS] for row in table.rows]
    expected = [[as_read(cell) for cell in row] for row in rows]
    assert [row for row in expected if row in found] == found
    assert all("\n" in "".join(row) for row in expected if row not in found)  # they may be two rows, joined by a quote
    assert len(found) + len(table.refused) >= len(rows)


def unquoted(row: list[str], separator: str, place: int) -> str:
    """A row in which a separator divides a cell that is not quoted."""
    column = place % len(row)
    return separator.join([*row[:column], f"{row[column]}{separator}{column} more", *row[column + 1 :]])


def with_empty_cells(row: list[str], separator: str, place: int) -> str:
    return separator.join(row) + separator * (1 + place % 3)


def shortened(row: list[str], separator: str, place: int) -> str:
    return separator.join(row[: place % len(row)])


def with_a_quote(row: list[str], separator: str, place: int) -> str:
    line = separator.join(row)
    place %= len(line) + 1
    return line[:place] + '"' + line[place:]


@given(
    rows=cells(st.sampled_from("abé ")),
    separator=st.sampled_from(",;\t|"),
    edits=st.lists(
        st.tuples(
            st.none() | st.sampled_from([unquoted, with_empty_cells, shortened, with_a_quote]), st.integers(0, 99)
        ),
        min_size=5,
        max_size=5,
    ),
    same=st.booleans(),
    encoding=st.sampled_from(ENCODINGS),
)
def test_no_mistake_in_a_row_shifts_its_columns(
    file: Path, rows: list[list[str]], separator: str, edits: list[tuple[object, int]], same: bool, encoding: str
) -> None:
    """Mistakes of some rows, or the same one of all."""
    lines = [
        edit(row, separator, place) if callable(edit) else separator.join(row)
        for row, (edit, place) in zip(rows, edits[:1] * 5 if same else edits, strict=False)
    ]
    table = read(file, "\n".join([separator.join(COLUMNS), *lines]), encoding)
    for row in table.rows:
        for number, column in enumerate(COLUMNS):
            assert not row[column] or row[column].strip('"').startswith(str(number)), (lines, row)
        mistaken = edits[0 if same else row.number - 2][0]
        assert mistaken in (None, with_a_quote), (lines, row)
    listed = {row.number for row in table.rows} | {int(row.place.split()[-1]) for row in table.refused}
    expected = {number for number, line in enumerate(lines, 2) if line.replace('"', "").replace(separator, "").strip()}
    assert expected <= listed, (lines, listed)

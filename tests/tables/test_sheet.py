"""Encodings, separators, headings and rows of tables."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from gfpipe.errors import UsageError
from gfpipe.tables import sheet

TEXT = "path,channel,title\na.mp4,tv1,Journal de l'été\n"


def written(folder: Path, content: str | bytes, name: str = "night.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def titles(folder: Path, content: str | bytes) -> list[str]:
    return [row["title"] for row in sheet.read(written(folder, content)).rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_of_spreadsheets_are_read(tmp_path: Path, encoding: str) -> None:
    assert titles(tmp_path, TEXT.encode(encoding)) == ["Journal de l'été"]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_separators_and_line_ends_are_recognised(tmp_path: Path, separator: str, line_end: str) -> None:
    text = TEXT.replace(",", separator).replace("\n", line_end)
    assert titles(tmp_path, text) == ["Journal de l'été"]


@pytest.mark.parametrize("first", ["sep=;\r\n", '"sep=;"\n', "SEP=;\n"])
def test_a_separator_stated_by_excel_is_used(tmp_path: Path, first: str) -> None:
    file = written(tmp_path, first + "path;title, subtitle, note;title\na.mp4;b, c;News\n")
    (row,) = sheet.read(file).rows
    assert (row["title"], row.place) == ("News", "night.csv, line 3")


def test_headings_are_found_in_any_case_with_spaces_or_hyphens(tmp_path: Path) -> None:
    table = sheet.read(written(tmp_path, "\n Path , Whole-Picture,TITLE\na.mp4, yes , News\n"))
    assert list(table.headings) == ["path", "whole_picture", "title"]
    assert dict(table.rows[0].cells) == {"path": "a.mp4", "whole_picture": "yes", "title": "News"}


@pytest.mark.parametrize(
    "text",
    [
        "path,channel,title,\na,tv1,News,\nb,tv1,Film,\n",
        "path,channel,title,,\na,tv1,News,,\n,,,,\nb,tv1,Film,,\n",
        ",path,channel,title\n0,a,tv1,News\n1,b,tv1,Film\n",  # an index without a name, as pandas writes it
    ],
)
def test_a_separator_at_the_end_of_every_row_shifts_no_column(tmp_path: Path, text: str) -> None:
    table = sheet.read(written(tmp_path, text))
    assert not table.refused
    assert [(row["path"], row["channel"], row["title"]) for row in table.rows] == [
        ("a", "tv1", "News"),
        ("b", "tv1", "Film"),
    ]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a,tv1,News, at seven", "line 2: 4 cells in 3 columns; quote a cell that contains the separator"),
        ("a,tv1,News,", "line 2: 4 cells in 3 columns"),
        ("a,tv1", "line 2: 2 cells in 3 columns; an empty cell is missing"),
        ('a,tv1,"News" at seven', "line 2: it is not valid CSV"),
        ('a,tv1,"News at seven', "line 2: it is not valid CSV"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_and_the_others_are_read(tmp_path: Path, row: str, problem: str) -> None:
    table = sheet.read(written(tmp_path, f"path,channel,title\n{row}\nb,tv1,Film\nc,tv1,Quiz\n"))
    assert [row["title"] for row in table.rows] == ["Film", "Quiz"]
    (refused,) = table.refused
    assert problem in str(refused)


@pytest.mark.parametrize("rows", [("Dupont, Marie,",), ("Dupont, Marie,", "Martin, Paul,"), ("Dupont,Marie,",)])
def test_a_separator_at_the_end_of_every_row_may_be_that_of_an_empty_cell(tmp_path: Path, rows: Sequence[str]) -> None:
    """An unquoted name and an empty last cell have as many separators as two cells and one separator too many."""
    table = sheet.read(written(tmp_path, "\n".join(("programme,group", *rows))))
    assert not table.rows
    assert [str(row).partition(";")[0] for row in table.refused] == [
        f"night.csv, line {number}: 3 cells in 2 columns" for number in range(2, 2 + len(rows))
    ]


@pytest.mark.parametrize(
    "rows", ['a,"tv1,News\nb,tv1",Film\n', 'a,tv1,"News\nb,tv1,Film"\n', 'a,tv1,"News\nb,tv1,Film\nc,tv1,Quiz",\n']
)
def test_a_quotation_mark_that_is_not_closed_takes_no_other_row(tmp_path: Path, rows: str) -> None:
    table = sheet.read(written(tmp_path, f"path,channel,title\n{rows}d,tv1,Late\n"))
    assert {row["title"].strip('"') for row in table.rows} <= {"Film", "Late"}
    assert "line 2: " in str(table.refused[0])


def test_a_cell_may_contain_line_ends(tmp_path: Path) -> None:
    table = sheet.read(written(tmp_path, 'path,title\na,"News\nat seven"\nb,Film\n'))
    assert [(row.place, row["title"]) for row in table.rows] == [
        ("night.csv, line 2", "News\nat seven"),
        ("night.csv, line 4", "Film"),
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it is empty"),
        (" \n,,\n", "it is empty"),
        (b"path\n\x81\xff\n", "not text in UTF-8, UTF-16 or Windows-1252"),
        (b"ID3\x04\x00\x00", "not text"),
        ("path,title,Path\n", "two columns are called Path"),
        (b"\xd0\xcf\x11\xe0 workbook", "old format; save it as .xlsx or CSV"),
        (b"PK\x03\x04 archive", "no readable .xlsx workbook; save it as CSV"),
    ],
)
def test_unreadable_files_are_refused_by_name(tmp_path: Path, content: str | bytes, problem: str) -> None:
    with pytest.raises(UsageError, match=rf"night\.csv: .*{problem}"):
        sheet.read(written(tmp_path, content))


def test_problems_are_listed_up_to_five_and_counted(tmp_path: Path) -> None:
    lines = str(sheet.refusal(tmp_path / "a.csv", [f"line {number}" for number in range(7)])).splitlines()
    assert (len(lines), lines[-1]) == (1 + 5 + 1, "  … and 2 more")


def test_decimal_commas_are_read_where_the_comma_separates_nothing(tmp_path: Path) -> None:
    table = sheet.read(written(tmp_path, "path;seconds\na;12,5\n"))
    assert table.number("12,5") == table.number("12.5") == "12.5"
    assert table.number("1.234,5") == "1.234,5"  # no number for float()
    assert sheet.read(written(tmp_path, "path,seconds\n")).number("12,5") == "12,5"


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(folder: Path, rows: str, properties: str = "<workbookPr/>") -> Path:
    file = folder / "night.xlsx"
    with zipfile.ZipFile(file, "w") as book:
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{properties}'
            '<sheets><sheet name="Plan" sheetId="4" r:id="rId7"/><sheet name="Old" sheetId="1" r:id="rId1"/></sheets>'
            "</workbook>",
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/>'
            '<Relationship Id="rId7" Target="worksheets/sheet2.xml"/></Relationships>',
        )
        book.writestr(
            "xl/sharedStrings.xml",
            f'<sst xmlns="{MAIN}"><si><t>path</t></si><si><t>start</t></si>'
            "<si><r><t>Journal </t></r><r><t>du soir</t></r><rPh><t>kana</t></rPh></si></sst>",
        )
        book.writestr("xl/worksheets/sheet1.xml", "<no/>")
        book.writestr(
            "xl/worksheets/sheet2.xml", f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
        )
    return file


ROWS = (
    '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
    '<c r="C1" t="inlineStr"><is><t>title</t></is></c><c r="D1" t="str"><v>live</v></c></row>'
    '<row r="3"><c r="A3" t="s"><v>2</v></c><c r="C3"><v>45358.5</v></c><c r="D3" t="b"><v>1</v></c><c r="E3"/></row>'
)


def test_the_first_sheet_of_a_workbook_is_read(tmp_path: Path) -> None:
    (row,) = sheet.read(workbook(tmp_path, ROWS)).rows
    assert row.place == "night.xlsx, row 3"
    assert dict(row.cells) == {"path": "Journal du soir", "start": "", "title": "45358.5", "live": "true"}


@pytest.mark.parametrize(
    ("cell", "text"),
    [("0", "0"), ("0.25", "0.250"), ("4.1666666666666664E-2", "0.041666666666667"), ("1E+2", "100"), ("12.5", "12.5")],
)
def test_numbers_of_a_workbook_have_no_exponent(tmp_path: Path, cell: str, text: str) -> None:
    table = sheet.read(workbook(tmp_path, f'{ROWS}<row r="4"><c r="B4"><v>{cell}</v></c></row>'))
    assert table.rows[1]["start"] == text


def test_cells_of_a_workbook_stand_where_their_references_say(tmp_path: Path) -> None:
    cells = '<c r="C4"><v>3</v></c><c r="A4"><v>1</v></c><c><v>4</v></c>'
    table = sheet.read(workbook(tmp_path, f'{ROWS}<row r="4">{cells}</row>'))
    assert dict(table.rows[1].cells) == {"path": "1", "start": "", "title": "3", "live": "4"}


def test_workbooks_that_would_be_read_wrongly_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="dates count from 1904; save it as CSV"):
        sheet.read(workbook(tmp_path, ROWS, '<workbookPr date1904="1"/>'))
    with pytest.raises(UsageError, match=r"no readable \.xlsx workbook"):
        sheet.read(workbook(tmp_path, '<row r="1"><c t="s"><v>99</v></c></row>'))


def test_a_guarded_cell_of_line_breaks_is_blank(tmp_path: Path) -> None:
    assert titles(tmp_path, 'title,path\n"\'\n\n",a.mp4\n"\'=x ",b.mp4\n') == ["", "=x"]

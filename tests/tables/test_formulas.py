"""Text that spreadsheets would run as a formula."""

from pathlib import Path

import pyarrow as pa
import pytest

from gfpipe.output.tables import Column, Table
from gfpipe.tables import sheet
from gfpipe.tables.formulas import guarded, unguarded
from gfpipe.warehouse import results

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "'=1", "''@x", "-\n=1")
HARMLESS = ("-5", "+1.5e-3", "-0,5", "1=1", "'90s", "''", "-", "tv=1", "", "Été")


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_an_apostrophe_and_lose_it_again(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_and_other_text_stay_as_they_are(text: str) -> None:
    assert guarded(text) == unguarded(text) == text


def test_results_in_csv_contain_no_formulas_and_are_read_back(tmp_path: Path) -> None:
    names = [text for text in (*FORMULAS, *HARMLESS) if text and "\r" not in text]  # line ends in cells become \n
    table = pa.table({"channel": pa.array(names), "=share": [-0.5] * len(names)})
    table = table.append_column("genre", table["channel"].dictionary_encode())
    results.write(table, "csv", tmp_path / "a.csv")
    back = sheet.read(tmp_path / "a.csv")
    assert list(back.headings) == ["channel", "=share", "genre"]
    assert [row["channel"] for row in back.rows] == [row["genre"] for row in back.rows] == names
    assert {row["=share"] for row in back.rows} == {"-0.5"}
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8")
    assert "\n=" not in lines.replace("-\n=1", "")
    results.write(table, "json", tmp_path / "a.json")
    assert "'=1+1" not in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_tables_in_csv_contain_no_formulas() -> None:
    table = Table("a", "A", (Column("name", "name"), Column("x", "x")), (("=1+1", -1.5),))
    assert table.csv() == "name,x\n'=1+1,-1.5\n"
    assert "'=1+1" not in table.text()

"""Tables as text, CSV, Markdown and LaTeX."""

import csv
import io
import re

import numpy as np
import pytest

from gfpipe.output.formats import COUNT, NUMBER, P_VALUE, POINTS, RATE, TEXT, Format, Interval, Value
from gfpipe.output.tables import Column, Table

TABLE = Table(
    "groups_all",
    "Accuracy & gap, 95 % intervals",
    (
        Column("model", "model"),
        Column("faces", "faces", COUNT),
        Column("accuracy", "accuracy, %", RATE),
        Column("gap", "gap, points", POINTS),
    ),
    (
        ("resnet18_a", 11512, Interval(0.92531, 0.92034, 0.93001), Interval(-0.0123, -0.02, 0.0)),
        ("a|b {100%}", 7, Interval(np.nan, np.nan, np.nan), 0.00499),
    ),
    "Women − men; < 1 % of faces.",
)


def test_text_is_aligned_and_says_percent_points_and_sign() -> None:
    assert TABLE.text().splitlines() == [
        "Accuracy & gap, 95 % intervals",
        "model        faces         accuracy, %        gap, points",
        "──────────  ──────  ──────────────────  ─────────────────",
        "resnet18_a  11,512  92.53 [92.0, 93.0]  −1.23 [−2.0, 0.0]",
        "a|b {100%}       7                   –              +0.50",
        "Women − men; < 1 % of faces.",
    ]


def test_csv_holds_unrounded_numbers() -> None:
    first, second = csv.DictReader(io.StringIO(TABLE.csv()))
    assert (first["accuracy"], first["accuracy_low"], first["accuracy_high"]) == ("0.92531", "0.92034", "0.93001")
    assert first["faces"] == "11512"
    assert (second["model"], second["accuracy"], second["gap"], second["gap_low"]) == ("a|b {100%}", "", "0.00499", "")


def test_markdown_has_a_cell_for_each_column() -> None:
    title, _, *lines, _, note = TABLE.markdown().splitlines()
    assert title == "### Accuracy & gap, 95 % intervals"
    assert [len(re.split(r"(?<!\\)\|", line)) for line in lines] == [6] * 4
    assert lines[1] == "| :-- | --: | --: | --: |"
    assert note == TABLE.note


def test_latex_is_escaped_and_has_balanced_braces() -> None:
    text = TABLE.latex()
    bare = re.sub(r"\\[{}%_&#$]", "", text)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[%#_]", text)
    assert text.isascii()
    begun, ended = re.findall(r"\\begin{(\w+)}", text), re.findall(r"\\end{(\w+)}", text)
    assert begun == ended[::-1] == ["table", "tabular"]
    assert r"\begin{tabular}{lrrr}" in text
    rows = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [len(re.split(r"(?<!\\)&", row)) for row in rows] == [4, 4]
    assert all(row.endswith(r" \\") for row in rows)
    assert rows[0] == r"resnet18\_a & 11,512 & 92.53 [92.0, 93.0] & $-$1.23 [$-$2.0, 0.0] \\"
    assert r"\caption{Accuracy \& gap, 95 \% intervals. Women $-$ men; $<$ 1 \% of faces.}" in text


@pytest.mark.parametrize(
    ("form", "value", "written"),
    [
        (RATE, 1.0, "100.00"),
        (RATE, Interval(1.0, 0.98, 1.0), "100.00 [98.0, 100.0]"),
        (RATE, Interval(0.5, np.nan, np.nan), "50.00"),
        (POINTS, -0.00001, "0.00"),
        (POINTS, 0.015, "+1.50"),
        (NUMBER, Interval(0.9712, 0.9691, 0.9743), "0.971 [0.969, 0.974]"),
        (P_VALUE, 0.00001, "< 0.0001"),
        (P_VALUE, 0.0312, "0.0312"),
        (COUNT, 1234, "1,234"),
        (TEXT, None, "–"),
        (NUMBER, np.nan, "–"),
    ],
)
def test_formats_of_values(form: Format, value: Value, written: str) -> None:
    assert form.text(value) == written


def test_rows_have_as_many_values_as_columns() -> None:
    with pytest.raises(ValueError, match="2 values in 1 columns"):
        Table("t", "T", (Column("a", "a"),), (("x", "y"),))

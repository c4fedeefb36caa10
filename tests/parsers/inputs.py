"""Random inputs: text with the marks of formats, damaged files, and workbooks and Parquet files of any cells."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

ENCODINGS: Final = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "latin-1")
_MARKS: Final = (
    *(
        "",
        " ",
        ",",
        ";",
        "\t",
        "|",
        '"',
        '""',
        "'",
        "\n",
        "\r\n",
        "\r",
        "\0",
        "=",
        "-",
        "+",
        "@",
        "*",
        "#",
        "<",
        "&",
        "/",
        ":",
    ),
    *(
        "\ufeff",
        "é",
        "e\u0301",
        "\u00a0",
        "\u202e",
        "\u2028",
        "\x85",
        "\x1a",
        "٣",
        "²",
        "𝟘",
        "\U0001f600",
        "\\u0000",
        "\\ud800",
    ),
    *("nan", "inf", "-1", "0", "1e999", "1_0", "9" * 30, "9" * 5000, "0x" + "f" * 5000, "0.30", "1.0625", "45358,5"),
    *("0000-00-00", "99/99/9999", "29/02/2023", "01/03/2024", "24:60", "25:30", "+99:99", "Z", "1979-05-27T07:32:00Z"),
    *(
        "{",
        "}",
        "{x}",
        "[",
        "[[",
        "]",
        "[" * 9000,
        "null",
        "true",
        "sep=;\n",
        "sep=\n",
        "~nobody/a",
        "../../x",
        "a" * 300,
    ),
)
_NAMES: Final = (
    "a.ts",
    "tv1",
    "News",
    "female",
    "music",
    "2024-03-07 19:00",
    "13/03/2024",
    "19:00",
    "7 PM",
    "1.5",
    "1 2 30 40",
)

marks = st.sampled_from(_MARKS)
text = st.text(max_size=8) | marks | st.lists(marks | st.text(max_size=3), max_size=4).map("".join)
cells = st.sampled_from(_NAMES) | text


@st.composite
def edited(draw: st.DrawFn, texts: Sequence[str]) -> str:
    """One of the texts, with parts removed, repeated, or replaced by marks."""
    content = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(0, 4))):
        first, last = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        piece = draw(text | st.just(content[first:last] * 2))
        content = content[:first] + piece + content[draw(st.sampled_from((first, last))) :]
    return content


@st.composite
def damaged(draw: st.DrawFn, content: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which a few are changed, and sometimes the end is missing."""
    data = bytearray(draw(content))
    for place, value in draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=6)):
        if data:
            data[place % len(data)] = value
    return bytes(data[: draw(st.none() | st.integers(0, len(data)))])


def files(texts: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Any bytes, and text files like these, in any encoding, changed and damaged."""
    encodings = st.sampled_from(ENCODINGS)
    written = st.builds(lambda content, encoding: content.encode(encoding, "replace"), edited(texts), encodings)
    return written | damaged(written) | st.binary(max_size=200)


MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PARTS: Final = {
    "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets><sheet r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" Target="worksheets/a.xml"/></Relationships>',
}
_kinds = st.sampled_from(("n", "s", "b", "str", "inlineStr", "e", "d", "x"))
_references = st.none() | st.from_regex(r"[A-Z]{0,4}[0-9]{0,2}", fullmatch=True)


def _xml(content: str) -> str:
    return escape("".join(letter for letter in content if letter.isprintable()), {'"': "&quot;"})


@st.composite
def workbooks(draw: st.DrawFn, headings: Sequence[str]) -> bytes:
    """Workbooks of any cells below these headings, with parts that are missing or no XML, and damaged archives."""
    shared = draw(st.lists(cells, max_size=3))
    rows = ["".join(f'<c t="inlineStr"><is><t>{_xml(heading)}</t></is></c>' for heading in headings)]
    for _ in range(draw(st.integers(0, 3))):
        row = ""
        for _ in headings:
            kind, place, value = draw(_kinds), draw(_references), _xml(draw(cells | st.integers(-2, 3).map(str)))
            reference = "" if place is None else f' r="{place}"'
            content = f"<is><t>{value}</t></is>" if kind == "inlineStr" else f"<v>{value}</v>"
            row += f'<c{reference} t="{kind}">{content}</c>'
        rows.append(row)
    number = draw(st.sampled_from(("", ' r="7"', ' r="x"')))
    strings = "".join(f"<si><t>{_xml(item)}</t></si>" for item in shared)
    lines = "".join(f"<row{number}>{row}</row>" for row in rows)
    parts = _PARTS | {
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
        "xl/worksheets/a.xml": f'<worksheet xmlns="{MAIN}">{lines}</worksheet>',
    }
    part = st.none() | st.sampled_from(sorted(parts))
    if changed := draw(part):
        parts[changed] = draw(edited([parts[changed]]))
    if missing := draw(part):
        parts.pop(missing)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))) as book:
        for name, content in parts.items():
            book.writestr(name, content.encode("utf-8", "replace"))
    return file.getvalue()


_MOMENT: Final = datetime(2024, 3, 7, 19, 5, tzinfo=timezone(timedelta(hours=1)))
_COLUMNS: Final[tuple[tuple[pa.DataType, Any], ...]] = (
    (pa.string(), cells.filter(lambda content: content.encode("utf-8", "ignore").decode() == content)),
    (pa.large_string(), st.sampled_from(_NAMES)),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(_NAMES)),
    (pa.binary(), st.binary(max_size=4) | st.just(b"a.ts")),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.float64(), st.floats()),
    (pa.bool_(), st.booleans()),
    (pa.decimal128(9, 3), st.just(Decimal("12.5"))),
    (pa.date32(), st.dates() | st.just(date(2024, 2, 29))),
    (pa.time64("us"), st.times() | st.just(time(19, 5))),
    (pa.timestamp("s"), st.integers(-(2**52), 2**52)),
    (pa.timestamp("us"), st.datetimes()),
    (pa.timestamp("ns", "Europe/Paris"), st.integers(-(2**62), 2**62)),
    (pa.timestamp("us", "+01:00"), st.just(_MOMENT)),
    (pa.timestamp("us", "Nowhere/Land"), st.just(_MOMENT)),
    (pa.duration("us"), st.integers(-(2**62), 2**62)),
    (pa.list_(pa.int8()), st.lists(st.integers(0, 9), max_size=2)),
    (pa.struct([("a", pa.int8())]), st.just({"a": 1})),
    (pa.null(), st.none()),
)


@st.composite
def parquet(draw: st.DrawFn, headings: Sequence[str]) -> bytes:
    """Parquet files whose columns have any type and values."""
    columns = []
    rows = draw(st.integers(0, 3))
    for _ in headings:
        kind, values = draw(st.sampled_from(_COLUMNS))
        columns.append(pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind))
    file = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, names=list(headings)), file)
    return file.getvalue()

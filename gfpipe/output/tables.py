"""Tables as aligned text, CSV, Markdown and LaTeX (booktabs)."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gfpipe.base import files
from gfpipe.output import names
from gfpipe.output.formats import COUNT, TEXT, Format, Interval, Value, known
from gfpipe.tables.formulas import guarded

_LATEX: Final = str.maketrans(
    {char: rf"\{char}" for char in "{}%_&#$"}
    | {char: f"${math}$" for char, math in zip("<>|−≥×", ("<", ">", "|", "-", r"\geq", r"\times"), strict=True)}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "…": r"\ldots{}", "’": "'"}
)


_EMPTY: Final = (None, 0, "", "0:00:00")
_NUMERIC: Final = "0123456789%–)"  # last characters of numbers as text


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: heading in CSV; the ends of an interval follow as ``name_low`` and ``name_high``.
        heading: heading elsewhere, with the unit.
        form: how values are written; columns of numbers are aligned to the right.
    """

    name: str
    heading: str
    form: Format = TEXT

    @property
    def numeric(self) -> bool:
        """Whether the column holds numbers."""
        return self.form is not TEXT


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: stem of its files, and its LaTeX label.
        rows: a value for each column; None or NaN where there is none.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.name}: {len(row)} values in {len(self.columns)} columns: {row}")

    @classmethod
    def of(cls, name: str, title: str, rows: Sequence[Mapping[str, Any]], note: str = "") -> "Table":
        """A table of text with the keys of `rows` as headings, without columns that are empty in all rows."""
        keys = [key for key in (rows[0] if rows else ()) if any(row[key] not in _EMPTY for row in rows)]
        cells = {key: [names.line(str(row[key])) for row in rows] for key in keys}
        numeric = [all(cell[-1:] in _NUMERIC for cell in column) for column in cells.values()]
        columns = tuple(Column(key, key, COUNT if is_ else TEXT) for key, is_ in zip(keys, numeric, strict=True))
        return cls(name, title, columns, tuple(zip(*cells.values(), strict=True)), note)

    def text(self) -> str:
        """Aligned lines for a terminal."""
        lines = self._cells()
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        heading, *body = ("  ".join(self._padded(cells, widths)).rstrip() for cells in lines)
        rule = "  ".join("─" * width for width in widths)
        return "\n".join(filter(None, [self.title, heading, rule, *body, self.note]))

    def csv(self) -> str:
        """Unrounded numbers, shares from 0 to 1; empty where there is no value."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(name for column, ends in self._intervals() for name in _names(column, ends))
        writer.writerows(map(_field, record.values()) for record in self.records())
        return file.getvalue()

    def records(self) -> list[dict[str, str | int | float | None]]:
        """The rows with unrounded numbers, shares from 0 to 1; None where there is no value."""
        parts = self._intervals()
        return [
            {
                name: part if isinstance(part, str | int) else known(part)
                for value, (column, ends) in zip(row, parts, strict=True)
                for name, part in zip(_names(column, ends), _parts(value, ends), strict=True)
            }
            for row in self.rows
        ]

    def markdown(self) -> str:
        """A pipe table under a heading."""
        headings, *rows = ([cell.replace("|", r"\|") for cell in cells] for cells in self._cells())
        rules = ["--:" if column.numeric else ":--" for column in self.columns]
        lines = [f"| {' | '.join(cells)} |" for cells in (headings, rules, *rows)]
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else [])]) + "\n"

    def latex(self) -> str:
        r"""A floating table for LaTeX; it needs ``\usepackage{booktabs}``."""
        alignment = "".join("r" if column.numeric else "l" for column in self.columns)
        headings, *rows = ([cell.translate(_LATEX) for cell in cells] for cells in self._cells())
        caption = " ".join(filter(None, (f"{self.title}.", self.note))).translate(_LATEX)
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{caption}}}",
                rf"\label{{tab:{self.name.replace('_', '-')}}}",
                rf"\begin{{tabular}}{{{alignment}}}",
                r"\toprule",
                " & ".join(headings) + r" \\",
                r"\midrule",
                # In braces, because LaTeX would take a bracket after \\ for its optional argument.
                *(" & ".join(f"{{{cell}}}" if cell.startswith("[") else cell for cell in row) + r" \\" for row in rows),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def _intervals(self) -> list[tuple[Column, bool]]:
        """The columns, and whether any of their values is an interval."""
        return [
            (column, any(isinstance(row[index], Interval) for row in self.rows))
            for index, column in enumerate(self.columns)
        ]

    def _cells(self) -> list[list[str]]:
        """The headings, then the rows, as text."""
        formats = [column.form for column in self.columns]
        rows = ([form.text(value) for form, value in zip(formats, row, strict=True)] for row in self.rows)
        return [[column.heading for column in self.columns], *rows]

    def _padded(self, cells: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
        for cell, width, column in zip(cells, widths, self.columns, strict=True):
            yield cell.rjust(width) if column.numeric else cell.ljust(width)


def _names(column: Column, ends: bool) -> tuple[str, ...]:
    return (column.name, f"{column.name}_low", f"{column.name}_high") if ends else (column.name,)


def _parts(value: Value, ends: bool) -> tuple[str | int | float | None, ...]:
    if isinstance(value, Interval):
        return value.value, value.low, value.high
    return (value, None, None) if ends else (value,)


def _field(value: str | float | None) -> str:
    if not isinstance(value, float):
        return "" if value is None else guarded(str(value))
    return "" if known(value) is None else f"{value:.8g}"


def contents(tables: Sequence[Table], name: str = "tables", closing: str = "") -> dict[str, str]:
    """All tables as ``NAME.txt`` and ``NAME.md``, with a closing paragraph, and each as ``.csv`` and ``.tex``."""
    closings = [closing] if closing else []
    return {
        f"{name}.txt": "\n\n".join([*(table.text() for table in tables), *closings]) + "\n",
        f"{name}.md": "\n".join([*(table.markdown() for table in tables), *(f"{line}\n" for line in closings)]),
        **{f"{table.name}.csv": table.csv() for table in tables},
        **{f"{table.name}.tex": table.latex() for table in tables},
    }


def write(tables: Sequence[Table], folder: Path) -> list[Path]:
    """Write all tables to ``tables.txt`` and ``tables.md``, and each to a ``.csv`` and a ``.tex`` of its own name.

    Returns:
        The files, in the order written.

    Raises:
        OSError: a file cannot be written.
    """
    texts = contents(tables)
    for file, content in texts.items():
        files.write(folder / file, content)
    return [folder / file for file in texts]

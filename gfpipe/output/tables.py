"""Tables as aligned text, CSV, Markdown and LaTeX (booktabs)."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gfpipe.base import files
from gfpipe.output.formats import TEXT, Format, Interval, Value, known
from gfpipe.tables.formulas import guarded

_LATEX: Final = str.maketrans(
    {char: rf"\{char}" for char in "{}%_&#$"}
    | {char: f"${math}$" for char, math in zip("<>|−≥×", ("<", ">", "|", "-", r"\geq", r"\times"), strict=True)}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"–": "--", "…": r"\ldots{}", "’": "'"}
)


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
        intervals = [any(isinstance(row[index], Interval) for row in self.rows) for index in range(len(self.columns))]
        writer.writerow(
            name
            for column, ends in zip(self.columns, intervals, strict=True)
            for name in (column.name, *((f"{column.name}_low", f"{column.name}_high") if ends else ()))
        )
        for row in self.rows:
            writer.writerow(field for value, ends in zip(row, intervals, strict=True) for field in _fields(value, ends))
        return file.getvalue()

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

    def _cells(self) -> list[list[str]]:
        """The headings, then the rows, as text."""
        formats = [column.form for column in self.columns]
        rows = ([form.text(value) for form, value in zip(formats, row, strict=True)] for row in self.rows)
        return [[column.heading for column in self.columns], *rows]

    def _padded(self, cells: Sequence[str], widths: Sequence[int]) -> Iterable[str]:
        for cell, width, column in zip(cells, widths, self.columns, strict=True):
            yield cell.rjust(width) if column.numeric else cell.ljust(width)


def _fields(value: Value, ends: bool) -> tuple[str, ...]:
    """A value's fields in CSV."""
    if isinstance(value, Interval):
        return tuple(map(_field, (value.value, value.low, value.high)))
    return (_field(value), "", "") if ends else (_field(value),)


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

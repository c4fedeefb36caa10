"""One table, written for a terminal, for programs (CSV), for Markdown and for LaTeX (booktabs)."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gfpipe.evaluation.measures.resampling import Interval

Value = str | int | float | Interval | None

_NOT_KNOWN: Final = "–"
_LATEX: Final = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "%": r"\%",
        "_": r"\_",
        "&": r"\&",
        "#": r"\#",
        "$": r"\$",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "≥": r"$\geq$",
        "|": "$|$",
        "−": "$-$",
        "×": r"$\times$",
        "–": "--",
        "…": r"\ldots{}",
        "’": "'",
    }
)


class Form(Enum):
    """How the values of a column are written: digits after the point, what they are multiplied by, signed or not."""

    TEXT = "text", 0, 1, False
    COUNT = "count", 0, 1, False
    PERCENT = "percent", 2, 100, False
    POINTS = "points", 2, 100, True
    NUMBER = "number", 3, 1, False
    YEARS = "years", 2, 1, False
    P_VALUE = "p value", 4, 1, False

    @property
    def decimals(self) -> int:
        """Digits after the point."""
        return self.value[1]

    @property
    def decimals_of_ends(self) -> int:
        """The same for an interval's ends, where the last digit of a percentage says nothing."""
        return 1 if self in {Form.PERCENT, Form.POINTS, Form.YEARS} else self.decimals

    def write(self, value: Value) -> str:
        """A value as people read it: percent and points without their unit, which the heading gives."""
        if isinstance(value, Interval):
            low, high = (self._digits(end, self.decimals_of_ends) for end in (value.low, value.high))
            ends = f" [{low}, {high}]" if math.isfinite(value.low) and math.isfinite(value.high) else ""
            return self.write(value.value) + ends
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            return _NOT_KNOWN
        if isinstance(value, str):
            return value
        if self is Form.P_VALUE and value < 1e-4:
            return "< 0.0001"
        return self._digits(value, self.decimals)

    def _digits(self, value: float, decimals: int) -> str:
        _, _, factor, signed = self.value
        digits = f"{abs(value) * factor:,.{decimals}f}"
        if not digits.strip("0.,"):
            return digits
        return ("−" if value < 0 else "+" if signed else "") + digits


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: in CSV; an interval's ends follow as ``name_low`` and ``name_high``.
        heading: elsewhere, with the unit.
    """

    name: str
    heading: str
    form: Form = Form.TEXT


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: of its file.
        title: what it shows.
        rows: a value for each column; None and NaN where there is none.
        note: what a reader must know.
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
        """Lines for a terminal."""
        lines = [[column.heading for column in self.columns], *self._written()]
        widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
        body = ["  ".join(self._padded(cells, widths)).rstrip() for cells in lines]
        rule = "  ".join("─" * width for width in widths)
        note = [self.note] if self.note else []
        return "\n".join([self.title, body[0], rule, *body[1:], *note])

    def csv(self) -> str:
        """Numbers as they are, shares from 0 to 1; empty where unknown."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        intervals = [any(isinstance(row[place], Interval) for row in self.rows) for place in range(len(self.columns))]
        writer.writerow(
            name
            for column, ends in zip(self.columns, intervals, strict=True)
            for name in (column.name, *((f"{column.name}_low", f"{column.name}_high") if ends else ()))
        )
        for row in self.rows:
            writer.writerow(
                number for value, ends in zip(row, intervals, strict=True) for number in _numbers(value, ends)
            )
        return file.getvalue()

    def markdown(self) -> str:
        """A pipe table under a heading."""
        headings = [column.heading for column in self.columns]
        rules = [":--" if column.form is Form.TEXT else "--:" for column in self.columns]
        escaped = [[cell.replace("|", r"\|") for cell in cells] for cells in (headings, rules, *self._written())]
        lines = [f"| {' | '.join(cells)} |" for cells in escaped]
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else [])]) + "\n"

    def latex(self) -> str:
        r"""A floating table for LaTeX; it needs ``\usepackage{booktabs}``."""
        alignment = "".join("l" if column.form is Form.TEXT else "r" for column in self.columns)
        headings, *rows = ([cell.translate(_LATEX) for cell in cells] for cells in (self._headings(), *self._written()))
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
                # Braces, as a bracket behind \\ would be taken for its optional argument.
                *(" & ".join(f"{{{cell}}}" if cell.startswith("[") else cell for cell in row) + r" \\" for row in rows),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def _headings(self) -> list[str]:
        return [column.heading for column in self.columns]

    def _written(self) -> list[list[str]]:
        return [
            [column.form.write(value) for column, value in zip(self.columns, row, strict=True)] for row in self.rows
        ]

    def _padded(self, cells: Sequence[str], widths: Sequence[int]) -> list[str]:
        return [
            cell.ljust(width) if column.form is Form.TEXT else cell.rjust(width)
            for cell, width, column in zip(cells, widths, self.columns, strict=True)
        ]


def _numbers(value: Value, ends: bool) -> tuple[str, ...]:
    """A value's fields in CSV."""
    if isinstance(value, Interval):
        return tuple(map(_number, (value.value, value.low, value.high)))
    return (_number(value), "", "") if ends else (_number(value),)


def _number(value: str | float | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return f"{value:.8g}" if isinstance(value, float) else str(value)

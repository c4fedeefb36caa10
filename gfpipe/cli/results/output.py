"""``--format`` and ``--out``: prints a result, or writes it to a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from typer import Option

from gfpipe.base import files
from gfpipe.cli import console
from gfpipe.errors import GfpipeError, UsageError
from gfpipe.output import names
from gfpipe.output.formats import counted
from gfpipe.output.tables import Table

if TYPE_CHECKING:
    import pyarrow as pa

DataForm = Literal["csv", "json", "parquet"]
Form = Literal["table", "csv", "json", "parquet", "markdown", "latex"]
_ENDINGS: Final[dict[str, Form]] = {
    ".csv": "csv",
    ".json": "json",
    ".parquet": "parquet",
    ".md": "markdown",
    ".tex": "latex",
    ".txt": "table",
}

_ROWS_BY_VALUE: Final = 20

Row = Mapping[str, Any]
FormatOption = Annotated[
    Form | None,
    Option(
        "--format",
        metavar="FORMAT",
        help="table, markdown or latex, to read; csv, json or parquet, unrounded. Default: by the ending of --out, or "
        "table.",
    ),
]


@dataclass(frozen=True)
class OutputOptions:
    """In which format a table is printed, or to which file it is written."""

    chosen: FormatOption = None
    out: Annotated[
        Path | None, Option(dir_okay=False, metavar="FILE", help="Write to this file instead of printing.")
    ] = None

    def __post_init__(self) -> None:
        if self.out and self.chosen is None and self.out.suffix.lower() not in _ENDINGS:
            endings = ", ".join(_ENDINGS)
            raise UsageError(f"--out {self.out}: which format? Name a file in {endings}, or choose one with --format")
        if self.form == "parquet" and not self.out:
            raise UsageError("--format parquet needs a file: --out FILE")

    @property
    def form(self) -> Form:
        """The format chosen, or that of the file's ending."""
        return self.chosen or (_ENDINGS[self.out.suffix.lower()] if self.out else "table")

    @property
    def data_form(self) -> "DataForm | None":
        """The format, if it is one for programs."""
        form = self.form
        return form if form == "csv" or form == "json" or form == "parquet" else None  # noqa: PLR1714 - for mypy


def emit(to: "OutputOptions", shown: Table, data: "pa.Table | Sequence[Row]") -> None:
    """Print a result or write it to a file: `shown` as table, Markdown or LaTeX, `data` in formats for programs.

    Raises:
        GfpipeError: the file cannot be written.
    """
    if to.data_form:
        _emit_data(to, data)
    elif to.out:
        _write(to.out, shown.text() + "\n" if to.form == "table" else getattr(shown, to.form)())
        console.say(f"{counted(len(shown.rows), 'row')} written to {to.out}")
    elif to.form == "table":
        console.show(shown)
    else:
        print(getattr(shown, to.form)(), end="")


def emit_result(to: "OutputOptions", result: "pa.Table") -> None:
    """Print the result of a query, one line a value where the terminal is too narrow for the table; or write it."""
    from gfpipe import warehouse  # noqa: PLC0415

    if to.data_form:
        _emit_data(to, result)
    elif to.form == "table" and to.out is None:
        text = warehouse.as_text(result)
        too_wide = console.console.is_terminal and max(map(len, text.splitlines())) > console.console.width
        print(_by_value(result) if too_wide else text)
    else:
        emit(to, Table.of("result", "Result", list(map(_rounded, result.to_pylist()))), result)


def _emit_data(to: "OutputOptions", data: "pa.Table | Sequence[Row]") -> None:
    import pyarrow as pa  # noqa: PLC0415

    from gfpipe import warehouse  # noqa: PLC0415

    result = data if isinstance(data, pa.Table) else pa.Table.from_pylist(list(data))
    form = to.data_form or "csv"
    if to.out:
        warehouse.write(result, form, to.out)
        console.say(f"{counted(result.num_rows, 'row')} written to {to.out}")
    elif form != "parquet":
        print(warehouse.as_text(result, form))


def _by_value(result: "pa.Table") -> str:
    """Each row as lines of a column and its value."""
    width = max(map(len, result.column_names))
    blocks = [
        "\n".join(f"{name:<{width}}  {value}" for name, value in _rounded(row).items())
        for row in result.slice(0, _ROWS_BY_VALUE).to_pylist()
    ]
    left = result.num_rows - len(blocks)
    return "\n\n".join([*blocks, *([f"… and {counted(left, 'row')} more; --out FILE.csv has all"] if left > 0 else [])])


def _rounded(row: Row) -> dict[str, str]:
    """Values as text: numbers with six significant digits, nothing for null."""
    return {
        name: "" if value is None else f"{value:.6g}" if isinstance(value, float) else names.line(str(value))
        for name, value in row.items()
    }


def _write(path: Path, text: str) -> None:
    try:
        files.write(path, text)
    except OSError as exc:
        raise GfpipeError(f"{path}: cannot be written: {exc}") from exc

"""Query results as files and text."""

import io
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final, Literal

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from gfpipe.base import files
from gfpipe.errors import DiskFullError, LakeError
from gfpipe.tables import formulas
from gfpipe.warehouse.connection import quoted

Format = Literal["csv", "json", "parquet", "table"]
_OPTIONS: Final = {"csv": "format csv, header true", "json": "format json, array true", "parquet": "format parquet"}
_ROWS_SHOWN: Final = 40
_WIDTH: Final = 1_000_000  # characters: no column is left out


def write(result: pa.Table, form: Format, path: Path | str) -> None:
    """Write a result of `Warehouse.query` to a file, replacing it once the new one is complete.

    Raises:
        LakeError: the file cannot be written.
    """
    try:
        with files.replacing(path) as temporary, duckdb.connect() as connection:
            if form == "table":
                text = io.StringIO()
                with redirect_stdout(text):
                    connection.from_arrow(result).show(max_rows=_ROWS_SHOWN, max_width=_WIDTH)
                temporary.write_text(text.getvalue(), encoding="utf-8")
            else:
                connection.register("result", _guarded(result) if form == "csv" else result)
                connection.execute(f"copy result to {quoted(temporary)} ({_OPTIONS[form]})")
    except (duckdb.Error, OSError) as exc:
        if files.is_full(exc):
            raise DiskFullError(f"{path}: {files.NO_SPACE}") from exc
        raise LakeError(f"{path}: cannot be written: {exc}") from exc


def as_text(result: pa.Table, form: Literal["csv", "json", "table"] = "table") -> str:
    """Format a result for a terminal or a pipe; the middle rows of a long table are elided."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result"
        write(result, form, path)
        return path.read_text(encoding="utf-8").rstrip("\n")


def _guarded(result: pa.Table) -> pa.Table:
    """The table with text that no spreadsheet runs, see :mod:`gfpipe.tables.formulas`."""
    columns = [_guarded_text(column) if _is_text(column.type) else column for column in result.columns]
    return pa.table(columns, [formulas.guarded(name) for name in result.column_names])


def _guarded_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = column.cast(pa.string())
    is_number = pc.match_substring_regex(text, f"^(?:{formulas.NUMBER})$")
    return pc.if_else(is_number, text, pc.replace_substring_regex(text, f"(?s)^({formulas.STARTS})", r"'\1"))


def _is_text(kind: pa.DataType) -> bool:
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(values) or pa.types.is_large_string(values) or pa.types.is_string_view(values))

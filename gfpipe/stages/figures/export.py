"""Exports figures as INA's open data, tidy CSV and Parquet with described columns."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from gfpipe import __version__, warehouse
from gfpipe.base.files import replacing, write
from gfpipe.choices import Shape
from gfpipe.errors import UsageError
from gfpipe.estimates.measure import measure
from gfpipe.estimates.question import Question, narrow
from gfpipe.exports import columns, ina
from gfpipe.exports.tidy import tidy
from gfpipe.lake.storage import disk_errors
from gfpipe.warehouse import Warehouse

_INTRODUCTION: Final = """# Screen time by perceived gender

Time on screen of faces that a viewer would read as women's or men's: perceived gender, estimated from pictures. It is
not speaking time, and says nothing about how anybody identifies. Face time is seconds times faces: two women shown for
a minute are two minutes. The classifier errs; read the corrected figures and their intervals where there are any,
and the hours analysed beside every figure. A gap in what was analysed is not a trend.
"""
_MODELS: Final = "select distinct model_id from asked where analysed_seconds > 0 order by model_id"


@dataclass(frozen=True)
class _File:
    """A file of the export; ``meaning`` describes its columns if they differ from ``sql/columns.toml``."""

    rows: pa.Table
    about: str
    meaning: Mapping[str, str] | None = None


def run(
    lake: str, out: Path, question: Question, shapes: Collection[Shape] = tuple(Shape), country: str | None = None
) -> tuple[Path, ...]:
    """Write the export, and a README that describes its files and columns.

    Args:
        lake: a published lake.
        out: folder to write into; files of the same names are replaced.
        question: what to measure; ``by`` applies to tidy and Parquet, INA's format has a fixed grouping.
        shapes: formats to write.
        country: country whose public holidays INA's format marks, such as ``FR``; None for none.

    Returns:
        The files written.

    Raises:
        UsageError: the question is invalid, or INA's series would mix models.
        LakeError: the lake was never published, or the folder cannot be written.
    """
    with warehouse.open(lake) as db:
        if {Shape.TIDY, Shape.PARQUET} & set(shapes):
            files = _figures(measure(db, question), question, shapes)
        else:
            narrow(db, question)
            files = {}
        models = db.query(_MODELS)["model_id"].to_pylist()
        if Shape.INA in shapes:
            if len(models) > 1 and not question.mix_models:
                raise UsageError(
                    f"one series would mix {' and '.join(models)}: run gfpipe reclassify, or give --mix-models"
                )
            files |= _ina(db, country)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            _write(file.rows, out / name)
        readme = _readme(files, question, models)
        write(out / "README.md", readme)
    return tuple(out / name for name in (*files, "README.md"))


def _ina(db: Warehouse, country: str | None) -> dict[str, _File]:
    hours, channels = db.query(ina.HOURS.format(relation="asked")), db.query("from channel_classes")
    tables = ina.tables(hours, channels, country)
    return {name: _File(rows, ina.ABOUT[name], ina.MEANING) for name, rows in tables.items()}


def _figures(figures: pa.Table, question: Question, shapes: Collection[Shape]) -> dict[str, _File]:
    groups = ", ".join(question.by) or "the whole archive"
    files = {}
    if Shape.TIDY in shapes:
        rows = tidy(figures, figures.column_names[: len(question.by)])
        files["screen_time.csv"] = _File(rows, f"by {groups}: one row per figure")
    if Shape.PARQUET in shapes:
        about = f"by {groups}: one column per figure, with its description as metadata"
        files["screen_time.parquet"] = _File(columns.described(figures), about)
    return files


def _write(rows: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        with replacing(path) as temporary:
            pq.write_table(rows, temporary)  # DuckDB would drop the descriptions
    else:
        warehouse.write(rows, "csv", path)


def _readme(files: Mapping[str, _File], question: Question, models: Sequence[str]) -> str:
    described = (f"## {name}\n\n{file.about}\n\n{_columns(file)}" for name, file in files.items())
    filters = {name: value for name, value in asdict(question).items() if value and name not in ("by", "draws")}
    filter_list = ", ".join(f"{name} {getattr(value, 'name', value)}" for name, value in filters.items()) or "none"
    source = f"gfpipe {__version__}, {datetime.now(UTC):%Y-%m-%d}; classifier: {', '.join(models)}"
    return f"{_INTRODUCTION}\nMade by {source}; filters: {filter_list}.\n\n" + "\n\n".join(described) + "\n"


def _columns(file: _File) -> str:
    meaning = file.meaning or {column: columns.description(column) for column in file.rows.column_names}
    ends = [column for column in meaning if column.endswith(("_low", "_high"))]
    lines = [f"- `{column}`: {meaning[column]}" for column in file.rows.column_names if column not in ends]
    return "\n".join([*lines, *(["- `…_low`, `…_high`: the ends of a figure's 95 % interval"] if ends else [])])

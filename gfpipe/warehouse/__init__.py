"""The warehouse: a DuckDB database over the lake, built from the files of ``sql/``; only here is DuckDB imported.

staging (views on Parquet) -> intermediate (views: the rows that count) -> marts (tables) -> reports (views), checks

A file of ``sql/`` is one ``select``: its name is the relation's name, its folder decides between view and table.
Staging views find the lake through the session variable ``lake``, which `open` sets, so the lake may be moved. Other
programs find it where it was published last; after a move they need ``set variable lake = '…'``, or `build` again.
"""

from gfpipe.warehouse.building import build, report
from gfpipe.warehouse.connection import NAME, lake_folder
from gfpipe.warehouse.database import (
    CheckError,
    CheckFailure,
    Warehouse,
    binary_columns,
    open,  # noqa: A004 - warehouse.open(lake)
    split_statements,
)
from gfpipe.warehouse.dictionary import Column, Relation, as_markdown, data_dictionary, relations
from gfpipe.warehouse.results import Format, as_text, write

__all__ = [
    "NAME",
    "CheckError",
    "CheckFailure",
    "Column",
    "Format",
    "Relation",
    "Warehouse",
    "as_markdown",
    "as_text",
    "binary_columns",
    "build",
    "data_dictionary",
    "lake_folder",
    "open",
    "relations",
    "report",
    "split_statements",
    "write",
]
